//! What is known of one server's connections, and what follows from it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use reqwest::Client;
use tokio::sync::oneshot;

use super::lease::{Grant, Lease};
use super::{Origin, max_shards};
use crate::connections::{self, Options};
use crate::error::Error;

/// What a waiter is told: a place on a shard, that the server speaks HTTP/1.1, or that there is no connection.
pub(super) type Turn = Result<Option<(Lease, Client)>, Error>;

pub(super) struct State {
    /// `None` until the first connection over TLS.
    pub(super) protocol: Option<Protocol>,
    pub(super) http1: Http1,
    pub(super) shards: Vec<Shard>,
    /// Shards that are being opened.
    pub(super) opening: usize,
    pub(super) streams: Streams,
    /// Calls, in the order of arrival.
    pub(super) waiters: VecDeque<oneshot::Sender<Turn>>,
    pub(super) next_id: u64,
    pub(super) last_used: Instant,
}

/// The connections for HTTP/1.1, which reqwest keeps.
#[derive(Default)]
pub(super) struct Http1 {
    /// For all requests, and the options it was made of.
    pub(super) client: Option<(Arc<Options>, Client)>,
    pub(super) in_flight: usize,
    /// The most that were in flight since there were no connections: so many may be open.
    pub(super) open: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

/// An HTTP/2 connection: reqwest keeps one for a server and client.
pub(super) struct Shard {
    pub(super) id: u64,
    pub(super) client: Client,
    pub(super) in_flight: usize,
    pub(super) idle_since: Instant,
}

/// How many requests at once a server takes on an HTTP/2 connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Streams {
    /// Nobody has wanted to know. One is always taken.
    Unknown,
    Asked,
    Known(usize),
}

impl State {
    pub(super) fn new(origin: &Origin) -> Self {
        let protocol = match (origin.is_http2_known, origin.is_tls) {
            // TLS asks.
            (_, true) => None,
            (true, false) => Some(Protocol::Http2),
            (false, false) => Some(Protocol::Http1),
        };
        Self {
            protocol,
            http1: Http1::default(),
            shards: Vec::new(),
            opening: 0,
            streams: Streams::Unknown,
            waiters: VecDeque::new(),
            next_id: 0,
            last_used: Instant::now(),
        }
    }

    /// How many requests a connection takes, as far as is known.
    fn streams(&self) -> Option<usize> {
        match (connections::options().streams_per_connection, self.streams) {
            (Some(set), _) => Some(set),
            (None, Streams::Known(streams)) => Some(streams),
            (None, Streams::Unknown | Streams::Asked) => None,
        }
    }

    /// A connection with room.
    pub(super) fn take(&mut self) -> Option<(Client, Grant)> {
        let streams = self.streams().unwrap_or(1);
        let shard = self.shards.iter_mut().find(|shard| shard.in_flight < streams)?;
        shard.in_flight += 1;
        Some((shard.client.clone(), Grant::Http2(shard.id)))
    }

    /// Whether another connection would help somebody; counts it as being opened if so.
    pub(super) fn open_another(&mut self) -> bool {
        let is_first = self.opening == 0 && self.shards.is_empty() && !self.waiters.is_empty();
        let is_wanted = match (self.protocol, self.streams()) {
            (Some(Protocol::Http1), _) => false,
            (Some(Protocol::Http2), Some(streams)) => {
                self.opening.saturating_mul(streams) < self.waiters.len()
                    && self.shards.len() + self.opening < max_shards()
            }
            // Until it is known what one can carry, a second may be one too many.
            (None, _) | (_, None) => is_first,
        };
        self.opening += usize::from(is_wanted);
        is_wanted
    }

    /// Whether it is time to ask how many requests a connection takes: when there are several calls. Notes it if so.
    pub(super) fn ask_for_streams(&mut self) -> bool {
        let calls = self.waiters.len() + self.shards.iter().map(|shard| shard.in_flight).sum::<usize>();
        let is_wanted = self.protocol != Some(Protocol::Http1)
            && self.streams == Streams::Unknown
            && self.streams().is_none()
            && calls > 1;
        if is_wanted {
            self.streams = Streams::Asked;
        }
        is_wanted
    }

    /// Drops calls that were given up.
    pub(super) fn forget_the_gone(&mut self) {
        self.waiters.retain(|waiter| !waiter.is_closed());
    }
}
