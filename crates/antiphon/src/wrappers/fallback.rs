//! Other models for when the first cannot answer.

use std::fmt;
use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::wrapper_methods;
use crate::error::{Error, ErrorKind};
use crate::llm::{CallStyle, Llm};
use crate::prompt::Prompt;
use crate::result::{LlmResult, PromptResults};
use crate::stream::LlmStream;

/// Asks models one after another until one answers.
///
/// Each has its own retries first. Any failure leads on to the next model, except settings and prompts that were refused
/// before they were sent, and interrupted calls; see [`when`](Self::when). `agenerate_each` asks the next model only for
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
}

wrapper_methods!(Fallback, "{Anthropic, Fallback, OpenAI}", "Fallback::new(OpenAI::new()).or(Anthropic::new())");

impl Llm for Fallback {
    fn call(&self, prompts: Vec<Prompt>, style: CallStyle) -> BoxFuture<'static, Result<LlmResult, Error>> {
        let this = self.clone();
        async move {
            let mut place = 0;
            loop {
                match this.llms[place].call(prompts.clone(), style).await {
                    Err(error) if this.goes_on(place, &error) => place += 1,
                    Err(error) => return Err(error),
                    Ok(mut result) => {
                        if place > 0 {
                            result.generations.iter_mut().flatten().for_each(|it| it.note("fallback", place));
                        }
                        return Ok(result);
                    }
                }
            }
        }
        .boxed()
    }

    fn call_each(&self, prompts: Vec<Prompt>, style: CallStyle) -> BoxFuture<'static, Result<PromptResults, Error>> {
        let this = self.clone();
        async move {
            let mut answers: Option<PromptResults> = None;
            let mut open: Vec<usize> = (0..prompts.len()).collect();
            for (place, llm) in this.llms.iter().enumerate() {
                let asked = open.iter().map(|prompt| prompts[*prompt].clone()).collect();
                let mut new = match llm.call_each(asked, style).await {
                    Ok(new) => new,
                    Err(error) if this.goes_on(place, &error) => continue,
                    // What came before is worth more than this.
                    Err(error) => return answers.ok_or(error),
                };
                if place > 0 {
                    let generations = new.results.iter_mut().flat_map(|result| &mut result.generations);
                    generations.for_each(|it| it.note("fallback", place));
                }
                let leads_on = |error: &Option<Error>| error.as_ref().is_some_and(|it| this.goes_on(place, it));
                let next: Vec<usize> =
                    open.iter().zip(&new.results).filter(|(_, new)| leads_on(&new.error)).map(|(it, _)| *it).collect();
                match &mut answers {
                    None if open.len() == prompts.len() => answers = Some(new),
                    None => {}
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
        .boxed()
    }

    fn open_stream(&self, prompt: Prompt, style: CallStyle) -> BoxFuture<'static, Result<LlmStream, Error>> {
        let this = self.clone();
        async move {
            let mut place = 0;
            loop {
                match this.llms[place].open_stream(prompt.clone(), style).await {
                    Err(error) if this.goes_on(place, &error) => place += 1,
                    opened => return opened,
                }
            }
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
