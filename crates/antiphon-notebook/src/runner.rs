//! Runs a notebook's code cells, one after the other.
//!
//! One loop owns the run. It hears of three things: the evaluator's events, the cell's timeout, and the shutdown. The
//! two latter only ask the evaluator to interrupt the cell; the loop then goes on to the cell's own end, so that no
//! output is lost.

use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use antiphon_engine::{CellError, End, Evaluator, Event, Metrics};

use crate::cell_error::{evaluator_died, timeout_error};
use crate::metadata;
use crate::notebook::Notebook;
use crate::options::RunOptions;
use crate::outputs::Outputs;
use crate::report::{CellOutcome, CellSummary, Outcome, Reporter, RunEvent, Summary, Tolerance};
use crate::task::{Task, tasks};

/// Runs a notebook's code cells in order, and puts their outputs into it.
///
/// The first cell that fails ends the run, unless it may fail. Outputs from before the run are removed, also from
/// cells that it does not come to; cells tagged [`SKIP_EXECUTION`](crate::SKIP_EXECUTION) keep theirs.
///
/// `shutdown` says by ending that the run should stop: the running cell is interrupted, and no other begins. It is
/// not polled again after it ended.
///
/// # Cancel safety
/// Dropping the future leaves the notebook as it was and does not stop the running cell.
pub async fn run(
    evaluator: &dyn Evaluator,
    notebook: &mut Notebook,
    options: &RunOptions,
    shutdown: Pin<&mut (dyn Future<Output = ()> + Send)>,
    reporter: &mut dyn Reporter,
) -> Summary {
    let (tasks, blank) = tasks(notebook);
    let path = notebook.path().to_owned();
    reporter.report(RunEvent::NotebookStarted { path: &path, total: tasks.len(), simulated: options.simulated });
    let mut run = Run { evaluator, options, shutdown, reporter, outputs: Outputs::default(), is_stopping: false };
    let mut outcome = Outcome::Succeeded;
    let mut cells = Vec::with_capacity(tasks.len());
    let mut execution_count = 0;
    for task in &tasks {
        if run.is_stopped().await {
            outcome = Outcome::Interrupted;
            break;
        }
        let (result, metrics) = if task.is_skipped {
            (CellOutcome::Skipped, Metrics::default())
        } else {
            execution_count += 1;
            run.execute(task, execution_count).await
        };
        let place = task.place;
        run.reporter.report(RunEvent::CellFinished { place, outcome: &result, metrics: &metrics });
        let ended = result.ends_run();
        cells.push(CellSummary { place, outcome: result, metrics });
        if let Some(ended) = ended {
            outcome = ended;
            break;
        }
    }
    let not_run = tasks.len() - cells.len();
    let summary = Summary { outcome, cells, not_run };
    run.reporter.report(RunEvent::NotebookFinished { path: &path, summary: &summary });
    let outputs = run.outputs;

    let stale = tasks.iter().filter(|task| !task.is_skipped).map(|task| task.place.index);
    for index in stale.chain(blank) {
        notebook.set_result(index, None, Vec::new());
    }
    // The cells that ran, in order: they were counted from 1.
    for ((index, outputs), execution_count) in outputs.into_json().zip(1..) {
        notebook.set_result(index, Some(execution_count), outputs);
    }
    // Outputs that a skipped cell keeps are simulated still.
    let simulated = options.simulated || (notebook.is_simulated() && tasks.iter().any(|task| task.is_skipped));
    if let Some(metadata) = notebook.metadata_mut() {
        metadata::update(metadata, options.rustc_version.as_deref(), simulated);
    }
    summary
}

/// Why a cell was interrupted.
#[derive(Clone, Copy)]
enum Stop {
    Timeout(Duration),
    Shutdown,
}

struct Run<'a> {
    evaluator: &'a dyn Evaluator,
    options: &'a RunOptions,
    shutdown: Pin<&'a mut (dyn Future<Output = ()> + Send)>,
    reporter: &'a mut dyn Reporter,
    outputs: Outputs,
    /// The shutdown has ended, and must not be polled again.
    is_stopping: bool,
}

