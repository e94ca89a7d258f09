//! Output of tasks whose cell is over, on its way to the front end.

use std::collections::{HashMap, VecDeque};
use std::mem;
use std::sync::Arc;

use antiphon_channel::{Background, Shown, Stream};
use tokio::sync::mpsc;

use crate::event::Event;
use crate::redact::{Guard, Redactor};
use crate::run::merge;

/// More than so many events do not wait for a front end that does not read: a task that floods is cut.
const MAX_WAITING: usize = 1024;

/// An event and the id of the execution whose task it comes from.
pub(crate) type BackgroundEvent = (u64, Event);

/// The way of background output to the front end.
#[derive(Debug)]
pub(crate) struct BackgroundOutput {
    events: mpsc::Sender<BackgroundEvent>,
    /// The front end has taken the other end.
    taken: bool,
    /// Executions by the child's number of the cell.
    executions: HashMap<u64, u64>,
    waiting: VecDeque<BackgroundEvent>,
    redactor: Arc<Redactor>,
    /// By execution.
    guards: HashMap<u64, Guard>,
    /// Something was left out, and that was not told yet.
    is_cut: bool,
}

impl BackgroundOutput {
    pub(crate) fn new(events: mpsc::Sender<BackgroundEvent>, redactor: Arc<Redactor>) -> Self {
        Self {
            events,
            taken: false,
            executions: HashMap::new(),
            waiting: VecDeque::new(),
            redactor,
            guards: HashMap::new(),
            is_cut: false,
        }
    }

    /// Other secrets from now on.
    pub(crate) fn set_redactor(&mut self, redactor: &Arc<Redactor>) {
        self.redactor = Arc::clone(redactor);
        for guard in self.guards.values_mut() {
            guard.set_redactor(Arc::clone(redactor));
        }
    }

    pub(crate) fn take(&mut self) {
        self.taken = true;
    }

    /// Whether a front end wants it apart.
    pub(crate) fn is_taken(&self) -> bool {
        self.taken && !self.events.is_closed()
    }

    /// A cell of the child belongs to an execution.
    pub(crate) fn cell_started(&mut self, sequence: u64, execution: u64) {
        self.executions.insert(sequence, execution);
    }

    /// Another child counts its cells anew.
    pub(crate) fn child_started(&mut self) {
        self.executions.clear();
    }

    /// Takes what a task of a cell shows; gives it back when nobody wants it apart.
    pub(crate) fn push(&mut self, sequence: u64, output: Background) -> Option<Event> {
        let event = event(output);
        let Some(&execution) = self.executions.get(&sequence).filter(|_| self.is_taken()) else {
            return Some(event);
        };
        let guard = self.guards.entry(execution).or_insert_with(|| Guard::new(Arc::clone(&self.redactor)));
        for event in guard.pass(event) {
            self.enqueue(execution, event);
        }
        None
    }

    /// Whether the end of a stream waits for what comes after it.
    pub(crate) fn is_holding(&self) -> bool {
        self.guards.values().any(Guard::is_holding)
    }

    /// Lets go of such ends.
    pub(crate) fn release(&mut self) {
        for (execution, mut guard) in mem::take(&mut self.guards) {
            for event in guard.release() {
                self.enqueue(execution, event);
            }
        }
    }

    fn enqueue(&mut self, execution: u64, event: Event) {
        let event = match self.waiting.back_mut() {
            Some((last_execution, last)) if *last_execution == execution => merge(last, event),
            _ => Some(event),
        };
        let Some(event) = event else { return };
        if self.waiting.len() < MAX_WAITING {
            if mem::take(&mut self.is_cut) {
                let text = "output of a background task was left out: it came faster than it could be shown";
                self.waiting.push_back((execution, Event::Note(text.to_owned())));
            }
            self.waiting.push_back((execution, event));
        } else {
            self.is_cut = true;
        }
    }

    /// Waits until an event can be handed over, and hands it over: not before the end of its execution, `running` being
    /// the one that has not ended. Cancel safe.
    pub(crate) async fn deliver(&mut self, running: Option<u64>) {
        if self.waiting.front().is_none_or(|(execution, _)| Some(*execution) == running) {
            std::future::pending::<()>().await;
        }
        match self.events.reserve().await {
            Ok(permit) => {
                if let Some(event) = self.waiting.pop_front() {
                    permit.send(event);
                }
            }
            Err(_) => self.waiting.clear(),
        }
    }
}

fn event(output: Background) -> Event {
    match output {
        Background::Text { stream: Stream::Stdout, text } => Event::Stdout(text.into_bytes()),
        Background::Text { stream: Stream::Stderr, text } => Event::Stderr(text.into_bytes()),
        Background::Shown(shown) => shown_event(shown),
    }
}

/// What the cell library shows, as an event.
pub(crate) fn shown_event(shown: Shown) -> Event {
    match shown {
        Shown::Display(display) => Event::Display(display),
        Shown::ClearOutput { wait } => Event::ClearOutput { wait },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Background {
        Background::Text { stream: Stream::Stdout, text: text.to_owned() }
    }

    fn stdout(text: &str) -> Event {
        Event::Stdout(text.as_bytes().to_vec())
    }

    #[tokio::test]
    async fn output_goes_to_its_execution_after_that_ended() {
        let (sender, mut events) = mpsc::channel(64);
        let mut output = BackgroundOutput::new(sender, Arc::default());
        output.cell_started(1, 10);
        // Nobody wants it.
        assert_eq!(output.push(1, text("a")), Some(stdout("a")));
        output.take();
        assert_eq!(output.push(7, text("of no execution")), Some(stdout("of no execution")));
        assert_eq!(output.push(1, text("a")), None);
        assert_eq!(output.push(1, text("b")), None);
        assert!(futures_ready(output.deliver(Some(10))).is_none());
        output.deliver(Some(11)).await;
        assert_eq!(events.recv().await, Some((10, stdout("ab"))));
        drop(events);
        assert_eq!(output.push(1, text("c")), Some(stdout("c")));
    }

    #[tokio::test]
    async fn a_flood_is_cut_and_that_is_told() {
        let (sender, mut events) = mpsc::channel(1);
        let mut output = BackgroundOutput::new(sender, Arc::default());
        output.take();
        output.cell_started(1, 10);
        output.cell_started(2, 20);
        for _ in 0..=MAX_WAITING / 2 {
            assert_eq!(output.push(1, text("x")), None);
            assert_eq!(output.push(2, text("y")), None);
        }
        output.deliver(None).await;
        assert_eq!(events.recv().await, Some((10, stdout("x"))));
        output.deliver(None).await;
        assert_eq!(output.push(1, text("z")), None);
        assert!(output.waiting.iter().any(|(_, event)| matches!(event, Event::Note(_))));
    }

    /// The output of a future that is ready at once.
    fn futures_ready<T>(future: impl Future<Output = T>) -> Option<T> {
        let mut future = std::pin::pin!(future);
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match future.as_mut().poll(&mut context) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        }
    }
}
