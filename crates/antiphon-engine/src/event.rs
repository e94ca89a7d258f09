//! What happens while a cell runs, in order.

use antiphon_channel::Display;
use serde_json::Value;

use crate::Metrics;

/// Something that happened in an execution.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// Bytes on standard output, as they were written: perhaps half a line, perhaps half a character.
    Stdout(Vec<u8>),
    /// Bytes on standard error.
    Stderr(Vec<u8>),
    /// Rich output; with [`Display::result`] the value of the last expression.
    Display(Display),
    /// Remove the cell's outputs.
    ClearOutput {
        /// Only when the next output comes.
        wait: bool,
    },
    /// The cell waits for a line; answer with [`Execution::reply`](crate::Execution::reply) or
    /// [`Execution::refuse_input`](crate::Execution::refuse_input). The next request comes after the answer.
    InputRequest {
        /// Shown to the user; empty when the cell reads its standard input.
        prompt: String,
        /// The answer must not be echoed.
        password: bool,
    },
    /// A remark of the engine's, for the user.
    Note(String),
    /// A line of cargo's progress, while a dependency compiles.
    Compiling(String),
    /// The last event.
    End(End, Metrics),
}

/// How an execution ended.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum End {
    /// The cell ran to its end.
    Finished,
    /// The cell failed; its error in Jupyter's form.
    Failed(CellError),
}

/// Why a cell failed.
#[derive(Clone, Debug, PartialEq)]
pub struct CellError {
    /// Stable name: `CompileError`, `Panic`, `Cancelled`, `ChildDied`, `CommandError`, `EvaluatorPanic`, or the type
    /// of the error that a `?` returned (`ParseIntError`, `reqwest::Error`, `LlmError`).
    pub ename: String,
    /// One line, or few.
    pub evalue: String,
    /// Lines for a person, in ANSI colours.
    pub traceback: Vec<String>,
    /// rustc's diagnostics, for a compile error.
    pub diagnostics: Vec<Value>,
    /// Variables that the failure took with it.
    pub lost_variables: Vec<String>,
}

impl CellError {
    pub(crate) fn new(ename: &str, evalue: impl Into<String>) -> Self {
        let evalue = evalue.into();
        let traceback = vec![format!("\u{1b}[1;31m{ename}\u{1b}[0m: {evalue}")];
        Self { ename: ename.to_owned(), evalue, traceback, diagnostics: Vec::new(), lost_variables: Vec::new() }
    }

    pub(crate) fn with_lines(mut self, lines: impl IntoIterator<Item = String>) -> Self {
        self.traceback.extend(lines);
        self
    }

    pub(crate) fn with_lost(mut self, variables: Vec<String>) -> Self {
        if !variables.is_empty() {
            self.traceback.push(format!("variables that are lost: {}", variables.join(", ")));
        }
        self.lost_variables = variables;
        self
    }
}
