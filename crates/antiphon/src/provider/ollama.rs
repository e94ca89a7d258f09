//! The class `Ollama`.

mod chat;

use serde_json::{Value, json};

use self::chat::OllamaChat;
use super::Provider;
use super::call::{Job, Plan};
use super::call_methods::llm_methods;
use super::chat_openai::conversations;
use super::connection::Connection;
use super::methods::{connection_setters, sampling_setters};
use super::options::{check_answers, check_model, check_one_for_stream, check_positive, check_range};
use super::wire::Body;
use crate::env_vars;
use crate::error::Error;
use crate::private::Private;
use crate::prompt::{Message, Prompt};

/// Small, and there for every machine; any other has to be pulled first all the same.
const DEFAULT_MODEL: &str = "llama3.2";

/// Conversations with models on this machine or another, served by Ollama.
///
/// A prompt is a text, which stands for one user message, or a list of [`Message`]s. Ollama gives one answer to a
/// request, so `n` answers are `n` requests; all requests of a call are sent at the same time, but a server works on
/// `OLLAMA_NUM_PARALLEL` of them at once, by default on one.
///
/// Defaults: server `http://127.0.0.1:11434` (or `OLLAMA_HOST`), model `llama3.2`, one answer; other options are not
/// sent unless set, so that the model's own count.
///
/// ```
/// # let sim = antiphon_sim::for_example();
/// use antiphon::Ollama;
///
/// let llm = Ollama::new().model("qwen3").temperature(0.0);
/// println!("{}", llm.generate(["What is the capital of France?"])?);
/// # assert_eq!(sim.requests()[0].path, "/api/chat");
/// # Ok::<(), antiphon::Error>(())
/// ```
///
/// Reference: <https://github.com/ollama/ollama/blob/main/docs/api.md>
#[derive(Debug, Clone)]
pub struct Ollama {
    connection: Connection,
    options: Options,
}

#[derive(Debug, Clone, Default)]
struct Options {
    model: Option<String>,
    n: Option<u32>,
    system: Option<Private>,
    stop: Vec<String>,
    temperature: Option<f64>,
    max_tokens: Option<u32>,
    top_p: Option<f64>,
    top_k: Option<u32>,
    seed: Option<i64>,
    num_ctx: Option<u32>,
    keep_alive: Option<String>,
    think: Option<bool>,
}

impl Default for Ollama {
    fn default() -> Self {
        Self::new()
    }
}

impl Ollama {
    /// The default settings. Nothing is read or checked before a call.
    pub fn new() -> Self {
        Self { connection: Connection::new(Provider::Ollama), options: Options::default() }
    }

    connection_setters!(connection);

    /// Asks this model.
    pub fn model(mut self, model: impl Into<String>) -> Self {
        self.options.model = Some(model.into());
        self
    }

    /// Asks for this many answers to each prompt, each in a request of its own; at most 1,000. Default: 1.
    pub fn n(mut self, answers: u32) -> Self {
        self.options.n = Some(answers);
        self
    }

    /// Tells the model how to answer, before each conversation.
    pub fn system(mut self, text: impl Into<String>) -> Self {
        self.options.system = Some(Private::from(text));
        self
    }

    sampling_setters!(options);

    /// Sets how much chance there is in the choice of tokens, from 0 to 2.
    pub fn temperature(mut self, temperature: f64) -> Self {
        self.options.temperature = Some(temperature);
        self
    }

    /// Ends an answer after this many tokens, at least 1 (`num_predict`). Default: not sent, so that the model's own
    /// limit counts.
    pub fn max_tokens(mut self, tokens: u32) -> Self {
        self.options.max_tokens = Some(tokens);
        self
    }

    /// Chooses from this many of the likeliest tokens.
    pub fn top_k(mut self, tokens: u32) -> Self {
        self.options.top_k = Some(tokens);
        self
    }

    /// Asks for the same answer to the same request.
    pub fn seed(mut self, seed: i64) -> Self {
        self.options.seed = Some(seed);
        self
    }

    /// Gives the model a context of this many tokens. Prompts beyond it are cut by the server, silently.
    pub fn num_ctx(mut self, tokens: u32) -> Self {
        self.options.num_ctx = Some(tokens);
        self
    }

    /// Keeps the model loaded this long after the answer, in Ollama's words, for example `10m`, or `-1` for ever.
    pub fn keep_alive(mut self, time: impl Into<String>) -> Self {
        self.options.keep_alive = Some(time.into());
        self
    }

    /// Whether a model that can reason does so.
    pub fn think(mut self, wanted: bool) -> Self {
        self.options.think = Some(wanted);
        self
    }

    fn asks_for_equal_answers(&self) -> bool {
        self.options.temperature == Some(0.0) || self.options.seed.is_some()
    }

    /// Looks up and checks all that a call needs.
    fn plan(&self, prompts: Vec<Prompt>, is_stream: bool) -> Result<Plan, Error> {
        self.options.check()?;
        check_one_for_stream(is_stream, "n", self.options.n)?;
        let n = self.options.n.unwrap_or(1) as usize;
        let model = self.options.model.clone().unwrap_or_else(|| DEFAULT_MODEL.to_owned());
        let mut jobs = Vec::with_capacity(prompts.len() * n);
        for (index, messages) in conversations(prompts.clone())?.iter().enumerate() {
            let body = self.options.to_wire(&model, messages);
            let payload = self.connection.payload(&OllamaChat, body, is_stream);
            jobs.extend(std::iter::repeat_n(payload, n).map(|payload| Job::single(index, payload)));
        }
        let endpoint = if prompts.is_empty() { None } else { Some(self.connection.endpoint(&env_vars::process)?) };
        Ok(Plan { jobs, ..Plan::new(&self.connection, endpoint, &OllamaChat, model, prompts) })
    }
}

llm_methods!(Ollama, "Ollama", "Ollama::new()");

impl Options {
    fn check(&self) -> Result<(), Error> {
        check_model(self.model.as_deref())?;
        check_range("temperature", self.temperature, 0.0..=2.0)?;
        check_range("top_p", self.top_p, 0.0..=1.0)?;
        check_positive("max_tokens", self.max_tokens)?;
        check_positive("num_ctx", self.num_ctx)?;
        check_answers(self.n)
    }

    fn to_wire(&self, model: &str, messages: &[Message]) -> Body {
        let mut options = Body::new();
        let mut add = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                options.insert(key.to_owned(), value);
            }
        };
        add("temperature", self.temperature.map(Value::from));
        add("num_predict", self.max_tokens.map(Value::from));
        add("top_p", self.top_p.map(Value::from));
        add("top_k", self.top_k.map(Value::from));
        add("seed", self.seed.map(Value::from));
        add("num_ctx", self.num_ctx.map(Value::from));
        add("stop", (!self.stop.is_empty()).then(|| json!(self.stop)));

        let system = self.system.iter().map(Message::system);
        let messages: Value = system.map(|it| it.to_wire()).chain(messages.iter().map(Message::to_wire)).collect();
        let mut body = Body::new();
        body.insert("model".to_owned(), model.into());
        body.insert("messages".to_owned(), messages);
        // Ollama streams unless told not to.
        body.insert("stream".to_owned(), false.into());
        if !options.is_empty() {
            body.insert("options".to_owned(), options.into());
        }
        if let Some(time) = &self.keep_alive {
            // A number counts seconds; Ollama takes it as a number only.
            let value = time.parse::<i64>().map_or_else(|_| json!(time), Value::from);
            body.insert("keep_alive".to_owned(), value);
        }
        if let Some(think) = self.think {
            body.insert("think".to_owned(), think.into());
        }
        body
    }
}
