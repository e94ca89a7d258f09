//! The class `Gemini`.

mod generate_content;

use serde_json::{Value, json};

use self::generate_content::GenerateContent;
use super::Provider;
use super::call::{Job, Plan};
use super::call_methods::llm_methods;
use super::chat_openai::conversations;
use super::connection::Connection;
use super::methods::{connection_setters, openai_setters, system_setter};
use super::options::Options;
use super::wire::Body;
use crate::env_vars;
use crate::error::Error;
use crate::prompt::{Message, Prompt, Role};

/// Google's name for the newest of the fast ones (<https://ai.google.dev/gemini-api/docs/models>).
const DEFAULT_MODEL: &str = "gemini-flash-latest";

/// Conversations to be continued by Google's Gemini, in its own language.
///
/// A prompt is a text, which stands for one user message, or a list of [`Message`]s, whose system messages become the
/// request's system instruction; each is a request of its own, and all run at the same time. The key is
/// [`api_key`](Self::api_key), or the variables `GOOGLE_API_KEY` and `GEMINI_API_KEY`, the first of them first.
///
/// A prompt that is blocked is an error of kind [`ErrorKind::ContentFilter`](crate::ErrorKind::ContentFilter). A 429 is
/// asked again when Google says, unless it is about what a day allows.
///
/// Defaults: model `gemini-flash-latest`, one answer; no other option is sent unless set, so that the model's own count.
/// Gemini has no `logit_bias`; it is left out and reported as `dropped_params` in
/// [`generation_info`](crate::Generation::generation_info).
///
/// ```
/// # let sim = antiphon_sim::for_example();
/// use antiphon::Gemini;
///
/// let llm = Gemini::new().system("Answer in one word.").thinking_budget(0);
/// println!("{}", llm.generate(["What is the capital of France?"])?);
/// # assert_eq!(sim.requests()[0].body["generationConfig"]["thinkingConfig"]["thinkingBudget"], 0);
/// # Ok::<(), antiphon::Error>(())
/// ```
///
/// Reference: <https://ai.google.dev/api/generate-content>
#[derive(Debug, Clone)]
pub struct Gemini {
    connection: Connection,
    options: Options,
    top_k: Option<u32>,
    thinking_budget: Option<i32>,
    include_thoughts: Option<bool>,
}

impl Default for Gemini {
    fn default() -> Self {
        Self::new()
    }
}

impl Gemini {
    /// The default settings. Nothing is read or checked before a call.
    pub fn new() -> Self {
        let mut options = Options::new(0.0, None);
        options.temperature = None;
        let connection = Connection::new(Provider::Gemini);
        Self { connection, options, top_k: None, thinking_budget: None, include_thoughts: None }
    }

    connection_setters!(connection);
    openai_setters!(options);
    system_setter!(options);

    /// Chooses from this many of the likeliest tokens.
    pub fn top_k(mut self, tokens: u32) -> Self {
        self.top_k = Some(tokens);
        self
    }

    /// Lets the model think for about this many tokens before it answers; 0 is not at all, -1 as many as it likes.
    pub fn thinking_budget(mut self, tokens: i32) -> Self {
        self.thinking_budget = Some(tokens);
        self
    }

    /// Whether the model's thoughts come along, in summary, as
    /// [`StreamEvent::Reasoning`](crate::StreamEvent::Reasoning).
    pub fn include_thoughts(mut self, wanted: bool) -> Self {
        self.include_thoughts = Some(wanted);
        self
    }

    fn asks_for_equal_answers(&self) -> bool {
        self.options.temperature == Some(0.0) || self.options.seed.is_some()
    }

    /// Looks up and checks all that a call needs.
    fn plan(&self, prompts: Vec<Prompt>, is_stream: bool) -> Result<Plan, Error> {
        self.options.check(is_stream)?;
        let model = self.options.model.clone().unwrap_or_else(|| DEFAULT_MODEL.to_owned());
        let mut jobs = Vec::with_capacity(prompts.len());
        for (index, messages) in conversations(prompts.clone())?.iter().enumerate() {
            let body = self.to_wire(index, messages)?;
            jobs.push(Job::single(index, self.connection.payload(&GenerateContent, body, is_stream)));
        }
        let endpoint = if prompts.is_empty() { None } else { Some(self.connection.endpoint(&env_vars::process)?) };
        let dropped = if self.options.logit_bias.is_empty() { Vec::new() } else { vec!["logit_bias".to_owned()] };
        let n = self.options.n as usize;
        Ok(Plan { n, jobs, dropped, ..Plan::new(&self.connection, endpoint, &GenerateContent, model, prompts) })
    }

    fn to_wire(&self, index: usize, messages: &[Message]) -> Result<Body, Error> {
        let (system, turns): (Vec<_>, Vec<_>) = messages.iter().partition(|message| message.role == Role::System);
        if turns.is_empty() {
            return Err(Error::invalid_prompt(index, "has system messages only"));
        }
        let part = |text: &str| json!({ "text": text });
        let system = self.options.system.as_deref().into_iter().chain(system.iter().map(|it| it.content.as_str()));
        let system: Vec<Value> = system.map(part).collect();
        let contents = turns.into_iter().map(|message| {
            let role = if message.role == Role::Assistant { "model" } else { "user" };
            json!({ "role": role, "parts": [part(&message.content)] })
        });
        let mut body = Body::new();
        body.insert("contents".to_owned(), contents.collect());
        if !system.is_empty() {
            body.insert("systemInstruction".to_owned(), json!({ "parts": system }));
        }
        let config = self.config();
        if !config.is_empty() {
            body.insert("generationConfig".to_owned(), config.into());
        }
        Ok(body)
    }

    fn config(&self) -> Body {
        let options = &self.options;
        let mut thinking = Body::new();
        let mut config = Body::new();
        let add = |to: &mut Body, key: &str, value: Option<Value>| {
            if let Some(value) = value {
                to.insert(key.to_owned(), value);
            }
        };
        add(&mut thinking, "thinkingBudget", self.thinking_budget.map(Value::from));
        add(&mut thinking, "includeThoughts", self.include_thoughts.map(Value::from));
        add(&mut config, "temperature", options.temperature.map(Value::from));
        add(&mut config, "maxOutputTokens", options.max_tokens.map(Value::from));
        add(&mut config, "topP", options.top_p.map(Value::from));
        add(&mut config, "topK", self.top_k.map(Value::from));
        add(&mut config, "candidateCount", (options.n > 1).then(|| options.n.into()));
        add(&mut config, "stopSequences", (!options.stop.is_empty()).then(|| json!(options.stop)));
        add(&mut config, "seed", options.seed.map(Value::from));
        add(&mut config, "frequencyPenalty", options.frequency_penalty.map(Value::from));
        add(&mut config, "presencePenalty", options.presence_penalty.map(Value::from));
        add(&mut config, "thinkingConfig", (!thinking.is_empty()).then(|| thinking.into()));
        config
    }
}

llm_methods!(Gemini, "Gemini", "Gemini::new()");
