//! An evaluator that follows a script, and its launcher.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use antiphon_engine::{
    BoxFuture, CellError, Completion, Completions, Display, End, Evaluator, Event, Metrics, RunningCell,
};
use antiphon_kernel::{Launched, Launcher};
use serde_json::{Value, json};
use tokio::sync::{Notify, Semaphore, mpsc};

/// One step of a cell's script.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Emit(Event),
    /// Nothing before an interrupt comes.
    UntilInterrupt,
    /// Nothing before the test lets it go on.
    UntilReleased,
    /// Nothing before a line was given; prints it.
    EchoInput,
}

/// What a task of a cell shows.
type Later = (u64, Event);
/// A line, or the end of input.
type Input = Option<String>;

/// What tests and the fake share.
#[derive(Debug)]
pub(crate) struct Script {
    cells: Mutex<VecDeque<Vec<Step>>>,
    failures: Mutex<VecDeque<CellError>>,
    log: Mutex<Vec<String>>,
    interrupted: Notify,
    inputs: (mpsc::UnboundedSender<Input>, tokio::sync::Mutex<mpsc::UnboundedReceiver<Input>>),
    released: Semaphore,
    launches: Option<Semaphore>,
    is_alive: AtomicBool,
    last_id: AtomicU64,
    background: (mpsc::UnboundedSender<Later>, Mutex<Option<mpsc::UnboundedReceiver<Later>>>),
}

impl Script {
    /// One script for each cell; a cell without one succeeds in silence.
    pub(crate) fn new(cells: impl IntoIterator<Item = Vec<Step>>) -> Arc<Self> {
        Arc::new(Self::of(cells, None))
    }

    /// Launches wait until the test allows them.
    pub(crate) fn held(cells: impl IntoIterator<Item = Vec<Step>>) -> Arc<Self> {
        Arc::new(Self::of(cells, Some(Semaphore::new(0))))
    }

    fn of(cells: impl IntoIterator<Item = Vec<Step>>, launches: Option<Semaphore>) -> Self {
        let (background_tx, background) = mpsc::unbounded_channel();
        let (inputs_tx, inputs) = mpsc::unbounded_channel();
        Self {
            cells: Mutex::new(cells.into_iter().collect()),
            failures: Mutex::default(),
            log: Mutex::default(),
            interrupted: Notify::new(),
            inputs: (inputs_tx, tokio::sync::Mutex::new(inputs)),
            released: Semaphore::new(0),
            launches,
            is_alive: AtomicBool::new(true),
            last_id: AtomicU64::new(0),
            background: (background_tx, Mutex::new(Some(background))),
        }
    }

    pub(crate) fn allow_launch(&self) {
        self.launches.as_ref().unwrap().add_permits(1);
    }

    /// The next launch fails.
    pub(crate) fn fail_launch(&self, error: CellError) {
        self.failures.lock().unwrap().push_back(error);
    }

    /// A cell that waits goes on.
    pub(crate) fn release(&self) {
        self.released.add_permits(1);
    }

    /// A task of a cell, counted from 1, shows something after the cell's end.
    pub(crate) fn show_later(&self, cell: u64, step: Step) {
        let Step::Emit(event) = step else { panic!("{step:?} shows nothing") };
        self.background.0.send((cell, event)).unwrap();
    }

    /// From now on the evaluator cannot go on.
    pub(crate) fn die(&self) {
        self.is_alive.store(false, Ordering::SeqCst);
    }

    /// `launch`, `run CODE`, `interrupt` and `shut down`, in order.
    pub(crate) fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    fn note(&self, text: impl Into<String>) {
        self.log.lock().unwrap().push(text.into());
    }
}

pub(crate) struct FakeLauncher(pub(crate) Arc<Script>);

impl Launcher for FakeLauncher {
    fn launch(&self, events: mpsc::Sender<Event>) -> BoxFuture<'static, Launched> {
        let script = Arc::clone(&self.0);
        script.note("launch");
        Box::pin(async move {
            if let Some(launches) = &script.launches {
                let _ = events.send(Event::Compiling("Compiling serde".to_owned())).await;
                launches.acquire().await.unwrap().forget();
            }
            script.is_alive.store(true, Ordering::SeqCst);
            let failure = script.failures.lock().unwrap().pop_front();
            match failure {
                Some(error) => Err(error),
                None => Ok(Arc::new(Fake(script)) as Arc<dyn Evaluator>),
            }
        })
    }
}

struct Fake(Arc<Script>);

impl Evaluator for Fake {
    fn execute(&self, code: &str) -> Box<dyn RunningCell> {
        self.0.note(format!("run {code}"));
        let steps = self.0.cells.lock().unwrap().pop_front().unwrap_or_else(|| vec![finished()]);
        let id = self.0.last_id.fetch_add(1, Ordering::SeqCst) + 1;
        Box::new(FakeCell { id, script: Arc::clone(&self.0), steps: steps.into() })
    }

