//! The process's connections, by server: reqwest clients, and who may use which.

mod client;
mod host;
mod lease;
mod state;
mod streams;

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use once_cell::sync::Lazy;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use url::Url;

pub(super) use self::host::Host;
pub(super) use self::lease::Lease;
use super::background;
use crate::connections::{self, Stats};
use crate::error::Error;

/// How often idle connections are looked through.
const SWEEP: Duration = Duration::from_secs(15);

static POOL: Lazy<Pool> = Lazy::new(Pool::new);

struct Pool {
    hosts: Mutex<HashMap<Origin, Arc<Host>>>,
    sockets: Arc<Semaphore>,
    /// Calls that wait for one of them.
    waiting: AtomicUsize,
    /// HTTP/1.1 connections that may be open, idle ones included.
    open: AtomicUsize,
    max_sockets: usize,
    /// HTTP/2 connections to a server, whatever the options say.
    max_shards: usize,
}

/// Whom a connection reaches, and how.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Origin {
    pub(super) is_tls: bool,
    pub(super) host: String,
    pub(super) port: u16,
    /// Without TLS there is no negotiation: it is HTTP/2 only if somebody knows.
    pub(super) is_http2_known: bool,
    /// Past any proxy.
    pub(super) is_direct: bool,
}

impl Origin {
    pub(super) fn new(url: &Url, http2_prior_knowledge: bool) -> Self {
        Self {
            is_tls: url.scheme() == "https",
            host: url.host_str().unwrap_or_default().to_owned(),
            port: url.port_or_known_default().unwrap_or(80),
            is_http2_known: http2_prior_knowledge,
            is_direct: super::base_url::is_loopback(url),
        }
    }

    /// Host and port, for errors and the `host` header.
    pub(super) fn authority(&self) -> String {
        match (self.is_tls, self.port) {
            (true, 443) | (false, 80) => self.host.clone(),
            (_, port) => format!("{}:{port}", self.host),
        }
    }
}

impl Pool {
    fn new() -> Self {
        let descriptors = descriptors();
        // Three quarters, and some for HTTP/2.
        let max_sockets = connections::options().max_sockets.unwrap_or((descriptors / 4 * 3).clamp(16, 60_000));
        if let Ok(runtime) = background::own() {
            runtime.spawn(async {
                loop {
                    tokio::time::sleep(SWEEP).await;
                    POOL.sweep();
                }
            });
        }
        Self {
            hosts: Mutex::default(),
            sockets: Arc::new(Semaphore::new(max_sockets)),
            waiting: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            max_sockets,
            max_shards: (descriptors / 8).max(1),
        }
    }

    fn host(&self, origin: Origin) -> Arc<Host> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(host) = hosts.get(&origin) {
            return Arc::clone(host);
        }
        let host = Arc::new(Host::new(origin.clone()));
        hosts.insert(origin, Arc::clone(&host));
        host
    }

    fn all_hosts(&self) -> Vec<Arc<Host>> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Closes what has been idle for too long and forgets servers without connections.
    fn sweep(&self) {
        let Some(before) = Instant::now().checked_sub(connections::options().keep_idle) else {
            return;
        };
        for host in self.all_hosts() {
            host.close_idle(before);
        }
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        hosts.retain(|_, host| {
            // Whoever holds one is about to use it.
            let stays = Arc::strong_count(host) > 1 || !host.is_unused(before);
            if !stays {
                self.open.fetch_sub(host.close_idle_http1(true), Ordering::Relaxed);
            }
            stays
        });
    }

    /// Closes idle connections to other servers until no more than the limit may be open: of quiet servers before those
    /// that have requests in flight, and of the one that was used longest ago first.
    fn make_room(&self, wanted_by: &Arc<Host>) {
        let mut others = self.all_hosts();
        others.retain(|host| !Arc::ptr_eq(host, wanted_by));
        others.sort_by_cached_key(|host| host.last_used());
        for (if_quiet, host) in [true, false].into_iter().flat_map(|it| others.iter().map(move |host| (it, host))) {
            if self.open.load(Ordering::Relaxed) <= self.max_sockets {
                return;
            }
            self.open.fetch_sub(host.close_idle_http1(if_quiet), Ordering::Relaxed);
        }
    }
}

/// The connections to a server.
pub(super) fn host(origin: Origin) -> Arc<Host> {
    POOL.host(origin)
}

/// Reads the platform's roots, which takes some tens of milliseconds.
pub(super) fn prepare_tls() -> Result<(), Error> {
    client::tls_config(&connections::options()).map(drop).map_err(|error| Error::connect(String::new(), error))
}

/// The right to have one more HTTP/1.1 request in flight.
async fn permit() -> Option<OwnedSemaphorePermit> {
    let _waiting = Waiting::new();
    // The semaphore is never closed, and serves in the order of arrival.
    Arc::clone(&POOL.sockets).acquire_owned().await.ok()
}

/// One more HTTP/1.1 connection to `host` may be open.
fn count_another(host: &Arc<Host>) {
    if POOL.open.fetch_add(1, Ordering::Relaxed) >= POOL.max_sockets {
        POOL.make_room(host);
    }
}

fn max_sockets() -> usize {
    POOL.max_sockets
}

/// The most HTTP/2 connections to a server.
fn max_shards() -> usize {
    connections::options().max_http2_connections.min(POOL.max_shards)
}

/// Whether a call waits for a socket.
fn is_wanted() -> bool {
    POOL.waiting.load(Ordering::Relaxed) > 0
}

/// Counts a call while it waits.
struct Waiting;

impl Waiting {
    fn new() -> Self {
        POOL.waiting.fetch_add(1, Ordering::Relaxed);
        Self
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        POOL.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

pub(crate) fn stats() -> Stats {
    let mut stats = Stats {
        sockets: POOL.max_sockets - POOL.sockets.available_permits(),
        max_sockets: POOL.max_sockets,
        waiting: POOL.waiting.load(Ordering::Relaxed),
        ..Stats::default()
    };
    for host in POOL.all_hosts() {
        host.add_to(&mut stats);
    }
    stats
}

/// How many file descriptors the process may open.
fn descriptors() -> usize {
    #[cfg(unix)]
    let descriptors = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    #[cfg(not(unix))]
    let descriptors = Some(8_192);
    descriptors.map_or(usize::MAX, |it| usize::try_from(it).unwrap_or(usize::MAX))
}
