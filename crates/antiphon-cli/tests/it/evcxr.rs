//! A notebook that was written for `evcxr_jupyter`.

use crate::notebook::{cell, text};
use crate::workspace::Workspace;

const TYPES: &str = r#"
use std::fmt::Write as _;

#[derive(Debug, Clone)]
pub struct Table { rows: Vec<(String, u64)> }

impl Table {
    pub fn evcxr_display(&self) {
        let mut html = String::new();
        for (name, value) in &self.rows {
            let _ = write!(html, "<tr><td>{name}</td><td>{value}</td></tr>");
        }
        println!("EVCXR_BEGIN_CONTENT text/html\n<table>{html}</table>\nEVCXR_END_CONTENT");
    }
}

fn row(name: &str, value: u64) -> (String, u64) { (name.to_owned(), value) }
"#;

#[test]
fn runs_unchanged() {
    let workspace = Workspace::new();
    workspace.notebook(
        "evcxr.ipynb",
        [
            cell(":dep itoa = \"1\""),
            cell(TYPES),
            cell("let table = Table { rows: vec![row(\"one\", 1), row(\"two\", 2)] };\ntable"),
            cell("let mut buffer = itoa::Buffer::new();\nprintln!(\"{}\", buffer.format(u64::MAX));"),
            cell(":vars"),
            cell("let mut total = 0;\nfor (_, value) in &table.rows { total += value; }\ntotal"),
        ],
    );
    let run = workspace.antiphon(["run", "--output-dir", "out", "evcxr.ipynb"]).run().code(0);
    let executed = workspace.executed("out/evcxr.ipynb");
    let [output] = executed.outputs(2) else { panic!("{:#}", executed.cell(2)) };
    let html = "<table><tr><td>one</td><td>1</td></tr><tr><td>two</td><td>2</td></tr></table>";
    assert_eq!(text(&output["data"]["text/html"]).trim_end(), html);
    assert_eq!(executed.stdout(3), "18446744073709551615\n");
    let variables = executed.result(4).unwrap();
    assert!(variables.contains("table") && variables.contains("itoa::Buffer"), "{variables}");
    assert_eq!(executed.result(5).as_deref(), Some("3"));
    assert!(!run.stdout.contains("EVCXR_"), "{}", run.stdout);
}
