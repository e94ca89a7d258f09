//! The engine as an [`Evaluator`].

use antiphon_engine::{Engine, Event, Execution};

use crate::evaluator::{BoxFuture, Evaluator, RunningCell};

impl Evaluator for Engine {
    fn execute(&self, code: &str) -> Box<dyn RunningCell> {
        Box::new(Self::execute(self, code))
    }

    fn interrupt(&self) -> BoxFuture<'_, ()> {
        let interrupter = self.interrupter();
        Box::pin(async move { interrupter.interrupt().await })
    }
}

impl RunningCell for Execution {
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
