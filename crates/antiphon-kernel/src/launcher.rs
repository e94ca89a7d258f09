//! Starting the evaluator, behind a kernel that answers already.

use std::sync::Arc;

use antiphon_engine::{BoxFuture, CellError, Engine, Evaluator, Event, Options, Progress};
use tokio::sync::mpsc;

/// What comes of a launch: an evaluator, or the error that the first cell shows.
pub type Launched = Result<Arc<dyn Evaluator>, CellError>;

/// Starts evaluators.
pub trait Launcher: Send + Sync {
    /// Starts one. Events on the way are shown in the cell that waits for it, if one does.
    ///
    /// # Cancel safety
    /// Dropping the future ends what it started.
    fn launch(&self, events: mpsc::Sender<Event>) -> BoxFuture<'static, Launched>;
}

/// Starts engines with these options.
impl Launcher for Options {
    fn launch(&self, events: mpsc::Sender<Event>) -> BoxFuture<'static, Launched> {
        let options = self.clone();
        Box::pin(async move {
            let mut tell = move |step| {
                if let Some(event) = event(step) {
                    // A step that finds no room is not worth waiting for.
                    let _ = events.try_send(event);
                }
            };
            match Engine::start(options, &mut tell).await {
                Ok(engine) => Ok(Arc::new(engine) as Arc<dyn Evaluator>),
                Err(error) => Err(start_error(&error)),
            }
        })
    }
}

fn event(step: Progress) -> Option<Event> {
    match step {
        Progress::BuildingPreload { reason } => {
            Some(Event::Compiling(format!("building what notebooks preload, once ({reason})")))
        }
        Progress::WaitingForPreload => {
            Some(Event::Compiling("another antiphon builds what notebooks preload; waiting for it".to_owned()))
        }
        Progress::Compiling { line, .. } => Some(Event::Compiling(line)),
        _ => None,
    }
}

fn start_error(error: &antiphon_engine::Error) -> CellError {
    let mut evalue = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(source) = cause {
        evalue.push_str(&format!(": {source}"));
        cause = source.source();
    }
    let mut traceback = vec![format!("\u{1b}[1;31mStartError\u{1b}[0m: {evalue}")];
    traceback.extend(error.hint().map(|hint| format!("\u{1b}[1;36mhint\u{1b}[0m: {hint}")));
    CellError { ename: "StartError".to_owned(), evalue, traceback, diagnostics: Vec::new(), lost_variables: Vec::new() }
}
