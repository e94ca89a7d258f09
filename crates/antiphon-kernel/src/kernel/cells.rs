//! The part of the kernel that runs cells.

use antiphon_engine::{CellError, End, Event};
use jupyter_protocol::{
    ExecuteInput, ExecuteReply, ExecutionCount, InputRequest, JupyterMessage, JupyterMessageContent, ReplyStatus,
    Status,
};
use serde_json::json;
use tokio::sync::mpsc;

use super::{Kernel, Late, Launch};
use crate::execution::Execution;
use crate::launcher::Launched;
use crate::message;
use crate::outputs::Outputs;
use crate::request::{self, Request};

/// The engine's name for a cell that was stopped.
const CANCELLED: &str = "Cancelled";

impl Kernel {
    /// Starts the next cell, if none runs. Without an evaluator it waits for one.
    pub(super) async fn start_next(&mut self) {
        if self.running.is_some() {
            return;
        }
        let Some((request, mut execute)) = self.queue.pop_front() else {
            return;
        };
        if execute.silent {
            execute.store_history = false;
        }
        let busy = message::publish(Status::busy(), Some(&request.message));
        let started = busy.header.date.to_rfc3339();
        self.sockets.iopub.send(busy).await;
        if execute.store_history {
            self.execution_count += 1;
            self.history.push(self.execution_count, execute.code.clone());
        }
        let execution_count = ExecutionCount::new(self.execution_count);
        if !execute.silent {
            let code = execute.code.clone();
            self.publish(&request, ExecuteInput { code, execution_count }).await;
        }
        let mut running = Execution::new(request, execute, execution_count, started);
        if let Some(event) = self.launch.as_ref().and_then(|launch| launch.last_event.clone()) {
            running.take(event);
        }
        self.running = Some(running);
        if self.evaluator.is_some() && self.evaluator_is_gone() {
            let unsaid = self.notice.take().map(|notice| notice + "; ").unwrap_or_default();
            self.notice = Some(unsaid + "the evaluator ended and is started anew; variables and definitions are lost");
        }
        if self.evaluator.is_some() {
            self.start_cell();
        } else if self.launch.is_none() {
            self.start_launch();
        }
        self.show().await;
    }

    pub(super) fn start_launch(&mut self) {
        let (sender, events) = mpsc::channel(64);
        let task = tokio::spawn(self.launcher.launch(sender));
        self.launch = Some(Launch { task, events, last_event: None });
    }

    /// Progress is shown in the cell that waits.
    pub(super) async fn launching(&mut self, event: Event) {
        if let Some(launch) = &mut self.launch {
            launch.last_event = Some(event.clone());
        }
        if let Some(running) = &mut self.running {
            running.take(event);
        }
        self.show().await;
    }

    pub(super) async fn launched(&mut self, launched: Launched) {
        self.launch = None;
        match launched {
            Ok(evaluator) => {
                self.background = evaluator.background_events();
                self.parents.clear();
                self.evaluator = Some(evaluator);
                self.start_cell();
                self.show().await;
            }
            // The next cell tries again: the user may have done what the error says.
            Err(error) if self.running.is_some() => self.finish(Some(error)).await,
            Err(error) => tracing::error!(error = error.evalue, "the evaluator did not start"),
        }
    }

    fn start_cell(&mut self) {
        if let Some(running) = &mut self.running {
            // Not before: while it waits, progress is shown, and only where nothing else is.
            if !running.execute.silent
                && let Some(notice) = self.notice.take()
            {
                running.outputs.note(&notice);
            }
            let code = running.execute.code.clone();
            self.evaluate(&code);
        }
    }

    /// Has the evaluator run code for the execution under way.
    fn evaluate(&mut self, code: &str) {
        if let (Some(running), Some(evaluator)) = (&mut self.running, &self.evaluator) {
            let cell = evaluator.execute(code);
            self.parents.push(cell.id(), &running.request, running.count, running.execute.silent);
            running.cell = Some(cell);
        }
    }

    /// What a task shows goes to the cell that spawned it, whatever runs by now.
    pub(super) async fn background(&mut self, cell: u64, event: Event) {
        let Some(parent) = self.parents.get(cell).filter(|parent| !parent.silent) else {
            return;
        };
        let (parent, execution_count) = (parent.message.clone(), parent.execution_count);
        if self.late.as_ref().is_some_and(|late| late.cell != cell)
            && let Some(mut late) = self.late.take()
        {
            let rest = late.outputs.finish(None);
            self.publish_all(rest, &late.parent).await;
        }
        let late = self.late.get_or_insert_with(|| Late { cell, parent, outputs: Outputs::new(execution_count) });
        late.outputs.take(event);
        self.show_late().await;
    }

    /// Sends what tasks have shown by now.
    pub(super) async fn show_late(&mut self) {
        let Some(late) = &mut self.late else { return };
        let messages = late.outputs.messages();
        if !messages.is_empty() {
            let parent = late.parent.clone();
            self.publish_all(messages, &parent).await;
        }
    }

    async fn publish_all(&mut self, messages: Vec<JupyterMessageContent>, parent: &JupyterMessage) {
        for content in messages {
            self.sockets.iopub.send(message::publish(content, Some(parent))).await;
        }
    }

    pub(super) async fn cell_said(&mut self, event: Event) {
        let Some(running) = &mut self.running else { return };
        match event {
            Event::InputRequest { prompt, password } => self.ask(prompt, password).await,
            Event::End(end, _) => {
                running.cell = None;
                let error = match end {
                    End::Failed(error) => Some(error),
                    _ => None,
                };
                self.cell_ended(error).await;
            }
            event => {
                running.take(event);
                self.show().await;
            }
        }
    }

