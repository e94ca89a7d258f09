//! The errors of cells that the runner itself has to tell of.

use std::time::Duration;

use antiphon_engine::{CellError, End};

/// `ename` of a cell that took longer than [`RunOptions::timeout`](crate::RunOptions::timeout), as nbclient names it.
pub const CELL_TIMEOUT_ERROR: &str = "CellTimeoutError";

/// The error of a cell that was interrupted because it took too long, whatever it made of the interrupt.
pub(crate) fn timeout_error(limit: Duration, end: End) -> CellError {
    let lost_variables = match end {
        End::Failed(error) => error.lost_variables,
        _ => Vec::new(),
    };
    let evalue = format!("the cell did not end in {} s", limit.as_secs_f64());
    let mut error = cell_error(CELL_TIMEOUT_ERROR, evalue);
    if !lost_variables.is_empty() {
        error.traceback.push(format!("variables that are lost: {}", lost_variables.join(", ")));
    }
    CellError { lost_variables, ..error }
}

/// For an evaluator that ends without saying how.
pub(crate) fn evaluator_died() -> CellError {
    cell_error("EvaluatorDied", "the evaluator ended without a result".to_owned())
}

fn cell_error(ename: &str, evalue: String) -> CellError {
    CellError {
        ename: ename.to_owned(),
        traceback: vec![format!("\u{1b}[1;31m{ename}\u{1b}[0m: {evalue}")],
        evalue,
        diagnostics: Vec::new(),
        lost_variables: Vec::new(),
    }
}
