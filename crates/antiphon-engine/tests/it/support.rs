//! Engines for tests: one that is shared, and one's own.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use antiphon_engine::{Completions, Engine, Event, Execution, Interrupter, Options, Progress};
use antiphon_sim::{Latency, Sim, SimBuilder};
use tokio::runtime::Runtime;

use crate::processes::Tag;
use crate::transcript::Shown;

/// No event may take longer than this, unless a test says so.
const LIMIT: Duration = Duration::from_secs(120);
/// Compilers may take this long for a dependency.
pub(crate) const BUILD_LIMIT: Duration = Duration::from_secs(600);

/// A cell that compiles until it is interrupted.
pub(crate) const ENDLESS_COMPILATION: &str = "#[allow(long_running_const_eval)]
const ENDLESS: u64 = { let mut n = 0u64; while n < u64::MAX { n += 1; } n };
println!(\"{ENDLESS}\");";

/// Engines and simulators outlive tests, so their runtime does too.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
static SIM: LazyLock<Sim> = LazyLock::new(|| start_sim(Sim::builder().latency(Latency::None)));
/// One test at a time: they measure, and the compilers need the machine.
static TURN: Mutex<()> = Mutex::new(());
/// A test left the shared engine with a cell that does not end.
static STUCK: AtomicBool = AtomicBool::new(false);
static SHARED: Mutex<Option<Arc<Engine>>> = Mutex::new(None);

/// Runs a future, at most for a time.
#[track_caller]
pub(crate) fn within<T>(limit: Duration, what: &str, future: impl Future<Output = T>) -> T {
    let result = RUNTIME.block_on(async { tokio::time::timeout(limit, future).await });
    result.unwrap_or_else(|_| panic!("{what} took longer than {limit:?}"))
}

pub(crate) fn start_sim(builder: SimBuilder) -> Sim {
    RUNTIME.block_on(builder.start()).unwrap()
}

/// The simulator that every engine's cells are pointed to.
pub(crate) fn sim() -> &'static Sim {
    &SIM
}

