//! Where the time went, in columns.

use std::fmt::Write as _;
use std::time::Duration;

use antiphon_engine::Metrics;

use crate::report::{CellOutcome, CellSummary};

/// `1.39 s`.
pub(crate) fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

/// What follows the total on a cell's line.
pub(crate) fn columns(metrics: &Metrics) -> String {
    let (compile, run) = (seconds(metrics.compile), seconds(metrics.run));
    format!(" (compile {compile}, run {run}, cargo runs {})", metrics.cargo_runs)
}

/// All cells that ran, and their sum.
pub(crate) fn table(cells: &[CellSummary]) -> String {
    let mut table = format!("{:>6} {:>10} {:>10} {:>10} {:>10}\n", "cell", "total", "compile", "run", "cargo runs");
    let mut sum = Metrics::default();
    let mut row = |name: &str, metrics: &Metrics| {
        let [total, compile, run] = [metrics.total, metrics.compile, metrics.run].map(seconds);
        let _ = writeln!(table, "{name:>6} {total:>10} {compile:>10} {run:>10} {:>10}", metrics.cargo_runs);
    };
    for CellSummary { place, metrics, .. } in cells.iter().filter(|cell| cell.outcome != CellOutcome::Skipped) {
        row(&(place.index + 1).to_string(), metrics);
        sum.total += metrics.total;
        sum.compile += metrics.compile;
        sum.run += metrics.run;
        sum.cargo_runs += metrics.cargo_runs;
    }
    row("all", &sum);
    table
}
