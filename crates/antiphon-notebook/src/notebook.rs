//! A notebook in memory: its file's JSON, with questions to ask it.
//!
//! The JSON itself is kept, not a typed model of it, so that whatever other programs put there survives. Outputs are
//! typed, by the `nbformat` crate.

use std::path::{Path, PathBuf};

use nbformat::v4::Output;
use serde_json::{Map, Value};

/// A notebook of nbformat 4.
///
/// [`read`](crate::read) and [`parse`](crate::parse) make one, and guarantee what the methods rely on.
#[derive(Clone, Debug, PartialEq)]
pub struct Notebook {
    path: PathBuf,
    json: Value,
}

/// One cell of a [`Notebook`].
#[derive(Clone, Copy, Debug)]
pub struct Cell<'a> {
    index: usize,
    json: &'a Value,
}

/// The kinds of cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CellKind {
    /// Runs.
    Code,
    /// Text to render.
    Markdown,
    /// Text to leave alone.
    Raw,
}

impl Notebook {
    pub(crate) fn new(path: &Path, json: Value) -> Self {
        Self { path: path.to_owned(), json }
    }

    /// Where it was read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The whole document.
    pub fn as_json(&self) -> &Value {
        &self.json
    }

    /// The notebook's metadata.
    pub fn metadata(&self) -> Option<&Map<String, Value>> {
        self.json.get("metadata").and_then(Value::as_object)
    }

    pub(crate) fn metadata_mut(&mut self) -> Option<&mut Map<String, Value>> {
        self.json.get_mut("metadata").and_then(Value::as_object_mut)
    }

    /// Its cells, in order.
    pub fn cells(&self) -> impl Iterator<Item = Cell<'_>> {
        let cells = self.json.get("cells").and_then(Value::as_array).into_iter().flatten();
        cells.enumerate().map(|(index, json)| Cell { index, json })
    }

    /// The answers of language models in it are simulated.
    pub fn is_simulated(&self) -> bool {
        self.json.pointer("/metadata/antiphon/simulated") == Some(&Value::Bool(true))
    }

    /// Sets what an execution leaves in a code cell.
    pub(crate) fn set_result(&mut self, index: usize, execution_count: Option<usize>, outputs: Vec<Value>) {
        let Some(cell) = self.cell_mut(index) else {
            return;
        };
        cell.insert("execution_count".to_owned(), execution_count.into());
        cell.insert("outputs".to_owned(), Value::Array(outputs));
        // Times of an execution that these outputs are not from.
        if let Some(metadata) = cell.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.remove("execution");
        }
    }

    fn cell_mut(&mut self, index: usize) -> Option<&mut Map<String, Value>> {
        self.json.get_mut("cells")?.get_mut(index)?.as_object_mut()
    }
}

impl<'a> Cell<'a> {
    /// Position in the notebook, from 0.
    pub fn index(&self) -> usize {
        self.index
    }

    /// What it is.
    pub fn kind(&self) -> CellKind {
        match self.json.get("cell_type").and_then(Value::as_str) {
            Some("code") => CellKind::Code,
            Some("markdown") => CellKind::Markdown,
            _ => CellKind::Raw,
        }
    }

    /// Its id; notebooks before 4.5 have none.
    pub fn id(&self) -> Option<&'a str> {
        self.json.get("id").and_then(Value::as_str)
    }

    /// Its text.
    pub fn source(&self) -> String {
        match self.json.get("source") {
            Some(Value::Array(lines)) => lines.iter().filter_map(Value::as_str).collect(),
            Some(Value::String(text)) => text.clone(),
            _ => String::new(),
        }
    }

    /// One of its tags is this one.
    pub fn has_tag(&self, tag: &str) -> bool {
        let tags = self.json.pointer("/metadata/tags").and_then(Value::as_array);
        tags.is_some_and(|tags| tags.iter().any(|t| t == tag))
    }

    /// Its number in `In [3]:`; `None` before it ran.
    pub fn execution_count(&self) -> Option<i64> {
        self.json.get("execution_count").and_then(Value::as_i64)
    }

    /// Its outputs. One that the `nbformat` crate cannot read is left out.
    pub fn outputs(&self) -> Vec<Output> {
        self.outputs_json().iter().filter_map(|output| serde_json::from_value(output.clone()).ok()).collect()
    }

    /// Its outputs as they stand in the file.
    pub fn outputs_json(&self) -> &'a [Value] {
        self.json.get("outputs").and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// The whole cell.
    pub fn as_json(&self) -> &'a Value {
        self.json
    }
}
