//! The providers: their names and hosts here, their wire formats and classes in the modules below.

mod anthropic;
mod call;
mod call_methods;
mod chat;
mod chat_openai;
mod compatible;
mod completions;
mod connection;
mod init;
mod methods;
mod ollama;
mod openai;
mod options;
mod promptlayer;
mod promptlayer_call;
mod promptlayer_openai;
mod refused;
mod wire;

use url::Url;

pub use self::anthropic::Anthropic;
pub(crate) use self::call::Plan;
pub(crate) use self::call_methods::call_methods;
pub use self::chat_openai::ChatOpenAI;
pub use self::compatible::OpenAiCompatible;
use self::compatible::Server;
pub use self::init::init;
pub use self::ollama::Ollama;
pub use self::openai::OpenAI;
pub use self::promptlayer_openai::{PromptLayerChatOpenAI, PromptLayerOpenAI};
pub(crate) use self::refused::{Repaired, repairing};
pub(crate) use self::wire::{Answer, Piece, StreamFault, StreamReader, estimate};
use crate::env_vars::EnvVars;

/// Who is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Provider {
    OpenAi,
    Anthropic,
    Ollama,
    PromptLayer,
    /// Speaks OpenAI's language.
    Compatible(Server),
}

impl Provider {
    /// The name OpenTelemetry gives it (`gen_ai.provider.name`).
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Anthropic => "anthropic",
            Self::Ollama => "ollama",
            Self::PromptLayer => "promptlayer",
            Self::Compatible(server) => server.as_str(),
        }
    }

    /// The variable that usually holds its key.
    pub(crate) fn key_variable(self) -> &'static str {
        match self {
            Self::OpenAi => EnvVars::OPENAI_API_KEY,
            Self::Anthropic => EnvVars::ANTHROPIC_API_KEY,
            Self::Ollama => EnvVars::OLLAMA_API_KEY,
            Self::PromptLayer => EnvVars::PROMPTLAYER_API_KEY,
            Self::Compatible(server) => server.key_variable(),
        }
    }

    /// Where it is when nothing else is said.
    pub(crate) fn default_base_url(self) -> &'static str {
        match self {
            Self::OpenAi => "https://api.openai.com/v1",
            Self::Anthropic => "https://api.anthropic.com",
            Self::Ollama => "http://127.0.0.1:11434",
            Self::PromptLayer => "https://api.promptlayer.com",
            Self::Compatible(server) => server.default_base_url(),
        }
    }

    /// Whether `url` is a server of the provider itself, which needs a key; OpenAI has regional ones (`eu.`).
    pub(crate) fn owns(self, url: &Url) -> bool {
        let base = match self {
            // At home it needs no key; in its cloud it does.
            Self::Ollama => "https://ollama.com",
            _ => self.default_base_url(),
        };
        let Some(own) = base.strip_prefix("https://").and_then(|it| it.split('/').next()) else {
            return false;
        };
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
