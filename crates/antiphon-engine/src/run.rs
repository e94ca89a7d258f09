//! One execution: what it has shown so far, and how its end is told.

use std::collections::VecDeque;
use std::path::Path;
use std::time::{Duration, Instant};

use antiphon_channel::{Display, ExecuteError, Executed, Outcome, PanicInfo, Part};
use serde_json::Value;
use tokio::sync::mpsc;

use crate::event::{CellError, End, Event};
use crate::magics::command_error;
use crate::metrics::Metrics;
use crate::redact::Guard;
use crate::traceback;

/// Stop reading a child's output while so many events wait for the front end.
const MAX_WAITING: usize = 64;
/// Merge neighbouring output up to this size.
const MERGE_BYTES: usize = 64 << 10;
/// Lines of an error of evcxr's own beside its first.
const MAX_REST_LINES: usize = 20;

/// A cell that waits for its turn.
#[derive(Debug)]
pub(crate) struct Queued {
    pub(crate) execution: u64,
    pub(crate) code: String,
    pub(crate) events: mpsc::Sender<Event>,
}

impl Queued {
    /// Ends it before it began.
    pub(crate) fn refuse(self, error: CellError) {
        // Nothing was sent yet, so there is room.
        let _ = self.events.try_send(Event::End(End::Failed(error), Metrics::default()));
    }
}

/// An execution under way.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, in any combination")]
pub(crate) struct Run {
    pub(crate) id: u64,
    /// The front end's name for it.
    pub(crate) execution: u64,
    pub(crate) code: String,
    /// Where its lines come from.
    pub(crate) parts: Vec<Part>,
    /// `:time` stands at its head.
    is_timed: bool,
    events: mpsc::Sender<Event>,
    waiting: VecDeque<Event>,
    started: Instant,
    metrics: Metrics,
    /// Number of the cell in the child while its code runs.
    pub(crate) sequence: Option<u64>,
    /// From the beginning of its code until evcxr is done with it too, which drops variables.
    pub(crate) is_in_child: bool,
    /// From the beginning of its code until the cell library's marker: what is printed is the cell's own.
    pub(crate) is_printing: bool,
    outcome: Option<Outcome>,
    /// What evcxr's own markers say, for code that does not run under the cell library.
    marked: Option<Outcome>,
    pub(crate) cancelled: bool,
    /// The cell library was compiled anew, and the child was stopped for it.
    pub(crate) preload_rebuilt: bool,
    /// The last expression's value was shown.
    has_result: bool,
    /// The end stands at the end of what waits.
    pub(crate) ended: bool,
    /// Content in evcxr's form that may get another MIME type yet.
    bundle: Option<Display>,
    guard: Guard,
}

impl Run {
    pub(crate) fn new(id: u64, queued: Queued, is_timed: bool, guard: Guard, started: Instant) -> Self {
        Self {
            id,
            execution: queued.execution,
            code: queued.code,
            parts: Vec::new(),
            is_timed,
            events: queued.events,
            waiting: VecDeque::new(),
            started,
            metrics: Metrics::default(),
            sequence: None,
            is_in_child: false,
            is_printing: false,
            outcome: None,
            marked: None,
            cancelled: false,
            preload_rebuilt: false,
            has_result: false,
            ended: false,
            bundle: None,
            guard,
        }
    }

    /// Whether the front end keeps up.
    pub(crate) fn has_room(&self) -> bool {
        self.waiting.len() < MAX_WAITING
    }

    /// Waits until an event can be handed over, and hands it over. Cancel safe.
    pub(crate) async fn deliver(&mut self) {
        if self.waiting.is_empty() {
            std::future::pending::<()>().await;
        }
        match self.events.reserve().await {
            Ok(permit) => {
                if let Some(event) = self.waiting.pop_front() {
                    permit.send(event);
                }
            }
            // Nobody listens any more; the cell runs on.
            Err(_) => self.waiting.clear(),
        }
    }

