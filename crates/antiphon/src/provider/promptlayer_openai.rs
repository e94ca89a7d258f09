//! The classes `PromptLayerOpenAI` and `PromptLayerChatOpenAI`: as without the prefix, and logged.

use serde_json::{Map, Value, json};

use super::call::Plan;
use super::connection::Connection;
use super::methods::{connection_setters, openai_setters, organization_setters, system_setter};
use super::options::Options;
use super::promptlayer::Settings;
use super::promptlayer_call::{Logged, Subject, logged_methods};
use super::{ChatOpenAI, OpenAI};
use crate::env_vars;
use crate::error::Error;
use crate::llm::CallStyle;
use crate::prompt::Prompt;

/// Setters of [`Settings`].
macro_rules! promptlayer_setters {
    () => {
        /// Logs requests under these tags.
        pub fn pl_tags<I>(mut self, tags: I) -> Self
        where
            I: IntoIterator,
            I::Item: Into<String>,
        {
            self.log.tags = Some(tags.into_iter().map(Into::into).collect());
            self
        }

        /// Whether the call waits for the log, to put its `pl_request_id` into
        /// [`generation_info`](crate::Generation::generation_info). Default: no; the log is then
        /// written in the background, and lost if the process ends first.
        pub fn return_pl_id(mut self, wanted: bool) -> Self {
            self.log.return_id = wanted;
            self
        }

        /// Sets the log's server. Without it `PROMPTLAYER_BASE_URL` counts.
        pub fn promptlayer_base_url(mut self, url: impl Into<String>) -> Self {
            self.log.connection.base_url = Some(crate::transport::UrlText::new(url));
            self
        }

        /// Sets PromptLayer's API key. Without it `PROMPTLAYER_API_KEY` counts.
        pub fn promptlayer_api_key(mut self, key: impl Into<String>) -> Self {
            self.log.connection.api_key = Some(crate::secret::Secret::new(key));
            self
        }
    };
}

/// [`OpenAI`] with a record of each prompt and its first completion in PromptLayer's log.
///
/// A log that cannot be written never makes a call fail: it is a warning, an event of [`tracing`], or a line on standard
/// error where nothing subscribes to events.
///
/// ```
/// # let sim = antiphon_sim::for_example();
/// use antiphon::PromptLayerOpenAI;
///
/// let llm = PromptLayerOpenAI::new().pl_tags(["notebook"]).return_pl_id(true);
/// let response = llm.generate(["Hello, how are you?"])?;
/// println!("{}", response.generations[0][0].generation_info["pl_request_id"]);
/// # assert!(response.generations[0][0].generation_info["pl_request_id"].is_u64());
/// # Ok::<(), antiphon::Error>(())
/// ```
///
/// Reference: <https://docs.promptlayer.com/languages/rest-api>
#[derive(Debug, Clone)]
pub struct PromptLayerOpenAI {
    llm: OpenAI,
    log: Settings,
}

impl Default for PromptLayerOpenAI {
    fn default() -> Self {
        Self::new()
    }
}

impl PromptLayerOpenAI {
    /// The default settings. Nothing is read or checked before a call.
    pub fn new() -> Self {
        Self { llm: OpenAI::new(), log: Settings::new() }
    }

    connection_setters!(llm.connection);
    organization_setters!(llm.connection);
    openai_setters!(llm.options);
    promptlayer_setters!();

    /// Writes this many completions on the server and keeps the `n` best. The chat endpoint cannot.
    pub fn best_of(mut self, best_of: u32) -> Self {
        self.llm = self.llm.best_of(best_of);
        self
    }

    /// Sends at most this many prompts in one request to `/completions`. Default: 20.
    pub fn batch_size(mut self, prompts: usize) -> Self {
        self.llm = self.llm.batch_size(prompts);
        self
    }

    fn asks_for_equal_answers(&self) -> bool {
        self.llm.asks_for_equal_answers()
    }

