//! The example of the repository is as we would write it.

use std::path::Path;

use antiphon_notebook::{Cell, CellKind, read};

#[test]
fn the_notebook_is_clean() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../notebooks/async_llm.ipynb");
    let notebook = read(&path).unwrap();
    assert_eq!(notebook.to_text(), std::fs::read_to_string(&path).unwrap());
    let cells: Vec<_> = notebook.cells().collect();
    let kinds: Vec<_> = cells.iter().map(Cell::kind).collect();
    assert_eq!(kinds, [CellKind::Markdown, CellKind::Code, CellKind::Code]);
    assert!(cells.iter().all(|cell| cell.outputs_json().is_empty() && cell.execution_count().is_none()));
    assert_eq!(cells[2].source(), "");
    assert!(!cells[1].source().contains("use "), "everything is preloaded");
}
