//! Errors of the HTTP client, in this crate's words.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use super::body::shorten;
use super::{Error, Kind, Phase};

impl Error {
    /// An attempt that failed without a (whole) answer. `host` is all of the URL that is kept.
    pub(crate) fn transport(error: reqwest::Error, host: String, phase: Phase, connect_timeout: Duration) -> Self {
        let kind = if error.is_connect() && error.is_timeout() {
            Kind::Timeout { host, limit: connect_timeout, phase: Phase::Connecting }
        } else if error.is_connect() {
            Kind::Connect { host, reason: reason(&error) }
        } else {
            Kind::Broken { host, reason: reason(&error), phase }
        };
        // URLs can hold passwords.
        Self::new(kind).with_source(error.without_url())
    }

    /// An attempt that was given up after `limit`.
    pub(crate) fn timeout(host: String, limit: Duration, phase: Phase) -> Self {
        Self::new(Kind::Timeout { host, limit, phase })
    }

    /// The HTTP client could not be built, for example for want of root certificates.
    pub(crate) fn no_client(error: reqwest::Error, host: String) -> Self {
        Self::new(Kind::Connect { host, reason: reason(&error) }).with_source(error.without_url())
    }
}

/// The deepest cause in a few words.
fn reason(error: &reqwest::Error) -> String {
    if error.is_dns() {
        return "host name not found".to_owned();
    }
    let known = causes(error).find_map(|cause| match cause.downcast_ref::<io::Error>()?.kind() {
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
        || causes(error).last().map_or_else(String::new, |it| shorten(&it.to_string(), 120)),
        str::to_owned,
    )
}

fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn StdError + 'static)> {
    let mut next = error.source();
    std::iter::from_fn(move || {
        let cause = next?;
        next = cause.source();
        Some(cause)
    })
}
