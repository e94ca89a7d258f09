//! What will be answered, decided in full before the first byte goes out.
//!
//! Whatever shall go wrong on purpose has its place between the making of a plan and its rendering.

use std::time::Duration;

use axum::http::StatusCode;
use serde_json::Value;

use crate::fault::Fault;
use crate::refusal::Refusal;

/// A response to be.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plan {
    /// From the request's last byte to the response's first one.
    pub(crate) latency: Duration,
    /// Between two events of a stream.
    pub(crate) chunk_gap: Duration,
    pub(crate) status: StatusCode,
    pub(crate) payload: Payload,
    /// What the rate limit is charged: tokens in and out.
    pub(crate) tokens: Charge,
    /// What goes wrong with it.
    pub(crate) fault: Option<Fault>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Payload {
    Json(Value),
    /// An error, in its provider's shape.
    Refused(Refusal),
    /// HTML.
    Page(String),
    /// Server-sent events, each complete with its empty line.
    Events(Vec<String>),
    /// JSON objects, each complete with its line end.
    Lines(Vec<String>),
    /// The parts of a JSON array.
    Array(Vec<String>),
    /// AWS's binary frames.
    Frames(Vec<Vec<u8>>),
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Charge {
    pub(crate) input: u64,
    pub(crate) output: u64,
}

impl Charge {
    pub(crate) fn total(self) -> u64 {
        self.input + self.output
    }
}

impl Plan {
    /// An answer at once, for what asks no model.
    pub(crate) fn at_once(status: StatusCode, payload: Payload) -> Self {
        Self {
            latency: Duration::ZERO,
            chunk_gap: Duration::ZERO,
            status,
            payload,
            tokens: Charge::default(),
            fault: None,
        }
    }
}
