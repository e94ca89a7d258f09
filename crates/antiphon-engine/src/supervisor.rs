//! The one loop that owns an engine's processes, and puts what they say in one order.
//!
//! Output of a cell is complete before its end is told, without a pause or a guess: the child's standard output carries
//! evcxr's own end marker, which reaches evcxr only from here, after everything in front of it, all of standard
//! error that was written by then, and all frames of the cell library were read.

mod cargo;
mod cells;
mod help;
mod input;
mod output;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use antiphon_channel::{FromCargo, FromHost, ToCargo, ToHost};
use tokio::sync::mpsc;
use tokio::time::Instant;

use self::help::Help;
pub(crate) use self::help::{Answer, Question};
use crate::asks::Asks;
use crate::background::{BackgroundEvent, BackgroundOutput};
use crate::child_link::{ChildLink, ChildWake};
use crate::event::{CellError, Event};
use crate::handshake::Connection;
use crate::host_process::{FrameWriter, HostProcess};
use crate::redact::Redactor;
use crate::run::{Queued, Run, cancelled};
use crate::wake::{Command, Startup, deliver, due, wake};

/// Output between cells is kept for the next cell up to so many events.
const MAX_STRAY_EVENTS: usize = 10_000;

/// What may be the beginning of a secret waits so long for its end.
const HOLD_LIMIT: Duration = Duration::from_millis(30);

/// How long a front end may take for the end of its cell when no evaluator can be started any more.
const LAST_WORDS_LIMIT: Duration = Duration::from_secs(2);

/// A frame of one run of cargo, `None` at its end.
type CargoFrame = (u64, Option<FromCargo>);

/// Everything that can wake the supervisor.
#[derive(Debug)]
enum Wake {
    Command(Option<Command>),
    Connected(Connection),
    Host(Option<FromHost>),
    Cargo(u64, Option<FromCargo>),
    Child(ChildWake),
    HostExited(String),
    Delivered,
    BackgroundDelivered,
    BundleDue,
    ReleaseDue,
    GraceOver,
    EvaluatorOverdue,
}

/// What nothing may take longer than.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) interrupt_grace: Duration,
    pub(crate) evaluator_grace: Duration,
    /// For an evaluator in place of one that ended.
    pub(crate) startup: Duration,
}

/// The supervisor's state.
pub(crate) struct Supervisor {
    pub(crate) commands: mpsc::Receiver<Command>,
    pub(crate) connections: mpsc::Receiver<Connection>,
    pub(crate) host: HostProcess,
    pub(crate) startup: Option<mpsc::Sender<Startup>>,
    limits: Limits,
    pub(crate) ready: bool,
    child: Option<ChildLink>,
    cargo: HashMap<u64, FrameWriter>,
    cargo_frames: (mpsc::Sender<CargoFrame>, mpsc::Receiver<CargoFrame>),
    run: Option<Run>,
    queue: VecDeque<Queued>,
    stray: VecDeque<Event>,
    background: BackgroundOutput,
    redactor: Arc<Redactor>,
    asks: Asks,
    /// Frames of the cell library whose marker was not read yet.
    displays: VecDeque<Event>,
    help: Help,
    last_id: u64,
    bundle_due: Option<Instant>,
    release_due: Option<Instant>,
    grace_over: Option<Instant>,
    /// When the host must have answered what cannot be cut.
    evaluator_due: Option<Instant>,
}

impl Supervisor {
    pub(crate) fn new(
        commands: mpsc::Receiver<Command>,
        connections: mpsc::Receiver<Connection>,
        host: HostProcess,
        startup: mpsc::Sender<Startup>,
        background: mpsc::Sender<BackgroundEvent>,
        redactor: Redactor,
        limits: Limits,
    ) -> Self {
        let redactor = Arc::new(redactor);
        Self {
            commands,
            connections,
            host,
            startup: Some(startup),
            limits,
            ready: false,
            child: None,
            cargo: HashMap::new(),
            cargo_frames: mpsc::channel(64),
            run: None,
            queue: VecDeque::new(),
            stray: VecDeque::new(),
            background: BackgroundOutput::new(background, Arc::clone(&redactor)),
            redactor,
            asks: Asks::default(),
            displays: VecDeque::new(),
            help: Help::default(),
            last_id: 0,
            bundle_due: None,
            release_due: None,
            grace_over: None,
            evaluator_due: None,
        }
    }

