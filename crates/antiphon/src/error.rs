//! The crate's one error type, and the questions it answers.
//!
//! What an error says is in `display`, how a provider's error body is read in `body`.

mod body;
mod display;
mod kind;
mod transport;

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use self::body::ApiError;
pub use self::kind::ErrorKind;
pub(crate) use self::kind::{Kind, Phase};
use crate::provider::Provider;

/// The problem of an answer that is not what was sent.
pub(crate) const WRONG_CHECKSUM: &str = "has a frame with a wrong checksum";

pub(crate) type BoxError = Box<dyn StdError + Send + Sync>;
type SharedError = Arc<dyn StdError + Send + Sync>;

/// A call that did not give an answer.
///
/// `Display` is one line that stands alone: what happened, where, and what to do about it. It
/// includes the reason of a broken connection (as "connection refused"), because front ends such
/// as notebooks print this line only; `source` has the whole cause. Neither holds keys, prompts, or
/// more of a URL than its host.
///
/// Clones are cheap and share the cause: one failed request may be the answer to many prompts.
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), antiphon::Error> {
/// # let sim = antiphon_sim::for_example();
/// use antiphon::OpenAI;
///
/// # let busy = antiphon_sim::ErrorAnswer::rate_limited(None).with_header("retry-after", "3600");
/// # sim.inject(antiphon_sim::Fault::Error(busy));
/// match OpenAI::new().agenerate(["Hello, how are you?"]).await {
///     Ok(response) => println!("{response}"),
///     Err(error) if error.is_quota_exceeded() => println!("The account is empty."),
///     Err(error) if error.is_rate_limited() => match error.retry_after() {
///         Some(wait) => println!("The provider has an answer in {wait:?}."),
///         None => println!("The provider has no answer now."),
///     },
///     // Says what happened, where, and what to do about it.
///     Err(error) => return Err(error),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Error {
    inner: Arc<Inner>,
}

#[derive(Clone)]
struct Inner {
    kind: Kind,
    provider: Option<Provider>,
    model: Option<String>,
    /// Of a stream that broke; otherwise it is in `kind`.
    request_id: Option<String>,
    retries: u32,
    source: Option<SharedError>,
}

impl Error {
    /// An error of a model of one's own, for implementations of [`Llm`](crate::Llm) and for tests of programs. It says
    /// what `error` says, and may be worth a retry if errors of its kind usually are.
    ///
    /// ```
    /// use antiphon::{Error, ErrorKind};
    ///
    /// let error = Error::new(ErrorKind::Server, "the model is being loaded");
    /// assert_eq!(error.to_string(), "the model is being loaded");
    /// assert!(error.is_retryable());
    /// ```
    pub fn new(kind: ErrorKind, error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let error = error.into();
        Self::of(Kind::Own { kind, text: error.to_string() }).with_source(error)
    }

    fn of(kind: Kind) -> Self {
        let inner = Inner { kind, provider: None, model: None, request_id: None, retries: 0, source: None };
        Self { inner: Arc::new(inner) }
    }

    /// What sort of failure this is.
    pub fn kind(&self) -> ErrorKind {
        self.inner.kind.public()
    }

