//! What the clients are asked to do.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use anyhow::Context as _;

use crate::clients::Client;

/// Tokens of a streamed answer, and the pause before each.
pub(crate) const TOKENS: u32 = 200;
pub(crate) const CHUNK_GAP: Duration = Duration::from_millis(50);

/// The most processes of a client for a case.
pub(crate) const REPEATS: usize = 5;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    /// Without TLS, known beforehand, 100 streams to a connection.
    Http2,
    /// Chosen by TLS, 100 streams to a connection.
    Tls,
    /// Answers of [`TOKENS`] tokens, streamed over HTTP/1.1.
    Stream,
}

impl Protocol {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Http1 => "HTTP/1.1",
            Self::Http2 => "HTTP/2",
            Self::Tls => "HTTP/2 over TLS",
            Self::Stream => "streams",
        }
    }
}

impl FromStr for Protocol {
    type Err = anyhow::Error;

    fn from_str(name: &str) -> anyhow::Result<Self> {
        let all = [Self::Http1, Self::Http2, Self::Tls, Self::Stream];
        all.into_iter().find(|it| it.name() == name).with_context(|| format!("no such protocol: {name}"))
    }
}

/// Calls at once over a protocol, to a server that takes this long to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Case {
    pub(crate) calls: usize,
    /// In milliseconds.
    pub(crate) latency: u64,
    pub(crate) protocol: Protocol,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} calls, {} ms, {}", self.calls, self.latency, self.protocol.name())
    }
}

impl Case {
    pub(crate) fn all() -> Vec<Self> {
        let mut cases = Vec::new();
        for calls in [10, 100, 1_000, 10_000] {
            for latency in [577, 50] {
                for protocol in [Protocol::Http1, Protocol::Http2, Protocol::Tls] {
                    cases.push(Self { calls, latency, protocol });
                }
            }
            if calls == 1_000 {
                cases.push(Self { calls, latency: 50, protocol: Protocol::Stream });
            }
        }
        cases
    }

    /// How long an answer takes that nothing holds up.
    pub(crate) fn ideal(self) -> Duration {
        let latency = Duration::from_millis(self.latency);
        if self.protocol == Protocol::Stream { latency + CHUNK_GAP * TOKENS } else { latency }
    }

    /// Whether `client` can do it, and there is something to learn.
    pub(crate) fn suits(self, client: Client) -> bool {
        match self.protocol {
            Protocol::Http1 => true,
            Protocol::Stream => client.is_ours() || client == Client::Reqwest,
            Protocol::Http2 | Protocol::Tls => client != Client::LangChainOld,
        }
    }

    /// How many processes of `client`, of which the table shows the medians: several where CPU time is compared closely.
    pub(crate) fn repeats(self, client: Client) -> usize {
        match (self.protocol, self.calls) {
            _ if client.python().is_some() => 1,
            (Protocol::Http1, 1_000) => REPEATS,
            (Protocol::Http1, 10_000) | (Protocol::Stream, _) => 3,
            _ => 1,
        }
    }
}
