//! One server's connections: who gets which, and when another is opened.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use reqwest::{Client, Version};
use tokio::sync::oneshot;

use super::client::{self, Purpose};
use super::lease::{Grant, Lease};
use super::{Origin, count_another, permit};
use crate::connections::{self, Options, Stats};
use crate::error::{Error, Phase};
use crate::transport::background;
use crate::transport::exchange::connect_error;

/// A server, as the pool knows it.
pub(in crate::transport) struct Host {
    pub(in crate::transport) origin: Origin,
    state: Mutex<State>,
}

struct State {
    /// `None` until the first connection over TLS.
    protocol: Option<Protocol>,
    http1: Http1,
    shards: Vec<Shard>,
    /// Connections that are being opened.
    opening: usize,
    /// Calls, in the order of arrival.
    waiters: VecDeque<oneshot::Sender<Turn>>,
    next_id: u64,
    last_used: Instant,
}

/// The connections for HTTP/1.1, which reqwest keeps.
#[derive(Default)]
struct Http1 {
    /// For all requests, and the options it was made of.
    client: Option<(Arc<Options>, Client)>,
    in_flight: usize,
    /// The most that were in flight since there were no connections: so many may be open.
    open: usize,
}

/// What a waiter is told: a place on a shard, that the server speaks HTTP/1.1, or that there is no connection.
type Turn = Result<Option<Lease>, Error>;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Http1,
    Http2,
}

/// An HTTP/2 connection: reqwest keeps one for a server and client.
struct Shard {
    id: u64,
    client: Client,
    in_flight: usize,
    idle_since: Instant,
}

impl State {
    /// A connection with room.
    fn take(&mut self) -> Option<(Client, Grant)> {
        let streams = connections::options().streams_per_connection;
        let shard = self.shards.iter_mut().find(|shard| shard.in_flight < streams)?;
        shard.in_flight += 1;
        Some((shard.client.clone(), Grant::Http2(shard.id)))
    }

    /// Whether another connection would help somebody.
    fn needs_another(&self) -> bool {
        match self.protocol {
            // Until the first has told which protocol it is, a second may be one too many.
            None => self.opening == 0 && !self.waiters.is_empty(),
            Some(Protocol::Http1) => false,
            Some(Protocol::Http2) => {
                let options = connections::options();
                self.opening.saturating_mul(options.streams_per_connection) < self.waiters.len()
                    && self.shards.len() + self.opening < options.max_http2_connections
            }
        }
    }

    /// Drops calls that were given up.
    fn forget_the_gone(&mut self) {
        self.waiters.retain(|waiter| !waiter.is_closed());
    }
}

