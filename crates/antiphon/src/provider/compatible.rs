//! The class `OpenAiCompatible`: servers that speak OpenAI's chat language, and what is different with each.

use super::Provider;
use super::call::{Job, Plan};
use super::call_methods::llm_methods;
use super::chat::{self, Chat};
use super::chat_openai::conversations;
use super::connection::Connection;
use super::methods::{connection_setters, openai_setters, system_setter};
use super::options::Options;
use super::wire::Body;
use crate::env_vars::{self, EnvVars};
use crate::error::Error;
use crate::prompt::Prompt;

/// A server that speaks OpenAI's language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Server {
    Other,
    DeepSeek,
    Groq,
    LiteLlm,
    LlamaCpp,
    Mistral,
    OpenRouter,
    Vllm,
}

impl Server {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Other => "openai_compatible",
            Self::DeepSeek => "deepseek",
            Self::Groq => "groq",
            Self::LiteLlm => "litellm",
            Self::LlamaCpp => "llama_cpp",
            Self::Mistral => "mistral_ai",
            Self::OpenRouter => "openrouter",
            Self::Vllm => "vllm",
        }
    }

    pub(super) fn key_variable(self) -> &'static str {
        match self {
            Self::Other => EnvVars::OPENAI_COMPATIBLE_API_KEY,
            Self::DeepSeek => EnvVars::DEEPSEEK_API_KEY,
            Self::Groq => EnvVars::GROQ_API_KEY,
            Self::LiteLlm => EnvVars::LITELLM_API_KEY,
            Self::LlamaCpp => EnvVars::LLAMA_API_KEY,
            Self::Mistral => EnvVars::MISTRAL_API_KEY,
            Self::OpenRouter => EnvVars::OPENROUTER_API_KEY,
            Self::Vllm => EnvVars::VLLM_API_KEY,
        }
    }

    pub(super) fn default_base_url(self) -> &'static str {
        match self {
            Self::Other | Self::Vllm => "http://127.0.0.1:8000/v1",
            Self::DeepSeek => "https://api.deepseek.com",
            Self::Groq => "https://api.groq.com/openai/v1",
            Self::LiteLlm => "http://127.0.0.1:4000/v1",
            Self::LlamaCpp => "http://127.0.0.1:8080/v1",
            Self::Mistral => "https://api.mistral.ai/v1",
            Self::OpenRouter => "https://openrouter.ai/api/v1",
        }
    }
}

/// Conversations at a server that speaks OpenAI's chat language.
///
/// There is a constructor for each server that differs; what is known to differ is taken care of, and what is not (a
/// parameter that a model refuses, fields that are missing or have unheard-of values) is repaired or tolerated.
///
/// | constructor | server | key |
/// |---|---|---|
/// | [`deepseek`](Self::deepseek) | `https://api.deepseek.com` | `DEEPSEEK_API_KEY` |
/// | [`groq`](Self::groq) | `https://api.groq.com/openai/v1` | `GROQ_API_KEY` |
/// | [`litellm`](Self::litellm) | `http://127.0.0.1:4000/v1` | `LITELLM_API_KEY`, optional |
/// | [`llama_cpp`](Self::llama_cpp) | `http://127.0.0.1:8080/v1` | `LLAMA_API_KEY`, optional |
/// | [`mistral`](Self::mistral) | `https://api.mistral.ai/v1` | `MISTRAL_API_KEY` |
/// | [`openrouter`](Self::openrouter) | `https://openrouter.ai/api/v1` | `OPENROUTER_API_KEY` |
/// | [`vllm`](Self::vllm) | `http://127.0.0.1:8000/v1` | `VLLM_API_KEY`, optional |
/// | [`new`](Self::new) | any other, by its base URL | `OPENAI_COMPATIBLE_API_KEY`, optional |
///
/// Defaults: one answer; no other option is sent unless set, so that the server's own count. A
/// [`model`](Self::model) has to be set, except for llama.cpp, which has only one.
///
/// ```
/// # let sim = antiphon_sim::for_example();
/// use antiphon::OpenAiCompatible;
///
/// let llm = OpenAiCompatible::groq().model("llama-3.3-70b-versatile").temperature(0.5);
/// # let llm = llm.base_url(format!("{}/v1", sim.base_url()));
/// println!("{}", llm.generate(["Hello, how are you?"])?);
/// # Ok::<(), antiphon::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct OpenAiCompatible {
    server: Server,
    connection: Connection,
    options: Options,
}