    /// The HTTP status of the provider's answer, if it answered.
    pub fn status(&self) -> Option<u16> {
        match &self.inner.kind {
            Kind::Api(api) => Some(api.status),
            Kind::UnexpectedBody { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// The provider's `error.type`, for example `invalid_request_error`.
    pub fn error_type(&self) -> Option<&str> {
        self.answer()?.error_type.as_deref()
    }

    /// The provider's `error.code`, for example `model_not_found`; numbers come as text.
    pub fn code(&self) -> Option<&str> {
        self.answer()?.code.as_deref()
    }

    /// The request parameter the provider blames.
    pub fn param(&self) -> Option<&str> {
        self.answer()?.param.as_deref()
    }

    /// The provider's own words. `Display` shows a shortened form of them.
    pub fn message(&self) -> Option<&str> {
        self.answer()?.message.as_deref()
    }

    /// The provider's name for the request, which its support asks for.
    pub fn request_id(&self) -> Option<&str> {
        match &self.inner.kind {
            Kind::Api(api) => api.request_id.as_deref(),
            Kind::UnexpectedBody { request_id, .. } => request_id.as_deref(),
            _ => self.inner.request_id.as_deref(),
        }
    }

    /// How often the request was sent again before this error was returned; 0 = sent once at most.
    pub fn retries(&self) -> u32 {
        self.inner.retries
    }

    /// How long the provider asked to wait before the next try.
    pub fn retry_after(&self) -> Option<Duration> {
        self.answer()?.retry_after
    }

    /// The provider, by its name in OpenTelemetry: `openai`, `azure.ai.openai`, `anthropic`, ...
    pub fn provider(&self) -> Option<&str> {
        self.inner.provider.map(Provider::as_str)
    }

    /// The model that was asked for.
    pub fn model(&self) -> Option<&str> {
        self.inner.model.as_deref()
    }

    /// Whether no answer came in time, be it for connecting or for the whole attempt.
    pub fn is_timeout(&self) -> bool {
        self.kind() == ErrorKind::Timeout
    }

    /// Whether no connection could be made.
    pub fn is_connect(&self) -> bool {
        match self.inner.kind {
            Kind::Connect { .. } => true,
            Kind::Timeout { phase, .. } => phase == Phase::Connecting,
            _ => false,
        }
    }

    /// Whether a stream ended without its end marker: what came of it may not be all.
    pub fn is_truncated(&self) -> bool {
        matches!(self.inner.kind, Kind::Truncated { .. })
    }

    /// Whether too many requests or tokens were sent in a short time (429). An account without credit is
    /// [`is_quota_exceeded`](Self::is_quota_exceeded).
    pub fn is_rate_limited(&self) -> bool {
        self.kind() == ErrorKind::RateLimited
    }

    /// Whether the provider does not accept the key (401, at AWS 403 too). A call without any key is
    /// [`ErrorKind::MissingKey`].
    pub fn is_authentication(&self) -> bool {
        self.kind() == ErrorKind::Authentication
    }

    /// Whether the account has no credit left (which providers report as a rate limit).
    pub fn is_quota_exceeded(&self) -> bool {
        self.kind() == ErrorKind::QuotaExceeded
    }

    /// Whether sending the same request again may succeed.
    ///
    /// True for broken connections, timeouts and the statuses 408, 409, 429 and 5xx, unless the
    /// provider said otherwise (`x-should-retry`) or the credit is used up.
    pub fn is_retryable(&self) -> bool {
        match &self.inner.kind {
            Kind::Connect { .. }
            | Kind::Timeout { .. }
            | Kind::Broken { .. }
            | Kind::Truncated { .. }
            | Kind::RuntimeEnded => true,
            Kind::Api(api) => api.is_retryable(),
            Kind::Own { kind, .. } => {
                matches!(kind, ErrorKind::Connection | ErrorKind::Timeout | ErrorKind::RateLimited | ErrorKind::Server)
            }
            _ => false,
        }
    }

    fn answer(&self) -> Option<&ApiError> {
        match &self.inner.kind {
            Kind::Api(api) => Some(api),
            _ => None,
        }
    }

    // Constructors and context, for the rest of the crate.

    /// A setting the wire should never see. `setting` is how the user spells it.
    pub(crate) fn invalid_setting(setting: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::of(Kind::InvalidSetting { setting: setting.into(), problem: problem.into() })
    }

    pub(crate) fn invalid_prompt(index: usize, problem: &'static str) -> Self {
        Self::of(Kind::InvalidPrompt { index, problem })
    }

    pub(crate) fn missing_key(provider: Provider) -> Self {
        Self::of(Kind::MissingKey { provider }).with_provider(provider)
    }

    pub(crate) fn api(error: ApiError) -> Self {
        Self::of(Kind::Api(error))
    }

    pub(crate) fn unexpected_body(status: u16, problem: impl Into<String>, request_id: Option<String>) -> Self {
        Self::of(Kind::UnexpectedBody { status, problem: problem.into(), request_id })
    }

    /// A stream of `host` that stopped before its end marker.
    pub(crate) fn truncated(host: String) -> Self {
        Self::of(Kind::Truncated { host })
    }

    pub(crate) fn interrupted() -> Self {
        Self::of(Kind::Interrupted)
    }

    /// A runtime that was lent to the connections.
    pub(crate) fn runtime_ended() -> Self {
        Self::of(Kind::RuntimeEnded)
    }

    pub(crate) fn no_runtime(source: impl Into<BoxError>) -> Self {
        let source = source.into();
        Self::of(Kind::NoRuntime { reason: source.to_string() }).with_source(source)
    }

    fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        Arc::make_mut(&mut self.inner).source = Some(Arc::from(source.into()));
        self
    }

    pub(crate) fn with_provider(mut self, provider: Provider) -> Self {
        Arc::make_mut(&mut self.inner).provider = Some(provider);
        self
    }

    pub(crate) fn with_model(mut self, model: &str) -> Self {
        Arc::make_mut(&mut self.inner).model = Some(model.to_owned());
        self
    }

    pub(crate) fn with_request_id(mut self, request_id: Option<&str>) -> Self {
        Arc::make_mut(&mut self.inner).request_id = request_id.map(str::to_owned);
        self
    }

    /// The answer to another call, which sent no request, as there are still `left` to wait. Long waits are in seconds.
    pub(crate) fn for_another_call(mut self, left: Duration) -> Self {
        if let Kind::Api(api) = &mut Arc::make_mut(&mut self.inner).kind {
            api.retry_after = Some(Duration::from_secs(left.as_secs() + u64::from(left.subsec_nanos() > 0)));
            api.request_id = None;
        }
        self
    }

    pub(crate) fn with_retries(mut self, retries: u32) -> Self {
        Arc::make_mut(&mut self.inner).retries = retries;
        self
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut builder = f.debug_struct("antiphon::Error");
        builder.field("kind", &self.inner.kind);
        if let Some(provider) = self.inner.provider {
            builder.field("provider", &provider.as_str());
        }
        if let Some(model) = &self.inner.model {
            builder.field("model", model);
        }
        builder.field("retries", &self.inner.retries);
        if let Some(source) = &self.inner.source {
            builder.field("source", source);
        }
        builder.finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.inner.source.as_deref().map(|source| source as _)
    }
}
