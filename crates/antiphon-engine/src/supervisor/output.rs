//! What a child says, on its way to the execution that it belongs to.

use std::time::Duration;

use antiphon_channel::FromCell;
use tokio::time::Instant;

use super::{MAX_STRAY_EVENTS, Supervisor};
use crate::asks::Ask;
use crate::background::shown_event;
use crate::child_link::{ChildLink, ChildWake};
use crate::event::Event;
use crate::run::push_merged;
use crate::scanner::Token;

impl Supervisor {
    pub(super) fn child_woke(&mut self, wake: ChildWake) {
        match wake {
            ChildWake::Stdout => drop(self.pump_stdout()),
            ChildWake::Stderr => drop(self.pump_stderr()),
            ChildWake::Cell => self.pump_cell(),
            ChildWake::Gone => self.bury_child(),
        }
    }

    /// Passes on what the child printed. True when that is all for now.
    fn pump_stdout(&mut self) -> bool {
        let Some(child) = &mut self.child else {
            return true;
        };
        let mut tokens = Vec::new();
        let all = child.read_stdout(&mut tokens);
        for token in tokens {
            match token {
                Token::Bytes(bytes) => self.emit(Event::Stdout(bytes)),
                Token::Content { mime_type, content } => match &mut self.run {
                    Some(run) => run.push_content(mime_type, content),
                    None => drop(content),
                },
                Token::Display => {
                    // The frame was written before its marker, so it is there.
                    self.pump_cell();
                    if let Some(event) = self.displays.pop_front() {
                        if matches!(&event, Event::Display(display) if display.result) {
                            // A result is the last thing that a cell shows.
                            self.pump_stderr();
                        }
                        self.emit(event);
                    }
                }
                Token::CodeEnd => {
                    self.pump_cell();
                    if let Some(run) = &mut self.run {
                        run.is_printing = false;
                    }
                }
                Token::Complete(line) => {
                    self.pump_stderr();
                    self.pump_cell();
                    if self.run.as_ref().is_some_and(|run| run.is_printing) {
                        self.emit(Event::Stdout(line));
                        continue;
                    }
                    if let Some(run) = &mut self.run {
                        run.output_complete();
                    }
                    self.forward(&line);
                }
                Token::Input { prompt, line } => {
                    // A read that waits for this answer may be among the frames.
                    self.asks.announce(true);
                    self.pump_cell();
                    self.asks.announce(false);
                    // evcxr would answer on the pipe of its commands, which the cell does not read.
                    let password = line.starts_with(b"EVCXR_INPUT_REQUEST_PASSWORD");
                    self.asked(Ask::Stdin { prompt, password, blocks_cell: true });
                }
                Token::ForEvcxr(line) => {
                    if let Some(run) = &mut self.run {
                        run.marker_seen(&line);
                    }
                    self.forward(&line);
                }
            }
        }
        all
    }

    pub(super) fn pump_stderr(&mut self) -> bool {
        let Some(child) = &mut self.child else {
            return true;
        };
        let mut bytes = Vec::new();
        let all = child.read_stderr(&mut bytes);
        if !bytes.is_empty() {
            self.emit(Event::Stderr(bytes));
        }
        all
    }

    fn pump_cell(&mut self) {
        if let Some(child) = &mut self.child {
            child.read_cell();
        }
        while let Some(frame) = self.child.as_mut().and_then(ChildLink::next_frame) {
            match frame {
                FromCell::Started { sequence } => self.code_started(sequence),
                FromCell::Finished { outcome, run_time_us, .. } => {
                    self.end_asks();
                    if let Some(run) = &mut self.run {
                        run.code_finished(outcome, Duration::from_micros(run_time_us));
                    }
                }
                FromCell::Shown(shown) => self.displays.push_back(shown_event(shown)),
                FromCell::InputRequest { id, prompt, password } => {
                    self.pump_stdout();
                    self.asked(Ask::Input { id, prompt, password });
                }
                FromCell::StdinRead { given, on_cells_thread } => {
                    self.pump_stdout();
                    self.stdin_read(given, on_cells_thread);
                }
                // The link's own.
                FromCell::ProcessGroup { .. } => {}
                FromCell::Background { sequence, output } => {
                    if let Some(event) = self.background.push(sequence, output) {
                        self.emit(event);
                    }
                }
            }
        }
    }

    fn code_started(&mut self, sequence: u64) {
        let (Some(run), Some(child)) = (&mut self.run, &mut self.child) else {
            return;
        };
        self.background.cell_started(sequence, run.execution);
        run.code_started(sequence);
        self.evaluator_due = None;
        if run.cancelled {
            child.interrupt(sequence);
            self.grace_over.get_or_insert(Instant::now() + self.limits.interrupt_grace);
        }
    }

    fn forward(&mut self, line: &[u8]) {
        if let Some(child) = &mut self.child {
            child.forward(line);
        }
    }

    /// The child ended: what it wrote is read to its end, then evcxr may notice.
    fn bury_child(&mut self) {
        while !self.pump_stdout() {}
        while !self.pump_stderr() {}
        self.child = None;
    }

    pub(super) fn emit(&mut self, event: Event) {
        match self.run.as_mut().filter(|run| !run.ended) {
            Some(run) => run.push(event),
            // Between cells: the next one shows it. Beyond the limit a background task that floods is cut.
            None if self.stray.len() < MAX_STRAY_EVENTS => push_merged(&mut self.stray, event),
            None => {}
        }
    }
}
