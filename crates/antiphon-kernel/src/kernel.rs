//! The kernel: one loop that owns all state, and one closed enum of what can wake it.
//!
//! Every request is answered between a `busy` and an `idle` of its own, whatever becomes of it, but for what is under
//! way when the kernel is shut down. Cells run one after
//! the other, in the order of their requests; all other requests are answered at once, also while a cell runs. What is
//! shown passes through one queue, so the `idle` of a cell follows everything that the cell showed.

mod cells;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use antiphon_engine::{Evaluator, Event};
use jupyter_protocol::{ConnectionInfo, JupyterMessage, JupyterMessageContent, Status};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use crate::execution::Execution;
use crate::help::{complete, inspect};
use crate::history::History;
use crate::launcher::{Launched, Launcher};
use crate::options::Options;
use crate::outputs::Outputs;
use crate::parents::Parents;
use crate::request::{self, Channel, Request};
use crate::signals::KernelSignal;
use crate::sockets::Sockets;
use crate::{message, replies};

/// How long completion and inspection may take: the first answer may need sources that are not loaded yet.
const HELP_LIMIT: Duration = Duration::from_secs(10);
/// How long `kernel_info` waits for the compiler's version.
const VERSION_LIMIT: Duration = Duration::from_secs(1);

/// Everything that can wake the kernel.
enum Wake {
    Request(Request),
    Cell(Event),
    /// A task shows something after the end of its cell.
    Background(u64, Event),
    /// Progress of a launch.
    Launching(Event),
    Launched(Launched),
    Answered(Request, JupyterMessageContent),
    OutputDue,
    Signal(KernelSignal),
}

/// A launch under way.
struct Launch {
    task: JoinHandle<Launched>,
    events: mpsc::Receiver<Event>,
    /// The last thing it said, for a cell that comes later.
    last_event: Option<Event>,
}

/// Output of a task whose cell has ended.
struct Late {
    cell: u64,
    parent: JupyterMessage,
    outputs: Outputs,
}

pub(crate) struct Kernel {
    sockets: Sockets,
    signals: mpsc::Receiver<KernelSignal>,
    info: ConnectionInfo,
    options: Options,
    launcher: Arc<dyn Launcher>,
    evaluator: Option<Arc<dyn Evaluator>>,
    background: Option<mpsc::Receiver<(u64, Event)>>,
    parents: Parents,
    /// What the task that showed something last shows.
    late: Option<Late>,
    launch: Option<Launch>,
    /// Read from the sockets ahead of its turn.
    inbox: VecDeque<Request>,
    /// `execute_request`s that wait for their turn.
    queue: VecDeque<(Request, request::Execute)>,
    running: Option<Execution>,
    answers: JoinSet<(Request, JupyterMessageContent)>,
    history: History,
    execution_count: usize,
    /// Said in the first cell.
    notice: Option<String>,
    shuts_down: bool,
}

impl Kernel {
    pub(crate) fn new(
        sockets: Sockets,
        signals: mpsc::Receiver<KernelSignal>,
        info: ConnectionInfo,
        options: Options,
        launcher: Arc<dyn Launcher>,
    ) -> Self {
        let notice = options.notice.clone();
        let mut kernel = Self {
            sockets,
            signals,
            info,
            options,
            launcher,
            evaluator: None,
            background: None,
            parents: Parents::default(),
            late: None,
            launch: None,
            inbox: VecDeque::new(),
            queue: VecDeque::new(),
            running: None,
            answers: JoinSet::new(),
            history: History::default(),
            execution_count: 0,
            notice,
            shuts_down: false,
        };
        kernel.start_launch();
        kernel
    }