impl OpenAiCompatible {
    /// A server at `base_url`, which usually ends in `/v1`.
    pub fn new(base_url: impl Into<String>) -> Self {
        Self::at(Server::Other).base_url(base_url)
    }

    /// `DeepSeek`. Thoughts of its reasoning models are [`StreamEvent::Reasoning`](crate::StreamEvent::Reasoning).
    pub fn deepseek() -> Self {
        Self::at(Server::DeepSeek)
    }

    /// Groq.
    pub fn groq() -> Self {
        Self::at(Server::Groq)
    }

    /// A `LiteLLM` proxy on this machine.
    pub fn litellm() -> Self {
        Self::at(Server::LiteLlm)
    }

    /// llama.cpp's server on this machine.
    pub fn llama_cpp() -> Self {
        Self::at(Server::LlamaCpp)
    }

    /// Mistral. The seed goes by its name there, `random_seed`.
    pub fn mistral() -> Self {
        Self::at(Server::Mistral)
    }

    /// `OpenRouter`; models are named `vendor/name`.
    pub fn openrouter() -> Self {
        Self::at(Server::OpenRouter)
    }

    /// vLLM on this machine.
    pub fn vllm() -> Self {
        Self::at(Server::Vllm)
    }

    fn at(server: Server) -> Self {
        let mut options = Options::new(0.0, None);
        options.temperature = None;
        let connection = Connection::new(Provider::Compatible(server));
        Self { server, connection, options }
    }

    connection_setters!(connection);
    openai_setters!(options);
    system_setter!(options);

    fn asks_for_equal_answers(&self) -> bool {
        self.options.temperature == Some(0.0) || self.options.seed.is_some()
    }

    /// Looks up and checks all that a call needs.
    fn plan(&self, prompts: Vec<Prompt>, is_stream: bool) -> Result<Plan, Error> {
        self.options.check(is_stream)?;
        let conversations = conversations(prompts.clone())?;
        let model = match (&self.options.model, self.server) {
            (Some(model), _) => model.clone(),
            (None, Server::LlamaCpp) => "default".to_owned(),
            (None, _) => return Err(Error::invalid_setting("model", "must be set for this server")),
        };
        let endpoint = if prompts.is_empty() { None } else { Some(self.connection.endpoint(&env_vars::process)?) };
        let wire = if self.server == Server::Mistral { &Chat { asks_for_usage: false } } else { &Chat::PLAIN };
        let jobs = endpoint.as_ref().map_or_else(Vec::new, |endpoint| {
            let bodies = conversations.iter().map(|messages| chat::body(endpoint, &self.options, &model, messages));
            let payloads = bodies.map(|body| self.connection.payload(wire, self.adapt(body), is_stream));
            payloads.enumerate().map(|(index, payload)| Job::single(index, payload)).collect()
        });
        let n = self.options.n as usize;
        Ok(Plan { n, jobs, ..Plan::new(&self.connection, endpoint, wire, model, prompts) })
    }

    /// Says things as the server does.
    fn adapt(&self, mut body: Body) -> Body {
        if self.server == Server::Mistral
            && let Some(seed) = body.remove("seed")
        {
            body.insert("random_seed".to_owned(), seed);
        }
        body
    }
}

llm_methods!(
    OpenAiCompatible,
    "OpenAiCompatible",
    "OpenAiCompatible::vllm().model(\"Qwen/Qwen3-8B\")",
    "let llm = llm.base_url(format!(\"{}/v1\", sim.base_url()));"
);
