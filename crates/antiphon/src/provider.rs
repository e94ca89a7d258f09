//! The providers: their names and hosts here, their wire formats and classes in the modules below.

mod anthropic;
mod azure;
mod bedrock;
mod call;
mod call_methods;
mod chat;
mod chat_openai;
mod compatible;
mod completions;
mod connection;
mod gemini;
mod init;
mod methods;
mod ollama;
mod openai;
mod options;
mod payload;
mod promptlayer;
mod promptlayer_call;
mod promptlayer_openai;
mod refused;
mod wire;

use http::header::{HeaderMap, HeaderName};
use url::Url;

pub(crate) use self::anthropic::said;
pub use self::anthropic::{Anthropic, AnthropicVersion};
pub use self::azure::AzureChatOpenAI;
pub use self::bedrock::Bedrock;
pub(crate) use self::call::Plan;
pub(crate) use self::call_methods::call_methods;
pub use self::chat_openai::ChatOpenAI;
pub use self::compatible::OpenAiCompatible;
use self::compatible::Server;
pub use self::gemini::Gemini;
pub use self::init::init;
pub use self::ollama::Ollama;
pub use self::openai::OpenAI;
pub use self::promptlayer_openai::{PromptLayerChatOpenAI, PromptLayerOpenAI};
pub(crate) use self::refused::{Repaired, repairing};
pub(crate) use self::wire::{Answer, Fault, Piece, StreamReader};
use crate::env_vars::EnvVars;

/// What the setter of a token of Microsoft Entra ID is called.
const AD_TOKEN: &str = "azure_ad_token";

/// Where a request's name is: with OpenAI and most others, Anthropic, Azure, AWS, `OpenRouter`, `LiteLLM`. Whoever is
/// called, a gateway may answer.
const REQUEST_IDS: [HeaderName; 6] = [
    HeaderName::from_static("x-request-id"),
    HeaderName::from_static("request-id"),
    HeaderName::from_static("apim-request-id"),
    HeaderName::from_static("x-amzn-requestid"),
    HeaderName::from_static("x-generation-id"),
    HeaderName::from_static("x-litellm-call-id"),
];

