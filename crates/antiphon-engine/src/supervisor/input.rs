//! What a cell asks for, on its way to the front end, and the answer on its way back.

use antiphon_channel::ToCell;

use super::Supervisor;
use crate::asks::Ask;
use crate::event::Event;

impl Supervisor {
    /// Code in the child waits for a line.
    pub(super) fn asked(&mut self, ask: Ask) {
        let event = match (ask, self.a_cell_runs()) {
            (ask, true) => self.asks.push(ask),
            (Ask::Input { id, .. }, false) => {
                self.refuse(id, "input is possible only while a cell runs");
                None
            }
            (Ask::Stdin { .. }, false) => None,
        };
        self.ask(event);
    }

    /// A thread of the child waits in a `read` of standard input.
    pub(super) fn stdin_read(&mut self, given: u64, on_cells_thread: bool) {
        if self.a_cell_runs() {
            let event = self.asks.stdin_read(given, on_cells_thread);
            self.ask(event);
        }
    }

    fn a_cell_runs(&self) -> bool {
        self.run.as_ref().is_some_and(|run| run.sequence.is_some())
    }

    fn ask(&mut self, event: Option<Event>) {
        if let Some(event) = event {
            // What was written before stands before the question.
            self.pump_stderr();
            self.emit(event);
        }
    }

    /// Answers what is asked first, if anything is.
    pub(super) async fn reply(&mut self, value: Option<String>) {
        let Some((ask, next)) = self.asks.answered() else {
            return;
        };
        if let Some(child) = &self.child {
            let reply = match ask {
                Ask::Input { id, .. } => {
                    let answer = value.ok_or_else(|| "the front end does not take input".to_owned());
                    ToCell::InputReply { id, answer }
                }
                Ask::Stdin { .. } => ToCell::StdinLine { line: value },
            };
            child.answer(&reply).await;
        }
        self.ask(next);
    }

    /// The cell's code is over: what its tasks still ask for is refused.
    pub(super) fn end_asks(&mut self) {
        for id in self.asks.end_cell().collect::<Vec<_>>() {
            self.refuse(id, "the cell ended before the answer came");
        }
    }

    fn refuse(&self, id: u64, reason: &str) {
        if let Some(child) = &self.child {
            child.refuse_input(id, reason);
        }
    }
}
