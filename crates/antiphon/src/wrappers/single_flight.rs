//! One call for equal ones that are under way.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared, WeakShared};

use super::{Account, wrapper_methods};
use crate::error::Error;
use crate::llm::{CallStyle, Llm};
use crate::prompt::Prompt;
use crate::result::{LlmResult, PromptResults};
use crate::stream::LlmStream;

type Flight = BoxFuture<'static, Result<LlmResult, Error>>;

/// Lets equal calls that are under way at the same time share one request and its answer.
///
/// Only if the model is asked for equal answers ([`Llm::is_deterministic`]); otherwise, and for streams and
/// `agenerate_each`, every call goes its own way. The request is dropped when all who share it have gone. Nothing is
/// kept: a call that comes after the answer asks anew.
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), antiphon::Error> {
/// # let sim = antiphon_sim::for_example();
/// use antiphon::{OpenAI, SingleFlight};
///
/// let llm = SingleFlight::new(OpenAI::new().temperature(0.0));
/// // One request.
/// let (one, two) = tokio::try_join!(llm.agenerate(["Hi"]), llm.agenerate(["Hi"]))?;
/// # assert_eq!(sim.requests().len(), 1);
/// # assert_eq!(one, two);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SingleFlight {
    llm: Arc<dyn Llm>,
    flights: Arc<Mutex<HashMap<Vec<Prompt>, WeakShared<Flight>>>>,
}

impl SingleFlight {
    /// Shares the calls of `llm`, for this value and its clones.
    pub fn new(llm: impl Llm + 'static) -> Self {
        Self { llm: Arc::new(llm), flights: Arc::default() }
    }

    fn flight(&self, prompts: Vec<Prompt>, style: CallStyle) -> Shared<Flight> {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = flights.get(&prompts).and_then(WeakShared::upgrade)
            && flight.peek().is_none()
        {
            return flight;
        }
        flights.retain(|_, flight| flight.upgrade().is_some_and(|it| it.peek().is_none()));
        let flight = self.llm.call(prompts.clone(), style).shared();
        if let Some(weak) = flight.downgrade() {
            flights.insert(prompts, weak);
        }
        flight
    }
}

wrapper_methods!(SingleFlight, "{OpenAI, SingleFlight}", "SingleFlight::new(OpenAI::new().temperature(0.0))");

impl Llm for SingleFlight {
    fn call(&self, prompts: Vec<Prompt>, style: CallStyle) -> BoxFuture<'static, Result<LlmResult, Error>> {
        if !self.is_deterministic() {
            return self.llm.call(prompts, style);
        }
        let flight = self.flight(prompts, style);
        async move {
            // Who joins late waits less.
            let account = Account { begun: Instant::now(), note: None };
            Ok(account.result(flight.await?))
        }
        .boxed()
    }

    fn call_each(&self, prompts: Vec<Prompt>, style: CallStyle) -> BoxFuture<'static, Result<PromptResults, Error>> {
        self.llm.call_each(prompts, style)
    }

    fn open_stream(&self, prompt: Prompt, style: CallStyle) -> BoxFuture<'static, Result<LlmStream, Error>> {
        self.llm.open_stream(prompt, style)
    }

    fn shared(&self) -> Arc<dyn Llm> {
        Arc::new(self.clone())
    }

    fn is_deterministic(&self) -> bool {
        self.llm.is_deterministic()
    }
}

impl fmt::Debug for SingleFlight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SingleFlight").field(&self.llm).finish()
    }
}