    /// Runs until the front end shuts the engine down or drops it.
    pub(crate) async fn run(mut self) {
        loop {
            match self.next().await {
                Wake::Command(None | Some(Command::Shutdown)) => break,
                Wake::Command(Some(command)) => self.command(command).await,
                Wake::Connected(connection) => self.connected(connection),
                Wake::Host(Some(frame)) => self.host_said(frame).await,
                Wake::Host(None) | Wake::BackgroundDelivered => {}
                Wake::Cargo(id, frame) => self.cargo_said(id, frame).await,
                Wake::Child(wake) => self.child_woke(wake),
                Wake::HostExited(message) => {
                    if !self.host_exited(message).await {
                        break;
                    }
                }
                Wake::Delivered => {
                    if self.run.as_ref().is_some_and(|run| run.ended && run.is_over()) {
                        self.run = None;
                        self.start_next().await;
                    }
                }
                Wake::BundleDue => {
                    if let Some(run) = &mut self.run {
                        run.settle_bundle(false);
                    }
                }
                Wake::ReleaseDue => {
                    self.release_due = None;
                    self.background.release();
                    if let Some(run) = &mut self.run {
                        run.release();
                    }
                }
                Wake::EvaluatorOverdue => {
                    self.evaluator_due = None;
                    let Limits { evaluator_grace, startup, .. } = self.limits;
                    match &self.run {
                        _ if !self.ready => self.replace_host("its start", startup),
                        Some(_) => self.replace_host("the analysis of a cell that was interrupted", evaluator_grace),
                        // Not before a cell needs it: it costs all variables.
                        None => {
                            self.help.give_up();
                            self.start_next().await;
                        }
                    }
                }
                Wake::GraceOver => {
                    self.grace_over = None;
                    if self.run.as_ref().is_some_and(|run| run.is_in_child) {
                        self.kill_child();
                    }
                }
            }
            let patience = self.run.as_ref().and_then(Run::bundle_patience);
            let holds = self.background.is_holding() || self.run.as_ref().is_some_and(Run::is_holding);
            self.release_due = holds.then(|| self.release_due.unwrap_or_else(|| Instant::now() + HOLD_LIMIT));
            self.bundle_due = patience.map(|patience| self.bundle_due.unwrap_or_else(|| Instant::now() + patience));
        }
        // From here on it is not alive.
        self.commands.close();
        self.shut_down().await;
    }

    async fn next(&mut self) -> Wake {
        let room = self.run.as_ref().is_none_or(Run::has_room);
        let child = self.child.as_ref().filter(|_| room);
        let running = self.run.as_ref().map(|run| run.execution);
        tokio::select! {
            command = self.commands.recv() => Wake::Command(command),
            Some(connection) = self.connections.recv() => Wake::Connected(connection),
            frame = self.host.recv() => match frame {
                Ok(frame) => Wake::Host(frame),
                Err(message) => Wake::HostExited(message),
            },
            Some((id, frame)) = self.cargo_frames.1.recv() => Wake::Cargo(id, frame),
            wake = wake(child) => Wake::Child(wake),
            () = deliver(self.run.as_mut()) => Wake::Delivered,
            () = self.background.deliver(running) => Wake::BackgroundDelivered,
            () = due(self.bundle_due) => Wake::BundleDue,
            () = due(self.release_due) => Wake::ReleaseDue,
            () = due(self.grace_over) => Wake::GraceOver,
            () = due(self.evaluator_due) => Wake::EvaluatorOverdue,
        }
    }

    async fn command(&mut self, command: Command) {
        match command {
            Command::Execute(queued) => {
                self.queue.push_back(queued);
                self.start_next().await;
            }
            Command::RouteBackground => {
                self.background.take();
                if let Some(child) = &self.child {
                    child.route_background();
                }
            }
            Command::Reply(value) => self.reply(value).await,
            Command::Interrupt => self.interrupt().await,
            Command::Help(question) => {
                self.help.push(question);
                self.start_next().await;
            }
            Command::Shutdown => {}
        }
    }

    fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    fn connected(&mut self, connection: Connection) {
        match connection {
            Connection::Host(stream) => self.host.attach(stream),
            Connection::Child(ends) => {
                self.displays.clear();
                self.background.child_started();
                self.asks.child_started();
                // An error here is a full descriptor table; evcxr then reports that its child ended.
                self.child = ChildLink::new(ends).ok();
            }
            Connection::Cell { pid, stream } => {
                if let Some(child) = self.child.as_mut().filter(|child| child.pid() == pid) {
                    child.attach(stream, self.background.is_taken());
                }
            }
            Connection::Cargo(stream) => {
                let id = self.next_id();
                let frames = self.cargo_frames.0.clone();
                self.cargo.insert(id, FrameWriter::spawn(stream, move |frame| (id, frame), frames));
            }
        }
    }

