//! What a run tells while it goes on, and what it comes to.

use std::path::Path;

use antiphon_engine::{CellError, Event, Metrics};

/// Something that happened in a run.
#[derive(Clone, Copy, Debug)]
pub enum RunEvent<'a> {
    /// A notebook begins.
    NotebookStarted {
        /// Its file.
        path: &'a Path,
        /// Code cells that have any code.
        total: usize,
        /// Language models are simulated.
        simulated: bool,
    },
    /// A cell begins.
    CellStarted {
        /// Which.
        place: CellPlace,
        /// The first line of its source that is not blank.
        first_line: &'a str,
    },
    /// The evaluator tells something of a cell. All but its end, which is [`RunEvent::CellFinished`].
    Cell {
        /// Which.
        place: CellPlace,
        /// What.
        event: &'a Event,
    },
    /// A cell ended, or is skipped.
    CellFinished {
        /// Which.
        place: CellPlace,
        /// How.
        outcome: &'a CellOutcome,
        /// Where the time went.
        metrics: &'a Metrics,
    },
    /// A notebook ended.
    NotebookFinished {
        /// Its file.
        path: &'a Path,
        /// What it came to.
        summary: &'a Summary,
    },
}

/// Hears of what happens in a run, at once and in order.
pub trait Reporter: Send {
    /// Something happened.
    fn report(&mut self, event: RunEvent<'_>);
}

impl<F: FnMut(RunEvent<'_>) + Send> Reporter for F {
    fn report(&mut self, event: RunEvent<'_>) {
        self(event);
    }
}

/// Where a cell stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CellPlace {
    /// Among the code cells that have any code, from 1.
    pub number: usize,
    /// How many of them there are.
    pub total: usize,
    /// Among all cells of the notebook, from 0.
    pub index: usize,
}

/// How a cell ended.
#[derive(Clone, Debug, PartialEq)]
pub enum CellOutcome {
    /// It ran to its end.
    Succeeded,
    /// It failed, and the run ends.
    Failed(CellError),
    /// It failed, and the run goes on.
    Tolerated(CellError, Tolerance),
    /// It took longer than it may, and the run ends.
    TimedOut(CellError),
    /// The run was told to stop.
    Interrupted,
    /// It has the tag [`SKIP_EXECUTION`](crate::SKIP_EXECUTION).
    Skipped,
}

impl CellOutcome {
    /// Why the cell failed, if it did.
    pub fn error(&self) -> Option<&CellError> {
        match self {
            Self::Failed(error) | Self::Tolerated(error, _) | Self::TimedOut(error) => Some(error),
            Self::Succeeded | Self::Interrupted | Self::Skipped => None,
        }
    }

    /// What it means for the run; `None` when the run goes on.
    pub(crate) fn ends_run(&self) -> Option<Outcome> {
        match self {
            Self::Failed(_) => Some(Outcome::CellFailed),
            Self::TimedOut(_) => Some(Outcome::CellTimedOut),
            Self::Interrupted => Some(Outcome::Interrupted),
            Self::Succeeded | Self::Tolerated(..) | Self::Skipped => None,
        }
    }
}

/// Why a run goes on after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tolerance {
    /// By [`RunOptions::allow_errors`](crate::RunOptions::allow_errors).
    AllowErrors,
    /// By the cell's tag [`RAISES_EXCEPTION`](crate::RAISES_EXCEPTION).
    RaisesException,
}

/// How a run ended, the better before the worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// No cell failed that may not.
    Succeeded,
    /// A cell failed.
    CellFailed,
    /// A cell took longer than it may.
    CellTimedOut,
    /// It was told to stop.
    Interrupted,
}

impl Outcome {
    /// The notebook is worth writing: whoever stopped a run wants the file as it was.
    pub fn is_written(self) -> bool {
        self != Self::Interrupted
    }
}

/// What a run of a notebook came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// How it ended.
    pub outcome: Outcome,
    /// The cells that ended or were skipped, in order.
    pub cells: Vec<CellSummary>,
    /// Cells that the run did not come to.
    pub not_run: usize,
}

/// What became of a cell.
#[derive(Clone, Debug, PartialEq)]
pub struct CellSummary {
    /// Which.
    pub place: CellPlace,
    /// How it ended.
    pub outcome: CellOutcome,
    /// Where the time went.
    pub metrics: Metrics,
}