    /// Serves until a client or a signal shuts it down.
    pub(crate) async fn run(mut self) {
        self.sockets.iopub.send(message::publish(Status::starting(), None)).await;
        while !self.shuts_down {
            match self.next().await {
                Wake::Request(request) => self.request(request).await,
                Wake::Cell(event) => self.cell_said(event).await,
                Wake::Background(cell, event) => self.background(cell, event).await,
                Wake::Launching(event) => self.launching(event).await,
                Wake::Launched(launched) => self.launched(launched).await,
                Wake::Answered(request, content) => {
                    self.reply(&request, content).await;
                    self.idle(&request).await;
                }
                Wake::OutputDue => {
                    self.show().await;
                    self.show_late().await;
                }
                Wake::Signal(KernelSignal::Interrupt) => self.interrupt().await,
                Wake::Signal(KernelSignal::Shutdown) => self.shuts_down = true,
            }
        }
        self.answers.shutdown().await;
        if let Some(Launch { task, .. }) = self.launch.take() {
            task.abort();
            let _ = task.await;
        }
        drop(self.running);
        let evaluator = self.evaluator;
        let ended = async {
            if let Some(evaluator) = evaluator {
                evaluator.shut_down().await;
            }
        };
        tokio::join!(ended, self.sockets.close());
    }

    async fn next(&mut self) -> Wake {
        if let Some(request) = self.inbox.pop_front() {
            return Wake::Request(request);
        }
        let output_due = self.running.as_ref().and_then(|running| running.outputs.due());
        let background_due = self.late.as_ref().and_then(|late| late.outputs.due());
        let due = output_due.into_iter().chain(background_due).min();
        tokio::select! {
            request = self.sockets.requests.recv() => request.map_or_else(sockets_are_gone, Wake::Request),
            Some(signal) = self.signals.recv() => Wake::Signal(signal),
            event = cell_event(self.running.as_mut()) => Wake::Cell(event),
            Some((cell, event)) = background_event(self.background.as_mut()) => Wake::Background(cell, event),
            step = launch_step(self.launch.as_mut()) => step,
            Some(Ok((request, content))) = self.answers.join_next() => Wake::Answered(request, content),
            () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => Wake::OutputDue,
        }
    }

    /// Answers a request, or sets its answer going.
    async fn request(&mut self, request: Request) {
        let content = match request.msg_type() {
            "input_reply" => return self.input_reply(&request).await,
            "execute_request" => match request.content() {
                Ok(execute) => {
                    self.queue.push_back((request, execute));
                    return self.start_next().await;
                }
                Err(error) => Some(bad_content(&request, &error)),
            },
            "complete_request" | "inspect_request" => match request.content() {
                Ok(at_cursor) => return self.help(request, at_cursor).await,
                Err(error) => Some(bad_content(&request, &error)),
            },
            "kernel_info_request" => {
                let Options { mut rustc_version, banner, .. } = self.options.clone();
                let known = rustc_version.borrow().clone();
                if known.is_none() && rustc_version.has_changed().is_ok() {
                    let content = async move {
                        let known = tokio::time::timeout(VERSION_LIMIT, rustc_version.wait_for(Option::is_some)).await;
                        let version = known.ok().and_then(Result::ok).and_then(|version| version.clone());
                        replies::kernel_info(version.as_deref().unwrap_or_default(), &banner)
                    };
                    return self.answer(request, content).await;
                }
                // At once, so that answers keep the order of their requests.
                Some(replies::kernel_info(known.as_deref().unwrap_or_default(), &banner))
            }
            "is_complete_request" => Some(match request.content::<request::IsComplete>() {
                Ok(request::IsComplete { code }) => replies::is_complete(&code),
                Err(error) => bad_content(&request, &error),
            }),
            "history_request" => Some(match request.content() {
                Ok(asked) => replies::history(&self.history.answer(&asked)),
                Err(error) => bad_content(&request, &error),
            }),
            "connect_request" => Some(replies::connect(&self.info)),
            "comm_info_request" => Some(replies::comm_info()),
            "interrupt_request" => {
                self.interrupt().await;
                Some(jupyter_protocol::InterruptReply::new().into())
            }
            "shutdown_request" => {
                let request::Shutdown { restart } = request.content().unwrap_or_default();
                self.shuts_down = true;
                Some(jupyter_protocol::ShutdownReply { restart, ..Default::default() }.into())
            }
            // Cells open no comms: whoever opens one is told that it is closed.
            "comm_open" => {
                self.busy(&request).await;
                if let Ok(request::Comm { comm_id }) = request.content() {
                    self.publish(&request, replies::comm_close(comm_id)).await;
                }
                return self.idle(&request).await;
            }
            msg_type if msg_type.ends_with("_request") => {
                let text = format!("this kernel does not know `{msg_type}`");
                Some(replies::refusal(msg_type, "UnknownRequest", &text))
            }
            _ => None,
        };
        self.busy(&request).await;
        if let Some(content) = content {
            self.reply(&request, content).await;
        }
        self.idle(&request).await;
    }

