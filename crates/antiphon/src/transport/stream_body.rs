//! The body of a streamed answer, piece by piece, within its time limits.

use std::time::Duration;

use bytes::Bytes;
use reqwest::Response;
use tokio::time::Instant;

use super::{Reply, TimeLimits};
use crate::error::{Error, Phase};

/// What a request for a stream was answered with.
#[derive(Debug)]
pub(crate) enum Opened {
    /// A stream, and the provider's name for the request.
    Stream(StreamBody, Option<String>),
    /// A whole answer, from a server that does not stream.
    Whole(Reply),
}

/// Nothing is read ahead of the caller but what fits the connection's buffers. Dropping it closes the connection
/// (HTTP/1.1) or resets the stream (HTTP/2).
#[derive(Debug)]
pub(crate) struct StreamBody {
    pub(super) response: Response,
    pub(super) host: String,
    pub(super) limits: TimeLimits,
    pub(super) deadline: Instant,
}

/// How long a server may take to end a body whose end marker has come.
const LAST_BYTES: Duration = Duration::from_millis(50);

impl StreamBody {
    /// Lets the connection be used again: reads on to where the body ends, which usually has come by now.
    pub(crate) async fn finish(mut self) {
        let rest = async { while let Ok(Some(_)) = self.response.chunk().await {} };
        // A server that goes on loses its connection.
        let _ = tokio::time::timeout(LAST_BYTES, rest).await;
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
        let idle = Instant::now() + self.limits.idle;
        match tokio::time::timeout_at(idle.min(self.deadline), self.response.chunk()).await {
            Ok(Ok(chunk)) => Ok(chunk),
            Ok(Err(error)) => Err(Error::transport(error, self.host.clone(), Phase::Reading, TimeLimits::CONNECT)),
            Err(_) if idle < self.deadline => Err(Error::timeout(self.host.clone(), self.limits.idle, Phase::Idle)),
            Err(_) => Err(Error::timeout(self.host.clone(), self.limits.total_of_stream, Phase::Reading)),
        }
    }
}
