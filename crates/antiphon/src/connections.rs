//! The process's connections: how many, through which proxy, trusting whom.
//!
//! All classes, runtimes and notebook cells of a process share one pool. Connections are driven by a thread of this
//! crate, so they outlive the runtime of the call that opened them. A program with one runtime all its life can have that
//! drive them, which costs less: see [`drive_on`].
//!
//! - **HTTP/1.1**: a request has a connection to itself, and leaves it to the next. There are at most
//!   [`Options::max_sockets`] requests in flight; calls beyond that wait, first come, first served. Idle connections to
//!   other servers are closed to make room.
//! - **HTTP/2** (chosen by TLS, or with `http2_prior_knowledge`): a connection carries up to
//!   [`Options::streams_per_connection`] requests, by default as many as the server allows. When all are full the next is
//!   opened, up to [`Options::max_http2_connections`] for a server; calls beyond that wait, first come, first served.
//!   reqwest does not tell how many requests a server allows, so that it is asked, on a connection of its own, when it
//!   first gets several calls at once.
//! - **Opening**: reqwest opens a connection only for a request. Over TLS and for HTTP/2 a connection begins with
//!   `HEAD /`, without a key, of which any answer will do; so does each that `warm_up` opens.
//! - **Proxies** are those of `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, or of [`Options::proxy`]; servers
//!   on this machine are reached directly.
//! - **Certificates** are checked by the platform's verifier, which on Linux reads `SSL_CERT_FILE`; see also
//!   [`Options::root_certificate`].
//!
//! | limit | from | to | default |
//! |---|---|---|---|
//! | [`Options::connect_timeout`] | a connection is begun | it is ready for a request, TLS included | 5 s |
//! | `first_byte_timeout` | an attempt begins, waiting for a connection included | the head of the answer is there | none |
//! | `idle_timeout` | one piece of a stream | the next piece | 300 s |
//! | `timeout` | an attempt begins | the last byte of the answer | 600 s, for a stream 3,600 s |
//! | [`Options::keep_idle`] | a connection has nothing to do | it is closed, but for one HTTP/2 connection to each server | 90 s |
//!
//! The three in the middle are set on each class. The greeting (`HEAD /`) with which an HTTP/2 connection begins has
//! `connect_timeout` once more for its answer.
//!
//! Connections can be opened before they are needed, and counted:
//!
//! ```
//! # #[tokio::main]
//! # async fn main() -> Result<(), antiphon::Error> {
//! # let sim = antiphon_sim::for_example();
//! use antiphon::{OpenAI, connections};
//!
//! let llm = OpenAI::new();
//! llm.warm_up(10).await?;
//! # assert!((1..=10).contains(&sim.open_connections()));
//! llm.agenerate(["Hello, how are you?"]).await?;
//! println!("{:?}", connections::stats());
//! # assert_eq!(connections::stats().waiting, 0);
//! # Ok(())
//! # }
//! ```

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use once_cell::sync::Lazy;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio::runtime::Handle;

use crate::error::Error;
use crate::transport::{UrlText, background, pool};

static OPTIONS: Lazy<RwLock<Arc<Options>>> = Lazy::new(RwLock::default);

/// How connections are made; applied by [`configure`].
///
/// ```
/// use std::time::Duration;
///
/// use antiphon::connections::{self, Options};
///
/// connections::configure(Options::new().connect_timeout(Duration::from_secs(2)).max_http2_connections(10));
/// ```
#[derive(Debug, Clone)]
pub struct Options {
    pub(crate) connect_timeout: Duration,
    pub(crate) keep_idle: Duration,
    pub(crate) max_sockets: Option<usize>,
    pub(crate) max_http2_connections: usize,
    /// `None` if the server is to tell.
    pub(crate) streams_per_connection: Option<usize>,
    pub(crate) proxy: Proxy,
    pub(crate) roots: Vec<CertificateDer<'static>>,
}

/// Which proxy is used.
#[derive(Debug, Clone)]
pub(crate) enum Proxy {
    Environment,
    None,
    Url(UrlText),
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}

