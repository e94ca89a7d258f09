//! The seam between front ends and what runs cells: the engine, or a script in their tests.

use std::pin::Pin;
use std::sync::Arc;

use antiphon_channel::Completions;
use tokio::sync::mpsc;

use crate::{Engine, Event, Execution};

/// A boxed future, so that the traits here can be `dyn`.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Runs cells, one after the other.
pub trait Evaluator: Send + Sync {
    /// Runs a cell after those that were given before it.
    fn execute(&self, code: &str) -> Box<dyn RunningCell>;

    /// Cuts the running cell, whose end follows as an event. Without a running cell it does nothing.
    fn interrupt(&self) -> BoxFuture<'_, ()>;

    /// What can be inserted at a position, in UTF-8 bytes. It may wait while a cell runs.
    fn complete<'a>(&'a self, _code: &'a str, _position: usize) -> BoxFuture<'a, Completions> {
        Box::pin(async { Completions::default() })
    }

    /// Plain text and HTML about what stands before a position, in UTF-8 bytes. It may wait while a cell runs.
    fn inspect<'a>(&'a self, _code: &'a str, _position: usize) -> BoxFuture<'a, Option<(String, String)>> {
        Box::pin(async { None })
    }

    /// What tasks show whose cell is over, with the [`RunningCell::id`] of that cell. Given once.
    fn background_events(&self) -> Option<mpsc::Receiver<(u64, Event)>> {
        None
    }

    /// Whether it can still run cells. What can recover by itself is alive.
    fn is_alive(&self) -> bool {
        true
    }

    /// Ends it, and waits until nothing of it is left. While others hold it too, it ends when they let go.
    fn shut_down(self: Arc<Self>) -> BoxFuture<'static, ()>;
}

/// A cell under way.
pub trait RunningCell: Send {
    /// A number that no other cell of the evaluator has.
    fn id(&self) -> u64;

    /// The next event; `None` after [`Event::End`].
    ///
    /// # Cancel safety
    /// No event may be lost when the future is dropped.
    fn next(&mut self) -> BoxFuture<'_, Option<Event>>;

    /// Answers an [`Event::InputRequest`].
    fn reply(&self, value: String) -> BoxFuture<'_, ()>;

    /// Answers an [`Event::InputRequest`] with the end of input.
    fn refuse_input(&self) -> BoxFuture<'_, ()>;
}

impl Evaluator for Engine {
    fn execute(&self, code: &str) -> Box<dyn RunningCell> {
        Box::new(Self::execute(self, code))
    }

    fn interrupt(&self) -> BoxFuture<'_, ()> {
        let interrupter = self.interrupter();
        Box::pin(async move { interrupter.interrupt().await })
    }

    fn complete<'a>(&'a self, code: &'a str, position: usize) -> BoxFuture<'a, Completions> {
        Box::pin(Self::complete(self, code, position))
    }

    fn inspect<'a>(&'a self, code: &'a str, position: usize) -> BoxFuture<'a, Option<(String, String)>> {
        Box::pin(Self::inspect(self, code, position))
    }

    fn background_events(&self) -> Option<mpsc::Receiver<(u64, Event)>> {
        Self::background_events(self)
    }

    fn is_alive(&self) -> bool {
        Self::is_alive(self)
    }

    fn shut_down(self: Arc<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async {
            if let Some(engine) = Arc::into_inner(self) {
                engine.shutdown().await;
            }
        })
    }
}

impl RunningCell for Execution {
    fn id(&self) -> u64 {
        Self::id(self)
    }

    fn next(&mut self) -> BoxFuture<'_, Option<Event>> {
        Box::pin(Self::next(self))
    }

    fn reply(&self, value: String) -> BoxFuture<'_, ()> {
        Box::pin(Self::reply(self, value))
    }

    fn refuse_input(&self) -> BoxFuture<'_, ()> {
        Box::pin(Self::refuse_input(self))
    }
}
