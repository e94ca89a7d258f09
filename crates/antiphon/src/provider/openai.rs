//! The class `OpenAI`: text in, text out.

use super::Provider;
use super::call::{Job, Plan};
use super::call_methods::llm_methods;
use super::chat::{self, Chat};
use super::completions::{self, Completions};
use super::connection::Connection;
use super::methods::{connection_setters, openai_setters, organization_setters};
use super::options::Options;
use crate::env_vars;
use crate::error::Error;
use crate::prompt::{Message, Prompt};
use crate::transport::Endpoint;

/// The last model behind OpenAI's `/completions`; compatible servers often map the name to theirs.
const DEFAULT_MODEL: &str = "gpt-3.5-turbo-instruct";

/// Texts to be continued or answered, at OpenAI or a server that speaks its language.
///
/// - At OpenAI itself, whose completion models are shut down, prompts go to the chat endpoint, one
///   request each, and the default model is `gpt-6-luna` (asked not to reason, so that
///   `temperature` and `max_tokens` mean what they say).
/// - At any other base URL prompts go to `/completions`, [`batch_size`](Self::batch_size) to a
///   request; the default model is `gpt-3.5-turbo-instruct`, so set [`model`](Self::model).
///
/// Requests of one call run at the same time. An option that the model refuses is left out and
/// reported as `dropped_params` in [`generation_info`](crate::Generation::generation_info).
///
/// Defaults: temperature 0.7, 256 tokens, one completion.
///
/// ```
/// # let sim = antiphon_sim::for_example();
/// use antiphon::OpenAI;
///
/// let llm = OpenAI::new().base_url("http://localhost:8000/v1").model("my-model").n(2);
/// # let llm = llm.base_url(format!("{}/v1", sim.base_url()));
/// let response = llm.generate(["Once upon a time", "It was a dark night"])?;
/// println!("{}", response.generations[1][0].text);
/// # assert_eq!(sim.requests()[0].body["prompt"][1], "It was a dark night");
/// # Ok::<(), antiphon::Error>(())
/// ```
///
/// Reference: <https://platform.openai.com/docs/api-reference/completions>
#[derive(Debug, Clone)]
pub struct OpenAI {
    pub(super) connection: Connection,
    pub(super) options: Options,
}

impl Default for OpenAI {
    fn default() -> Self {
        Self::new()
    }
}

impl OpenAI {
    /// The default settings. Nothing is read or checked before a call.
    pub fn new() -> Self {
        Self { connection: Connection::new(Provider::OpenAi), options: Options::new(0.7, Some(256)) }
    }

    connection_setters!(connection);
    organization_setters!(connection);
    openai_setters!(options);

    /// Writes this many completions on the server and keeps the `n` best. The chat endpoint cannot.
    pub fn best_of(mut self, best_of: u32) -> Self {
        self.options.best_of = Some(best_of);
        self
    }

    /// Sends at most this many prompts in one request to `/completions`. Default: 20.
    pub fn batch_size(mut self, prompts: usize) -> Self {
        self.options.batch_size = prompts;
        self
    }

    pub(super) fn asks_for_equal_answers(&self) -> bool {
        self.options.temperature == Some(0.0) || self.options.seed.is_some()
    }

    /// Looks up and checks all that a call needs.
    pub(super) fn plan(&self, prompts: Vec<Prompt>, is_stream: bool) -> Result<Plan, Error> {
        let options = &self.options;
        options.check(is_stream)?;
        let texts = prompts.iter().enumerate().map(|(index, prompt)| match prompt {
            Prompt::Text(text) => Ok(text.clone()),
            Prompt::Conversation(_) => Err(Error::invalid_prompt(index, "is a conversation, which `ChatOpenAI` takes")),
        });
        let texts = texts.collect::<Result<Vec<_>, _>>()?;
        let endpoint = if prompts.is_empty() { None } else { Some(self.connection.endpoint(&env_vars::process)?) };
        let own = endpoint.as_ref().is_none_or(Endpoint::is_providers_own);
        let default = if own { chat::DEFAULT_MODEL } else { DEFAULT_MODEL };
        let model = options.model.clone().unwrap_or_else(|| default.to_owned());
        let n = options.n as usize;
        Ok(match &endpoint {
            Some(server) if own => {
                let jobs = texts.iter().enumerate().map(|(index, text)| {
                    let body = chat::body(server, options, &model, &[Message::user(text)]);
                    Job::single(index, self.connection.payload(&Chat::PLAIN, body, is_stream))
                });
                let (jobs, dropped) = (jobs.collect(), chat::dropped(options));
                Plan { n, jobs, dropped, ..Plan::new(&self.connection, endpoint, &Chat::PLAIN, model, prompts) }
            }
            _ => {
                let jobs = completions::jobs(&self.connection, options, &model, &texts, is_stream);
                Plan { n, jobs, ..Plan::new(&self.connection, endpoint, &Completions, model, prompts) }
            }
        })
    }
}

llm_methods!(OpenAI, "OpenAI", "OpenAI::new()");
