//! Which endpoint a request asks for, and in whose words an error is answered.

use axum::http::{HeaderMap, Method};

use crate::{
    anthropic, azure, bedrock, gemini, ollama, openai, promptlayer,
    refusal::{Fault, Refusal},
};

/// Whose format an answer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Provider {
    OpenAi,
    Azure,
    Bedrock,
    Anthropic,
    Gemini,
    Ollama,
    PromptLayer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Completions,
    ChatCompletions,
    AzureChat,
    GenerateContent,
    Converse,
    Messages,
    CountTokens,
    Complete,
    OllamaChat,
    OllamaGenerate,
    OllamaTags,
    OllamaVersion,
    OpenAiModels,
    AnthropicModels,
    TrackRequest,
    LogRequest,
    Health,
}

impl Provider {
    /// Whose format the answer to a request has, known path or not. In doubt it is OpenAI's, as
    /// everyone speaks it.
    pub(crate) fn of(path: &str, headers: &HeaderMap) -> Self {
        match path {
            "/track-request" | "/rest/track-request" | "/log-request" => Self::PromptLayer,
            _ if path.starts_with("/api/") => Self::Ollama,
            _ if path.starts_with("/openai/") => Self::Azure,
            _ if path.starts_with("/model/") => Self::Bedrock,
            _ if path.starts_with("/v1beta/") || gemini::address(path).is_some() => Self::Gemini,
            "/v1/complete" => Self::Anthropic,
            _ if path.starts_with("/v1/messages") || headers.contains_key("anthropic-version") => Self::Anthropic,
            _ => Self::OpenAi,
        }
    }

    /// Where this provider looks for a key, as [`RecordedRequest::key_in`](crate::RecordedRequest)
    /// names the places.
    pub(crate) fn key_places(self) -> &'static [&'static str] {
        match self {
            Self::OpenAi | Self::Ollama | Self::Bedrock => &["authorization"],
            Self::Azure => &["api-key", "authorization"],
            Self::Gemini => &["x-goog-api-key", "query"],
            Self::Anthropic => &["x-api-key", "authorization"],
            Self::PromptLayer => &["x-api-key", "body"],
        }
    }

    /// Puts a fault in the words of this provider.
    pub(crate) fn refuse(self, fault: &Fault) -> Refusal {
        match self {
            Self::OpenAi => openai::refuse(fault),
            Self::Azure => azure::refuse(fault),
            Self::Bedrock => bedrock::refuse(fault),
            Self::Gemini => gemini::refuse(fault),
            Self::Anthropic => anthropic::refuse(fault),
            Self::Ollama => ollama::refuse(fault),
            Self::PromptLayer => promptlayer::refuse(fault),
        }
    }
}

/// Finds the endpoint.
pub(crate) fn route(provider: Provider, method: &Method, path: &str) -> Result<Endpoint, Fault> {
    let (expected, endpoint) = match path {
        "/v1/completions" => (Method::POST, Endpoint::Completions),
        "/v1/chat/completions" => (Method::POST, Endpoint::ChatCompletions),
        _ if azure::address(path).is_some() => (Method::POST, Endpoint::AzureChat),
        _ if gemini::address(path).is_some() => (Method::POST, Endpoint::GenerateContent),
        _ if bedrock::address(path).is_some() => (Method::POST, Endpoint::Converse),
        "/v1/messages" => (Method::POST, Endpoint::Messages),
        "/v1/messages/count_tokens" => (Method::POST, Endpoint::CountTokens),
        "/v1/complete" => (Method::POST, Endpoint::Complete),
        "/api/chat" => (Method::POST, Endpoint::OllamaChat),
        "/api/generate" => (Method::POST, Endpoint::OllamaGenerate),
        "/api/tags" => (Method::GET, Endpoint::OllamaTags),
        "/api/version" => (Method::GET, Endpoint::OllamaVersion),
        "/v1/models" if provider == Provider::Anthropic => (Method::GET, Endpoint::AnthropicModels),
        "/v1/models" => (Method::GET, Endpoint::OpenAiModels),
        "/track-request" | "/rest/track-request" => (Method::POST, Endpoint::TrackRequest),
        "/log-request" => (Method::POST, Endpoint::LogRequest),
        "/health" => (Method::GET, Endpoint::Health),
        _ => {
            return Err(Fault::UnknownPath { method: method.to_string(), path: path.to_owned() });
        }
    };
    if *method == expected {
        Ok(endpoint)
    } else {
        Err(Fault::WrongMethod { method: method.to_string(), path: path.to_owned() })
    }
}

/// A segment of a path without its percent signs.
pub(crate) fn decoded(segment: &str) -> String {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let digits = (first == b'%').then(|| std::str::from_utf8(tail.get(..2)?).ok()).flatten();
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        rest = if byte.is_some() { &tail[2..] } else { tail };
        bytes.push(byte.unwrap_or(first));
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
