//! Sending JSON to a provider and reading JSON back, whole or streamed: what all wire formats share.
//!
//! Knows URLs, headers, time limits, retries and connections; knows no model parameters.

mod base_url;
mod client;
mod frames;
mod lines;
mod scrub;
mod sse;
mod stream_body;
mod time_limits;

use std::time::SystemTime;

use futures::future::BoxFuture;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Response, StatusCode, Url};
use serde_json::Value;

pub(crate) use self::base_url::UrlText;
use self::base_url::{host, join};
pub(crate) use self::frames::{Frame, FrameParser, Framing};
pub(crate) use self::stream_body::{Opened, StreamBody};
pub(crate) use self::time_limits::TimeLimits;
use crate::error::{ApiError, Error, Phase};
use crate::provider::Provider;
use crate::retry::{self, RetryPolicy};
use crate::secret::Secret;

/// Builds what the first call in the current tokio runtime would build: the HTTP client, with its TLS roots, some tens of
/// milliseconds. For hosts that have a moment to spare before that; outside a runtime it does nothing.
pub fn warm_up() {
    for url in ["https://api.openai.com", "http://127.0.0.1"] {
        // A failure shows in the call that needs the client.
        let _ = Url::parse(url).map(|url| client::for_current_runtime(&url));
    }
}

/// A provider's server as one call uses it: all settings looked up and checked.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    pub(crate) provider: Provider,
    pub(crate) base_url: Url,
    pub(crate) headers: HeaderMap,
    /// What must not appear in errors.
    pub(crate) secrets: Vec<Secret>,
    pub(crate) limits: TimeLimits,
    pub(crate) retry: RetryPolicy,
}

/// A successful answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) body: Value,
    pub(crate) request_id: Option<String>,
    pub(crate) retries: u32,
}

impl Endpoint {
    /// Whether this is the provider itself rather than a server that speaks its language.
    pub(crate) fn is_providers_own(&self) -> bool {
        self.provider.owns(&self.base_url)
    }

    /// Host and port, for errors.
    pub(crate) fn host(&self) -> String {
        host(&self.base_url)
    }

