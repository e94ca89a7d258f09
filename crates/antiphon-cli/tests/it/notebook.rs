//! Notebooks: made from cells, and read back.

use std::path::Path;

use serde_json::{Value, json};

/// A code cell to be.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    source: String,
    tags: Vec<&'static str>,
    outputs: Value,
}

/// A code cell.
pub(crate) fn cell(source: &str) -> Cell {
    Cell { source: source.to_owned(), tags: Vec::new(), outputs: json!([]) }
}

impl Cell {
    pub(crate) fn tag(mut self, tag: &'static str) -> Self {
        self.tags.push(tag);
        self
    }

    /// Gives it an output of an earlier run.
    pub(crate) fn with_old_output(mut self) -> Self {
        self.outputs = json!([{"output_type": "stream", "name": "stdout", "text": ["old\n"]}]);
        self
    }

    fn into_json(self, number: usize) -> Value {
        let metadata = if self.tags.is_empty() { json!({}) } else { json!({"tags": self.tags}) };
        json!({
            "cell_type": "code",
            "id": format!("cell-{number}"),
            "metadata": metadata,
            "source": self.source,
            "outputs": self.outputs,
            "execution_count": null,
        })
    }
}

/// A Rust notebook of nbformat 4.5.
pub(crate) fn of_cells(cells: impl IntoIterator<Item = Cell>) -> Value {
    let cells = cells.into_iter().enumerate();
    json!({
        "cells": cells.map(|(index, cell)| cell.into_json(index + 1)).collect::<Vec<_>>(),
        "metadata": {"kernelspec": {"name": "rust", "display_name": "Rust", "language": "rust"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    })
}

/// A notebook as a run has left it.
#[derive(Debug)]
pub(crate) struct Executed(pub(crate) Value);

impl Executed {
    #[track_caller]
    pub(crate) fn read(path: &Path) -> Self {
        let text = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self(serde_json::from_slice(&text).unwrap())
    }

    /// A cell, by its position from 0.
    pub(crate) fn cell(&self, index: usize) -> &Value {
        &self.0["cells"][index]
    }

    pub(crate) fn outputs(&self, index: usize) -> &[Value] {
        self.cell(index)["outputs"].as_array().unwrap()
    }

    pub(crate) fn stdout(&self, index: usize) -> String {
        let outputs = self.outputs(index).iter();
        let streams = outputs.filter(|output| output["name"] == "stdout");
        streams.map(|output| text(&output["text"])).collect()
    }

    /// Plain text of the cell's result.
    pub(crate) fn result(&self, index: usize) -> Option<String> {
        let mut outputs = self.outputs(index).iter();
        let result = outputs.find(|output| output["output_type"] == "execute_result")?;
        Some(text(&result["data"]["text/plain"]))
    }

    /// The only error among a cell's outputs: its name and its traceback without colours.
    #[track_caller]
    pub(crate) fn error(&self, index: usize) -> (String, String) {
        let outputs = self.outputs(index).iter();
        let errors: Vec<&Value> = outputs.filter(|output| output["output_type"] == "error").collect();
        let [error] = errors.as_slice() else {
            panic!("cell {index} has {} errors: {:#}", errors.len(), self.cell(index))
        };
        let traceback = error["traceback"].as_array().unwrap().iter();
        let traceback: Vec<&str> = traceback.map(|line| line.as_str().unwrap()).collect();
        (error["ename"].as_str().unwrap().to_owned(), plain(&traceback.join("\n")))
    }
}

/// A multi-line string of the format.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::Array(lines) => lines.iter().filter_map(Value::as_str).collect(),
        other => other.as_str().unwrap_or_default().to_owned(),
    }
}

/// Text without ANSI colours.
fn plain(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain.push_str(part.split_once('m').map_or(part, |(_, rest)| rest));
    }
    plain
}
