//! Models made of models: fallbacks, hedged calls, one call for equal ones. None of them is used unless written down.

mod fallback;
mod hedged;
mod single_flight;

use std::time::Instant;

use futures::StreamExt as _;
use serde_json::Value;

pub use self::fallback::Fallback;
pub use self::hedged::Hedged;
pub use self::single_flight::SingleFlight;

use crate::result::{Generation, LlmOutput, LlmResult, PromptResults};
use crate::stream::{LlmStream, StreamEvent};

/// How a model of models came to its answer.
struct Account {
    begun: Instant,
    /// What to note on the answer, if it is not that of the first call.
    note: Option<(&'static str, Value)>,
}

impl Account {
    fn result(&self, mut result: LlmResult) -> LlmResult {
        self.write(result.generations.iter_mut().flatten(), &mut result.llm_output);
        result
    }

    fn results(&self, mut results: PromptResults) -> PromptResults {
        let generations = results.results.iter_mut().flat_map(|it| &mut it.generations);
        self.write(generations, &mut results.llm_output);
        results
    }

    fn stream(self, stream: LlmStream) -> LlmStream {
        LlmStream::new(stream.map(move |event| match event? {
            StreamEvent::End(result) => Ok(StreamEvent::End(self.result(result))),
            event => Ok(event),
        }))
    }

    fn write<'a>(&self, generations: impl Iterator<Item = &'a mut Generation>, output: &mut LlmOutput) {
        output.duration = self.begun.elapsed();
        if let Some((key, value)) = &self.note {
            generations.for_each(|it| it.note(key, value.clone()));
        }
    }
}

/// The methods that go with an implementation of [`Llm`](crate::Llm).
macro_rules! wrapper_methods {
    ($class:ident, $names:expr, $new:expr) => {
        impl $class {
            crate::provider::call_methods!($names, $new);
        }
    };
}

use wrapper_methods;
