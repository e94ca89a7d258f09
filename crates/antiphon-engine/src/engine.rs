//! The handle that front ends hold.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use antiphon_channel::Completions;
use tokio::net::UnixListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::background::BackgroundEvent;
use crate::error::{Error, ErrorKind};
use crate::event::{CellError, End, Event};
use crate::handshake;
use crate::host_process::{HostCommand, HostProcess};
use crate::metrics::Metrics;
use crate::options::{Options, Progress, ProgressFn};
use crate::preload::Preload;
use crate::redact::Redactor;
use crate::run::Queued;
use crate::session::{Session, cache_dir};
use crate::supervisor::{Answer, Limits, Question, Supervisor};
use crate::toolchain::Toolchain;
use crate::wake::{Command, Startup};

/// Compiling the preload may take this long on a slow machine.
const PREBUILD_LIMIT: Duration = Duration::from_secs(30 * 60);
/// How often an engine looks whether another process has built the preload. A lock is waited for by a thread, which
/// could not be given up on Ctrl-C.
const PRELOAD_POLL: Duration = Duration::from_millis(100);
/// Events that wait for the front end before the engine stops reading the cell's output.
const EVENTS: usize = 64;

/// An evaluator of cells.
///
/// Cells run one after the other, in the order of [`Engine::execute`]. Dropping the engine ends its processes and
/// removes its folder; [`Engine::shutdown`] also waits for that.
#[derive(Debug)]
pub struct Engine {
    commands: mpsc::Sender<Command>,
    supervisor: JoinHandle<()>,
    last_execution: AtomicU64,
    background: Mutex<Option<mpsc::Receiver<BackgroundEvent>>>,
    toolchain: Toolchain,
    /// Kept so that nobody removes the preload while it is in use.
    _preload: Preload,
}

impl Engine {
    /// Starts an engine, and builds the preload first if this compiler has none yet.
    ///
    /// # Errors
    /// No fit compiler, folders that cannot be written, a preload that does not build, or an evaluator that does not
    /// start in [`Options::startup_timeout`]. Nothing half-built stays behind.
    ///
    /// # Cancel safety
    /// Dropping the future ends what it started.
    pub async fn start(options: Options, progress: ProgressFn<'_>) -> Result<Self, Error> {
        let mut reason = "first use with this compiler and version";
        let mut tried_again = false;
        loop {
            let (preload, result) = Self::start_once(&options, reason, progress).await;
            match (preload, result) {
                // With a preload that was there already: an accident, or a preload that is damaged.
                (Some(preload), Err(error)) if matches!(error.kind(), ErrorKind::StartFailed { .. }) => {
                    if std::mem::replace(&mut tried_again, true) {
                        preload.discard();
                        reason = "the one that was there does not work";
                    }
                }
                (_, result) => return result,
            }
        }
    }