impl Options {
    /// The defaults.
    pub fn new() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            keep_idle: Duration::from_secs(90),
            max_sockets: None,
            max_http2_connections: 128,
            streams_per_connection: None,
            proxy: Proxy::Environment,
            roots: Vec::new(),
        }
    }

    /// Gives up a connection that is not ready after this time. Default: 5 seconds. Zero is refused by the calls.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Closes a connection that has had nothing to do for this long. Default: 90 seconds.
    pub fn keep_idle(mut self, time: Duration) -> Self {
        self.keep_idle = time;
        self
    }

    /// Has at most this many HTTP/1.1 requests in flight at once, each on a connection, to all servers together; with
    /// idle connections it is hardly more. Those of HTTP/2 come on top. Default: three quarters of the file descriptors
    /// that the process may open. Counts only in the first call of [`configure`], before any connection.
    pub fn max_sockets(mut self, sockets: usize) -> Self {
        self.max_sockets = Some(sockets.max(1));
        self
    }

    /// Has at most this many HTTP/2 connections to a server, and never more than an eighth of the file descriptors that
    /// the process may open. Default: 128.
    pub fn max_http2_connections(mut self, connections: usize) -> Self {
        self.max_http2_connections = connections.max(1);
        self
    }

    /// Has at most this many requests at once on an HTTP/2 connection. Default: as many as the server says (RFC 9113,
    /// section 6.5.2), at most 256; 100, the least that servers are recommended to allow, if it cannot be asked because
    /// there may be a proxy.
    pub fn streams_per_connection(mut self, streams: usize) -> Self {
        self.streams_per_connection = Some(streams.max(1));
        self
    }

    /// Reaches all servers but those on this machine through this proxy, an `http://`, `https://` or `socks5://` URL that
    /// may hold a user and a password, whatever the environment says.
    pub fn proxy(mut self, url: impl Into<String>) -> Self {
        self.proxy = Proxy::Url(UrlText::new(url));
        self
    }

    /// Uses no proxy, whatever the environment says.
    pub fn no_proxy(mut self) -> Self {
        self.proxy = Proxy::None;
        self
    }

    /// Trusts the certificates in `pem`, on top of the platform's.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if there is none in it.
    pub fn root_certificate(mut self, pem: impl AsRef<[u8]>) -> Result<Self, Error> {
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_ref()).collect();
        match certificates {
            Ok(certificates) if !certificates.is_empty() => {
                self.roots.extend(certificates);
                Ok(self)
            }
            _ => Err(Error::invalid_setting("root_certificate", "is not a certificate in PEM format")),
        }
    }
}

/// Applies `options` to connections that are opened from now on. A proxy that is none shows in the calls.
pub fn configure(options: Options) {
    *OPTIONS.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(options);
}

/// Has `runtime` drive the connections that are opened from now on, instead of this crate's own thread.
///
/// For programs that have one runtime with threads of its own as long as they call models, such as that of
/// `#[tokio::main]`: a call that is made on it then runs where it is awaited, and wakes no other thread, which spares CPU
/// time. What goes with it:
///
/// - Tasks that block that runtime's threads hold up the connections, and time limits follow its clock.
/// - A call on it that was polled once and is then put aside keeps its place, and its time limits do not count.
/// - When it ends, its connections close, and calls under way on other runtimes fail with
///   [`ErrorKind::Connection`](crate::ErrorKind::Connection), which is retried. Those that follow are driven by this
///   crate's own thread again.
///
/// ```
/// # let sim = antiphon_sim::for_example();
/// use antiphon::{OpenAI, connections};
/// use tokio::runtime::Handle;
///
/// #[tokio::main]
/// async fn main() -> Result<(), antiphon::Error> {
///     connections::drive_on(&Handle::current())?;
///     println!("{}", OpenAI::new().agenerate(["Hello, how are you?"]).await?);
///     Ok(())
/// }
/// # main()?;
/// # assert_eq!(sim.requests().len(), 1);
/// # Ok::<(), antiphon::Error>(())
/// ```
///
/// # Errors
///
/// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) for a current-thread runtime, on which nothing moves
/// while nobody blocks on it.
///
/// # Panics
///
/// Calls panic if the runtime was built without `enable_all`.
pub fn drive_on(runtime: &Handle) -> Result<(), Error> {
    background::lend(runtime)
}

/// The options in force.
pub(crate) fn options() -> Arc<Options> {
    Arc::clone(&OPTIONS.read().unwrap_or_else(PoisonError::into_inner))
}

/// The connections of a moment, to all servers together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// HTTP/1.1 requests in flight, each on a connection of its own.
    pub sockets: usize,
    /// At most so many of them.
    pub max_sockets: usize,
    /// HTTP/2 connections.
    pub http2: usize,
    /// Requests on HTTP/2 connections.
    pub http2_streams: usize,
    /// Calls that wait for a connection.
    pub waiting: usize,
}

/// Counts the process's connections.
pub fn stats() -> Stats {
    pool::stats()
}