    fn interrupt(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            self.0.note("interrupt");
            self.0.interrupted.notify_one();
        })
    }

    /// The word before the position, in upper case; never for code that waits.
    fn complete<'a>(&'a self, code: &'a str, position: usize) -> BoxFuture<'a, Completions> {
        Box::pin(async move {
            if code.starts_with("waits") {
                std::future::pending::<()>().await;
            }
            let start = code[..position].rfind(' ').map_or(0, |space| space + 1);
            let word = code[start..position].to_uppercase();
            let label = format!("{word}: u8");
            let items = vec![Completion { code: word, label, kind: "method".to_owned() }];
            Completions { items, start, end: position }
        })
    }

    fn inspect<'a>(&'a self, code: &'a str, position: usize) -> BoxFuture<'a, Option<(String, String)>> {
        Box::pin(async move {
            let is_known = code.get(..position)?.ends_with("known");
            is_known.then(|| ("a known name".to_owned(), "<b>a known name</b>".to_owned()))
        })
    }

    fn background_events(&self) -> Option<mpsc::Receiver<Later>> {
        let mut events = self.0.background.1.lock().unwrap().take()?;
        let (sender, receiver) = mpsc::channel(1);
        tokio::spawn(async move {
            while let Some(event) = events.recv().await {
                let _ = sender.send(event).await;
            }
        });
        Some(receiver)
    }

    fn is_alive(&self) -> bool {
        self.0.is_alive.load(Ordering::SeqCst)
    }

    fn shut_down(self: Arc<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move { self.0.note("shut down") })
    }
}

struct FakeCell {
    id: u64,
    script: Arc<Script>,
    steps: VecDeque<Step>,
}

impl RunningCell for FakeCell {
    fn id(&self) -> u64 {
        self.id
    }

    fn next(&mut self) -> BoxFuture<'_, Option<Event>> {
        Box::pin(async {
            loop {
                let event = match self.steps.front()? {
                    Step::UntilInterrupt => {
                        self.script.interrupted.notified().await;
                        None
                    }
                    Step::UntilReleased => {
                        self.script.released.acquire().await.unwrap().forget();
                        None
                    }
                    Step::EchoInput => {
                        let line = self.script.inputs.1.lock().await.recv().await.unwrap();
                        let line = line.map_or("the end".to_owned(), |line| format!("{line:?}"));
                        Some(Event::Stdout(format!("got {line}\n").into_bytes()))
                    }
                    Step::Emit(event) => Some(event.clone()),
                };
                self.steps.pop_front();
                if event.is_some() {
                    return event;
                }
            }
        })
    }

    fn reply(&self, value: String) -> BoxFuture<'_, ()> {
        let _ = self.script.inputs.0.send(Some(value));
        Box::pin(async {})
    }

    fn refuse_input(&self) -> BoxFuture<'_, ()> {
        let _ = self.script.inputs.0.send(None);
        Box::pin(async {})
    }
}

pub(crate) fn finished() -> Step {
    Step::Emit(Event::End(End::Finished, Metrics::default()))
}

pub(crate) fn failed(ename: &str) -> Step {
    Step::Emit(Event::End(End::Failed(error(ename)), Metrics::default()))
}

pub(crate) fn error(ename: &str) -> CellError {
    CellError {
        ename: ename.to_owned(),
        evalue: "it failed".to_owned(),
        traceback: vec![format!("{ename}: it failed"), "line 2".to_owned()],
        diagnostics: Vec::new(),
        lost_variables: Vec::new(),
    }
}

pub(crate) fn stdout(text: impl AsRef<[u8]>) -> Step {
    Step::Emit(Event::Stdout(text.as_ref().to_vec()))
}

pub(crate) fn stderr(text: impl AsRef<[u8]>) -> Step {
    Step::Emit(Event::Stderr(text.as_ref().to_vec()))
}

pub(crate) fn ask(prompt: &str) -> Step {
    Step::Emit(Event::InputRequest { prompt: prompt.to_owned(), password: false })
}

/// A display; what is missing has its default.
pub(crate) fn display(fields: &Value) -> Step {
    let mut whole = json!({ "data": {}, "metadata": {}, "display_id": null, "update": false, "result": false });
    for (key, value) in fields.as_object().unwrap() {
        whole[key] = value.clone();
    }
    Step::Emit(Event::Display(serde_json::from_value::<Display>(whole).unwrap()))
}

/// A plain result.
pub(crate) fn result(text: &str) -> Step {
    display(&json!({ "data": { "text/plain": text }, "result": true }))
}