    /// Also gives back a preload that was there and with which the start failed.
    async fn start_once(
        options: &Options,
        reason: &str,
        progress: ProgressFn<'_>,
    ) -> (Option<Preload>, Result<Self, Error>) {
        let mut announced = false;
        loop {
            let cloned = options.clone();
            let opened = tokio::task::spawn_blocking(move || open(cloned)).await;
            match opened.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic())) {
                Ok(Some((preload, command))) => {
                    if preload.is_cold() {
                        progress(Progress::BuildingPreload { reason: reason.to_owned() });
                    }
                    return Self::launch(options, preload, command, progress).await;
                }
                Ok(None) => {
                    if !std::mem::replace(&mut announced, true) {
                        progress(Progress::WaitingForPreload);
                    }
                    tokio::time::sleep(PRELOAD_POLL).await;
                }
                Err(error) => return (None, Err(error)),
            }
        }
    }

    async fn launch(
        options: &Options,
        mut preload: Preload,
        command: HostCommand,
        progress: ProgressFn<'_>,
    ) -> (Option<Preload>, Result<Self, Error>) {
        let cold = preload.is_cold();
        let context_dir = command.session.context_dir();
        let toolchain = command.toolchain.clone();
        let limits = Limits {
            interrupt_grace: options.interrupt_grace,
            evaluator_grace: options.evaluator_grace,
            startup: options.startup_timeout,
        };
        let Spawned { mut startup, commands, background, supervisor } = match spawn(command, limits) {
            Ok(spawned) => spawned,
            Err(error) => return (None, Err(error)),
        };
        if !cold {
            progress(Progress::Starting);
        }
        let limit = if cold { PREBUILD_LIMIT } else { options.startup_timeout };
        if let Err(error) = wait_until_ready(&mut startup, limit, &preload, progress).await {
            drop(commands);
            let _ = supervisor.await;
            return ((!cold).then_some(preload), Err(error));
        }
        let completed = if cold { preload.complete(&context_dir) } else { Ok(()) };
        let engine = Self {
            commands,
            supervisor,
            last_execution: AtomicU64::new(0),
            background: Mutex::new(Some(background)),
            toolchain,
            _preload: preload,
        };
        if let Err(error) = completed {
            engine.shutdown().await;
            return (None, Err(error));
        }
        (None, Ok(engine))
    }

    /// The compiler that cells are compiled with.
    pub fn toolchain(&self) -> &Toolchain {
        &self.toolchain
    }

    /// Whether it can still run cells: an evaluator that dies is replaced, and only if that fails the engine ends.
    pub fn is_alive(&self) -> bool {
        !self.commands.is_closed()
    }

    /// Runs a cell after those that were given before it.
    ///
    /// # Cancel safety
    /// Dropping the [`Execution`] does not stop the cell; [`Interrupter::interrupt`] does.
    pub fn execute(&self, code: &str) -> Execution {
        let (events_tx, events) = mpsc::channel(EVENTS);
        let id = self.last_execution.fetch_add(1, Ordering::Relaxed) + 1;
        self.command(Command::Execute(Queued { execution: id, code: code.to_owned(), events: events_tx }));
        Execution { id, events, commands: self.commands.clone(), ended: false }
    }

    /// What tasks show whose cell is over: each event with the [`Execution::id`] of the cell that spawned the task,
    /// after that cell's own end, also while another cell runs. Given once.
    ///
    /// The events are [`Event::Stdout`], [`Event::Stderr`], [`Event::Display`], [`Event::ClearOutput`] and
    /// [`Event::Note`]. While nobody has taken the receiver, and after it was dropped, such output belongs to the cell
    /// that runs, or to the next one. A task is what the cell spawned by `tokio::spawn`, `task::spawn_blocking` or
    /// `JoinSet`, and what such a task spawns; what it prints is what it prints by `print!` and its like, `display`
    /// and the handles of `display`. What a dependency prints with std's own macros, and what a `std::thread` prints,
    /// belongs to the cell that runs.
    ///
    /// The receiver should be read: some thousand events wait for it, then a task's output is cut with a note.
    pub fn background_events(&self) -> Option<mpsc::Receiver<(u64, Event)>> {
        let receiver = self.background.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        self.command(Command::RouteBackground);
        Some(receiver)
    }

    fn command(&self, command: Command) {
        // Kept in order by the channel; a full one waits in a task of its own.
        if let Err(mpsc::error::TrySendError::Full(command)) = self.commands.try_send(command) {
            let commands = self.commands.clone();
            tokio::spawn(async move { drop(commands.send(command).await) });
        }
    }

    /// A handle that interrupts the running cell, for a signal handler or another task.
    pub fn interrupter(&self) -> Interrupter {
        Interrupter { commands: self.commands.clone() }
    }

    /// Forgets all variables and definitions and keeps what is compiled: the next cell finds a fresh session.
    ///
    /// # Errors
    /// The preload could not be added again; the engine is then of no more use.
    pub async fn clear(&self) -> Result<(), CellError> {
        let mut execution = self.execute(":clear");
        loop {
            match execution.next().await {
                Some(Event::End(End::Failed(error), _)) => return Err(error),
                Some(Event::End(..)) | None => return Ok(()),
                Some(_) => {}
            }
        }
    }

    /// What can be inserted at a position, in UTF-8 bytes. Waits while cells run; nothing if it takes longer than
    /// [`Options::evaluator_grace`], which costs the evaluator as soon as a cell needs it.
    ///
    /// # Cancel safety
    /// Dropping the future takes the question back, unless the evaluator thinks about it already.
    pub async fn complete(&self, code: &str, position: usize) -> Completions {
        let (answer, answered) = oneshot::channel();
        self.ask(code, position, Answer::Completions(answer)).await;
        answered.await.unwrap_or_default()
    }

    /// Plain text and HTML about what stands before a position, in UTF-8 bytes; when, and how long, as
    /// [`Engine::complete`].
    pub async fn inspect(&self, code: &str, position: usize) -> Option<(String, String)> {
        let (answer, answered) = oneshot::channel();
        self.ask(code, position, Answer::Inspection(answer)).await;
        answered.await.ok().flatten()
    }

    async fn ask(&self, code: &str, position: usize, answer: Answer) {
        let _ = self.commands.send(Command::Help(Question { code: code.to_owned(), position, answer })).await;
    }

    /// Ends all processes and removes the session's folder.
    pub async fn shutdown(self) {
        let _ = self.commands.send(Command::Shutdown).await;
        let _ = self.supervisor.await;
    }
}

/// A cell under way: its events, in the order in which they happened.
#[derive(Debug)]
pub struct Execution {
    id: u64,
    events: mpsc::Receiver<Event>,
    commands: mpsc::Sender<Command>,
    ended: bool,
}

