//! Errors of connections, in this crate's words.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use super::body::shorten;
use super::{BoxError, Error, Kind, Phase};

impl Error {
    /// No connection. `host` is all of the URL that is kept.
    pub(crate) fn connect(host: String, error: impl Into<BoxError>) -> Self {
        let error = error.into();
        Self::of(Kind::Connect { host, reason: reason(&*error) }).with_source(error)
    }

    /// A connection that broke before the answer was complete.
    pub(crate) fn broken(host: String, phase: Phase, error: impl Into<BoxError>) -> Self {
        let error = error.into();
        Self::of(Kind::Broken { host, reason: reason(&*error), phase }).with_source(error)
    }

    /// An attempt that was given up after `limit`.
    pub(crate) fn timeout(host: String, limit: Duration, phase: Phase) -> Self {
        Self::of(Kind::Timeout { host, limit, phase })
    }
}

/// The deepest cause in a few words.
fn reason(error: &(dyn StdError + Send + Sync + 'static)) -> String {
    let causes = || {
        let mut next: Option<&(dyn StdError + 'static)> = Some(error);
        std::iter::from_fn(move || {
            let cause = next?;
            next = cause.source();
            Some(cause)
        })
    };
    if causes().any(|cause| cause.to_string() == "dns error") {
        return "host name not found".to_owned();
    }
    let known = causes().find_map(|cause| match io_kind(cause)? {
        io::ErrorKind::ConnectionRefused => Some("connection refused"),
        io::ErrorKind::ConnectionReset => Some("connection reset"),
        io::ErrorKind::ConnectionAborted => Some("connection aborted"),
        io::ErrorKind::BrokenPipe => Some("broken pipe"),
        io::ErrorKind::UnexpectedEof => Some("connection closed"),
        io::ErrorKind::HostUnreachable => Some("host unreachable"),
        io::ErrorKind::NetworkUnreachable => Some("network unreachable"),
        _ => None,
    });
    known.map_or_else(
        || causes().last().map_or_else(String::new, |cause| shorten(&cause.to_string(), 120)),
        str::to_owned,
    )
}

/// h2 hands out what the socket said, but not as a cause.
fn io_kind(cause: &(dyn StdError + 'static)) -> Option<io::ErrorKind> {
    if let Some(error) = cause.downcast_ref::<h2::Error>() {
        return error.get_io().map(io::Error::kind);
    }
    Some(cause.downcast_ref::<io::Error>()?.kind())
}
