//! The body of a streamed answer, piece by piece, within its time limits.

use std::pin::pin;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::TimeLimits;
use super::background::within;
use super::exchange::Body;
use crate::error::{Error, Phase};

/// What a request for a stream was answered with.
#[derive(Debug)]
pub(crate) enum Opened<T> {
    /// A stream, and the provider's name for the request.
    Stream(StreamBody, Option<String>),
    /// A whole answer, from a server that does not stream, and the provider's name for the request.
    Whole(T, Option<String>),
}

/// Nothing is read ahead of the caller but what fits the connection's buffers. Dropping it closes the connection
/// (HTTP/1.1) or resets the stream (HTTP/2).
#[derive(Debug)]
pub(crate) struct StreamBody {
    pub(super) body: Body,
    pub(super) host: String,
    pub(super) limits: TimeLimits,
    pub(super) begun: Instant,
}

/// How long a server may take to end a body whose end marker has come.
const LAST_BYTES: Duration = Duration::from_millis(50);

impl StreamBody {
    /// Lets the connection be used again: reads on to where the body ends, which usually has come by now.
    pub(crate) async fn finish(mut self) {
        let rest = pin!(async { while let Ok(Some(_)) = self.body.chunk().await {} });
        // A server that goes on loses its connection.
        let _ = within(LAST_BYTES, rest).await;
    }

    /// The next piece, of any size; `None` at the end.
    ///
    /// # Errors
    ///
    /// A connection that breaks, nothing for longer than the idle limit, the limit on the whole stream.
    ///
    /// # Cancel safety
    ///
    /// No piece is lost.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        let TimeLimits { idle, total_of_stream, .. } = self.limits;
        let left = total_of_stream.saturating_sub(self.begun.elapsed());
        match within(idle.min(left), pin!(self.body.chunk())).await? {
            Some(Ok(chunk)) => Ok(chunk),
            Some(Err(broken)) => Err(broken.into_error(self.host.clone())),
            None if idle < left => Err(Error::timeout(self.host.clone(), idle, Phase::Idle)),
            None => Err(Error::timeout(self.host.clone(), total_of_stream, Phase::Reading)),
        }
    }
}
