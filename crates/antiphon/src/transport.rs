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

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderMap};
use serde_json::Value;
use url::Url;

use self::background::within;
pub(crate) use self::base_url::{UrlText, segment};
use self::base_url::{host, join};
use self::exchange::Answer;
pub(crate) use self::frames::{Frame, FrameParser, Framing};
use self::pool::Origin;
pub(crate) use self::stream_body::{Opened, StreamBody};
pub(crate) use self::time_limits::TimeLimits;
use crate::error::{ApiError, Error, Phase, status_in};
use crate::limits::{self, Admission, Lane, SetLimits};
use crate::provider::Provider;
use crate::retry::{self, RetryPolicy};
use crate::secret::Secret;

/// The longest answer that is read whole, in bytes. Answers of models are a thousand times shorter.
const LONGEST_ANSWER: usize = 256 << 20;

/// Builds what the first call of the process would build: the thread that drives connections, and TLS with the
/// platform's roots, some tens of milliseconds. For hosts that have a moment to spare before that. To open connections
/// ahead, use a class's own `warm_up`.
pub fn warm_up() {
    // A failure shows in the call that needs it.
    let _ = background::runtime();
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
    /// What must not appear in errors.
    pub(crate) secrets: Vec<Secret>,
    pub(crate) limits: TimeLimits,
    pub(crate) set_limits: SetLimits,
    pub(crate) retry: RetryPolicy,
}

/// A successful answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) body: Value,
    pub(crate) request_id: Option<String>,
    pub(crate) retries: u32,
    /// The call's place among those that are under way, until it is settled.
    pub(crate) admission: Option<Admission>,
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

    fn origin(&self) -> Origin {
        Origin::new(&self.base_url, self.http2_prior_knowledge)
    }

    /// Opens up to `connections` connections before they are needed.
    pub(crate) async fn warm_up(&self, connections: usize) -> Result<(), Error> {
        pool::open_ahead(&self.origin(), connections).await.map_err(|error| error.with_provider(self.provider))
    }

    /// The line of this server's, key's and model's calls.
    pub(crate) fn lane(&self, model: &str) -> Arc<Lane> {
        limits::lane(self.base_url.as_str(), &self.secrets, model, self.set_limits)
    }

    /// Posts `body`, again if need be, when it is its turn. `tokens` is about how many it will use.
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
        tokens: u64,
    ) -> BoxFuture<'a, Result<Reply, Error>> {
        let url = join(&self.base_url, path);
        let lane = self.lane(model);
        Box::pin(async move {
            let bytes = Bytes::from(body.to_string());
            match retry::run(self.retry, &lane, tokens, || self.attempt(&url, body, &bytes, &lane)).await {
                Ok((reply, retries, admission)) => Ok(Reply { retries, admission: Some(admission), ..reply }),
                Err(error) => Err(error.with_provider(self.provider).with_model(model)),
            }
        })
    }

    /// Posts `body` once and reads the whole answer.
    async fn attempt(&self, url: &Url, body: &Value, bytes: &Bytes, lane: &Lane) -> Result<Reply, Error> {
        let mut phase = Phase::Waiting;
        let exchange = async {
            let Answer { status, headers, body } = self.send(url, bytes).await?;
            phase = Phase::Reading;
            let bytes = body.bytes(LONGEST_ANSWER).await;
            Ok((status, headers, bytes.map_err(|failure| failure.into_error(self.host(), Phase::Reading))?))
        };
        let limit = self.limits.total;
        let (status, headers, bytes) = match within(limit, exchange).await? {
            Some(parts) => parts?,
            None => return Err(Error::timeout(self.host(), limit, phase)),
        };
        lane.observe(&headers);
        self.read(status, &headers, &bytes, body)
    }

    /// Posts `body` once and hands over the answer as it comes. An answer that reports an error is read to its end.
    ///
    /// The limit on the whole stream counts from here.
    pub(crate) async fn open(&self, path: &str, body: &Value, framing: Framing, lane: &Lane) -> Result<Opened, Error> {
        let url = join(&self.base_url, path);
        let limit = self.limits.total_of_stream;
        let begun = Instant::now();
        let exchange = async {
            let Answer { status, headers, body: answer } = self.send(&url, &Bytes::from(body.to_string())).await?;
            lane.observe(&headers);
            let json = headers.get(CONTENT_TYPE).is_some_and(|it| it.as_bytes().starts_with(b"application/json"));
            if status.is_success() && !(json && framing.excludes_json()) {
                let body = StreamBody { body: answer, host: self.host(), limits: self.limits, begun };
                return Ok(Opened::Stream(body, request_id(&headers)));
            }
            // An error, or a server that does not stream.
            let bytes = answer.bytes(LONGEST_ANSWER).await;
            let bytes = bytes.map_err(|failure| failure.into_error(self.host(), Phase::Reading))?;
            self.read(status, &headers, &bytes, body).map(Opened::Whole)
        };
        match within(limit, exchange).await? {
            Some(opened) => opened,
            None => Err(Error::timeout(self.host(), limit, Phase::Waiting)),
        }
    }

    /// Sends a request, up to the head of its answer.
    async fn send(&self, url: &Url, body: &Bytes) -> Result<Answer, Error> {
        let origin = self.origin();
        let post = exchange::post(url, &origin, &self.headers, body);
        let answer = match self.limits.first_byte {
            None => post.await,
            Some(limit) => match within(limit, post).await? {
                Some(answer) => answer,
                None => return Err(Error::timeout(self.host(), limit, Phase::FirstByte)),
            },
        };
        answer.map_err(|failure| failure.into_error(self.host(), Phase::Waiting))
    }

    /// Makes an answer or an error of what came back.
    fn read(&self, status: StatusCode, headers: &HeaderMap, bytes: &[u8], sent: &Value) -> Result<Reply, Error> {
        let request_id = request_id(headers);
        let error = if status.is_success() {
            // DeepSeek pads its answers with blank lines while they wait.
            match serde_json::from_slice::<Value>(bytes.trim_ascii()) {
                Ok(body) => match embedded_error(status.as_u16(), &body) {
                    None => {
                        return Ok(Reply { body, request_id, retries: 0, admission: None });
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
            error_type: error.error_type.or_else(|| error_type(headers)),
            retry_after: retry::retry_after(headers, SystemTime::now()).or(error.retry_after),
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
    let names = ["x-request-id", "request-id", "apim-request-id", "x-amzn-requestid"];
    names.iter().find_map(|name| headers.get(*name)?.to_str().ok()).map(str::to_owned)
}

/// The error's type, which AWS has in a header, before a colon.
fn error_type(headers: &HeaderMap) -> Option<String> {
    let text = headers.get("x-amzn-errortype")?.to_str().ok()?;
    Some(text.split(':').next().unwrap_or_default().to_owned())
}

/// `OpenRouter` and others report errors with status 200; a numeric code is then the status.
pub(crate) fn embedded_error(status: u16, body: &Value) -> Option<ApiError> {
    let error = body.get("error").filter(|error| error.is_object() || error.is_string())?;
    Some(ApiError::from_json(status_in(error).unwrap_or(status), body))
}