impl Run<'_> {
    async fn is_stopped(&mut self) -> bool {
        if !self.is_stopping {
            let shutdown = &mut self.shutdown;
            self.is_stopping =
                std::future::poll_fn(|context| Poll::Ready(shutdown.as_mut().poll(context).is_ready())).await;
        }
        self.is_stopping
    }

    async fn execute(&mut self, task: &Task, execution_count: usize) -> (CellOutcome, Metrics) {
        let place = task.place;
        let first_line = task.source.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
        self.reporter.report(RunEvent::CellStarted { place, first_line });
        self.outputs.begin(place.index, execution_count);
        let (end, metrics, stop) = self.until_end(task).await;
        let error = match (end, stop) {
            (end, Some(Stop::Timeout(limit))) => Some(timeout_error(limit, end)),
            (End::Failed(error), _) => Some(error),
            _ => None,
        };
        self.outputs.finish(error.as_ref());
        (self.outcome(task, error, stop), metrics)
    }

    async fn until_end(&mut self, task: &Task) -> (End, Metrics, Option<Stop>) {
        let mut running = self.evaluator.execute(&task.source);
        let limit = self.options.timeout.unwrap_or(Duration::MAX);
        let mut timeout = pin!(tokio::time::sleep(limit));
        let mut stop = None;
        loop {
            let event = tokio::select! {
                biased;
                () = &mut self.shutdown, if !self.is_stopping => {
                    self.is_stopping = true;
                    stop = Some(Stop::Shutdown);
                    self.evaluator.interrupt().await;
                    continue;
                }
                () = &mut timeout, if stop.is_none() => {
                    stop = Some(Stop::Timeout(limit));
                    self.evaluator.interrupt().await;
                    continue;
                }
                event = running.next() => event,
            };
            match event {
                Some(Event::End(end, metrics)) => return (end, metrics, stop),
                Some(Event::InputRequest { prompt, password }) => {
                    let note = input_note(&prompt);
                    let reads_stdin = prompt.is_empty();
                    self.tell(task, &Event::InputRequest { prompt, password });
                    self.tell(task, &note);
                    if reads_stdin {
                        // A reader of lines would go on for ever with empty ones.
                        running.refuse_input().await;
                    } else {
                        running.reply(String::new()).await;
                    }
                }
                Some(event) => self.tell(task, &event),
                None => return (End::Failed(evaluator_died()), Metrics::default(), stop),
            }
        }
    }

    fn tell(&mut self, task: &Task, event: &Event) {
        self.outputs.apply(event);
        self.reporter.report(RunEvent::Cell { place: task.place, event });
    }

    fn outcome(&self, task: &Task, error: Option<CellError>, stop: Option<Stop>) -> CellOutcome {
        match (error, stop) {
            (_, Some(Stop::Shutdown)) => CellOutcome::Interrupted,
            (None, _) => CellOutcome::Succeeded,
            (Some(error), _) if self.options.allow_errors => CellOutcome::Tolerated(error, Tolerance::AllowErrors),
            // A cell that is there to show an error is not there to hang.
            (Some(error), Some(Stop::Timeout(_))) => CellOutcome::TimedOut(error),
            (Some(error), None) if task.may_fail => CellOutcome::Tolerated(error, Tolerance::RaisesException),
            (Some(error), None) => CellOutcome::Failed(error),
        }
    }
}

/// Nobody is there to type: the cell gets an empty line, as from a front end without `allow_stdin`, and is told so.
fn input_note(prompt: &str) -> Event {
    Event::Note(match prompt.trim() {
        _ if prompt.is_empty() => {
            "the cell reads its standard input; nobody is there to type, so it is at its end".to_owned()
        }
        "" => "the cell asked for input; nobody is there to type, so it got an empty line".to_owned(),
        prompt => format!("the cell asked for input ({prompt}); nobody is there to type, so it got an empty line"),
    })
}