/// Who is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Provider {
    OpenAi,
    AzureOpenAi,
    Bedrock,
    Anthropic,
    Gemini,
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
            Self::AzureOpenAi => "azure.ai.openai",
            Self::Bedrock => "aws.bedrock",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gcp.gemini",
            Self::Ollama => "ollama",
            Self::PromptLayer => "promptlayer",
            Self::Compatible(server) => server.as_str(),
        }
    }

    /// The variable that usually holds its key.
    pub(crate) fn key_variable(self) -> &'static str {
        match self {
            Self::OpenAi => EnvVars::OPENAI_API_KEY,
            Self::AzureOpenAi => EnvVars::AZURE_OPENAI_API_KEY,
            Self::Bedrock => EnvVars::AWS_BEARER_TOKEN_BEDROCK,
            Self::Anthropic => EnvVars::ANTHROPIC_API_KEY,
            Self::Gemini => EnvVars::GEMINI_API_KEY,
            Self::Ollama => EnvVars::OLLAMA_API_KEY,
            Self::PromptLayer => EnvVars::PROMPTLAYER_API_KEY,
            Self::Compatible(server) => server.key_variable(),
        }
    }

    /// What the classes call the setter of its `name`.
    pub(crate) fn setter(self, name: &str) -> String {
        if self == Self::PromptLayer { format!("promptlayer_{name}") } else { name.to_owned() }
    }

    /// The variables that may hold its key, in the order in which they are looked at.
    pub(crate) fn key_variables(self) -> Vec<&'static str> {
        match self {
            Self::Anthropic => vec![EnvVars::ANTHROPIC_API_KEY, EnvVars::ANTHROPIC_AUTH_TOKEN],
            // As the official package has it.
            Self::AzureOpenAi => vec![EnvVars::AZURE_OPENAI_AD_TOKEN, EnvVars::AZURE_OPENAI_API_KEY],
            // As Google's SDK has it.
            Self::Gemini => vec![EnvVars::GOOGLE_API_KEY, EnvVars::GEMINI_API_KEY],
            _ => vec![self.key_variable()],
        }
    }

    /// The header for a key that is called `setting`; `None` for `Authorization: Bearer`.
    pub(crate) fn key_header(self, setting: &str) -> Option<&'static str> {
        match (self, setting) {
            (_, EnvVars::ANTHROPIC_AUTH_TOKEN | EnvVars::AZURE_OPENAI_AD_TOKEN | AD_TOKEN) => None,
            (Self::Anthropic, _) => Some("x-api-key"),
            (Self::AzureOpenAi, _) => Some("api-key"),
            (Self::Gemini, _) => Some("x-goog-api-key"),
            _ => None,
        }
    }

    /// The variables that may say where it is, in the order in which they are looked at.
    pub(crate) fn url_variables(self) -> &'static [&'static str] {
        match self {
            Self::OpenAi => &[EnvVars::OPENAI_BASE_URL, EnvVars::OPENAI_API_BASE],
            Self::AzureOpenAi => &[EnvVars::AZURE_OPENAI_ENDPOINT],
            Self::Bedrock => &[EnvVars::AWS_ENDPOINT_URL_BEDROCK_RUNTIME],
            Self::Anthropic => &[EnvVars::ANTHROPIC_BASE_URL],
            Self::Gemini => &[EnvVars::GOOGLE_GEMINI_BASE_URL],
            Self::Ollama => &[EnvVars::OLLAMA_HOST],
            Self::PromptLayer => &[EnvVars::PROMPTLAYER_BASE_URL],
            Self::Compatible(_) => &[],
        }
    }

    /// Where it is when nothing else is said; `None` where that differs from account to account.
    pub(crate) fn default_base_url(self) -> Option<&'static str> {
        Some(match self {
            Self::OpenAi => "https://api.openai.com/v1",
            Self::AzureOpenAi | Self::Bedrock => return None,
            Self::Anthropic => "https://api.anthropic.com",
            Self::Gemini => "https://generativelanguage.googleapis.com",
            Self::Ollama => "http://127.0.0.1:11434",
            Self::PromptLayer => "https://api.promptlayer.com",
            Self::Compatible(server) => server.default_base_url(),
        })
    }

    /// Whether `url` is a server of the provider itself, which needs a key; OpenAI has regional ones (`eu.`).
    pub(crate) fn owns(self, url: &Url) -> bool {
        let domains = match self {
            // At home it needs no key; in its cloud it does.
            Self::Ollama => &["ollama.com"],
            Self::Bedrock => &["amazonaws.com"],
            Self::AzureOpenAi => &["openai.azure.com", "cognitiveservices.azure.com", "services.ai.azure.com"][..],
            _ => {
                let url = self.default_base_url().and_then(|url| url.strip_prefix("https://"));
                &[url.and_then(|it| it.split('/').next()).unwrap_or("-")]
            }
        };
        let host = url.host_str().unwrap_or_default();
        let is_own = |own: &&str| host.strip_suffix(*own).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        domains.iter().any(is_own)
    }
}

/// The provider's name for a request.
pub(crate) fn request_id(headers: &HeaderMap) -> Option<String> {
    REQUEST_IDS.iter().find_map(|name| headers.get(name)?.to_str().ok()).map(str::to_owned)
}

/// The error's type, which AWS has in a header, before a colon.
pub(crate) fn error_type(headers: &HeaderMap) -> Option<String> {
    let text = headers.get("x-amzn-errortype")?.to_str().ok()?;
    Some(text.split(':').next().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use http::header::HeaderValue;

    use super::*;

    #[test]
    fn headers_that_name_a_request_or_an_error() {
        let headers = |names: &[&'static str]| -> HeaderMap {
            names.iter().map(|&name| (HeaderName::from_static(name), HeaderValue::from_static(name))).collect()
        };
        for (names, expected) in [
            (&["x-amzn-requestid", "x-request-id"][..], Some("x-request-id")),
            (&["x-generation-id", "x-amzn-requestid"], Some("x-amzn-requestid")),
            (&["x-litellm-call-id", "x-generation-id"], Some("x-generation-id")),
            (&["x-litellm-call-id"], Some("x-litellm-call-id")),
            (&["x-trace"], None),
        ] {
            assert_eq!(request_id(&headers(names)).as_deref(), expected, "{names:?}");
        }
        let mut aws = HeaderMap::new();
        assert_eq!(error_type(&aws), None);
        aws.insert("x-amzn-errortype", HeaderValue::from_static("ThrottlingException:http://internal/"));
        assert_eq!(error_type(&aws).as_deref(), Some("ThrottlingException"));
    }

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