    /// Posts `body`, again if need be.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the connection (HTTP/1.1) or resets the stream (HTTP/2). The
    /// provider may have done the work, and count it, all the same.
    pub(crate) fn post<'a>(
        &'a self,
        path: &str,
        model: &'a str,
        body: &'a Value,
    ) -> BoxFuture<'a, Result<Reply, Error>> {
        let url = join(&self.base_url, path);
        Box::pin(async move {
            client::check_runtime()?;
            match retry::run(self.retry, || self.attempt(&url, body)).await {
                Ok((reply, retries)) => Ok(Reply { retries, ..reply }),
                Err(error) => Err(error.with_provider(self.provider).with_model(model)),
            }
        })
    }

    /// Posts `body` once and reads the whole answer.
    async fn attempt(&self, url: &Url, body: &Value) -> Result<Reply, Error> {
        let mut phase = Phase::Waiting;
        let exchange = async {
            let response = self.send(url, body.to_string()).await?;
            phase = Phase::Reading;
            let (status, headers) = (response.status(), response.headers().clone());
            let bytes = response.bytes().await;
            Ok((status, headers, bytes.map_err(|error| self.broken(error, Phase::Reading))?))
        };
        let limit = self.limits.total;
        let (status, headers, bytes) = match tokio::time::timeout(limit, exchange).await {
            Ok(parts) => parts?,
            Err(_) => return Err(Error::timeout(self.host(), limit, phase)),
        };
        self.read(status, &headers, &bytes, body)
    }

    /// Posts `body` once and hands over the answer as it comes. An answer that reports an error is read to its end.
    ///
    /// The limit on the whole stream counts from here.
    pub(crate) async fn open(&self, path: &str, body: &Value, framing: Framing) -> Result<Opened, Error> {
        let url = join(&self.base_url, path);
        client::check_runtime()?;
        let limit = self.limits.total_of_stream;
        let deadline = tokio::time::Instant::now() + limit;
        let exchange = async {
            let response = self.send(&url, body.to_string()).await?;
            let (status, headers) = (response.status(), response.headers().clone());
            let json = headers.get(CONTENT_TYPE).is_some_and(|it| it.as_bytes().starts_with(b"application/json"));
            if status.is_success() && !(json && framing == Framing::ServerSentEvents) {
                let body = StreamBody { response, host: self.host(), limits: self.limits, deadline };
                return Ok(Opened::Stream(body, request_id(&headers)));
            }
            // An error, or a server that does not stream.
            let bytes = response.bytes().await.map_err(|error| self.broken(error, Phase::Reading))?;
            self.read(status, &headers, &bytes, body).map(Opened::Whole)
        };
        match tokio::time::timeout_at(deadline, exchange).await {
            Ok(opened) => opened,
            Err(_) => Err(Error::timeout(self.host(), limit, Phase::Waiting)),
        }
    }

    /// Sends a request, up to the head of its answer.
    async fn send(&self, url: &Url, body: String) -> Result<Response, Error> {
        let client = client::for_current_runtime(url)?;
        let request = client.post(url.clone()).headers(self.headers.clone());
        let request = request.header(CONTENT_TYPE, HeaderValue::from_static("application/json")).body(body);
        let sent = match self.limits.first_byte {
            None => request.send().await,
            Some(limit) => match tokio::time::timeout(limit, request.send()).await {
                Ok(sent) => sent,
                Err(_) => return Err(Error::timeout(self.host(), limit, Phase::FirstByte)),
            },
        };
        sent.map_err(|error| self.broken(error, Phase::Waiting))
    }

    fn broken(&self, error: reqwest::Error, phase: Phase) -> Error {
        Error::transport(error, self.host(), phase, TimeLimits::CONNECT)
    }

    /// Makes an answer or an error of what came back.
    fn read(&self, status: StatusCode, headers: &HeaderMap, bytes: &[u8], sent: &Value) -> Result<Reply, Error> {
        let request_id = request_id(headers);
        let error = if status.is_success() {
            // DeepSeek pads its answers with blank lines while they wait.
            match serde_json::from_slice::<Value>(bytes.trim_ascii()) {
                Ok(body) => match embedded_error(status.as_u16(), &body) {
                    None => {
                        return Ok(Reply { body, request_id, retries: 0 });
                    }
                    Some(error) => error,
                },
                Err(error) => {
                    let problem = if bytes.trim_ascii().is_empty() {
                        "is empty".to_owned()
                    } else {
                        // serde_json's message names a place, not the text.
                        format!("is not JSON: {error}")
                    };
                    return Err(Error::unexpected_body(status.as_u16(), problem, request_id));
                }
            }
        } else {
            ApiError::decode(status.as_u16(), bytes)
        };

        let error = ApiError {
            request_id: request_id.or(error.request_id),
            retry_after: retry::retry_after(headers, SystemTime::now()),
            should_retry: retry::should_retry(headers),
            ..error
        };
        Err(self.refusal(error, sent))
    }

    /// An error of the provider's, without keys and without what was sent.
    pub(crate) fn refusal(&self, error: ApiError, sent: &Value) -> Error {
        Error::api(error.tidy(|text| scrub::scrub(text, &self.secrets, sent)))
    }
}

/// The provider's name for a request.
fn request_id(headers: &HeaderMap) -> Option<String> {
    ["x-request-id", "request-id"].iter().find_map(|name| headers.get(*name)?.to_str().ok()).map(str::to_owned)
}

/// `OpenRouter` and others report errors with status 200; a numeric code is then the status.
pub(crate) fn embedded_error(status: u16, body: &Value) -> Option<ApiError> {
    let error = body.get("error").filter(|error| error.is_object() || error.is_string())?;
    let code = error.get("code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
    let status = code.filter(|code| (400..600).contains(code)).unwrap_or(status);
    Some(ApiError::from_json(status, body))
}
