//! The seam between the runner and what runs cells: the engine, or a script in tests.

use std::pin::Pin;

use antiphon_engine::Event;

/// A boxed future, so that the traits here can be `dyn`.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Runs cells, one after the other.
pub trait Evaluator: Send + Sync {
    /// Runs a cell after those that were given before it.
    fn execute(&self, code: &str) -> Box<dyn RunningCell>;

    /// Cuts the running cell, whose end follows as an event. Without a running cell it does nothing.
    fn interrupt(&self) -> BoxFuture<'_, ()>;
}

/// A cell under way.
pub trait RunningCell: Send {
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
