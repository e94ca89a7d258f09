//! The class `Anthropic`.

mod complete;
mod messages;

use serde_json::{Value, json};

pub use self::complete::AnthropicVersion;
pub(crate) use self::complete::said;
use self::messages::Messages;
use super::Provider;
use super::call::{Job, Plan};
use super::call_methods::llm_methods;
use super::chat_openai::conversations;
use super::connection::Connection;
use super::methods::{connection_setters, sampling_setters};
use super::options::{check_answers, check_model, check_one_for_stream, check_positive, check_range};
use super::wire::{Body, Wire};
use crate::env_vars;
use crate::error::Error;
use crate::private::Private;
use crate::prompt::{Message, Prompt, Role};

/// The fastest of the current models, and one that still takes `temperature`
/// (<https://docs.anthropic.com/en/docs/about-claude/models/overview>).
const DEFAULT_MODEL: &str = "claude-haiku-4-5";

/// Conversations to be continued, at Anthropic or a server that speaks its language.
///
/// A prompt is a text, which stands for one user message, or a list of [`Message`]s, whose system
/// messages become the request's system prompt. Anthropic gives one answer to a request, so `n`
/// answers are `n` requests; all requests of a call run at the same time.
///
/// Defaults: model `claude-haiku-4-5`, 1,024 tokens, one answer; `temperature` is not sent unless
/// set, as newer models refuse it. An option that the model refuses is left out and reported as
/// `dropped_params` in [`generation_info`](crate::Generation::generation_info).
///
/// ```
/// # let sim = antiphon_sim::for_example();
/// use antiphon::Anthropic;
///
/// let llm = Anthropic::new().system("Answer in one word.");
/// let response = llm.generate(["What is the capital of France?"])?;
/// println!("{response}");
/// # assert_eq!(sim.requests()[0].body["system"], "Answer in one word.");
/// # Ok::<(), antiphon::Error>(())
/// ```
///
/// Reference: <https://docs.anthropic.com/en/api/messages>
#[derive(Debug, Clone)]
pub struct Anthropic {
    connection: Connection,
    options: Options,
}

#[derive(Debug, Clone)]
struct Options {
    /// `None` for messages.
    text_completions: Option<AnthropicVersion>,
    model: Option<String>,
    max_tokens: u32,
    n: u32,
    system: Option<Private>,
    stop: Vec<String>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    top_k: Option<u32>,
}

impl Default for Anthropic {
    fn default() -> Self {
        Self::new()
    }
}

impl Anthropic {
    /// The default settings. Nothing is read or checked before a call.
    pub fn new() -> Self {
        let options = Options {
            text_completions: None,
            model: None,
            max_tokens: 1_024,
            n: 1,
            system: None,
            stop: Vec::new(),
            temperature: None,
            top_p: None,
            top_k: None,
        };
        Self { connection: Connection::new(Provider::Anthropic), options }
    }

    connection_setters!(connection);

    /// Asks this model.
    pub fn model(mut self, model: impl Into<String>) -> Self {
        self.options.model = Some(model.into());
        self
    }

    /// Ends an answer after this many tokens, at least 1. Default: 1,024, because Anthropic demands a limit,
    /// and the 256 of 2023 cut most answers of today's models short.
    pub fn max_tokens(mut self, tokens: u32) -> Self {
        self.options.max_tokens = tokens;
        self
    }

    /// Asks for this many answers to each prompt, each in a request of its own; at most 1,000. Default: 1.
    pub fn n(mut self, answers: u32) -> Self {
        self.options.n = answers;
        self
    }

    /// Tells the model how to answer. System messages of a conversation follow this text.
    pub fn system(mut self, text: impl Into<String>) -> Self {
        self.options.system = Some(Private::from(text));
        self
    }

    sampling_setters!(options);

    /// Sets how much chance there is in the choice of tokens, from 0 to 1. Default: not sent.
    pub fn temperature(mut self, temperature: f64) -> Self {
        self.options.temperature = Some(temperature);
        self
    }

    /// Chooses from this many of the likeliest tokens.
    pub fn top_k(mut self, tokens: u32) -> Self {
        self.options.top_k = Some(tokens);
        self
    }

