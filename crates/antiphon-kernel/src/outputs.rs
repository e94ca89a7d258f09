//! A cell's events become messages of the iopub channel.
//!
//! Output is gathered for a moment, so that a loop of 100,000 `println!` becomes a few messages, and no longer than
//! that, so that a partial line shows while its cell still works.

use std::time::Duration;

use antiphon_engine::{CellError, Display, Event, Utf8Decoder};
use jupyter_protocol::media::{Media, MediaType};
use jupyter_protocol::{
    ClearOutput, DisplayData, ErrorOutput, ExecuteResult, ExecutionCount, JupyterMessageContent, Stdio, StreamContent,
    Transient, UpdateDisplayData,
};
use serde_json::{Map, Value};
use tokio::time::Instant;

/// The least time between two messages of a stream.
const STREAM_INTERVAL: Duration = Duration::from_millis(20);
/// A stream's text that is sent without waiting for its time.
const STREAM_BYTES: usize = 256 << 10;
/// The least time between two states of the compilers' progress.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(200);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stream {
    Stdout,
    Stderr,
}

/// What one cell shows.
#[derive(Debug)]
pub(crate) struct Outputs {
    execution_count: ExecutionCount,
    stdout: Utf8Decoder,
    stderr: Utf8Decoder,
    /// Text that is not sent yet.
    text: Option<(Stream, String)>,
    last_stream: Option<Instant>,
    stderr_ends_in_line: bool,
    progress: Option<Progress>,
    /// Nothing but progress was shown yet.
    is_blank: bool,
    messages: Vec<JupyterMessageContent>,
}

/// The progress of compilers, shown until the cell itself shows something.
#[derive(Debug)]
struct Progress {
    display_id: String,
    crates: usize,
    shown: Instant,
}

impl Outputs {
    pub(crate) fn new(execution_count: ExecutionCount) -> Self {
        Self {
            execution_count,
            stdout: Utf8Decoder::default(),
            stderr: Utf8Decoder::default(),
            text: None,
            last_stream: None,
            stderr_ends_in_line: false,
            progress: None,
            is_blank: true,
            messages: Vec::new(),
        }
    }

    /// Takes an event in; what is to be sent follows from [`Outputs::messages`].
    pub(crate) fn take(&mut self, event: Event) {
        match event {
            Event::Stdout(bytes) => {
                let text = self.stdout.decode(&bytes);
                self.stream(Stream::Stdout, &text);
            }
            Event::Stderr(bytes) => {
                let text = self.stderr.decode(&bytes);
                self.stream(Stream::Stderr, &text);
            }
            Event::Display(display) => self.display(display),
            Event::ClearOutput { wait } => self.show(ClearOutput { wait }),
            Event::Note(text) => self.note(&text),
            Event::Compiling(line) => self.compiling(&line),
            // For the execution that this belongs to.
            _ => {}
        }
    }

    /// When the text that waits is due.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.text.as_ref()?;
        self.last_stream.map(|last| last + STREAM_INTERVAL)
    }

    /// What is to be sent now.
    pub(crate) fn messages(&mut self) -> Vec<JupyterMessageContent> {
        let is_due = self.due().is_none_or(|due| due <= Instant::now())
            || self.text.as_ref().is_some_and(|(_, text)| text.len() >= STREAM_BYTES);
        if is_due {
            self.send_text();
        }
        std::mem::take(&mut self.messages)
    }

    /// The rest, at the cell's end.
    pub(crate) fn finish(&mut self, error: Option<&CellError>) -> Vec<JupyterMessageContent> {
        for (stream, rest) in [(Stream::Stdout, self.stdout.finish()), (Stream::Stderr, self.stderr.finish())] {
            if let Some(rest) = rest {
                self.stream(stream, rest.encode_utf8(&mut [0; 4]));
            }
        }
        if let Some(CellError { ename, evalue, traceback, .. }) = error {
            let (ename, evalue, traceback) = (ename.clone(), evalue.clone(), traceback.clone());
            self.show(ErrorOutput { ename, evalue, traceback });
        }
        self.send_text();
        if self.progress.take().is_some() {
            self.messages.push(ClearOutput { wait: false }.into());
        }
        std::mem::take(&mut self.messages)
    }

    /// A remark that does not come from the cell.
    pub(crate) fn note(&mut self, text: &str) {
        let line_end = if self.stderr_ends_in_line { "\n" } else { "" };
        self.stream(Stream::Stderr, &format!("{line_end}antiphon: {text}\n"));
    }

    fn show(&mut self, content: impl Into<JupyterMessageContent>) {
        let content = content.into();
        self.send_text();
        // What is no output itself does not bring a clearing about that waits for one.
        let is_output =
            !matches!(content, JupyterMessageContent::UpdateDisplayData(_) | JupyterMessageContent::ClearOutput(_));
        self.end_progress(is_output);
        self.messages.push(content);
    }

    fn stream(&mut self, stream: Stream, text: &str) {
        if text.is_empty() {
            return;
        }
        if stream == Stream::Stderr {
            self.stderr_ends_in_line = !text.ends_with('\n');
        }
        self.end_progress(true);
        match &mut self.text {
            Some((last, waiting)) if *last == stream => waiting.push_str(text),
            _ => {
                self.send_text();
                self.text = Some((stream, text.to_owned()));
            }
        }
    }

    fn send_text(&mut self) {
        if let Some((stream, text)) = self.text.take() {
            let name = match stream {
                Stream::Stdout => Stdio::Stdout,
                Stream::Stderr => Stdio::Stderr,
            };
            self.last_stream = Some(Instant::now());
            self.messages.push(StreamContent { name, text }.into());
        }
    }

    fn display(&mut self, display: Display) {
        let Display { data, metadata, display_id, update, result } = display;
        let data = media(data);
        let transient = Transient { display_id };
        if update {
            self.show(UpdateDisplayData { data, metadata, transient });
        } else if result {
            let execution_count = self.execution_count;
            self.show(ExecuteResult { execution_count, data, metadata, transient: Some(transient) });
        } else {
            self.show(DisplayData { data, metadata, transient: Some(transient) });
        }
    }

    fn compiling(&mut self, line: &str) {
        if !self.is_blank {
            return;
        }
        let now = Instant::now();
        let id = format!("antiphon-progress-{}", self.execution_count.0);
        let is_first = self.progress.is_none();
        let progress = self.progress.get_or_insert(Progress { display_id: id, crates: 0, shown: now });
        progress.crates += usize::from(line.starts_with("Compiling "));
        if !is_first && now.duration_since(progress.shown) < PROGRESS_INTERVAL {
            return;
        }
        progress.shown = now;
        let text = match progress.crates {
            0 => line.to_owned(),
            crates => format!("{line} ({crates})"),
        };
        let data = media(Map::from_iter([("text/plain".to_owned(), Value::String(text))]));
        let transient = Transient { display_id: Some(progress.display_id.clone()) };
        let metadata = Map::new();
        self.messages.push(if is_first {
            DisplayData { data, metadata, transient: Some(transient) }.into()
        } else {
            UpdateDisplayData { data, metadata, transient }.into()
        });
    }

    /// What the cell shows takes the progress's place.
    fn end_progress(&mut self, wait: bool) {
        self.is_blank = false;
        if self.progress.take().is_some() {
            self.messages.push(ClearOutput { wait }.into());
        }
    }
}

/// A MIME bundle, each type as it is: the typed variants would refuse or trim what they do not know.
pub(crate) fn media(data: Map<String, Value>) -> Media {
    Media::new(data.into_iter().map(MediaType::Other).collect())
}