    async fn host_said(&mut self, frame: FromHost) {
        match frame {
            FromHost::Ready => {
                self.ready = true;
                self.evaluator_due = None;
                self.tell_startup(Startup::Ready).await;
                self.startup = None;
                self.start_next().await;
            }
            FromHost::StartFailed { message } => {
                if self.startup.is_none() {
                    // Told with the end of its process.
                    return self.host.kill(self.redactor.text(message));
                }
                // Why a child ended stands on its standard error.
                let last_words: Vec<u8> = self.stray.drain(..).flat_map(stderr_of).collect();
                let message = format!("{}{message}", String::from_utf8_lossy(&last_words));
                self.tell_startup(Startup::Failed(message)).await;
            }
            FromHost::Executed { id, result } => {
                let generated = self.host.session().generated();
                let Some(run) = self.run.as_mut().filter(|run| run.id == id) else {
                    return;
                };
                self.grace_over = None;
                self.evaluator_due = None;
                if run.begin_again(&result) {
                    let (code, parts) = (run.code.clone(), run.parts.clone());
                    // The host has set its variables, and its new child has them.
                    self.host.send(&ToHost::Execute { id, code, env: Vec::new(), parts }).await;
                } else {
                    run.close(result, &generated);
                }
            }
            FromHost::Completed { id, completions } => self.completed(id, completions).await,
            FromHost::Inspected { id, text } => self.inspected(id, text).await,
            FromHost::Note { text } => self.emit(Event::Note(text)),
        }
    }

    fn replace_host(&mut self, what: &str, limit: Duration) {
        self.host.kill(format!("it was stopped, as {what} took longer than {limit:?}"));
    }

    fn kill_child(&self) {
        if let Some(child) = &self.child {
            child.kill();
        }
    }

    async fn tell_startup(&mut self, startup: Startup) {
        if let Some(sender) = &self.startup {
            let startup = match startup {
                Startup::Failed(message) => Startup::Failed(self.redactor.text(message)),
                startup => startup,
            };
            let _ = sender.send(startup).await;
        }
    }

    /// Starts another host in place of one that ended; false when that makes no sense.
    async fn host_exited(&mut self, message: String) -> bool {
        self.kill_child();
        self.child = None;
        self.help.clear();
        self.grace_over = None;
        // What it has compiled for it would hold up the next one.
        for (_, mut writer) in self.cargo.drain() {
            writer.send(&ToCargo::Abort).await;
        }
        let was_ready = std::mem::replace(&mut self.ready, false);
        let restarted =
            if was_ready { self.host.restart().map_err(|error| error.to_string()) } else { Err(String::new()) };
        let what = format!("the evaluator's process ended: {message}");
        let then = match &restarted {
            Ok(()) => "it is started anew; variables and definitions are lost".to_owned(),
            Err(_) if !was_ready => "it had not started yet".to_owned(),
            Err(error) => format!("another one cannot be started: {error}"),
        };
        let error = CellError::new("EvaluatorDied", what.as_str()).with_lines([then.clone()]);
        match self.run.as_mut().filter(|run| !run.ended) {
            Some(run) if run.cancelled && restarted.is_ok() => {
                run.fail(cancelled("and the evaluator replaced").with_lines([what, then]));
            }
            Some(run) => run.fail(error.clone()),
            None => self.stray.push_back(Event::Note(format!("{what}; {then}"))),
        }
        if restarted.is_err() {
            self.tell_startup(Startup::Failed(message)).await;
            self.fail_all(&error).await;
            return false;
        }
        self.evaluator_due = Some(Instant::now() + self.limits.startup);
        true
    }

    /// Hands over the end of the run, and ends what waits behind it.
    async fn fail_all(&mut self, error: &CellError) {
        let handed_over = async {
            while let Some(run) = self.run.as_mut().filter(|run| !run.is_over()) {
                run.deliver().await;
            }
        };
        let _ = tokio::time::timeout(LAST_WORDS_LIMIT, handed_over).await;
        for queued in self.queue.drain(..) {
            queued.refuse(error.clone());
        }
    }

    async fn shut_down(&mut self) {
        for writer in self.cargo.values_mut() {
            writer.send(&ToCargo::Abort).await;
        }
        self.kill_child();
        self.host.shut_down().await;
    }
}

fn stderr_of(event: Event) -> Vec<u8> {
    match event {
        Event::Stderr(bytes) => bytes,
        _ => Vec::new(),
    }
}
