//! What is read is written back, byte for byte.

use std::path::Path;

use antiphon_notebook::{CellKind, parse};
use serde_json::json;

use crate::fake::of_cells;

/// Files as Python's `nbformat` writes them.
const FILES: [(&str, &str); 3] = [
    ("v4_2.ipynb", include_str!("notebooks/v4_2.ipynb")),
    ("v4_4.ipynb", include_str!("notebooks/v4_4.ipynb")),
    ("v4_5.ipynb", include_str!("notebooks/v4_5.ipynb")),
];

#[test]
fn files_of_python_are_written_as_they_were() {
    for (name, text) in FILES {
        let notebook = parse(Path::new(name), text.as_bytes()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(notebook.to_text(), text, "{name}");
    }
}

#[test]
fn layout_and_order_of_keys_are_pythons() {
    let (_, text) = FILES[2];
    let value: serde_json::Value = serde_json::from_str(text).unwrap();
    let compact = value.to_string();
    assert_eq!(parse(Path::new("compact.ipynb"), compact.as_bytes()).unwrap().to_text(), text);
    // With a byte order mark, as some editors write it.
    let marked = format!("\u{feff}{text}");
    assert_eq!(parse(Path::new("marked.ipynb"), marked.as_bytes()).unwrap().to_text(), text);
}

#[test]
fn cells_answer_questions() {
    let (name, text) = FILES[1];
    let notebook = parse(Path::new(name), text.as_bytes()).unwrap();
    let cells: Vec<_> = notebook.cells().collect();
    assert_eq!(cells[0].kind(), CellKind::Code);
    assert_eq!(cells[0].source(), "let latin = \"\u{e4}\u{f6}\u{fc}\u{df}\";\nprintln!(\"{latin}\");");
    assert_eq!(cells[0].execution_count(), Some(1));
    assert_eq!(cells[0].outputs().len(), 1);
    assert!(cells[0].has_tag("setup"));
    assert!(!cells[0].has_tag("set"));
    assert_eq!(cells[0].id(), None);
    assert_eq!(cells[1].kind(), CellKind::Markdown);
    assert_eq!((cells[1].index(), cells[1].outputs().len()), (1, 0));
}

#[test]
fn missing_ids_are_the_same_each_time_and_unique() {
    let raw = |id: Option<&str>| {
        let mut cell = json!({ "cell_type": "raw", "metadata": {}, "source": "" });
        if let Some(id) = id {
            cell["id"] = id.into();
        }
        cell
    };
    let ids = |cells: &[Option<&str>]| -> Vec<String> {
        let cells: Vec<_> = cells.iter().map(|id| raw(*id)).collect();
        of_cells(&cells).cells().map(|cell| cell.id().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(ids(&[None, Some("x"), None]), ["cell-1", "x", "cell-3"]);
    assert_eq!(ids(&[Some("cell-2"), None, Some("")]), ["cell-2", "cell-2-2", "cell-3"]);
    assert_eq!(ids(&[None, None]), ids(&[None, None]));
}
