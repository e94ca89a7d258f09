//! Models by name.

use super::{Anthropic, AzureChatOpenAI, Bedrock, ChatOpenAI, Gemini, Ollama, OpenAiCompatible};
use crate::error::Error;
use crate::llm::Llm;

/// Prefixes of `init`.
const PROVIDERS: &[&str] = &[
    "anthropic",
    "azure",
    "bedrock",
    "deepseek",
    "gemini",
    "google",
    "groq",
    "litellm",
    "llama_cpp",
    "mistral",
    "ollama",
    "openai",
    "openrouter",
    "vllm",
];

/// How the names of models begin, and whose they are.
const FAMILIES: &[(&str, &str)] = &[
    ("gpt-", "openai"),
    ("chatgpt-", "openai"),
    ("o1", "openai"),
    ("o3", "openai"),
    ("o4", "openai"),
    ("claude", "anthropic"),
    ("gemini-", "gemini"),
    ("mistral-", "mistral"),
    ("ministral-", "mistral"),
    ("codestral-", "mistral"),
    ("magistral-", "mistral"),
    ("deepseek-", "deepseek"),
];

/// The model called `name`, which is `provider:model`, with the provider's default settings.
///
/// Providers are `anthropic`, `azure`, `bedrock`, `deepseek`, `gemini` (or `google`), `groq`, `litellm`, `llama_cpp`, `mistral`, `ollama`, `openai`, `openrouter` and
/// `vllm`. Without a provider it is told by the model's name, if it is a well-known one (`gpt-...`, `claude-...`).
///
/// ```
/// # let sim = antiphon_sim::for_example();
/// use antiphon::init;
///
/// let llm = init("anthropic:claude-haiku-4-5")?;
/// let same = init("claude-haiku-4-5")?;
/// let local = init("ollama:llama3.2:latest")?;
/// assert!(init("somebody:something").is_err());
/// println!("{}", llm.generate(["Hello, how are you?"])?);
/// # assert_eq!(sim.requests()[0].body["model"], "claude-haiku-4-5");
/// # Ok::<(), antiphon::Error>(())
/// ```
///
/// # Errors
///
/// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if there is no such provider. The model itself is not
/// looked up before a call.
pub fn init(name: &str) -> Result<Box<dyn Llm>, Error> {
    let named = name.split_once(':').filter(|(provider, _)| PROVIDERS.contains(provider));
    let family = || FAMILIES.iter().find(|(start, _)| name.starts_with(start)).map(|(_, provider)| (*provider, name));
    let (provider, model) = named.or_else(family).ok_or_else(|| unknown(name))?;
    if model.trim().is_empty() {
        return Err(Error::invalid_setting("name", "has no model after the colon"));
    }
    Ok(match provider {
        "anthropic" => Box::new(Anthropic::new().model(model)),
        "azure" => Box::new(AzureChatOpenAI::new(model)),
        "bedrock" => Box::new(Bedrock::new(model)),
        "gemini" | "google" => Box::new(Gemini::new().model(model)),
        "ollama" => Box::new(Ollama::new().model(model)),
        "openai" => Box::new(ChatOpenAI::new().model(model)),
        "deepseek" => Box::new(OpenAiCompatible::deepseek().model(model)),
        "groq" => Box::new(OpenAiCompatible::groq().model(model)),
        "litellm" => Box::new(OpenAiCompatible::litellm().model(model)),
        "llama_cpp" => Box::new(OpenAiCompatible::llama_cpp().model(model)),
        "mistral" => Box::new(OpenAiCompatible::mistral().model(model)),
        "openrouter" => Box::new(OpenAiCompatible::openrouter().model(model)),
        "vllm" => Box::new(OpenAiCompatible::vllm().model(model)),
        _ => return Err(unknown(name)),
    })
}

fn unknown(name: &str) -> Error {
    let problem =
        format!("{name:?} is of no provider known here; write `provider:model` with one of {}", PROVIDERS.join(", "));
    Error::invalid_setting("name", problem)
}
