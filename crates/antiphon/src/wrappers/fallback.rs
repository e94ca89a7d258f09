//! Other models for when the first cannot answer.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde_json::Value;

use super::{Account, wrapper_methods};
use crate::error::{Error, ErrorKind};
use crate::llm::{CallStyle, Llm};
use crate::prompt::Prompt;
use crate::result::{LlmResult, PromptResults};
use crate::stream::LlmStream;

/// Asks models one after another until one answers.
///
/// Each has its own retries first. Any failure leads on to the next model, a missing key included, except settings and
/// prompts that were refused before they were sent, and interrupted calls; see [`when`](Self::when). `agenerate_each` asks the next model only for
/// the prompts that failed. A stream falls back until its first event. The model that answered is
/// [`LlmOutput::model_name`](crate::LlmOutput::model_name), and `generation_info` has its place as `fallback`, if it was
/// not the first.
///
/// ```
/// # let sim = antiphon_sim::for_example();
/// use antiphon::{Anthropic, Fallback, Ollama, OpenAI};
///
/// let llm = Fallback::new(OpenAI::new()).or(Anthropic::new()).or(Ollama::new());
/// # sim.inject(antiphon_sim::Fault::Error(antiphon_sim::ErrorAnswer::insufficient_quota()));
/// let response = llm.generate(["Hello, how are you?"])?;
/// println!("{}: {response}", response.llm_output.model_name);
/// # assert_eq!(response.llm_output.model_name, "claude-haiku-4-5");
/// # Ok::<(), antiphon::Error>(())
/// ```
#[derive(Clone)]
pub struct Fallback {
    llms: Vec<Arc<dyn Llm>>,
    leads_on: Arc<dyn Fn(&Error) -> bool + Send + Sync>,
}

impl Fallback {
    /// Asks `first` first.
    pub fn new(first: impl Llm + 'static) -> Self {
        Self {
            llms: vec![Arc::new(first)],
            leads_on: Arc::new(|error| !matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Interrupted)),
        }
    }

    /// Asks `next` if those before it failed.
    pub fn or(mut self, next: impl Llm + 'static) -> Self {
        self.llms.push(Arc::new(next));
        self
    }

    /// Which failures lead on to the next model.
    pub fn when(mut self, leads_on: impl Fn(&Error) -> bool + Send + Sync + 'static) -> Self {
        self.leads_on = Arc::new(leads_on);
        self
    }

    /// Whether there is a model after that at `place` and `error` leads on to it.
    fn goes_on(&self, place: usize, error: &Error) -> bool {
        place + 1 < self.llms.len() && (self.leads_on)(error)
    }

    /// The first success, and how it came. `first` is the call of the first model, `next` makes those of the others.
    async fn ask<T>(
        &self,
        first: BoxFuture<'static, Result<T, Error>>,
        next: impl Fn(&dyn Llm) -> BoxFuture<'static, Result<T, Error>>,
    ) -> Result<(T, Account), Error> {
        let begun = Instant::now();
        let (mut call, mut place) = (first, 0);
        loop {
            match call.await {
                Err(error) if self.goes_on(place, &error) => place += 1,
                answer => return answer.map(|answer| (answer, Account { begun, note: note(place) })),
            }
            call = next(&*self.llms[place]);
        }
    }

    /// What all models together answer: each is asked what those before it could not.
    async fn ask_each(
        &self,
        first: BoxFuture<'static, Result<PromptResults, Error>>,
        prompts: Vec<Prompt>,
        style: CallStyle,
    ) -> Result<PromptResults, Error> {
        let mut answers: Option<PromptResults> = None;
        let mut open: Vec<usize> = (0..prompts.len()).collect();
        let mut first = Some(first);
        for (place, llm) in self.llms.iter().enumerate() {
            let begun = Instant::now();
            let call = first.take().unwrap_or_else(|| {
                let asked = open.iter().map(|prompt| prompts[*prompt].clone()).collect();
                llm.call_each(asked, style)
            });
            let new = match call.await {
                Ok(new) => Account { begun, note: note(place) }.results(new),
                Err(error) if self.goes_on(place, &error) => continue,
                // What came before is worth more than this.
                Err(error) => return answers.ok_or(error),
            };
            let leads_on = |error: &Option<Error>| error.as_ref().is_some_and(|it| self.goes_on(place, it));
            let next: Vec<usize> =
                open.iter().zip(&new.results).filter(|(_, new)| leads_on(&new.error)).map(|(it, _)| *it).collect();
            match &mut answers {
                None => answers = Some(new),
                Some(answers) => {
                    answers.llm_output.token_usage = answers.llm_output.token_usage + new.llm_output.token_usage;
                    answers.llm_output.model_name = new.llm_output.model_name;
                    for (prompt, result) in open.iter().zip(new.results) {
                        answers.results[*prompt] = result;
                    }
                }
            }
            open = next;
            if open.is_empty() {
                break;
            }
        }
        Ok(answers.unwrap_or_default())
    }
}

/// What is noted on an answer of the model at `place`.
fn note(place: usize) -> Option<(&'static str, Value)> {
    (place > 0).then(|| ("fallback", place.into()))
}

wrapper_methods!(Fallback, "{Anthropic, Fallback, OpenAI}", "Fallback::new(OpenAI::new()).or(Anthropic::new())");

impl Llm for Fallback {
    fn call(&self, prompts: Vec<Prompt>, style: CallStyle) -> BoxFuture<'static, Result<LlmResult, Error>> {
        let this = self.clone();
        let first = self.llms[0].call(prompts.clone(), style);
        async move {
            let (result, account) = this.ask(first, |llm| llm.call(prompts.clone(), style)).await?;
            Ok(account.result(result))
        }
        .boxed()
    }

    fn call_each(&self, prompts: Vec<Prompt>, style: CallStyle) -> BoxFuture<'static, Result<PromptResults, Error>> {
        let this = self.clone();
        let first = self.llms[0].call_each(prompts.clone(), style);
        async move {
            let whole = Account { begun: Instant::now(), note: None };
            Ok(whole.results(this.ask_each(first, prompts, style).await?))
        }
        .boxed()
    }

    fn open_stream(&self, prompt: Prompt, style: CallStyle) -> BoxFuture<'static, Result<LlmStream, Error>> {
        let this = self.clone();
        let first = self.llms[0].open_stream(prompt.clone(), style);
        async move {
            let (stream, account) = this.ask(first, |llm| llm.open_stream(prompt.clone(), style)).await?;
            Ok(account.stream(stream))
        }
        .boxed()
    }

    fn shared(&self) -> Arc<dyn Llm> {
        Arc::new(self.clone())
    }

    fn is_deterministic(&self) -> bool {
        self.llms.iter().all(Llm::is_deterministic)
    }
}

impl fmt::Debug for Fallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Fallback").field(&self.llms).finish()
    }
}