    fn logged(&self, prompts: Vec<Prompt>, is_stream: bool, style: CallStyle) -> Result<Logged, Error> {
        let plan = self.llm.plan(prompts, is_stream)?;
        let kwargs = completion_kwargs(&self.llm.options, &self.llm.connection, &plan.model);
        logged(plan, &self.log, kwargs, Subject::Completions, style)
    }
}

logged_methods!(PromptLayerOpenAI);

/// [`ChatOpenAI`] with a record of each answer in PromptLayer's log.
///
/// As with [`PromptLayerOpenAI`], a log that cannot be written is a warning.
///
/// ```
/// # let sim = antiphon_sim::for_example();
/// use antiphon::PromptLayerChatOpenAI;
///
/// let llm = PromptLayerChatOpenAI::new().pl_tags(["notebook"]);
/// println!("{}", llm.generate(["Hello, how are you?"])?);
/// # Ok::<(), antiphon::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct PromptLayerChatOpenAI {
    llm: ChatOpenAI,
    log: Settings,
}

impl Default for PromptLayerChatOpenAI {
    fn default() -> Self {
        Self::new()
    }
}

impl PromptLayerChatOpenAI {
    /// The default settings. Nothing is read or checked before a call.
    pub fn new() -> Self {
        Self { llm: ChatOpenAI::new(), log: Settings::new() }
    }

    connection_setters!(llm.connection);
    organization_setters!(llm.connection);
    openai_setters!(llm.options);
    promptlayer_setters!();
    system_setter!(llm.options);

    fn asks_for_equal_answers(&self) -> bool {
        self.llm.asks_for_equal_answers()
    }

    fn logged(&self, prompts: Vec<Prompt>, is_stream: bool, style: CallStyle) -> Result<Logged, Error> {
        let plan = self.llm.plan(prompts, is_stream)?;
        let kwargs = chat_kwargs(&self.llm.options, &self.llm.connection, &plan.model, is_stream);
        logged(plan, &self.log, kwargs, Subject::Chats, style)
    }
}

logged_methods!(PromptLayerChatOpenAI);

/// Without prompts there is nothing to log, and no key is needed.
fn logged(
    plan: Plan,
    settings: &Settings,
    kwargs: Map<String, Value>,
    subject: Subject,
    style: CallStyle,
) -> Result<Logged, Error> {
    let log =
        if plan.prompts.is_empty() { None } else { Some(settings.log(subject.class(), style, &env_vars::process)?) };
    Ok(Logged { plan, log, kwargs, subject })
}

/// The original's parameters of a completion, all of them.
fn completion_kwargs(options: &Options, connection: &Connection, model: &str) -> Map<String, Value> {
    let mut kwargs = object(json!({
        "model_name": model,
        "temperature": options.temperature,
        "max_tokens": options.max_tokens,
        "top_p": options.top_p.unwrap_or(1.0),
        "frequency_penalty": options.frequency_penalty.unwrap_or(0.0),
        "presence_penalty": options.presence_penalty.unwrap_or(0.0),
        "n": options.n,
        "best_of": options.best_of.unwrap_or(1),
        "request_timeout": connection.timeout.map(|it| it.as_secs_f64()),
        "logit_bias": options.logit_bias,
    }));
    add_rest(&mut kwargs, options);
    connection.extra.add_to(&mut kwargs);
    kwargs
}

/// The original's parameters of a chat.
fn chat_kwargs(options: &Options, connection: &Connection, model: &str, is_stream: bool) -> Map<String, Value> {
    let mut kwargs = options.to_wire(model);
    kwargs.extend(object(json!({
        "max_tokens": options.max_tokens,
        "n": options.n,
        "request_timeout": connection.timeout.map(|it| it.as_secs_f64()),
        "stream": is_stream,
    })));
    connection.extra.add_to(&mut kwargs);
    kwargs
}

/// Options that the original passes apart, or did not have.
fn add_rest(kwargs: &mut Map<String, Value>, options: &Options) {
    if !options.stop.is_empty() {
        kwargs.insert("stop".to_owned(), json!(options.stop));
    }
    if let Some(seed) = options.seed {
        kwargs.insert("seed".to_owned(), seed.into());
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
