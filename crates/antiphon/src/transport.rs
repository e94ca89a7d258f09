//! Sending JSON to a provider and reading JSON back, whole or streamed: what all wire formats share.
//!
//! Knows URLs, headers, time limits, retries and connections; knows no model parameters.

pub(crate) mod background;
mod base_url;
mod event_stream;
mod exchange;
mod frames;
mod json_array;
mod lines;
pub(crate) mod pool;
mod scrub;
mod sse;
mod stream_body;
mod time_limits;

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use bytes::Bytes;
use http::StatusCode;
use http::header::HeaderMap;
use url::Url;

pub(crate) use self::base_url::{UrlText, segment};
use self::base_url::{host, join, secrets_in};
use self::exchange::{Answer, Request};
pub(crate) use self::frames::{Frame, FrameParser, Framing};
use self::pool::{Host, Origin};
pub(crate) use self::stream_body::{Opened, StreamBody};
pub(crate) use self::time_limits::TimeLimits;
use crate::error::{ApiError, Error};
use crate::json::Json;
use crate::limits::{self, Lane, SetLimits};
use crate::provider::{self, Fault, Provider};
use crate::retry::{self, Attempts, RetryPolicy};
use crate::secret::Secret;

/// Builds what the first call of the process would build: the thread that drives connections, and TLS with the
/// platform's roots. Blocks the calling thread for some tens of milliseconds, so an async program calls it before its
/// runtime is busy, or by [`tokio::task::spawn_blocking`]. For hosts that have a moment to spare before that call. To
/// open connections ahead, use a class's own `warm_up`.
pub fn warm_up() {
    // A failure shows in the call that needs it.
    let _ = background::handle();
    let _ = pool::stats();
    let _ = pool::prepare_tls();
}

/// A provider's server as one call uses it: all settings looked up and checked.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    pub(crate) provider: Provider,
    pub(crate) base_url: Url,
    /// Whether a server without TLS is known to speak HTTP/2.
    pub(crate) http2_prior_knowledge: bool,
    pub(crate) headers: HeaderMap,
    /// The keys in use; they say whose limits count.
    pub(crate) keys: Vec<Secret>,
    /// What else must not appear in errors.
    pub(crate) secrets: Vec<Secret>,
    pub(crate) limits: TimeLimits,
    pub(crate) set_limits: SetLimits,
    pub(crate) retry: RetryPolicy,
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

    fn connections(&self) -> Arc<Host> {
        pool::host(Origin::new(&self.base_url, self.http2_prior_knowledge))
    }

    /// Opens up to `connections` connections before they are needed.
    pub(crate) async fn warm_up(&self, connections: usize) -> Result<(), Error> {
        self.connections().open_ahead(connections).await.map_err(|error| error.with_provider(self.provider))
    }

    /// The requests of a call to this server with this key and model.
    pub(crate) fn attempts(&self, model: &str) -> Attempts {
        Attempts::new(self.retry, limits::lane(self.base_url.as_str(), &self.keys, model, self.set_limits))
    }

    /// Posts `body` once and reads the whole answer with `read`, which says what is wrong with it. Also yields the
    /// provider's name for the request.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the connection (HTTP/1.1) or resets the stream (HTTP/2). The
    /// provider may have done the work, and count it, all the same.
    pub(crate) async fn post<T>(
        &self,
        path: &str,
        body: &Bytes,
        lane: &Lane,
        read: impl Fn(&Json<'_>) -> Result<T, Fault>,
    ) -> Result<(T, Option<String>), Error> {
        match exchange::post(self.request(path, body), self.limits, None).await? {
            Answer::Whole(status, headers, bytes) => {
                lane.observe(&headers);
                self.read(status, &headers, &bytes, body, read)
            }
            // Nobody asked for one.
            Answer::Stream(..) => Err(Error::interrupted()),
        }
    }

    /// Posts `body` once and hands over the answer as it comes. An answer that reports an error is read to its end.
    ///
    /// The limit on the whole stream counts from here.
    pub(crate) async fn open<T>(
        &self,
        path: &str,
        body: &Bytes,
        framing: Framing,
        lane: &Lane,
        read: impl Fn(&Json<'_>) -> Result<T, Fault>,
    ) -> Result<Opened<T>, Error> {
        let begun = Instant::now();
        match exchange::post(self.request(path, body), self.limits, Some(framing)).await? {
            Answer::Stream(headers, body) => {
                lane.observe(&headers);
                let body = StreamBody { body, host: self.host(), limits: self.limits, begun };
                Ok(Opened::Stream(body, provider::request_id(&headers)))
            }
            Answer::Whole(status, headers, bytes) => {
                lane.observe(&headers);
                let (answer, request_id) = self.read(status, &headers, &bytes, body, read)?;
                Ok(Opened::Whole(answer, request_id))
            }
        }
    }

    fn request(&self, path: &str, body: &Bytes) -> Box<Request> {
        let (url, headers) = (join(&self.base_url, path), self.headers.clone());
        Box::new(Request { url, host: self.connections(), headers, body: body.clone() })
    }

    /// Makes an answer and the request's name, or an error, of what came back.
    fn read<T>(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
        bytes: &[u8],
        sent: &[u8],
        read: impl Fn(&Json<'_>) -> Result<T, Fault>,
    ) -> Result<(T, Option<String>), Error> {
        let request_id = provider::request_id(headers);
        let error = if status.is_success() {
            // DeepSeek pads its answers with blank lines while they wait.
            let text = bytes.trim_ascii();
            let unexpected = |problem| Error::unexpected_body(status.as_u16(), problem, request_id.clone());
            let body = Json::parse(text).map_err(|error| {
                // serde_json's message names a place, not the text.
                unexpected(if text.is_empty() { "is empty".to_owned() } else { format!("is not JSON: {error}") })
            })?;
            match ApiError::embedded(status.as_u16(), &body) {
                None => {
                    let answer = read(&body).map_err(|fault| fault.into_error(self, request_id.as_deref(), sent))?;
                    return Ok((answer, request_id));
                }
                Some(error) => error,
            }
        } else {
            ApiError::decode(status.as_u16(), bytes)
        };

        let error = ApiError {
            request_id: request_id.or(error.request_id),
            error_type: error.error_type.or_else(|| provider::error_type(headers)),
            retry_after: retry::retry_after(headers, SystemTime::now()).or(error.retry_after),
            should_retry: retry::should_retry(headers),
            ..error
        };
        Err(self.refusal(error, sent))
    }

    /// An error of the provider's, without keys and without what was sent.
    pub(crate) fn refusal(&self, error: ApiError, sent: &[u8]) -> Error {
        let sent = Json::parse(sent).unwrap_or(Json::Null);
        let in_url = secrets_in(&self.base_url);
        let mut secrets: Vec<&str> = self.keys.iter().chain(&self.secrets).chain(&in_url).map(Secret::expose).collect();
        // One may be a part of another.
        secrets.sort_unstable_by_key(|secret| Reverse(secret.len()));
        Error::api(error.tidy(|text| scrub::scrub(text, &secrets, &sent)))
    }
}