    /// Completes or inspects. While a cell runs there is no answer: the evaluator would give it after the cell, and
    /// before the next one, which would then wait for answers that nobody waits for any more.
    async fn help(&mut self, request: Request, at_cursor: request::AtCursor) {
        let evaluator = self.evaluator.clone().filter(|_| self.running.is_none());
        let is_completion = request.msg_type() == "complete_request";
        let help = async move {
            if is_completion {
                complete(evaluator.as_deref(), &at_cursor, HELP_LIMIT).await
            } else {
                inspect(evaluator.as_deref(), &at_cursor, HELP_LIMIT).await
            }
        };
        self.answer(request, help).await;
    }

    /// Answers a request by a task, between its `busy` and its `idle`.
    async fn answer(
        &mut self,
        request: Request,
        content: impl Future<Output = JupyterMessageContent> + Send + 'static,
    ) {
        self.busy(&request).await;
        self.answers.spawn(async move {
            // A task of its own, so that a panic in it is an answer too.
            let content = AbortOnDropHandle::new(tokio::spawn(content)).await.unwrap_or_else(|error| {
                tracing::error!(msg_type = request.msg_type(), %error, "an answer failed");
                replies::refusal(request.msg_type(), "KernelPanic", "the answer failed; the kernel goes on")
            });
            (request, content)
        });
    }

    /// The end of what a client sees of a request. The kernel as a whole may be busy still, which front ends that show
    /// the last state they heard of must hear again.
    async fn idle(&mut self, request: &Request) {
        self.publish(request, Status::idle()).await;
        if let Some(running) = self.running.as_ref().filter(|running| running.request.msg_id() != request.msg_id()) {
            let busy = message::publish(Status::busy(), Some(&running.request.message));
            self.sockets.iopub.send(busy).await;
        }
    }

    async fn busy(&mut self, request: &Request) {
        self.publish(request, Status::busy()).await;
    }

    async fn publish(&mut self, request: &Request, content: impl Into<JupyterMessageContent>) {
        self.sockets.iopub.send(message::publish(content, Some(&request.message))).await;
    }

    async fn reply(&mut self, request: &Request, content: JupyterMessageContent) {
        self.reply_with(request, content, json!({})).await;
    }

    async fn reply_with(&mut self, request: &Request, content: JupyterMessageContent, metadata: Value) {
        let message = message::new(content, Some(&request.message)).with_metadata(metadata);
        self.sockets.send(request.channel, message).await;
    }

    /// False when the client has no stdin channel.
    async fn send_to_stdin(&mut self, parent: &JupyterMessage, content: jupyter_protocol::InputRequest) -> bool {
        self.sockets.send(Channel::Stdin, message::new(content, Some(parent))).await
    }
}

fn bad_content(request: &Request, error: &serde_json::Error) -> JupyterMessageContent {
    tracing::warn!(msg_type = request.msg_type(), %error, "a request has a content of another form");
    replies::refusal(request.msg_type(), "BadRequest", &format!("its content cannot be read: {error}"))
}

/// Nobody can reach the kernel any more.
fn sockets_are_gone() -> Wake {
    tracing::error!("the sockets failed; the kernel ends");
    Wake::Signal(KernelSignal::Shutdown)
}

async fn cell_event(running: Option<&mut Execution>) -> Event {
    match running {
        Some(running) => running.next().await,
        None => std::future::pending().await,
    }
}

async fn background_event(events: Option<&mut mpsc::Receiver<(u64, Event)>>) -> Option<(u64, Event)> {
    events?.recv().await
}

/// The next thing that a launch has to say. Cancel safe.
async fn launch_step(launch: Option<&mut Launch>) -> Wake {
    let Some(launch) = launch else {
        return std::future::pending().await;
    };
    tokio::select! {
        biased;
        Some(event) = launch.events.recv() => Wake::Launching(event),
        launched = &mut launch.task => Wake::Launched(launched.unwrap_or_else(|error| Err(cells::launch_panicked(&error)))),
    }
}