    /// Lets go of an engine that lost its evaluator and could not start another: the next cell starts an engine.
    fn evaluator_is_gone(&mut self) -> bool {
        self.evaluator = self.evaluator.take().filter(|evaluator| evaluator.is_alive());
        self.evaluator.is_none()
    }

    async fn cell_ended(&mut self, error: Option<CellError>) {
        self.evaluator_is_gone();
        let Some(running) = &mut self.running else { return };
        let was_expression = running.end_expression(error.as_ref());
        // An expression's failure is its value, but who stops the kernel means all of it.
        let error = error.filter(|error| !was_expression || error.ename == CANCELLED);
        if error.is_none()
            && self.evaluator.is_some()
            && let Some(code) = running.next_expression()
        {
            self.evaluate(&code);
            return;
        }
        self.finish(error).await;
    }

    /// Sends the rest of the outputs, the reply and `idle`, and aborts what waits if the cell failed.
    async fn finish(&mut self, error: Option<CellError>) {
        let Some(mut running) = self.running.take() else {
            return;
        };
        let aborts = error.is_some() && running.execute.stop_on_error;
        // Before anybody can know of the failure: what is sent from then on is meant to run.
        let aborted = if aborts { self.take_waiting() } else { Vec::new() };
        let messages = running.outputs.finish(error.as_ref());
        if !running.execute.silent {
            for content in messages {
                self.publish(&running.request, content).await;
            }
        }
        if let Some(result) = running.result.take().filter(|_| running.execute.store_history) {
            self.history.set_output(running.count.0, result);
        }
        let status = if error.is_some() { "error" } else { "ok" };
        let metadata = json!({ "started": running.started, "status": status, "dependencies_met": true });
        let reply = running.reply(error.as_ref());
        self.reply_with(&running.request, reply, metadata).await;
        self.idle(&running.request).await;
        for request in aborted {
            self.abort(&request).await;
        }
        Box::pin(self.start_next()).await;
    }

    /// The cells that were sent by now.
    fn take_waiting(&mut self) -> Vec<Request> {
        let mut waiting: Vec<Request> = self.queue.drain(..).map(|(request, _)| request).collect();
        while let Ok(request) = self.sockets.requests.try_recv() {
            // One that cannot be read is refused in its turn.
            let is_cell = request.msg_type() == "execute_request" && request.content::<request::Execute>().is_ok();
            if is_cell {
                waiting.push(request);
            } else {
                self.inbox.push_back(request);
            }
        }
        waiting
    }

    /// Refuses a cell, as the failure of one before it asks.
    async fn abort(&mut self, request: &Request) {
        self.busy(request).await;
        let execution_count = ExecutionCount::new(self.execution_count);
        let user_expressions = Some(std::collections::HashMap::new());
        let reply =
            ExecuteReply { status: ReplyStatus::Aborted, execution_count, user_expressions, ..Default::default() };
        self.reply(request, reply.into()).await;
        self.idle(request).await;
    }

    /// Sends what the running cell has shown by now.
    pub(super) async fn show(&mut self) {
        let Some(running) = &mut self.running else { return };
        let messages = running.outputs.messages();
        if !running.execute.silent && !messages.is_empty() {
            let parent = running.request.message.clone();
            self.publish_all(messages, &parent).await;
        }
    }

    /// Has the cell's front end ask its user for a line.
    async fn ask(&mut self, prompt: String, password: bool) {
        let Some(running) = &mut self.running else { return };
        let may_ask = running.execute.allow_stdin;
        // What was printed before the question is seen before it.
        let messages = running.outputs.finish(None);
        let parent = running.request.message.clone();
        if !running.execute.silent {
            self.publish_all(messages, &parent).await;
        }
        let is_asked = may_ask && self.send_to_stdin(&parent, InputRequest { prompt, password }).await;
        let Some(running) = &mut self.running else { return };
        running.waits_for_input = is_asked;
        if !is_asked {
            running.outputs.note("the cell asked for input, which this front end does not give: it is at its end");
            if let Some(cell) = &running.cell {
                cell.refuse_input().await;
            }
            self.show().await;
        }
    }

    pub(super) async fn input_reply(&mut self, request: &Request) {
        let Some(running) = self.running.as_mut().filter(|running| running.waits_for_input) else {
            return;
        };
        running.waits_for_input = false;
        let value = request.content().map(|request::InputReply { value }| value).unwrap_or_default();
        if let Some(cell) = &running.cell {
            cell.reply(value).await;
        }
    }

    pub(super) async fn interrupt(&mut self) {
        let Some(running) = &self.running else { return };
        match &self.evaluator {
            Some(evaluator) if running.cell.is_some() => evaluator.interrupt().await,
            // It waits for an evaluator, whose start goes on.
            _ => self.finish(Some(not_started())).await,
        }
    }
}

fn not_started() -> CellError {
    error(CANCELLED, "the cell was interrupted before it began")
}

pub(super) fn launch_panicked(error: &tokio::task::JoinError) -> CellError {
    self::error("StartError", &format!("the evaluator's start failed: {error}"))
}

fn error(ename: &str, evalue: &str) -> CellError {
    CellError {
        ename: ename.to_owned(),
        evalue: evalue.to_owned(),
        traceback: vec![format!("\u{1b}[1;31m{ename}\u{1b}[0m: {evalue}")],
        diagnostics: Vec::new(),
        lost_variables: Vec::new(),
    }
}
