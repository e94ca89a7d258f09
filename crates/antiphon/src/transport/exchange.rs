//! One request, and its answer as it comes.

use std::error::Error as StdError;
use std::future::ready;
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use futures::FutureExt as _;
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Client, Response};
use tokio::task::unconstrained;
use url::Url;

use super::background::{self, until};
use super::pool::{Host, Lease, Origin};
use super::{Framing, TimeLimits};
use crate::connections;
use crate::error::{Error, Phase};
use crate::provider;

/// The longest answer that is read whole, in bytes. Answers of models are a thousand times shorter.
const LONGEST_ANSWER: usize = 256 << 20;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// What is posted, and where.
pub(super) struct Request {
    pub(super) url: Url,
    pub(super) host: Arc<Host>,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// An answer, as far as it is wanted.
#[derive(Debug)]
pub(super) enum Answer {
    Whole(StatusCode, HeaderMap, Bytes),
    /// The head of a success, and its body as it comes.
    Stream(HeaderMap, Body),
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

/// Why an answer is not whole: the connection broke.
#[derive(Debug)]
pub(super) struct Broken(Box<dyn StdError + Send + Sync>);

impl Broken {
    pub(super) fn into_error(self, host: String) -> Error {
        Error::broken(host, Phase::Reading, self.0)
    }
}

/// Posts a request and reads the answer: to its end, or only its head if it is a stream in `framing`.
///
/// All of that runs on the runtime of the connections; if that is not the caller's, as one task, so that the caller is
/// woken once.
pub(super) fn post(
    request: Box<Request>,
    limits: TimeLimits,
    framing: Option<Framing>,
) -> impl Future<Output = Result<Answer, Error>> {
    // A place in line is taken here: tasks do not always begin in the order in which they were spawned.
    let host = Arc::clone(&request.host);
    let mut checkout = async move { host.checkout().await }.boxed();
    // However many calls are made in one poll.
    let room = match unconstrained(checkout.as_mut()).now_or_never() {
        Some(room) => ready(room).left_future(),
        None => checkout.right_future(),
    };
    let total = if framing.is_some() { limits.total_of_stream } else { limits.total };
    let (limit, phase) = match limits.first_byte {
        Some(first_byte) if first_byte < total => (first_byte, Phase::FirstByte),
        _ => (total, Phase::Waiting),
    };
    background::run(async move {
        let host = Arc::clone(&request.host);
        let begun = Instant::now();
        let mut clock = pin!(background::sleep(limit)?);
        let late = |limit, phase| Error::timeout(host.origin.authority(), limit, phase);
        let head = until(clock.as_mut(), pin!(head(request, room))).await;
        let mut body = head.unwrap_or_else(|| Err(late(limit, phase)))?;
        let (status, headers) = (body.response.status(), std::mem::take(body.response.headers_mut()));
        if status.is_success() && framing.is_some_and(|framing| is_stream(&headers, framing)) {
            return Ok(Answer::Stream(headers, body));
        }
        if limit < total {
            clock.set(background::sleep(total.saturating_sub(begun.elapsed()))?);
        }
        match until(clock, pin!(body.bytes(LONGEST_ANSWER))).await {
            Some(Ok(Some(bytes))) => Ok(Answer::Whole(status, headers, bytes)),
            Some(Ok(None)) => {
                let problem = format!("is longer than {} MiB", LONGEST_ANSWER >> 20);
                Err(Error::unexpected_body(status.as_u16(), problem, provider::request_id(&headers)))
            }
            Some(Err(broken)) => Err(broken.into_error(host.origin.authority())),
            None => Err(late(total, Phase::Reading)),
        }
    })
}

/// Some servers do not stream, whatever they are asked for.
fn is_stream(headers: &HeaderMap, framing: Framing) -> bool {
    let is_json = headers.get(CONTENT_TYPE).is_some_and(|it| it.as_bytes().starts_with(b"application/json"));
    !(is_json && framing.excludes_json())
}

/// Sends a request and waits for the head of the answer. reqwest itself sends a request again that an idle connection,
/// closed by the server, did not take up, or that the server promises not to have begun.
async fn head(
    request: Box<Request>,
    room: impl Future<Output = Result<(Lease, Client), Error>>,
) -> Result<Body, Error> {
    let host = Arc::clone(&request.host);
    let (lease, client) = room.await?;
    let sending = send(*request, &client);
    // reqwest's pool, idle connections included, lives as long as this.
    drop(client);
    let error = match sending.await {
        Ok(response) => return Ok(Body { response: Box::new(response), lease: Some(lease) }),
        Err(error) => error,
    };
    if !is_of_one_stream(&error) {
        lease.retire();
    }
    if error.is_connect() {
        return Err(connect_error(&host.origin, error));
    }
    // URLs can hold passwords.
    Err(Error::broken(host.origin.authority(), Phase::Waiting, error.without_url()))
}

/// What reqwest is to do. It is no `async fn`, as that would keep the request twice.
fn send(request: Request, client: &Client) -> impl Future<Output = reqwest::Result<Response>> + use<> {
    let Request { url, mut headers, body, .. } = request;
    headers.insert(CONTENT_TYPE, JSON);
    match client.post(url).body(body).build() {
        Ok(mut request) => {
            // What reqwest makes of the URL's user counts unless there is a key.
            let of_url = std::mem::replace(request.headers_mut(), headers);
            for (name, value) in &of_url {
                request.headers_mut().entry(name).or_insert_with(|| value.clone());
            }
            client.execute(request).left_future()
        }
        Err(error) => ready(Err(error)).right_future(),
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
    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, Broken> {
        let piece = self.piece().await?;
        if piece.is_none() {
            self.lease = None;
        }
        Ok(piece)
    }

    async fn piece(&mut self) -> Result<Option<Bytes>, Broken> {
        match self.response.chunk().await {
            Ok(piece) => Ok(piece),
            Err(error) => {
                if let Some(lease) = self.lease.take()
                    && !is_of_one_stream(&error)
                {
                    lease.retire();
                }
                Err(Broken(error.without_url().into()))
            }
        }
    }

    /// All pieces, awaited on the runtime of the connections; `None` if they are more than `longest` bytes.
    async fn bytes(&mut self, longest: usize) -> Result<Option<Bytes>, Broken> {
        let first = self.piece().await?.unwrap_or_default();
        let mut rest: Option<Vec<u8>> = None;
        while let Some(more) = self.piece().await? {
            let all = rest.get_or_insert_with(|| first.to_vec());
            if all.len() + more.len() > longest {
                return Ok(None);
            }
            all.extend_from_slice(&more);
        }
        if let Some(lease) = self.lease.take() {
            lease.give_back().await;
        }
        Ok(Some(rest.map_or(first, Bytes::from)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_without_end_is_given_up() {
        for (longest, expected) in [(11, Some("hello world")), (10, None)] {
            let pieces = ["hello", " ", "world"].map(Ok::<_, std::io::Error>);
            let body = reqwest::Body::wrap_stream(futures::stream::iter(pieces));
            let mut body = Body { response: Box::new(http::Response::new(body).into()), lease: None };
            assert_eq!(body.bytes(longest).await.unwrap(), expected.map(Bytes::from));
        }
    }
}
