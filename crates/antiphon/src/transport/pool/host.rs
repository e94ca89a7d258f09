//! One server's connections: who gets which, and when another is opened.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use reqwest::{Client, Version};
use tokio::sync::oneshot;

use super::client::{self, Purpose};
use super::lease::{Grant, Lease};
use super::state::{Protocol, Shard, State, Streams};
use super::{Origin, count_another, is_wanted, max_sockets, permit, streams};
use crate::connections::{self, Stats};
use crate::error::{Error, Phase};
use crate::transport::background;
use crate::transport::exchange::connect_error;

/// A server, as the pool knows it.
pub(in crate::transport) struct Host {
    pub(in crate::transport) origin: Origin,
    state: Mutex<State>,
}

impl Host {
    pub(super) fn new(origin: Origin) -> Self {
        let state = Mutex::new(State::new(&origin));
        Self { origin, state }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Room for one request, and what it is sent by: reqwest's pool, idle connections included, lives as long as any of
    /// its clients. Waits as long as it takes; callers have a limit.
    pub(in crate::transport) async fn checkout(self: &Arc<Self>) -> Result<(Lease, Client), Error> {
        loop {
            let turn = {
                let mut state = self.state();
                if state.protocol == Some(Protocol::Http1) {
                    None
                } else if state.waiters.is_empty()
                    && let Some((client, grant)) = state.take()
                {
                    // Those who wait come first.
                    return Ok((Lease::new(Arc::clone(self), grant), client));
                } else {
                    let (waiter, turn) = oneshot::channel();
                    state.waiters.push_back(waiter);
                    Some(turn)
                }
            };
            let Some(turn) = turn else {
                return self.checkout_http1().await;
            };
            // There may be room all the same, if those before have gone.
            self.serve();
            self.open_as_needed()?;
            // Nobody drops a waiter without a word.
            if let Some(room) = turn.await.unwrap_or_else(|_| Err(Error::runtime_ended()))? {
                return Ok(room);
            }
        }
    }

    /// reqwest finds or opens the connection when the request is sent.
    async fn checkout_http1(self: &Arc<Self>) -> Result<(Lease, Client), Error> {
        let permit = permit().await.ok_or_else(Error::runtime_ended)?;
        let options = connections::options();
        let (lease, client, is_another) = {
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
            (Lease::new(Arc::clone(self), Grant::Http1(permit)), client, is_another)
        };
        if is_another {
            count_another(self);
        }
        Ok((lease, client))
    }

    /// Closes the HTTP/1.1 connections that are idle, and says how many there may have been. Those of requests that are
    /// being sent close when they are free, and until then keep the idle ones open; with `if_quiet` nothing is done while
    /// there are any.
    pub(super) fn close_idle_http1(&self, if_quiet: bool) -> usize {
        let http1 = &mut self.state().http1;
        if if_quiet && http1.in_flight > 0 {
            return 0;
        }
        let idle = http1.open - http1.in_flight;
        if idle > 0 {
            // reqwest's pool goes with it.
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
        drop(first);
        // Each gives its room back, so that many of them can wait for few.
        let greetings = (0..connections.min(max_sockets())).map(async |_| {
            let (lease, client) = self.checkout().await?;
            let host = Arc::clone(self);
            background::run(async move {
                let greeting = host.greet(&client).await.map(drop);
                drop(lease);
                greeting
            })
            .await
        });
        futures::future::try_join_all(greetings).await.map(drop)
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
            let (waiter, room) = {
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
                (state.waiters.pop_front(), (Lease::new(Arc::clone(self), grant), client))
            };
            // A lease that does not arrive comes back by being dropped, which takes the lock that is free by now.
            let _ = waiter.map(|waiter| waiter.send(Ok(Some(room))));
        }
    }

    fn open_as_needed(self: &Arc<Self>) -> Result<(), Error> {
        let runtime = background::handle()?;
        if self.state().ask_for_streams() {
            let asking = Asking(Arc::clone(self));
            runtime.spawn(async move {
                let streams = streams::ask(&asking.0.origin).await;
                asking.0.state().streams = Streams::Known(streams);
                asking.0.serve();
                // It has the runtime that it asks for, or nobody waits any more.
                let _ = asking.0.open_as_needed();
            });
        }
        while self.state().open_another() {
            let opening = Opening { host: Arc::clone(self), error: Some(Error::runtime_ended()) };
            runtime.spawn(async move { opening.run().await });
        }
        Ok(())
    }

    /// Tells those for whom there is no other hope.
    fn fail(&self, error: &Error) {
        let failed: Vec<_> = {
            let mut state = self.state();
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

    /// An HTTP/1.1 connection has nothing to do. Yields whether somebody waits for it, or the next call would.
    pub(super) fn put_back_http1(&self) -> bool {
        let mut state = self.state();
        state.last_used = Instant::now();
        state.http1.in_flight -= 1;
        state.http1.open == state.http1.in_flight + 1 || is_wanted()
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

/// A question how many requests a connection takes. If its runtime ends before the answer, the next asks.
struct Asking(Arc<Host>);

impl Drop for Asking {
    fn drop(&mut self) {
        let mut state = self.0.state();
        if state.streams == Streams::Asked {
            state.streams = Streams::Unknown;
        }
    }
}

/// A connection that is being opened, for whoever waits. It counts until it is dropped.
struct Opening {
    host: Arc<Host>,
    /// Why there is none: unless somebody says more, because the runtime ended.
    error: Option<Error>,
}

impl Drop for Opening {
    fn drop(&mut self) {
        self.host.state().opening -= 1;
        if let Some(error) = &self.error {
            self.host.fail(error);
        }
    }
}

impl Opening {
    async fn run(mut self) {
        let host = Arc::clone(&self.host);
        let opened = match client::build(&host.origin, Purpose::Shard, &connections::options()) {
            Ok(client) => host.greet(&client).await.map(|version| (client, version)),
            Err(error) => Err(error),
        };
        let waiters: Vec<_> = match opened {
            Ok((client, Version::HTTP_2)) => {
                let mut state = host.state();
                state.protocol = Some(Protocol::Http2);
                state.next_id += 1;
                let id = state.next_id;
                state.shards.push(Shard { id, client, in_flight: 0, idle_since: Instant::now() });
                Vec::new()
            }
            Ok(_) => {
                let mut state = host.state();
                state.protocol = Some(Protocol::Http1);
                state.shards.clear();
                state.waiters.drain(..).collect()
            }
            Err(error) => {
                // The next is opened when a call comes: a server that refuses is not asked without a pause.
                self.error = Some(error);
                return;
            }
        };
        for waiter in waiters {
            let _ = waiter.send(Ok(None));
        }
        self.error = None;
        drop(self);
        host.serve();
        // It has the runtime that it asks for, or nobody waits any more.
        let _ = host.open_as_needed();
    }
}
