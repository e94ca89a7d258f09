//! One request, and its answer as it comes.

use std::error::Error as StdError;

use bytes::Bytes;
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::Response;
use tokio::task::AbortHandle;
use url::Url;

use super::background;
use super::pool::{self, Lease, Origin};
use crate::connections;
use crate::error::{Error, Phase};

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The head of an answer, and its body.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Body,
}

/// A body, piece by piece. Dropping it before its end closes the connection or resets the stream.
pub(super) struct Body {
    // It goes before the lease, so that the room is given back when it is there.
    response: Box<Response>,
    lease: Option<Lease>,
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Body({:?})", self.response.version())
    }
}

/// Why an attempt has no (whole) answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// No connection, with the error that says why.
    Connect(Error),
    /// The connection broke.
    Broken(Box<dyn StdError + Send + Sync>),
}

impl Failure {
    pub(super) fn into_error(self, host: String, phase: Phase) -> Error {
        match self {
            Self::Connect(error) => error,
            Self::Broken(error) => Error::broken(host, phase, error),
        }
    }
}

/// Ends a task whose result nobody wants any more.
struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Posts `body` and waits for the head of the answer. reqwest itself sends a request again that an idle connection,
/// closed by the server, did not take up, or that the server promises not to have begun.
pub(super) async fn post(url: &Url, origin: &Origin, headers: &HeaderMap, body: &Bytes) -> Result<Answer, Failure> {
    let lease = pool::checkout(origin).await.map_err(Failure::Connect)?;
    let client = lease.client().ok_or_else(|| Failure::Connect(Error::interrupted()))?;
    let mut headers = headers.clone();
    headers.insert(CONTENT_TYPE, JSON);
    let request = client.post(url.clone()).headers(headers).body(body.clone());
    // Connections belong to the runtime on which the request is sent.
    let task = background::runtime().map_err(Failure::Connect)?.spawn(async move {
        let sent = request.send().await;
        (sent, lease)
    });
    let _abort = AbortOnDrop(task.abort_handle());
    let (sent, lease) = task.await.map_err(|error| Failure::Broken(error.into()))?;
    match sent {
        Ok(response) => {
            let (status, headers) = (response.status(), response.headers().clone());
            Ok(Answer { status, headers, body: Body { response: Box::new(response), lease: Some(lease) } })
        }
        Err(error) => {
            if !is_of_one_stream(&error) {
                lease.retire();
            }
            if error.is_connect() {
                return Err(Failure::Connect(connect_error(origin, error)));
            }
            // URLs can hold passwords.
            Err(Failure::Broken(error.without_url().into()))
        }
    }
}

/// Why there is no connection.
pub(super) fn connect_error(origin: &Origin, error: reqwest::Error) -> Error {
    if error.is_timeout() {
        return Error::timeout(origin.authority(), connections::options().connect_timeout, Phase::Connecting);
    }
    Error::connect(origin.authority(), error.without_url())
}

/// Whether the HTTP/2 connection goes on all the same.
fn is_of_one_stream(error: &reqwest::Error) -> bool {
    let mut next = error.source();
    while let Some(cause) = next {
        if let Some(error) = cause.downcast_ref::<h2::Error>() {
            return error.is_reset();
        }
        next = cause.source();
    }
    false
}

impl Body {
    /// The next piece; `None` at the end, when the connection is free again.
    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, Failure> {
        match self.response.chunk().await {
            Ok(Some(bytes)) => Ok(Some(bytes)),
            Ok(None) => {
                self.lease = None;
                Ok(None)
            }
            Err(error) => {
                if let Some(lease) = self.lease.take()
                    && !is_of_one_stream(&error)
                {
                    lease.retire();
                }
                Err(Failure::Broken(error.without_url().into()))
            }
        }
    }

    /// All pieces, up to `longest` bytes.
    pub(super) async fn bytes(mut self, longest: usize) -> Result<Bytes, Failure> {
        let Some(first) = self.chunk().await? else {
            return Ok(Bytes::new());
        };
        let mut rest: Option<Vec<u8>> = None;
        while let Some(more) = self.chunk().await? {
            let all = rest.get_or_insert_with(|| first.to_vec());
            if all.len() + more.len() > longest {
                return Err(Failure::Broken(format!("answer of more than {longest} bytes").into()));
            }
            all.extend_from_slice(&more);
        }
        Ok(rest.map_or(first, Bytes::from))
    }
}