impl Host {
    pub(super) fn new(origin: Origin) -> Self {
        let protocol = match (origin.is_http2_known, origin.is_tls) {
            // TLS asks.
            (_, true) => None,
            (true, false) => Some(Protocol::Http2),
            (false, false) => Some(Protocol::Http1),
        };
        let state = State {
            protocol,
            http1: Http1::default(),
            shards: Vec::new(),
            opening: 0,
            waiters: VecDeque::new(),
            next_id: 0,
            last_used: Instant::now(),
        };
        Self { origin, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection with room for one request. Waits as long as it takes; callers have a limit.
    pub(in crate::transport) async fn checkout(self: &Arc<Self>) -> Result<Lease, Error> {
        loop {
            if self.state().protocol == Some(Protocol::Http1) {
                return self.checkout_http1().await;
            }
            let turn = {
                let mut state = self.state();
                // Those who wait come first.
                if state.waiters.is_empty()
                    && let Some((client, grant)) = state.take()
                {
                    return Ok(Lease::new(Arc::clone(self), client, grant));
                }
                let (waiter, turn) = oneshot::channel();
                state.waiters.push_back(waiter);
                turn
            };
            // There may be room all the same, if those before have gone.
            self.serve();
            self.open_as_needed()?;
            // Nobody drops a waiter without a word.
            if let Some(lease) = turn.await.unwrap_or_else(|_| Err(Error::interrupted()))? {
                return Ok(lease);
            }
        }
    }

    /// reqwest finds or opens the connection when the request is sent.
    async fn checkout_http1(self: &Arc<Self>) -> Result<Lease, Error> {
        let permit = permit().await.ok_or_else(Error::interrupted)?;
        let options = connections::options();
        let (lease, is_another) = {
            let mut state = self.state();
            state.last_used = Instant::now();
            let http1 = &mut state.http1;
            let client = match &http1.client {
                Some((made_of, client)) if Arc::ptr_eq(made_of, &options) => client.clone(),
                _ => {
                    // Built under the lock, so that a burst of first calls builds one client, not one each.
                    let client = client::build(&self.origin, Purpose::Http1, &options)?;
                    http1.client = Some((options, client.clone()));
                    client
                }
            };
            http1.in_flight += 1;
            let is_another = http1.in_flight > http1.open;
            http1.open += usize::from(is_another);
            (Lease::new(Arc::clone(self), client, Grant::Http1(permit)), is_another)
        };
        if is_another {
            count_another(self);
        }
        Ok(lease)
    }

    /// Closes the HTTP/1.1 connections that are idle, and says how many there may have been.
    pub(super) fn close_idle_http1(&self) -> usize {
        let http1 = &mut self.state().http1;
        let idle = http1.open - http1.in_flight;
        if idle > 0 {
            // reqwest's pool goes with it. Those in use close when they are free.
            http1.client = None;
            http1.open = http1.in_flight;
        }
        idle
    }

    /// Opens up to `connections` connections, as far as the server's kind of HTTP has use for them.
    pub(in crate::transport) async fn open_ahead(self: &Arc<Self>, connections: usize) -> Result<(), Error> {
        // With HTTP/2 one connection is enough.
        let first = self.checkout().await?;
        if self.state().protocol != Some(Protocol::Http1) {
            return Ok(());
        }
        // All at once, so that no one takes another's.
        drop(first);
        let leases = futures::future::join_all((0..connections).map(|_| self.checkout())).await;
        let leases = leases.into_iter().collect::<Result<Vec<_>, _>>()?;
        let greetings = leases.into_iter().map(|lease| self.greet_by(lease));
        futures::future::join_all(greetings).await.into_iter().collect()
    }

    async fn greet_by(self: &Arc<Self>, lease: Lease) -> Result<(), Error> {
        let host = Arc::clone(self);
        background::run(async move { host.greet(lease.client()).await.map(drop) }).await
    }

    /// reqwest opens a connection only for a request: one without a key and without a body, of which any answer will
    /// do. It tells which protocol TLS has chosen, and that the server's settings have come.
    async fn greet(&self, client: &Client) -> Result<Version, Error> {
        let scheme = if self.origin.is_tls { "https" } else { "http" };
        let limit = connections::options().connect_timeout;
        let greeting = pin!(client.head(format!("{scheme}://{}/", self.origin.authority())).send());
        // The time to connect, and as much again for the answer.
        match background::within(limit.saturating_mul(2), greeting).await? {
            Some(Ok(answer)) => Ok(answer.version()),
            Some(Err(error)) if error.is_connect() => Err(connect_error(&self.origin, error)),
            Some(Err(error)) => Err(Error::broken(self.origin.authority(), Phase::Waiting, error.without_url())),
            None => Err(Error::timeout(self.origin.authority(), limit.saturating_mul(2), Phase::Connecting)),
        }
    }

    /// Hands connections with room to those who wait, first come, first served.
    fn serve(self: &Arc<Self>) {
        loop {
            let (waiter, lease) = {
                let mut state = self.state();
                while state.waiters.front().is_some_and(oneshot::Sender::is_closed) {
                    state.waiters.pop_front();
                }
                if state.waiters.is_empty() {
                    return;
                }
                let Some((client, grant)) = state.take() else {
                    return;
                };
                (state.waiters.pop_front(), Lease::new(Arc::clone(self), client, grant))
            };
            // A lease that does not arrive comes back by being dropped, which takes the lock that is free by now.
            let _ = waiter.map(|waiter| waiter.send(Ok(Some(lease))));
        }
    }

    fn open_as_needed(self: &Arc<Self>) -> Result<(), Error> {
        let runtime = background::handle()?;
        loop {
            {
                let mut state = self.state();
                if !state.needs_another() {
                    return Ok(());
                }
                state.opening += 1;
            }
            runtime.spawn(Arc::clone(self).open());
        }
    }

    /// Opens one connection for whoever waits.
    async fn open(self: Arc<Self>) {
        let opened = match client::build(&self.origin, Purpose::Shard, &connections::options()) {
            Ok(client) => self.greet(&client).await.map(|version| (client, version)),
            Err(error) => Err(error),
        };
        match opened {
            Ok((client, Version::HTTP_2)) => {
                let mut state = self.state();
                state.opening -= 1;
                state.protocol = Some(Protocol::Http2);
                state.next_id += 1;
                let id = state.next_id;
                state.shards.push(Shard { id, client, in_flight: 0, idle_since: Instant::now() });
            }
            Ok(_) => {
                let waiters: Vec<_> = {
                    let mut state = self.state();
                    state.opening -= 1;
                    state.protocol = Some(Protocol::Http1);
                    state.shards.clear();
                    state.waiters.drain(..).collect()
                };
                for waiter in waiters {
                    let _ = waiter.send(Ok(None));
                }
            }
            Err(error) => self.fail(&error),
        }
        self.serve();
        // It cannot fail: this runs on the runtime that it asks for.
        let _ = self.open_as_needed();
    }

    /// Tells those for whom there is no other hope.
    fn fail(&self, error: &Error) {
        let failed: Vec<_> = {
            let mut state = self.state();
            state.opening -= 1;
            state.forget_the_gone();
            if state.opening > 0 || !state.shards.is_empty() { Vec::new() } else { state.waiters.drain(..).collect() }
        };
        for waiter in failed {
            let _ = waiter.send(Err(error.clone()));
        }
    }

    /// Takes back the room of a request.
    pub(super) fn put_back(self: &Arc<Self>, id: u64) {
        {
            let mut state = self.state();
            state.last_used = Instant::now();
            if let Some(shard) = state.shards.iter_mut().find(|it| it.id == id) {
                shard.in_flight -= 1;
                shard.idle_since = Instant::now();
            }
        }
        self.serve();
    }

    /// An HTTP/1.1 connection has nothing to do. Yields whether it is the only one.
    pub(super) fn put_back_http1(&self) -> bool {
        let mut state = self.state();
        state.last_used = Instant::now();
        state.http1.in_flight -= 1;
        state.http1.open == state.http1.in_flight + 1
    }

    pub(super) fn last_used(&self) -> Instant {
        self.state().last_used
    }

    /// Lets no more requests onto an HTTP/2 connection. Those that are on it go on.
    pub(super) fn remove(self: &Arc<Self>, id: u64) {
        self.state().shards.retain(|shard| shard.id != id);
        // Those who waited for its streams need another.
        let _ = self.open_as_needed();
    }

    /// Drops shards that are idle, which closes their connections, but for one.
    pub(super) fn close_idle(&self, before: Instant) {
        let mut state = self.state();
        let mut kept = 0;
        state.shards.retain(|shard| {
            let stays = kept == 0 || shard.in_flight > 0 || shard.idle_since > before;
            kept += usize::from(stays);
            stays
        });
        state.forget_the_gone();
    }

    pub(super) fn is_unused(&self, before: Instant) -> bool {
        let state = self.state();
        let is_in_use = state.opening > 0 || state.http1.in_flight > 0 || !state.waiters.is_empty();
        !is_in_use && state.shards.is_empty() && state.last_used < before
    }

    pub(super) fn add_to(&self, stats: &mut Stats) {
        let state = self.state();
        stats.http2 += state.shards.len();
        stats.http2_streams += state.shards.iter().map(|shard| shard.in_flight).sum::<usize>();
        stats.waiting += state.waiters.iter().filter(|waiter| !waiter.is_closed()).count();
    }
}
