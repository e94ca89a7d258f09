//! The class `Bedrock`.

mod converse;

use serde_json::{Value, json};

use self::converse::Converse;
use super::Provider;
use super::call::{Job, Plan};
use super::call_methods::llm_methods;
use super::chat_openai::conversations;
use super::connection::Connection;
use super::methods::{connection_setters, sampling_setters, system_setter};
use super::options::{check_answers, check_model, check_one_for_stream, check_positive, check_range};
use super::wire::Body;
use crate::env_vars;
use crate::error::Error;
use crate::private::Private;
use crate::prompt::{Message, Prompt, Role};

/// Conversations with a model at AWS Bedrock, by its Converse API, which is the same for all models there.
///
/// A prompt is a text, which stands for one user message, or a list of [`Message`]s, whose system messages become the
/// request's system prompt. Bedrock gives one answer to a request, so `n` answers are `n` requests; all requests of a call
/// run at the same time.
///
/// The key is a Bedrock API key: [`api_key`](Self::api_key) or the variable `AWS_BEARER_TOKEN_BEDROCK`. Requests are not
/// signed (`SigV4`): access keys, profiles and roles of AWS are not read. The region is [`region`](Self::region),
/// `AWS_REGION` or `AWS_DEFAULT_REGION`.
///
/// Defaults: one answer; no option is sent unless set, so that the model's own count. Fields of [`extra`](Self::extra) are
/// the model's own: they are sent in `additionalModelRequestFields`, not beside it.
///
/// ```
/// # let sim = antiphon_sim::for_example();
/// use antiphon::Bedrock;
///
/// let llm = Bedrock::new("us.anthropic.claude-haiku-4-5-20251001-v1:0").region("us-east-1").max_tokens(256);
/// println!("{}", llm.generate(["What is the capital of France?"])?);
/// # assert_eq!(sim.requests()[0].body["inferenceConfig"]["maxTokens"], 256);
/// # Ok::<(), antiphon::Error>(())
/// ```
///
/// Reference: <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html>
#[derive(Debug, Clone)]
pub struct Bedrock {
    connection: Connection,
    options: Options,
}

#[derive(Debug, Clone, Default)]
struct Options {
    model: String,
    n: Option<u32>,
    system: Option<Private>,
    stop: Vec<String>,
    temperature: Option<f64>,
    max_tokens: Option<u32>,
    top_p: Option<f64>,
}

impl Bedrock {
    /// The default settings for a model, by its id, or the id or ARN of an inference profile. Nothing is read or checked
    /// before a call.
    pub fn new(model: impl Into<String>) -> Self {
        let options = Options { model: model.into(), ..Options::default() };
        Self { connection: Connection::new(Provider::Bedrock), options }
    }

    connection_setters!(connection);
    system_setter!(options);

    /// Asks in this region, for example `us-east-1`.
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.connection.region = Some(region.into());
        self
    }

    /// Asks this model.
    pub fn model(mut self, model: impl Into<String>) -> Self {
        self.options.model = model.into();
        self
    }

    /// Asks for this many answers to each prompt, each in a request of its own; at most 1,000. Default: 1.
    pub fn n(mut self, answers: u32) -> Self {
        self.options.n = Some(answers);
        self
    }

    sampling_setters!(options);

    /// Sets how much chance there is in the choice of tokens, from 0 to 1.
    pub fn temperature(mut self, temperature: f64) -> Self {
        self.options.temperature = Some(temperature);
        self
    }

    /// Ends an answer after this many tokens, at least 1. Default: not sent, so that the model's own limit counts.
    pub fn max_tokens(mut self, tokens: u32) -> Self {
        self.options.max_tokens = Some(tokens);
        self
    }

    fn asks_for_equal_answers(&self) -> bool {
        self.options.temperature == Some(0.0)
    }

    /// Looks up and checks all that a call needs.
    fn plan(&self, prompts: Vec<Prompt>, is_stream: bool) -> Result<Plan, Error> {
        self.options.check()?;
        check_one_for_stream(is_stream, "n", self.options.n)?;
        let n = self.options.n.unwrap_or(1) as usize;
        let mut jobs = Vec::with_capacity(prompts.len() * n);
        for (index, messages) in conversations(prompts.clone())?.iter().enumerate() {
            let body = self.options.to_wire(index, messages)?;
            let payload = self.connection.payload(&Converse, body, is_stream);
            jobs.extend(std::iter::repeat_n(payload, n).map(|payload| Job::single(index, payload)));
        }
        let endpoint = if prompts.is_empty() { None } else { Some(self.connection.endpoint(&env_vars::process)?) };
        let model = self.options.model.clone();
        Ok(Plan { jobs, ..Plan::new(&self.connection, endpoint, &Converse, model, prompts) })
    }
}

llm_methods!(Bedrock, "Bedrock", "Bedrock::new(\"amazon.nova-lite-v1:0\")");

impl Options {
    fn check(&self) -> Result<(), Error> {
        check_model(Some(&self.model))?;
        check_range("temperature", self.temperature, 0.0..=1.0)?;
        check_range("top_p", self.top_p, 0.0..=1.0)?;
        check_positive("max_tokens", self.max_tokens)?;
        check_answers(self.n)
    }

    fn to_wire(&self, index: usize, messages: &[Message]) -> Result<Body, Error> {
        let (system, turns): (Vec<_>, Vec<_>) = messages.iter().partition(|message| message.role == Role::System);
        if turns.is_empty() {
            return Err(Error::invalid_prompt(index, "has system messages only"));
        }
        let block = |text: &str| json!({ "text": text });
        let system = self.system.as_deref().into_iter().chain(system.iter().map(|it| it.content.as_str()));
        let system: Vec<Value> = system.map(block).collect();
        let turns = turns
            .into_iter()
            .map(|message| json!({ "role": message.role.as_str(), "content": [block(&message.content)] }));
        let mut config = Body::new();
        let mut body = Body::new();
        let add = |to: &mut Body, key: &str, value: Option<Value>| {
            if let Some(value) = value {
                to.insert(key.to_owned(), value);
            }
        };
        add(&mut config, "maxTokens", self.max_tokens.map(Value::from));
        add(&mut config, "temperature", self.temperature.map(Value::from));
        add(&mut config, "topP", self.top_p.map(Value::from));
        add(&mut config, "stopSequences", (!self.stop.is_empty()).then(|| json!(self.stop)));
        add(&mut body, "messages", Some(turns.collect()));
        add(&mut body, "system", (!system.is_empty()).then(|| system.into()));
        add(&mut body, "inferenceConfig", (!config.is_empty()).then(|| config.into()));
        Ok(body)
    }
}
