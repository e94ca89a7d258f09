//! A run on a terminal: cells' output to standard output as it comes, progress to standard error.

use std::io::Write;
use std::time::{Duration, Instant};

use antiphon_engine::Metrics;
use antiphon_terminal::{BOLD, DIM, GREEN, RED, Screen, YELLOW};

use crate::report::{CellOutcome, CellPlace, Outcome, Reporter, RunEvent, Summary, Tolerance};

use crate::timings;

/// Settings of a [`Terminal`].
#[derive(Clone, Copy, Debug, Default)]
pub struct TerminalOptions {
    /// Print where the time of each cell went, and a table at the end.
    pub timings: bool,
    /// When the program started, for the time to the first result that `timings` prints.
    pub started: Option<Instant>,
}

/// Prints a run while it goes on.
#[derive(Debug)]
pub struct Terminal {
    screen: Screen,
    options: TerminalOptions,
    said_simulated: bool,
    /// From the start to the end of the first cell that ran, until it is printed.
    first_result: Option<Duration>,
}

impl Terminal {
    /// Prints to this process's outputs; in colours if standard error is a terminal and `NO_COLOR` is not set.
    pub fn stdio(options: TerminalOptions) -> Self {
        Self::on(Screen::stdio(), options)
    }

    /// Prints to any outputs: what cells write to `out`, all else to `err`.
    pub fn new(out: Box<dyn Write + Send>, err: Box<dyn Write + Send>, color: bool, options: TerminalOptions) -> Self {
        Self::on(Screen::new(out, err, color), options)
    }

    fn on(screen: Screen, options: TerminalOptions) -> Self {
        Self { screen, options, said_simulated: false, first_result: None }
    }

    fn cell_finished(&mut self, place: CellPlace, outcome: &CellOutcome, metrics: &Metrics) {
        self.screen.end_displays();
        for line in outcome.error().into_iter().flat_map(|error| &error.traceback) {
            self.screen.say_colored(line);
        }
        let CellPlace { number, total, index } = place;
        let cell = format!("[{number}/{total}] cell {}", index + 1);
        if matches!(outcome, CellOutcome::Skipped) {
            let line = self.screen.paint(DIM, format_args!("{cell} skipped (skip-execution)"));
            return self.screen.say(&line);
        }
        // The start counts for one result, the first of all notebooks.
        if let Some(started) = self.options.started.take() {
            self.first_result = Some(started.elapsed());
        }
        let result = match outcome {
            CellOutcome::Succeeded | CellOutcome::Skipped => self.screen.paint(GREEN, "ok"),
            CellOutcome::Failed(error) | CellOutcome::TimedOut(error) => {
                self.screen.paint(RED, format_args!("failed: {}", error.ename))
            }
            CellOutcome::Tolerated(error, Tolerance::AllowErrors) => {
                self.screen.paint(YELLOW, format_args!("failed: {} (errors are allowed)", error.ename))
            }
            CellOutcome::Tolerated(error, Tolerance::RaisesException) => {
                self.screen.paint(YELLOW, format_args!("failed as expected: {} (raises-exception)", error.ename))
            }
            CellOutcome::Interrupted => self.screen.paint(RED, "interrupted"),
        };
        let columns = if self.options.timings { timings::columns(metrics) } else { String::new() };
        self.screen.say(&format!("{cell} {result} in {}{columns}", timings::seconds(metrics.total)));
    }

    fn notebook_finished(&mut self, summary: &Summary) {
        if self.options.timings {
            let table = timings::table(&summary.cells);
            self.screen.say(table.trim_end_matches('\n'));
            if let Some(time) = self.first_result.take() {
                self.screen.say(&format!("start to first cell's result: {}", timings::seconds(time)));
            }
        }
        let not_run = match summary.not_run {
            0 => String::new(),
            1 => "; 1 cell was not run".to_owned(),
            many => format!("; {many} cells were not run"),
        };
        match summary.outcome {
            Outcome::Succeeded => {}
            Outcome::CellFailed => self.screen.say(&format!("a cell failed{not_run}")),
            Outcome::CellTimedOut => self.screen.say(&format!("a cell took too long{not_run}")),
            Outcome::Interrupted => self.screen.say(&format!("interrupted{not_run}")),
        }
    }
}

impl Reporter for Terminal {
    fn report(&mut self, event: RunEvent<'_>) {
        match event {
            RunEvent::NotebookStarted { path, total, simulated } => {
                if simulated && !self.said_simulated {
                    self.said_simulated = true;
                    let line = self.screen.paint(BOLD, "answers are simulated (--sim)");
                    self.screen.say(&line);
                }
                let cells = if total == 1 { "cell" } else { "cells" };
                self.screen.say(&format!("{}: {total} {cells} to run", path.display()));
            }
            RunEvent::CellStarted { .. } => {}
            RunEvent::Cell { event, .. } => self.screen.event(event),
            RunEvent::CellFinished { place, outcome, metrics } => self.cell_finished(place, outcome, metrics),
            RunEvent::NotebookFinished { summary, .. } => self.notebook_finished(summary),
        }
    }
}
