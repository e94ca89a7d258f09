//! What tasks print while a prompt waits: above it.

use std::io::{self, Write};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use antiphon_engine::Event;
use antiphon_terminal::Screen;
use rustyline::ExternalPrinter;
use tokio::time::Instant;

/// How long a line that is not ended may stay unseen.
const PATIENCE: Duration = Duration::from_millis(500);
/// When nothing has come for so long, displays are taken for whole.
const SILENCE: Duration = Duration::from_secs(2);

/// A screen above the prompt.
pub(crate) struct Aside {
    screen: Screen,
    /// When the line that is open is shown.
    line_due: Option<Instant>,
    /// When the last states of displays are shown.
    displays_due: Option<Instant>,
}

impl Aside {
    pub(crate) fn new(mut printer: Box<dyn ExternalPrinter + Send>, color: bool) -> Self {
        let (texts, rest) = channel::<String>();
        // The printer waits while the editor is busy, also with what only the REPL's loop can end.
        thread::spawn(move || {
            while let Ok(text) = rest.recv() {
                let text = rest.try_iter().fold(text, |all, text| all + &text);
                if printer.print(text).is_err() {
                    return;
                }
            }
        });
        Self {
            screen: Screen::single(Lines { texts, open: Arc::default() }, color),
            line_due: None,
            displays_due: None,
        }
    }

    pub(crate) fn event(&mut self, event: &Event) {
        self.screen.event(event);
        let now = Instant::now();
        self.line_due.get_or_insert(now + PATIENCE);
        self.displays_due = Some(now + SILENCE);
    }

    /// When [`Aside::show_due`] has something to do.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.line_due.into_iter().chain(self.displays_due).min()
    }

    pub(crate) fn show_due(&mut self) {
        let now = Instant::now();
        if self.line_due.take_if(|due| *due <= now).is_some() {
            self.screen.end_line();
        }
        if self.displays_due.take_if(|due| *due <= now).is_some() {
            self.screen.end_displays();
        }
    }

    /// The prompt is gone.
    pub(crate) fn finish(&mut self) {
        (self.line_due, self.displays_due) = (None, None);
        self.screen.end_line();
        self.screen.end_displays();
    }
}

/// Passes on whole lines: the prompt stands on a line of its own.
#[derive(Clone)]
struct Lines {
    texts: Sender<String>,
    open: Arc<Mutex<Vec<u8>>>,
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.extend_from_slice(bytes);
        if let Some(end) = open.iter().rposition(|&byte| byte == b'\n') {
            let lines: Vec<u8> = open.drain(..=end).collect();
            let _ = self.texts.send(String::from_utf8_lossy(&lines).into_owned());
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
