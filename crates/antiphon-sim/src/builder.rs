//! The settings of a simulator, and its start.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use crate::{latency::Latency, sim::Sim};

/// The pause between two chunks of a stream, unless set.
const DEFAULT_CHUNK_GAP: Duration = Duration::from_millis(15);

/// What most servers allow.
const DEFAULT_MAX_STREAMS: u32 = 100;

/// The settings of a [`Sim`]; made by [`Sim::builder`].
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until it is started"]
pub struct SimBuilder {
    addr: SocketAddr,
    allow_remote: bool,
    pub(crate) settings: Settings,
}

/// What the answers depend on.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) seed: u64,
    pub(crate) latency: Latency,
    chunk_gap: Option<Duration>,
    pub(crate) require_key: bool,
    pub(crate) thinks_aloud: bool,
    /// The names of the only models, or none for any name.
    pub(crate) models: Vec<String>,
    /// How long answers are, if not as long as they happen to be.
    pub(crate) reply_tokens: Option<usize>,
    /// Whether answers have rate limit headers.
    pub(crate) report_limits: bool,
    /// HTTP/2 streams per connection.
    pub(crate) max_streams: u32,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<crate::tls::Tls>,
}

impl Settings {
    pub(crate) fn chunk_gap(&self) -> Duration {
        match (self.chunk_gap, self.latency) {
            (Some(gap), _) => gap,
            (None, Latency::None) => Duration::ZERO,
            (None, _) => DEFAULT_CHUNK_GAP,
        }
    }
}

impl SimBuilder {
    pub(crate) fn new() -> Self {
        Self {
            addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            allow_remote: false,
            settings: Settings {
                seed: 0,
                latency: Latency::default(),
                chunk_gap: None,
                require_key: false,
                thinks_aloud: false,
                models: Vec::new(),
                reply_tokens: None,
                report_limits: true,
                max_streams: DEFAULT_MAX_STREAMS,
                #[cfg(feature = "tls")]
                tls: None,
            },
        }
    }

    /// Sets what texts, latencies and ids are drawn from. Default: 0.
    pub fn seed(mut self, seed: u64) -> Self {
        self.settings.seed = seed;
        self
    }

    /// Sets how long a model call takes. Default: [`Latency::default`].
    pub fn latency(mut self, latency: Latency) -> Self {
        self.settings.latency = latency;
        self
    }

    /// Sets the pause between two chunks of a stream. Default: 15 ms, or none with
    /// [`Latency::None`].
    pub fn chunk_gap(mut self, gap: Duration) -> Self {
        self.settings.chunk_gap = Some(gap);
        self
    }

    /// Sets the address to listen on. Default: `127.0.0.1:0`, which is any free port.
    pub fn bind(mut self, addr: SocketAddr) -> Self {
        self.addr = addr;
        self
    }

    /// Sets whether an address that other machines can reach is accepted. Default: no.
    pub fn allow_remote(mut self, allow: bool) -> Self {
        self.allow_remote = allow;
        self
    }

    /// Sets whether requests without a key get the provider's 401. Any key will do. Default: no.
    pub fn require_key(mut self, require: bool) -> Self {
        self.settings.require_key = require;
        self
    }

    /// Sets whether chat models show their thoughts before they answer. Default: those whose names say that they do
    /// (`deepseek-reasoner`, `deepseek-r1`, `qwq`), and Claude, Gemini, Ollama's and Bedrock's models where the request
    /// asks for it.
    pub fn thoughts(mut self, shown: bool) -> Self {
        self.settings.thinks_aloud = shown;
        self
    }

    /// Sets the only models there are: requests for others get the provider's 404. Default: any name will do.
    pub fn models<I>(mut self, names: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.settings.models = names.into_iter().map(Into::into).collect();
        self
    }

    /// Makes answers repeat themselves until they have this many tokens. Default: a sentence or two.
    pub fn reply_tokens(mut self, tokens: usize) -> Self {
        self.settings.reply_tokens = Some(tokens);
        self
    }

    /// Sets whether answers report rate limits in their headers, which careful clients obey. Default: yes.
    pub fn report_limits(mut self, report: bool) -> Self {
        self.settings.report_limits = report;
        self
    }

    /// Sets how many requests an HTTP/2 connection may have at once. Default: 100.
    pub fn max_streams(mut self, streams: u32) -> Self {
        self.settings.max_streams = streams;
        self
    }

    /// Serves over TLS, with HTTP/2 on offer or not, and a certificate made for this server; see
    /// [`Sim::certificate_pem`].
    ///
    /// # Errors
    ///
    /// The certificate cannot be made.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, http2: bool) -> io::Result<Self> {
        self.settings.tls = Some(crate::tls::Tls::new(http2)?);
        Ok(self)
    }

    /// Starts the server on the current tokio runtime, which must have I/O and time enabled.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::InvalidInput`] if the address is not a loopback address and
    /// [`Self::allow_remote`] is not set; otherwise what the system answered to the attempt to
    /// listen there.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    #[expect(clippy::unused_async, reason = "it needs a runtime, which an async fn says best")]
    pub async fn start(self) -> io::Result<Sim> {
        if !self.allow_remote && !self.addr.ip().is_loopback() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, BindError::NotLoopback { addr: self.addr }));
        }
        Sim::start(self.addr, self.settings)
            .map_err(|source| io::Error::new(source.kind(), BindError::Listen { addr: self.addr, source }))
    }
}

#[derive(Debug, thiserror::Error)]
enum BindError {
    #[error(
        "cannot listen on {addr}: other machines can reach this address, and the simulator lets everyone in; \
         use a loopback address such as 127.0.0.1, or allow remote clients explicitly"
    )]
    NotLoopback { addr: SocketAddr },
    #[error("cannot listen on {addr}; use another port, or port 0 for any free one")]
    Listen { addr: SocketAddr, source: io::Error },
}
