//! Start-up as the user sees it.

use std::io::{IsTerminal, Write};

use antiphon_engine::Progress;
use indicatif::{ProgressBar, ProgressStyle};

/// Prints the steps of an engine's start: a bar on a terminal, a few lines elsewhere.
#[derive(Debug)]
pub(crate) struct StartProgress {
    bar: Option<ProgressBar>,
    is_terminal: bool,
    last_tenth: usize,
}

impl StartProgress {
    pub(crate) fn new() -> Self {
        Self { bar: None, is_terminal: std::io::stderr().is_terminal(), last_tenth: 0 }
    }

    pub(crate) fn step(&mut self, step: Progress) {
        match step {
            Progress::WaitingForPreload => {
                say("another antiphon is building the preload; waiting for it");
            }
            Progress::BuildingPreload { reason } => {
                say(&format!("building the preload, once ({reason}); this takes about a minute"));
            }
            Progress::Compiling { line, done, total } => self.compiling(&line, done, total),
            _ => {}
        }
    }

    /// Removes the bar.
    pub(crate) fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    fn compiling(&mut self, line: &str, done: usize, total: usize) {
        if self.is_terminal {
            let bar = self.bar.get_or_insert_with(|| {
                let style = ProgressStyle::with_template("  {bar:30} {pos}/{len} {wide_msg}");
                ProgressBar::new(total as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
            });
            bar.set_position(done as u64);
            bar.set_message(line.to_owned());
        } else if done * 10 / total.max(1) > self.last_tenth {
            self.last_tenth = done * 10 / total.max(1);
            say(&format!("  {done} of about {total} crates"));
        }
    }
}

fn say(text: &str) {
    let mut stderr = anstream::stderr().lock();
    let _ = writeln!(stderr, "{text}");
}