impl Execution {
    /// A number that no other execution of the engine has.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The next event; `None` after [`Event::End`].
    ///
    /// # Cancel safety
    /// No event is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<Event> {
        if self.ended {
            return None;
        }
        let event = self.events.recv().await.unwrap_or_else(|| {
            let error = CellError::new("EvaluatorDied", "the engine was shut down");
            Event::End(End::Failed(error), Metrics::default())
        });
        self.ended = matches!(event, Event::End(..));
        Some(event)
    }

    /// Answers an [`Event::InputRequest`] with a line, its line end left out.
    pub async fn reply(&self, value: String) {
        let _ = self.commands.send(Command::Reply(Some(value))).await;
    }

    /// Answers an [`Event::InputRequest`] for a front end that cannot ask: `input` and `password` give an error in the
    /// cell, standard input is at its end.
    pub async fn refuse_input(&self) {
        let _ = self.commands.send(Command::Reply(None)).await;
    }
}

/// Interrupts the running cell.
#[derive(Clone, Debug)]
pub struct Interrupter {
    commands: mpsc::Sender<Command>,
}

impl Interrupter {
    /// Cuts the running cell: at its `.await` at once, in compilers at once, in blocking code by replacing its process
    /// after [`Options::interrupt_grace`], in rust-analyzer by replacing the evaluator after
    /// [`Options::evaluator_grace`]. A cell that waits for the evaluator, which starts or completes, ends before it began.
    /// Without either it does nothing.
    pub async fn interrupt(&self) {
        let _ = self.commands.send(Command::Interrupt).await;
    }
}

/// Finds what a session needs and makes its folder; `None` while another process builds the preload.
fn open(options: Options) -> Result<Option<(Preload, HostCommand)>, Error> {
    let working_dir = match options.working_dir {
        Some(folder) => folder,
        None => std::env::current_dir().map_err(Error::system("find the current folder"))?,
    };
    let working_dir = working_dir.canonicalize().map_err(Error::file("find the folder", working_dir.as_path()))?;
    let program = match options.program {
        Some(program) => program,
        None => std::env::current_exe().map_err(Error::system("find this program"))?,
    };
    let toolchain = Toolchain::find(&working_dir)?;
    let cache_dir = options.cache_dir.unwrap_or_else(cache_dir);
    let Some(preload) = Preload::open(&cache_dir, &toolchain)? else { return Ok(None) };
    let session = Session::create(&cache_dir, &preload, &toolchain, &program)?;
    let preload_sources = preload.sources();
    let command = HostCommand { program, session, toolchain, working_dir, preload_sources, env: options.env };
    Ok(Some((preload, command)))
}

/// An engine's ends of what was started.
struct Spawned {
    startup: mpsc::Receiver<Startup>,
    commands: mpsc::Sender<Command>,
    background: mpsc::Receiver<BackgroundEvent>,
    supervisor: JoinHandle<()>,
}

/// Starts the host and the task that supervises it.
fn spawn(command: HostCommand, limits: Limits) -> Result<Spawned, Error> {
    let listener = UnixListener::bind(command.session.socket()).map_err(Error::system("listen on a socket"))?;
    let (commands_tx, commands) = mpsc::channel(64);
    let (connections_tx, connections) = mpsc::channel(64);
    let (startup_tx, startup) = mpsc::channel(64);
    let (background_tx, background) = mpsc::channel(EVENTS);
    let variables =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let redactor = Redactor::new(variables.chain(command.env.iter().cloned()));
    let host = HostProcess::spawn(command)?;
    let supervisor = Supervisor::new(commands, connections, host, startup_tx, background_tx, redactor, limits);
    let supervisor = tokio::spawn(async move {
        tokio::select! {
            () = supervisor.run() => {}
            () = handshake::accept(listener, connections_tx) => {}
        }
    });
    Ok(Spawned { startup, commands: commands_tx, background, supervisor })
}

async fn wait_until_ready(
    startup: &mut mpsc::Receiver<Startup>,
    limit: Duration,
    preload: &Preload,
    progress: ProgressFn<'_>,
) -> Result<(), Error> {
    let deadline = Instant::now() + limit;
    let total = Preload::crates();
    let mut done = 0;
    loop {
        let timeout = || ErrorKind::Timeout { what: "starting the evaluator", seconds: limit.as_secs() };
        match tokio::time::timeout_at(deadline, startup.recv()).await.map_err(|_| timeout())? {
            Some(Startup::Compiling(line)) => {
                done += usize::from(line.starts_with("Compiling "));
                progress(Progress::Compiling { line, done, total });
            }
            Some(Startup::Ready) => return Ok(()),
            Some(Startup::Failed(message)) => return Err(start_error(preload, message)),
            None => return Err(start_error(preload, "its process ended".to_owned())),
        }
    }
}

fn start_error(preload: &Preload, message: String) -> Error {
    let path: &Path = &preload.sources();
    if preload.is_cold() {
        ErrorKind::PreloadFailed { path: path.to_owned(), message }.into()
    } else {
        ErrorKind::StartFailed { message }.into()
    }
}
