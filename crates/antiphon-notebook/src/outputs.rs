//! Events become nbformat outputs, as Jupyter's front ends make them.

use std::collections::{BTreeMap, HashMap};

use antiphon_engine::{CellError, Display, Event, Utf8Decoder};
use jupyter_protocol::ExecutionCount;
use jupyter_protocol::media::{Media, MediaType};
use nbformat::v4::{DisplayData, ErrorOutput, ExecuteResult, MultilineString, Output};
use serde_json::{Map, Value};

use crate::streams::write_over;

const STDOUT: &str = "stdout";
const STDERR: &str = "stderr";

/// The outputs of a notebook's cells, while one of them runs.
#[derive(Debug, Default)]
pub(crate) struct Outputs {
    cells: BTreeMap<usize, Vec<Output>>,
    /// Where each `display_id` is shown: cell and output. Updates reach other cells too.
    displays: HashMap<String, Vec<(usize, usize)>>,
    cell: usize,
    execution_count: usize,
    stdout: Utf8Decoder,
    stderr: Utf8Decoder,
    clear_on_next: bool,
}

impl Outputs {
    /// A cell begins.
    pub(crate) fn begin(&mut self, cell: usize, execution_count: usize) {
        self.cell = cell;
        self.execution_count = execution_count;
        self.cells.insert(cell, Vec::new());
    }

    /// Something happened in the cell.
    pub(crate) fn apply(&mut self, event: &Event) {
        match event {
            Event::Stdout(bytes) => {
                let text = self.stdout.decode(bytes);
                self.stream(STDOUT, &text);
            }
            Event::Stderr(bytes) => {
                let text = self.stderr.decode(bytes);
                self.stream(STDERR, &text);
            }
            Event::Display(display) => self.display(display),
            Event::ClearOutput { wait: true } => self.clear_on_next = true,
            Event::ClearOutput { wait: false } => self.clear(),
            Event::Note(text) => self.note(text),
            // For those who watch: progress, prompts, and the end, which `finish` takes.
            _ => {}
        }
    }

    /// The cell ended.
    pub(crate) fn finish(&mut self, error: Option<&CellError>) {
        for (name, rest) in [(STDOUT, self.stdout.finish()), (STDERR, self.stderr.finish())] {
            if let Some(rest) = rest {
                self.stream(name, rest.encode_utf8(&mut [0; 4]));
            }
        }
        if let Some(CellError { ename, evalue, traceback, .. }) = error {
            let (ename, evalue, traceback) = (ename.clone(), evalue.clone(), traceback.clone());
            self.push(Output::Error(ErrorOutput { ename, evalue, traceback }));
        }
        for output in self.current() {
            if let Output::Stream { text: MultilineString(text), .. } = output {
                *text = write_over(text);
            }
        }
        self.clear_on_next = false;
    }

    /// The outputs of each cell, as a notebook stores them.
    pub(crate) fn into_json(self) -> impl Iterator<Item = (usize, Vec<Value>)> {
        let is_empty = |output: &Output| matches!(output, Output::Stream { text, .. } if text.0.is_empty());
        self.cells.into_iter().map(move |(cell, outputs)| {
            let outputs = outputs.iter().filter(|output| !is_empty(output));
            (cell, outputs.filter_map(|output| serde_json::to_value(output).ok()).collect())
        })
    }

    fn current(&mut self) -> &mut Vec<Output> {
        self.cells.entry(self.cell).or_default()
    }

    fn push(&mut self, output: Output) {
        if self.clear_on_next {
            self.clear();
        }
        self.current().push(output);
    }

    fn clear(&mut self) {
        self.clear_on_next = false;
        (self.stdout, self.stderr) = (Utf8Decoder::default(), Utf8Decoder::default());
        let cleared = self.cell;
        for places in self.displays.values_mut() {
            places.retain(|(cell, _)| *cell != cleared);
        }
        self.current().clear();
    }

    fn stream(&mut self, name: &str, text: &str) {
        if text.is_empty() {
            return;
        }
        let clears = self.clear_on_next;
        match self.current().last_mut() {
            Some(Output::Stream { name: last, text: MultilineString(all) }) if last == name && !clears => {
                all.push_str(text);
            }
            _ => self.push(Output::Stream { name: name.to_owned(), text: MultilineString(text.to_owned()) }),
        }
    }

    /// A remark of the engine's stands in the notebook too, so that a rendered one explains itself.
    fn note(&mut self, text: &str) {
        let at_line_start = match self.current().last() {
            Some(Output::Stream { name, text }) if name == STDERR => text.0.ends_with('\n'),
            _ => true,
        };
        let line_end = if at_line_start { "" } else { "\n" };
        self.stream(STDERR, &format!("{line_end}antiphon: {text}\n"));
    }

    fn display(&mut self, display: &Display) {
        let Display { data, metadata, display_id, update, result } = display;
        let (data, metadata) = (media(data), metadata.clone());
        if let Some(id) = display_id {
            self.update(id, &data, &metadata);
        }
        if *update {
            return;
        }
        let execution_count = ExecutionCount::new(self.execution_count);
        self.push(if *result {
            Output::ExecuteResult(ExecuteResult { execution_count, data, metadata })
        } else {
            Output::DisplayData(DisplayData { data, metadata })
        });
        if let Some(id) = display_id {
            let place = (self.cell, self.current().len() - 1);
            self.displays.entry(id.clone()).or_default().push(place);
        }
    }

    /// Changes what is shown under an id, wherever that is.
    fn update(&mut self, id: &str, data: &Media, metadata: &Map<String, Value>) {
        for (cell, index) in self.displays.get(id).into_iter().flatten() {
            match self.cells.get_mut(cell).and_then(|outputs| outputs.get_mut(*index)) {
                Some(Output::DisplayData(shown)) => {
                    (shown.data, shown.metadata) = (data.clone(), metadata.clone());
                }
                Some(Output::ExecuteResult(shown)) => {
                    (shown.data, shown.metadata) = (data.clone(), metadata.clone());
                }
                _ => {}
            }
        }
    }
}

/// A MIME bundle, each type as it is: the typed variants would refuse or trim what they do not know.
fn media(data: &Map<String, Value>) -> Media {
    Media::new(data.iter().map(|(mime, value)| MediaType::Other((mime.clone(), value.clone()))).collect())
}
