//! Which cells of a notebook there are to run.

use crate::notebook::{Cell, CellKind, Notebook};
use crate::options::{RAISES_EXCEPTION, SKIP_EXECUTION};
use crate::report::CellPlace;

/// A code cell to run, or to skip.
pub(crate) struct Task {
    pub(crate) place: CellPlace,
    pub(crate) source: String,
    pub(crate) is_skipped: bool,
    pub(crate) may_fail: bool,
}

/// The code cells that have any code, and the positions of those that have none.
pub(crate) fn tasks(notebook: &Notebook) -> (Vec<Task>, Vec<usize>) {
    let code: Vec<(Cell<'_>, String)> =
        notebook.cells().filter(|cell| cell.kind() == CellKind::Code).map(|cell| (cell, cell.source())).collect();
    let (code, blank): (Vec<_>, Vec<_>) = code.into_iter().partition(|(_, source)| !source.trim().is_empty());
    let total = code.len();
    let task = |(number, (cell, source)): (usize, (Cell<'_>, String))| Task {
        place: CellPlace { number: number + 1, total, index: cell.index() },
        source,
        is_skipped: cell.has_tag(SKIP_EXECUTION),
        may_fail: cell.has_tag(RAISES_EXCEPTION),
    };
    let blank = blank.into_iter().filter(|(cell, _)| !cell.has_tag(SKIP_EXECUTION));
    (code.into_iter().enumerate().map(task).collect(), blank.map(|(cell, _)| cell.index()).collect())
}
