//! An evaluator that follows a script, and notebooks made of a few words.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use antiphon_engine::{BoxFuture, CellError, Display, End, Evaluator, Event, Metrics, RunningCell};
use antiphon_notebook::{Notebook, parse};
use serde_json::{Value, json};
use tokio::sync::Notify;

/// One step of a cell's script.
pub(crate) enum Step {
    /// Say this.
    Emit(Event),
    /// Say nothing before an interrupt comes.
    UntilInterrupt,
    /// Say nothing for a while.
    Pause(Duration),
}

/// Plays one script per cell, in order; a cell without one succeeds in silence.
#[derive(Default)]
pub(crate) struct Fake {
    scripts: Mutex<VecDeque<Vec<Step>>>,
    seen: Arc<Seen>,
}

/// What the runner asked of it.
#[derive(Default)]
pub(crate) struct Seen {
    log: Mutex<Vec<String>>,
    interrupted: Notify,
}

impl Fake {
    pub(crate) fn new(scripts: impl IntoIterator<Item = Vec<Step>>) -> Self {
        Self { scripts: Mutex::new(scripts.into_iter().collect()), seen: Arc::default() }
    }

    /// `run SOURCE`, `interrupt` and `reply TEXT`, in order.
    pub(crate) fn log(&self) -> Vec<String> {
        self.seen.log.lock().expect("not poisoned").clone()
    }
}

impl Seen {
    fn note(&self, text: String) {
        self.log.lock().expect("not poisoned").push(text);
    }
}

impl Evaluator for Fake {
    fn execute(&self, code: &str) -> Box<dyn RunningCell> {
        self.seen.note(format!("run {code}"));
        let script = self.scripts.lock().expect("not poisoned").pop_front();
        let steps = script.unwrap_or_else(|| vec![finished()]).into();
        Box::new(FakeCell { steps, seen: Arc::clone(&self.seen) })
    }

    fn interrupt(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            self.seen.note("interrupt".to_owned());
            self.seen.interrupted.notify_one();
        })
    }

    fn shut_down(self: Arc<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async {})
    }
}

struct FakeCell {
    steps: VecDeque<Step>,
    seen: Arc<Seen>,
}

impl RunningCell for FakeCell {
    fn id(&self) -> u64 {
        0
    }

    fn next(&mut self) -> BoxFuture<'_, Option<Event>> {
        Box::pin(async {
            loop {
                match self.steps.front()? {
                    Step::UntilInterrupt => self.seen.interrupted.notified().await,
                    Step::Pause(time) => tokio::time::sleep(*time).await,
                    Step::Emit(event) => {
                        let event = event.clone();
                        self.steps.pop_front();
                        return Some(event);
                    }
                }
                self.steps.pop_front();
            }
        })
    }

    fn reply(&self, value: String) -> BoxFuture<'_, ()> {
        Box::pin(async move { self.seen.note(format!("reply {value:?}")) })
    }

    fn refuse_input(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move { self.seen.note("refuse".to_owned()) })
    }
}

pub(crate) fn finished() -> Step {
    Step::Emit(Event::End(End::Finished, Metrics::default()))
}

pub(crate) fn failed(ename: &str) -> Step {
    let error = CellError {
        ename: ename.to_owned(),
        evalue: "it failed".to_owned(),
        traceback: vec![format!("\u{1b}[1;31m{ename}\u{1b}[0m: it failed"), "second line".to_owned()],
        diagnostics: Vec::new(),
        lost_variables: Vec::new(),
    };
    Step::Emit(Event::End(End::Failed(error), Metrics::default()))
}

pub(crate) fn stdout(bytes: impl AsRef<[u8]>) -> Step {
    Step::Emit(Event::Stdout(bytes.as_ref().to_vec()))
}

pub(crate) fn stderr(bytes: impl AsRef<[u8]>) -> Step {
    Step::Emit(Event::Stderr(bytes.as_ref().to_vec()))
}

pub(crate) fn note(text: &str) -> Step {
    Step::Emit(Event::Note(text.to_owned()))
}

pub(crate) fn clear(wait: bool) -> Step {
    Step::Emit(Event::ClearOutput { wait })
}

/// A display from its JSON; what is missing has its default.
pub(crate) fn display(fields: &Value) -> Step {
    let whole = json!({ "data": {}, "metadata": {}, "display_id": null, "update": false, "result": false });
    let mut whole: Display = serde_json::from_value(whole).expect("a display");
    for (key, value) in fields.as_object().expect("an object") {
        match (key.as_str(), value) {
            ("data", Value::Object(data)) => whole.data.clone_from(data),
            ("metadata", Value::Object(metadata)) => whole.metadata.clone_from(metadata),
            ("id", Value::String(id)) => whole.display_id = Some(id.clone()),
            ("update", Value::Bool(update)) => whole.update = *update,
            ("result", Value::Bool(result)) => whole.result = *result,
            other => panic!("not a field of a display: {other:?}"),
        }
    }
    Step::Emit(Event::Display(whole))
}

/// A plain text display.
pub(crate) fn text(text: &str) -> Step {
    display(&json!({ "data": { "text/plain": text } }))
}

/// A notebook of code cells, each with the tags after its source.
pub(crate) fn notebook(cells: &[(&str, &[&str])]) -> Notebook {
    let stale = json!([{ "output_type": "stream", "name": "stdout", "text": ["stale\n"] }]);
    let cells: Vec<Value> = cells
        .iter()
        .map(|(source, tags)| {
            json!({
                "cell_type": "code",
                "execution_count": 99,
                "metadata": { "tags": tags },
                "outputs": stale,
                "source": [source],
            })
        })
        .collect();
    of_cells(&cells)
}

/// A notebook of these cells.
pub(crate) fn of_cells(cells: &[Value]) -> Notebook {
    let json = json!({ "cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5 });
    parse(Path::new("test.ipynb"), json.to_string().as_bytes()).expect("a notebook")
}
