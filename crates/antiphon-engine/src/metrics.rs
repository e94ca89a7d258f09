//! Where the time of a cell went.

use std::time::Duration;

/// Times of one execution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Metrics {
    /// From the request to the end.
    pub total: Duration,
    /// From the request to the start of the cell's code: analysis and compilers.
    pub compile: Duration,
    /// In the cell's own code; zero when it did not start.
    pub run: Duration,
    /// Runs of cargo: 1 for a warm cell.
    pub cargo_runs: u32,
}