    /// Asks for text completions (`/v1/complete`) in place of messages, as old programs and servers do.
    ///
    /// A text becomes a dialogue, `\n\nHuman: {text}\n\nAssistant:`, unless it is one already. So does a conversation, in
    /// which the human says the system prompt too. An answer is what the model wrote, which usually begins with a space; it
    /// ends before the next `\n\nHuman:`, even if [`stop`](Self::stop) is set. Tokens are not counted. The header
    /// `anthropic-version` is that of `version`. Default model: `claude-2.1`.
    ///
    /// Anthropic has deprecated the endpoint. Claude 2.1, Claude 2 and Claude Instant 1.2 were the last models there and are
    /// retired; no later model has it.
    ///
    /// ```
    /// # let sim = antiphon_sim::for_example();
    /// use antiphon::{Anthropic, AnthropicVersion};
    ///
    /// let llm = Anthropic::new().text_completions(AnthropicVersion::V2023_01_01).model("claude-v1");
    /// println!("{}", llm.generate(["What is the capital of France?"])?);
    /// # assert_eq!(sim.requests()[0].body["prompt"], "\n\nHuman: What is the capital of France?\n\nAssistant:");
    /// # Ok::<(), antiphon::Error>(())
    /// ```
    ///
    /// Reference: <https://docs.anthropic.com/en/api/complete>
    pub fn text_completions(mut self, version: AnthropicVersion) -> Self {
        self.options.text_completions = Some(version);
        self
    }

    fn asks_for_equal_answers(&self) -> bool {
        self.options.temperature == Some(0.0)
    }

    /// Looks up and checks all that a call needs.
    fn plan(&self, prompts: Vec<Prompt>, is_stream: bool) -> Result<Plan, Error> {
        self.options.check()?;
        check_one_for_stream(is_stream, "n", Some(self.options.n))?;
        let n = self.options.n as usize;
        let version = self.options.text_completions;
        let wire = version.map_or(&Messages as &dyn Wire, AnthropicVersion::wire);
        let mut jobs = Vec::with_capacity(prompts.len() * n);
        for (index, messages) in conversations(prompts.clone())?.iter().enumerate() {
            let body = self.options.to_wire(index, messages)?;
            let payload = self.connection.payload(wire, body, is_stream);
            jobs.extend(std::iter::repeat_n(payload, n).map(|payload| Job::single(index, payload)));
        }
        let mut endpoint = if prompts.is_empty() { None } else { Some(self.connection.endpoint(&env_vars::process)?) };
        if let (Some(version), Some(endpoint)) = (version, &mut endpoint) {
            endpoint.headers.insert("anthropic-version", version.header());
        }
        Ok(Plan { jobs, ..Plan::new(&self.connection, endpoint, wire, self.options.model(), prompts) })
    }
}

llm_methods!(Anthropic, "Anthropic", "Anthropic::new()");

impl Options {
    fn model(&self) -> String {
        let default = if self.text_completions.is_some() { complete::DEFAULT_MODEL } else { DEFAULT_MODEL };
        self.model.clone().unwrap_or_else(|| default.to_owned())
    }

    fn check(&self) -> Result<(), Error> {
        check_model(self.model.as_deref())?;
        check_range("temperature", self.temperature, 0.0..=1.0)?;
        check_range("top_p", self.top_p, 0.0..=1.0)?;
        check_positive("max_tokens", Some(self.max_tokens))?;
        check_answers(Some(self.n))
    }

    fn to_wire(&self, index: usize, messages: &[Message]) -> Result<Body, Error> {
        let (system, turns): (Vec<_>, Vec<_>) = messages.iter().partition(|message| message.role == Role::System);
        if turns.is_empty() {
            return Err(Error::invalid_prompt(index, "has system messages only"));
        }
        let system: Vec<&str> = self
            .system
            .as_deref()
            .into_iter()
            .chain(system.into_iter().map(|message| message.content.as_str()))
            .collect();

        let mut body = Body::new();
        let mut add = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                body.insert(key.to_owned(), value);
            }
        };
        add("model", Some(self.model().into()));
        if self.text_completions.is_some() {
            add("max_tokens_to_sample", Some(self.max_tokens.into()));
            add("prompt", Some(complete::prompt(&system, &turns).into()));
        } else {
            add("max_tokens", Some(self.max_tokens.into()));
            add("messages", Some(turns.into_iter().map(Message::to_wire).collect()));
            add("system", (!system.is_empty()).then(|| system.join("\n\n").into()));
        }
        add("stop_sequences", (!self.stop.is_empty()).then(|| json!(self.stop)));
        add("temperature", self.temperature.map(Value::from));
        add("top_p", self.top_p.map(Value::from));
        add("top_k", self.top_k.map(Value::from));
        Ok(body)
    }
}
