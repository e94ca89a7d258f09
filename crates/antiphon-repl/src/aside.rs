//! What tasks print while a prompt waits: above it.

use std::io::{self, Write};
use std::sync::mpsc::{Sender, channel};
use std::thread;

use antiphon_engine::Event;
use antiphon_terminal::Screen;
use rustyline::ExternalPrinter;

/// A screen above the prompt.
pub(crate) struct Aside(Screen);

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
        let lines = || Box::new(Lines { texts: texts.clone(), open: Vec::new() });
        Self(Screen::new(lines(), lines(), color))
    }

    pub(crate) fn event(&mut self, event: &Event) {
        self.0.event(event);
        if matches!(event, Event::Display(_)) {
            self.0.end_line();
        }
    }
}

/// Passes on whole lines: the prompt stands on a line of its own.
struct Lines {
    texts: Sender<String>,
    open: Vec<u8>,
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.open.extend_from_slice(bytes);
        if let Some(end) = self.open.iter().rposition(|&byte| byte == b'\n') {
            let lines: Vec<u8> = self.open.drain(..=end).collect();
            let _ = self.texts.send(String::from_utf8_lossy(&lines).into_owned());
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
