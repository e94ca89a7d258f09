//! The providers: their names and hosts here, their wire formats and classes in the modules below.

mod anthropic;
mod call;
mod chat;
mod chat_openai;
mod completions;
mod connection;
mod methods;
mod ollama;
mod openai;
mod options;
mod promptlayer;
mod promptlayer_call;
mod promptlayer_openai;
mod refused;
mod wire;

use reqwest::Url;

pub use self::anthropic::Anthropic;
pub(crate) use self::call::Plan;
pub use self::chat_openai::ChatOpenAI;
pub(crate) use self::methods::call_methods;
pub use self::ollama::Ollama;
pub use self::openai::OpenAI;
pub use self::promptlayer_openai::{PromptLayerChatOpenAI, PromptLayerOpenAI};
pub(crate) use self::refused::{Repaired, repairing};
pub(crate) use self::wire::{Piece, StreamFault, StreamReader};
use crate::env_vars::EnvVars;

/// Who is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Provider {
    OpenAi,
    Anthropic,
    Ollama,
    PromptLayer,
}

impl Provider {
    /// The name OpenTelemetry gives it (`gen_ai.provider.name`).
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Anthropic => "anthropic",
            Self::Ollama => "ollama",
            Self::PromptLayer => "promptlayer",
        }
    }

    /// The variable that usually holds its key.
    pub(crate) fn key_variable(self) -> &'static str {
        match self {
            Self::OpenAi => EnvVars::OPENAI_API_KEY,
            Self::Anthropic => EnvVars::ANTHROPIC_API_KEY,
            Self::Ollama => EnvVars::OLLAMA_API_KEY,
            Self::PromptLayer => EnvVars::PROMPTLAYER_API_KEY,
        }
    }

    /// Where it is when nothing else is said.
    pub(crate) fn default_base_url(self) -> &'static str {
        match self {
            Self::OpenAi => "https://api.openai.com/v1",
            Self::Anthropic => "https://api.anthropic.com",
            Self::Ollama => "http://127.0.0.1:11434",
            Self::PromptLayer => "https://api.promptlayer.com",
        }
    }

    /// Whether `url` is a server of the provider itself; OpenAI has regional ones (`eu.`).
    pub(crate) fn owns(self, url: &Url) -> bool {
        let base = match self {
            // At home it needs no key; in its cloud it does.
            Self::Ollama => "https://ollama.com",
            _ => self.default_base_url(),
        };
        let own = base.trim_start_matches("https://").trim_end_matches("/v1");
        let host = url.host_str().unwrap_or_default();
        host.strip_suffix(own).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_providers_own_hosts() {
        for (url, expected) in [
            ("https://api.openai.com/v1", true),
            ("https://eu.api.openai.com/v1", true),
            ("https://notapi.openai.com", false),
            ("https://api.openai.com.example/v1", false),
            ("http://127.0.0.1:8000/v1", false),
        ] {
            assert_eq!(Provider::OpenAi.owns(&Url::parse(url).unwrap()), expected, "{url}");
        }
    }
}