    /// Whether the end was handed over.
    pub(crate) fn is_over(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(crate) fn push(&mut self, event: Event) {
        self.settle_bundle(false);
        self.has_result |= matches!(&event, Event::Display(display) if display.result);
        self.enqueue(event);
    }

    /// Every event of this execution passes here.
    fn enqueue(&mut self, event: Event) {
        for event in self.guard.pass(event) {
            push_merged(&mut self.waiting, event);
        }
    }

    /// Whether the end of a stream waits for what comes after it.
    pub(crate) fn is_holding(&self) -> bool {
        self.guard.is_holding()
    }

    /// Lets go of that end.
    pub(crate) fn release(&mut self) {
        for event in self.guard.release() {
            push_merged(&mut self.waiting, event);
        }
    }

    /// Adds content in evcxr's form; types that follow each other are one bundle.
    pub(crate) fn push_content(&mut self, mime_type: String, content: String) {
        if self.bundle.as_ref().is_some_and(|bundle| bundle.data.contains_key(&mime_type)) {
            self.settle_bundle(false);
        }
        let content = mime_content(&mime_type, content);
        self.bundle.get_or_insert_default().data.insert(mime_type, content);
    }

    /// How long a bundle may wait for another MIME type, if there is one. In a cell that ends with an expression it may
    /// be that expression's value, which only the cell's end tells.
    pub(crate) fn bundle_patience(&self) -> Option<Duration> {
        self.bundle.as_ref()?;
        let may_be_result = !self.code.trim_end().ends_with(';');
        Some(Duration::from_millis(if may_be_result { 500 } else { 20 }))
    }

    pub(crate) fn settle_bundle(&mut self, result: bool) {
        // evcxr's own form of a result has `()` for nothing.
        if let Some(bundle) = self.bundle.take().filter(|bundle| !(result && is_unit(bundle))) {
            self.has_result |= result;
            self.enqueue(Event::Display(Display { result, ..bundle }));
        }
    }

    pub(crate) fn code_started(&mut self, sequence: u64) {
        self.sequence = Some(sequence);
        self.is_in_child = true;
        self.is_printing = true;
        self.outcome = None;
        self.marked = None;
        self.metrics.compile = self.started.elapsed();
    }

    pub(crate) fn code_finished(&mut self, outcome: Outcome, run_time: Duration) {
        self.sequence = None;
        self.outcome = Some(outcome);
        self.metrics.run = run_time;
    }

    pub(crate) fn cargo_started(&mut self) {
        self.metrics.cargo_runs += 1;
    }

    /// evcxr's marker of a panic or of an early return.
    pub(crate) fn marker_seen(&mut self, line: &[u8]) {
        if line.starts_with(b"EVCXR_PANIC") {
            self.marked =
                Some(Outcome::Panicked(PanicInfo { message: "the cell panicked".to_owned(), ..PanicInfo::default() }));
        } else if line.starts_with(b"EVCXR_ERROR") {
            let message = "the cell returned early by `?`; see its standard error".to_owned();
            self.marked = Some(Outcome::Failed { type_name: String::new(), message });
        }
    }

    /// All output is in.
    pub(crate) fn output_complete(&mut self) {
        let result = !self.code.trim_end().ends_with(';');
        self.settle_bundle(result);
        self.is_in_child = false;
    }

    /// Whether the cell must be sent again: its `:dep` changed crates that the cell library shares, the library was
    /// compiled anew and the child was stopped before any of the cell's code ran.
    pub(crate) fn begin_again(&mut self, result: &Result<Executed, ExecuteError>) -> bool {
        let Err(ExecuteError::ChildDied { lost_variables, .. }) = result else {
            return false;
        };
        if !std::mem::take(&mut self.preload_rebuilt) || self.cancelled {
            return false;
        }
        let mut note = "a `:dep` of this cell changes crates that all cells share, so the cells' process was started \
            anew before the cell ran"
            .to_owned();
        if lost_variables.is_empty() {
            note.push_str("; no variable was lost");
        } else {
            note.push_str(&format!("; variables that are lost: {}", lost_variables.join(", ")));
        }
        self.push(Event::Note(note));
        true
    }

    /// Closes with what the host said.
    pub(crate) fn close(&mut self, result: Result<Executed, ExecuteError>, generated: &Path) {
        self.settle_bundle(false);
        let end = match result {
            Ok(executed) => {
                if !executed.content.is_empty() {
                    let data = executed.content.into_iter().map(|(mime_type, content)| match content {
                        Value::String(text) => (mime_type.clone(), mime_content(&mime_type, text)),
                        other => (mime_type, other),
                    });
                    // A cell has one result: its last expression's value, if there is one.
                    let result = !self.has_result;
                    self.push(Event::Display(Display { data: data.collect(), result, ..Display::default() }));
                }
                self.end_of_code(generated)
            }
            Err(error) => End::Failed(self.end_of_evaluation(error)),
        };
        self.finish(end);
    }

    /// Closes for a reason of the engine's own.
    pub(crate) fn fail(&mut self, error: CellError) {
        self.settle_bundle(false);
        self.finish(End::Failed(error));
    }

    fn finish(&mut self, end: End) {
        self.metrics.total = self.started.elapsed();
        if self.metrics.compile.is_zero() {
            self.metrics.compile = self.metrics.total;
        }
        if self.is_timed {
            let Metrics { total, compile, run, .. } = self.metrics;
            let text = format!("Wall time: {total:.1?} (compilers {compile:.1?}, the cell's code {run:.1?})\n");
            self.enqueue(Event::Stdout(text.into_bytes()));
        }
        self.enqueue(Event::End(end, self.metrics));
        self.ended = true;
    }

    fn end_of_code(&mut self, generated: &Path) -> End {
        let told = self.outcome.take().filter(|outcome| *outcome != Outcome::Finished);
        End::Failed(match told.or_else(|| self.marked.take()) {
            None | Some(Outcome::Finished) => return End::Finished,
            Some(Outcome::Failed { type_name, message }) => {
                CellError::new(if type_name.is_empty() { "Error" } else { &type_name }, message)
            }
            Some(Outcome::Panicked(panic)) => traceback::panic_error(&panic, generated, &self.code, &self.parts),
            Some(Outcome::Cancelled) => cancelled("at an `.await`; variables of earlier cells are kept"),
        })
    }

    fn end_of_evaluation(&self, error: ExecuteError) -> CellError {
        match error {
            ExecuteError::ChildDied { lost_variables, .. } if self.cancelled => cancelled(
                "in code that did not come to an `.await`, so its process was replaced: variables are lost, \
                 functions and types are kept",
            )
            .with_lost(lost_variables),
            _ if self.cancelled => cancelled("while it was compiled; nothing is lost"),
            ExecuteError::Compile { message, rendered, diagnostics } => {
                let traceback = rendered.iter().flat_map(|text| text.lines().map(ToOwned::to_owned)).collect();
                CellError { traceback, diagnostics, ..CellError::new("CompileError", message) }
            }
            ExecuteError::ChildDied { message, lost_variables } => {
                let status = message.lines().last().unwrap_or_default();
                let status = status.trim_start_matches("Subprocess terminated with status: ");
                CellError::new("ChildDied", format!("the cells' process ended: {status}")).with_lost(lost_variables)
            }
            ExecuteError::Command { message } => command_error(message),
            ExecuteError::Other { message } if self.code.trim_start().starts_with('!') => command_error(message),
            // evcxr's own word on code that it cannot keep, e.g. a variable that is a closure.
            // It may go on with all that the compiler said.
            ExecuteError::Other { message } => {
                let (message, rest) = message.split_once('\n').unwrap_or((&message, ""));
                let lines = rest.lines().take(MAX_REST_LINES).map(ToOwned::to_owned);
                CellError::new("CompileError", message).with_lines(lines)
            }
            ExecuteError::EvaluatorPanicked { message } => CellError::new("EvaluatorPanic", message)
                .with_lines(["a fault of evcxr or rust-analyzer; nothing that existed before is lost".to_owned()]),
        }
    }
}

fn is_unit(bundle: &Display) -> bool {
    bundle.data.len() == 1 && bundle.data.get("text/plain").is_some_and(|text| text == "()")
}

pub(crate) fn cancelled(how: &str) -> CellError {
    CellError::new("Cancelled", format!("the cell was interrupted {how}"))
}

/// JSON types travel as JSON.
fn mime_content(mime_type: &str, content: String) -> Value {
    if mime_type == "application/json" || mime_type.ends_with("+json") {
        return serde_json::from_str(&content).unwrap_or(Value::String(content));
    }
    Value::String(content)
}

/// Adds an event, and output to the output before it.
pub(crate) fn push_merged(events: &mut VecDeque<Event>, event: Event) {
    let event = match events.back_mut() {
        Some(last) => merge(last, event),
        None => Some(event),
    };
    events.extend(event);
}

/// Adds output to output of the same stream; gives back what cannot be added.
pub(crate) fn merge(last: &mut Event, event: Event) -> Option<Event> {
    match (last, event) {
        (Event::Stdout(last), Event::Stdout(bytes)) | (Event::Stderr(last), Event::Stderr(bytes))
            if last.len() < MERGE_BYTES =>
        {
            last.extend(bytes);
            None
        }
        (_, event) => Some(event),
    }
}
