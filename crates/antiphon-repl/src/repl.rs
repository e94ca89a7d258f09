//! One loop: what is typed, what cells and tasks show, what the operating system says.

use antiphon_engine::{CellError, End, Evaluator, Event, RunningCell};
use antiphon_terminal::Screen;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::aside::Aside;
use crate::error::{Error, ErrorKind};
use crate::options::{Outcome, Signal};
use crate::reader::{Question, Reader, Typed};

/// Commands that leave, as evcxr's REPL has them.
const QUIT: [&str; 2] = [":quit", ":q"];

/// All that the loop waits for.
enum Wake {
    Typed(Result<Typed, ErrorKind>),
    Cell(Event),
    Background(Event),
    /// Something that tasks have shown above the prompt has waited long enough.
    AsideDue,
    Signal(Signal),
}

/// What the user was asked last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    /// Nothing, or it was answered.
    Nothing,
    Cell,
    /// What the running cell wants to know.
    Answer,
    /// What a cell wanted to know that has ended since.
    Stale,
}

struct Repl<'a> {
    evaluator: &'a dyn Evaluator,
    reader: Reader,
    screen: &'a mut Screen,
    aside: Option<Aside>,
    cell: Option<Box<dyn RunningCell>>,
    asked: Asked,
    was_interrupted: bool,
    outcome: Option<Outcome>,
}

/// Reads cells and runs them, until the input ends, its user leaves, or a signal comes. The evaluator goes on.
///
/// # Errors
/// The input cannot be read, or the evaluator is gone.
pub async fn run(
    evaluator: &dyn Evaluator,
    mut reader: Reader,
    screen: &mut Screen,
    mut signals: mpsc::Receiver<Signal>,
) -> Result<Outcome, Error> {
    let mut background = evaluator.background_events();
    let aside = reader.printer.take().map(|printer| Aside::new(printer, screen.has_color()));
    let mut repl = Repl {
        evaluator,
        reader,
        screen,
        aside,
        cell: None,
        asked: Asked::Nothing,
        was_interrupted: false,
        outcome: None,
    };
    repl.ask_for_cell();
    loop {
        if let Some(outcome) = repl.outcome {
            return Ok(outcome);
        }
        let due = repl.aside.as_ref().and_then(Aside::due);
        let wake = tokio::select! {
            typed = repl.reader.answer(), if repl.asked != Asked::Nothing => Wake::Typed(typed),
            Some(event) = next(repl.cell.as_mut()) => Wake::Cell(event),
            Some((_, event)) = background_event(background.as_mut()) => Wake::Background(event),
            () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => Wake::AsideDue,
            Some(signal) = signals.recv() => Wake::Signal(signal),
        };
        match wake {
            Wake::Typed(typed) => repl.typed(typed?).await,
            Wake::Cell(event) => repl.cell_said(event)?,
            Wake::Background(event) => repl.show(&event),
            Wake::AsideDue => repl.aside.iter_mut().for_each(Aside::show_due),
            Wake::Signal(signal) => repl.signal(signal).await,
        }
    }
}

impl Repl<'_> {
    fn ask_for_cell(&mut self) {
        self.screen.end_line();
        self.ask(Question::Cell, Asked::Cell);
    }

    fn ask(&mut self, question: Question, asked: Asked) {
        self.reader.ask(question);
        self.asked = asked;
    }

    async fn typed(&mut self, typed: Typed) {
        if self.reader.is_terminal {
            self.screen.line_was_ended();
        }
        self.aside.iter_mut().for_each(Aside::finish);
        let asked = std::mem::replace(&mut self.asked, Asked::Nothing);
        match (asked, typed) {
            (Asked::Cell, Typed::Text(text)) if QUIT.contains(&text.trim()) => self.outcome = Some(Outcome::Left),
            (Asked::Cell, Typed::Text(text)) if !text.trim().is_empty() => {
                self.cell = Some(self.evaluator.execute(&text));
            }
            (Asked::Cell, Typed::End) => self.outcome = Some(Outcome::Left),
            (Asked::Answer, Typed::Text(text)) => {
                if let Some(cell) = &self.cell {
                    cell.reply(text).await;
                }
            }
            (Asked::Answer, Typed::End) => {
                if let Some(cell) = &self.cell {
                    cell.refuse_input().await;
                }
            }
            (Asked::Answer, Typed::Interrupted) => self.evaluator.interrupt().await,
            (Asked::Nothing, _) => {}
            (Asked::Cell | Asked::Stale, _) => self.ask_for_cell(),
        }
    }

    fn cell_said(&mut self, event: Event) -> Result<(), Error> {
        match event {
            Event::InputRequest { prompt, password } => {
                let prompt = if self.reader.is_terminal {
                    // The editor writes the line anew, and not before it keeps the terminal from showing what is typed.
                    self.screen.open_line() + &prompt
                } else {
                    self.screen.event(&Event::Stdout(prompt.clone().into_bytes()));
                    prompt
                };
                let question = if password { Question::Password { prompt } } else { Question::Line { prompt } };
                self.ask(question, Asked::Answer);
            }
            Event::End(end, _) => {
                self.cell = None;
                return self.cell_ended(&end);
            }
            event => self.show(&event),
        }
        Ok(())
    }

    fn cell_ended(&mut self, end: &End) -> Result<(), Error> {
        self.screen.end_displays();
        self.screen.end_line();
        if let End::Failed(CellError { traceback, .. }) = end {
            for line in traceback {
                self.screen.say_colored(line);
            }
        }
        if !self.evaluator.is_alive() {
            return Err(ErrorKind::Evaluator.into());
        }
        if self.was_interrupted && !self.reader.is_terminal {
            // Also when the cell made nothing of it.
            self.outcome = Some(Outcome::Interrupted);
        } else if matches!(end, End::Failed(_)) && !self.reader.is_terminal {
            self.outcome = Some(Outcome::CellFailed);
        } else if self.asked == Asked::Answer {
            self.asked = Asked::Stale;
            self.screen.say("the cell has ended, and needs no answer any more: press Enter");
        } else {
            self.ask_for_cell();
        }
        Ok(())
    }

    /// While something is typed, above it.
    fn show(&mut self, event: &Event) {
        match &mut self.aside {
            Some(aside) if self.asked != Asked::Nothing => aside.event(event),
            _ => self.screen.event(event),
        }
    }

    async fn signal(&mut self, signal: Signal) {
        match signal {
            Signal::Interrupt if self.cell.is_some() => {
                self.was_interrupted = true;
                if self.reader.is_terminal {
                    // After the `^C` that the terminal shows.
                    self.screen.event(&Event::Stdout(b"\n".to_vec()));
                }
                self.evaluator.interrupt().await;
            }
            // At a prompt Ctrl-C is a key, but on the plainest terminals.
            Signal::Interrupt if self.reader.is_terminal => self.screen.say("Ctrl-D leaves"),
            Signal::Interrupt | Signal::Terminate => self.outcome = Some(Outcome::Interrupted),
        }
    }
}

/// The running cell's next event.
async fn next(cell: Option<&mut Box<dyn RunningCell>>) -> Option<Event> {
    match cell {
        Some(cell) => cell.next().await,
        None => std::future::pending().await,
    }
}

async fn background_event(events: Option<&mut mpsc::Receiver<(u64, Event)>>) -> Option<(u64, Event)> {
    events?.recv().await
}
