//! The closed list of what can go wrong, and its public summary.

use std::time::Duration;

use super::ApiError;
use crate::provider::Provider;

/// A coarse sort of failure; [`Error`](crate::Error) has the details.
///
/// Statuses are those of [RFC 9110](https://www.rfc-editor.org/rfc/rfc9110.html#section-15) as the providers use them:
/// [OpenAI](https://platform.openai.com/docs/guides/error-codes),
/// [Azure](https://learn.microsoft.com/en-us/azure/ai-services/openai/reference),
/// [Anthropic](https://docs.anthropic.com/en/api/errors),
/// [Gemini](https://ai.google.dev/gemini-api/docs/troubleshooting),
/// [Bedrock](https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html#API_runtime_Converse_Errors),
/// [Ollama](https://docs.ollama.com/api/errors).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A setting or a prompt was refused before anything was sent.
    InvalidInput,
    /// There is no API key for the provider.
    MissingKey,
    /// No connection could be made, it broke, or a stream ended before its end marker.
    Connection,
    /// No answer came in time.
    Timeout,
    /// The provider does not accept the key (401, at AWS 403 too).
    Authentication,
    /// The key may not do this (403).
    PermissionDenied,
    /// There is no such model or path (404).
    NotFound,
    /// The provider refuses the request as it is (any other 4xx).
    BadRequest,
    /// Too many requests or tokens in a short time (429).
    RateLimited,
    /// The account has no credit left (402, or 429 with `insufficient_quota`), or has used up what a day allows.
    QuotaExceeded,
    /// The provider's content filter refuses the prompt.
    ContentFilter,
    /// The provider could not answer now (408, 409, 424, 5xx).
    Server,
    /// The answer could not be understood.
    UnexpectedResponse,
    /// The call was stopped before its answer came: a blocking one by the host that waits for it, any other by the end
    /// of the runtime that drove its connection.
    Interrupted,
    /// The operating system gave this crate no thread to run its connections on.
    Runtime,
}

/// Where an attempt was when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Connecting,
    /// Before the first byte of the answer, when the attempt as a whole ran out of time.
    Waiting,
    /// Before the first byte of the answer, which has a limit of its own.
    FirstByte,
    Reading,
    /// Between two pieces of a stream.
    Idle,
}

impl Phase {
    /// The setting that limits it, unless that is not the thing to change.
    pub(super) fn setting(self) -> Option<&'static str> {
        match self {
            Self::Connecting => None,
            Self::Waiting | Self::Reading => Some("timeout"),
            Self::FirstByte => Some("first_byte_timeout"),
            Self::Idle => Some("idle_timeout"),
        }
    }
}

#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Kind {
    #[error("`{setting}` {problem}")]
    InvalidSetting { setting: String, problem: String },
    #[error("prompt {index} {problem}")]
    InvalidPrompt { index: usize, problem: &'static str },
    #[error(
        "no API key for {}: set {} or `{}`, or `{}` for a server that needs none",
        provider.as_str(),
        provider.key_variable(),
        provider.setter("api_key"),
        provider.setter("base_url")
    )]
    MissingKey { provider: Provider },
    #[error("cannot connect to {host}: {reason}")]
    Connect { host: String, reason: String },
    #[error("{}", timeout_text(host, *limit, *phase))]
    Timeout { host: String, limit: Duration, phase: Phase },
    #[error("connection to {host} broke {}: {reason}", phase_text(*phase))]
    Broken { host: String, reason: String, phase: Phase },
    #[error("stream of {host} ended without its end marker; what came of it may not be all")]
    Truncated { host: String },
    #[error("{0}")]
    Api(ApiError),
    #[error("answer with status {status} {problem}")]
    UnexpectedBody { status: u16, problem: String, request_id: Option<String> },
    #[error("call was interrupted before its answer came")]
    Interrupted,
    #[error("the runtime that drove the connection has ended")]
    RuntimeEnded,
    #[error("cannot start a runtime ({reason})")]
    NoRuntime { reason: String },
    /// Of a model that is not of this crate.
    #[error("{text}")]
    Own { kind: ErrorKind, text: String },
}

impl Kind {
    pub(super) fn public(&self) -> ErrorKind {
        match self {
            Self::InvalidSetting { .. } | Self::InvalidPrompt { .. } => ErrorKind::InvalidInput,
            Self::MissingKey { .. } => ErrorKind::MissingKey,
            Self::Connect { .. } | Self::Broken { .. } | Self::Truncated { .. } | Self::RuntimeEnded => {
                ErrorKind::Connection
            }
            Self::Timeout { .. } => ErrorKind::Timeout,
            Self::Api(api) => api.kind(),
            Self::UnexpectedBody { .. } => ErrorKind::UnexpectedResponse,
            Self::Interrupted => ErrorKind::Interrupted,
            Self::NoRuntime { .. } => ErrorKind::Runtime,
            Self::Own { kind, .. } => *kind,
        }
    }
}

fn timeout_text(host: &str, limit: Duration, phase: Phase) -> String {
    match phase {
        Phase::Connecting => format!("no connection to {host} within {limit:?}"),
        Phase::Waiting | Phase::FirstByte => format!("no answer from {host} within {limit:?}"),
        Phase::Reading => format!("answer of {host} not complete within {limit:?}"),
        Phase::Idle => format!("stream of {host} was silent for {limit:?}"),
    }
}

fn phase_text(phase: Phase) -> &'static str {
    match phase {
        Phase::Connecting => "while connecting",
        Phase::Waiting | Phase::FirstByte => "before the answer",
        Phase::Reading | Phase::Idle => "in the middle of the answer",
    }
}