/// Waits for a condition that nothing announces.
#[track_caller]
pub(crate) fn eventually(what: &str, limit: Duration, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + limit;
    while !condition() {
        assert!(Instant::now() < deadline, "{what}: not after {limit:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The turn of a test that starts its engines itself.
pub(crate) fn take_turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Options for an engine of a test, and the tag by which its processes are found.
pub(crate) fn options() -> (Options, Tag) {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let tag = Tag::new(NUMBER.fetch_add(1, Ordering::Relaxed));
    let mut options = Options::default();
    options.program = Some(PathBuf::from(env!("CARGO_BIN_EXE_antiphon-process")));
    options.env = sim().env().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    options.env.push(tag.variable());
    (options, tag)
}

/// Starts an engine; gives it with the steps of its start.
pub(crate) fn start(options: Options) -> (Engine, Vec<Progress>) {
    let mut steps = Vec::new();
    let engine = within(BUILD_LIMIT, "starting an engine", Engine::start(options, &mut |step| steps.push(step)));
    (engine.unwrap_or_else(|error| panic!("the engine does not start: {error}, {steps:?}")), steps)
}

/// A session in the shared engine, without variables.
pub(crate) fn session() -> Session {
    let turn = take_turn();
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    let usable = shared.take().filter(|engine| {
        !STUCK.swap(false, Ordering::SeqCst)
            && RUNTIME
                .block_on(async { tokio::time::timeout(LIMIT, engine.clear()).await })
                .is_ok_and(|cleared| cleared.is_ok())
    });
    let engine = usable.unwrap_or_else(|| Arc::new(start(options().0).0));
    *shared = Some(Arc::clone(&engine));
    Session { engine, tag: None, _turn: Some(turn) }
}

/// A session in an engine of its own.
pub(crate) fn own_session(change: impl FnOnce(&mut Options)) -> Session {
    let turn = take_turn();
    let (mut options, tag) = options();
    change(&mut options);
    let (engine, _) = start(options);
    Session { engine: Arc::new(engine), tag: Some(tag), _turn: Some(turn) }
}

/// A completion under way.
pub(crate) struct Completing(Pin<Box<dyn Future<Output = Completions>>>);

impl Completing {
    pub(crate) fn get(self) -> Completions {
        within(LIMIT, "a completion", self.0)
    }
}

/// An engine as a test uses it.
pub(crate) struct Session {
    engine: Arc<Engine>,
    tag: Option<Tag>,
    _turn: Option<MutexGuard<'static, ()>>,
}

impl Session {
    /// Wraps an engine that a test started itself.
    pub(crate) fn new(engine: Engine, tag: Tag) -> Self {
        Self { engine: Arc::new(engine), tag: Some(tag), _turn: None }
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The processes of an own engine.
    pub(crate) fn tag(&self) -> &Tag {
        self.tag.as_ref().unwrap()
    }

    /// Runs a cell to its end.
    #[track_caller]
    pub(crate) fn cell(&self, code: &str) -> Shown {
        self.start(code).finish()
    }

    /// Starts a cell.
    pub(crate) fn start(&self, code: &str) -> Running {
        let _context = RUNTIME.enter();
        let execution = self.engine.execute(code);
        Running { execution, interrupter: self.engine.interrupter(), shown: Shown::default(), limit: LIMIT }
    }

    /// Asks for what can be inserted at the end of a text.
    pub(crate) fn complete(&self, code: &str) -> Completing {
        let engine = Arc::clone(&self.engine);
        let code = code.to_owned();
        let mut answer = Box::pin(async move { engine.complete(&code, code.len()).await });
        // Until the question is on its way.
        let at_once = RUNTIME.block_on(async { tokio::time::timeout(Duration::ZERO, &mut answer).await });
        assert!(at_once.is_err(), "{at_once:?}");
        Completing(answer)
    }

    /// Interrupts whatever runs.
    pub(crate) fn interrupt(&self) {
        RUNTIME.block_on(self.engine.interrupter().interrupt());
    }

    /// What tasks show whose cell is over; taken once.
    pub(crate) fn background(&self) -> Background {
        let _context = RUNTIME.enter();
        Background { events: self.engine.background_events().unwrap() }
    }

    /// Ends an own engine.
    pub(crate) fn shutdown(self) {
        let engine = Arc::into_inner(self.engine).unwrap();
        within(LIMIT, "shutting down", engine.shutdown());
    }
}

/// Output of tasks whose cell is over.
pub(crate) struct Background {
    events: tokio::sync::mpsc::Receiver<(u64, Event)>,
}

impl Background {
    /// Reads what an execution's tasks show until it holds a text; nothing of another execution may come before.
    #[track_caller]
    pub(crate) fn until(&mut self, execution: u64, text: &str) -> Shown {
        let mut shown = Shown::default();
        while !shown.order().concat().contains(text) {
            let event = RUNTIME.block_on(async { tokio::time::timeout(LIMIT, self.events.recv()).await });
            let Ok(Some((id, event))) = event else { panic!("no {text:?} after {shown:?}") };
            assert_eq!(id, execution, "{event:?}");
            shown.push(event);
        }
        shown
    }
}

/// A cell under way.
pub(crate) struct Running {
    execution: Execution,
    interrupter: Interrupter,
    shown: Shown,
    limit: Duration,
}

impl Running {
    pub(crate) fn id(&self) -> u64 {
        self.execution.id()
    }

    /// Lets each event take longer than usual.
    pub(crate) fn with_limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    #[track_caller]
    fn next(&mut self) -> Option<Event> {
        let limit = self.limit;
        let event = RUNTIME.block_on(async { tokio::time::timeout(limit, self.execution.next()).await });
        let Ok(event) = event else { panic!("no event for {limit:?} after {:?}", self.shown) };
        if let Some(event) = &event {
            self.shown.push(event.clone());
        }
        event
    }

    /// Reads events until standard output holds a text.
    #[track_caller]
    pub(crate) fn until_printed(mut self, text: &str) -> Self {
        while !self.shown.stdout().contains(text) {
            let event = self.next();
            assert!(!matches!(event, None | Some(Event::End(..))), "the cell ended without {text:?}: {:?}", self.shown);
        }
        self
    }

    /// Reads events until something is displayed.
    #[track_caller]
    pub(crate) fn until_display(mut self) -> Self {
        loop {
            match self.next() {
                Some(Event::Display(_)) => return self,
                None | Some(Event::End(..)) => panic!("the cell ended without a display: {:?}", self.shown),
                Some(_) => {}
            }
        }
    }

    /// Reads events until the cell asks for input; gives the prompt.
    #[track_caller]
    pub(crate) fn until_asked(&mut self) -> String {
        loop {
            match self.next() {
                Some(Event::InputRequest { prompt, .. }) => return prompt,
                None | Some(Event::End(..)) => {
                    panic!("the cell ended without a question: {:?}", self.shown)
                }
                Some(_) => {}
            }
        }
    }

    pub(crate) fn reply(&self, value: &str) {
        RUNTIME.block_on(self.execution.reply(value.to_owned()));
    }

    pub(crate) fn refuse_input(&self) {
        RUNTIME.block_on(self.execution.refuse_input());
    }

    pub(crate) fn interrupt(&self) {
        RUNTIME.block_on(self.interrupter.interrupt());
    }

    /// Interrupts, and gives how long the end took.
    #[track_caller]
    pub(crate) fn cut(self) -> (Shown, Duration) {
        let start = Instant::now();
        self.interrupt();
        let shown = self.finish();
        (shown, start.elapsed())
    }

    /// Reads the rest of the events.
    #[track_caller]
    pub(crate) fn finish(mut self) -> Shown {
        while self.next().is_some() {}
        self.shown.end();
        self.shown
    }
}
