//! What can be made to go wrong, for the next calls of a model.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use serde_json::{Value, json};

/// Something that goes wrong with one model call; ordered by [`Sim::inject`](crate::Sim::inject).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Fault {
    /// An error answer in the provider's shape.
    Error(ErrorAnswer),
    /// An answer that is not JSON, such as a proxy's error page.
    Page {
        /// The status, from 200 to 599.
        status: u16,
        /// The page, sent as `text/html`.
        body: String,
    },
    /// The answer waits this long before its first byte, on top of the latency.
    Delay(Duration),
    /// No answer comes, and the connection stays open.
    Stall,
    /// The connection is reset before the answer.
    Reset,
    /// The connection is reset when this many bytes of the body are out.
    ResetAfter(usize),
    /// The body ends properly after this many bytes: a stream without its end marker.
    CutAfter(usize),
    /// Nothing more comes after this many bytes, and the connection stays open.
    StallAfter(usize),
    /// The body comes in pieces of this many bytes, each sent alone. 1 splits events at every byte.
    Pieces(usize),
    /// The header promises this many bytes more than the body has, and then the connection closes; or fewer, if negative,
    /// and no more than those come. Over HTTP/1.1.
    WrongLength(i64),
    /// This event, as it stands, in place of the event with this number, counted from 0; those behind it are left out.
    Event {
        /// The number of the event.
        number: usize,
        /// All of its bytes, with its line ends.
        text: String,
    },
    /// An exception in place of the frame with this number, counted from 0, in a stream of Bedrock's.
    Exception {
        /// The number of the frame.
        number: usize,
        /// What kind, for example `throttlingException`.
        kind: String,
        /// What it says.
        message: String,
    },
    /// A wrong checksum at the end of the frame with this number, counted from 0, in a stream of Bedrock's.
    BadChecksum {
        /// The number of the frame.
        number: usize,
    },
}

/// An error that the provider reports.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ErrorAnswer {
    /// The status; 500 unless set.
    pub status: u16,
    /// `error.type`.
    pub kind: String,
    /// `error.code`, where the provider has one.
    pub code: Option<String>,
    /// `error.param`, where the provider has one.
    pub param: Option<String>,
    /// `error.message`.
    pub message: String,
    /// `error.details`, where the provider has them.
    pub details: Vec<Value>,
    /// Headers that come along, for example `retry-after`.
    pub headers: Vec<(String, String)>,
}

impl ErrorAnswer {
    /// An error with this status, type and message.
    pub fn new(status: u16, kind: impl Into<String>, message: impl Into<String>) -> Self {
        Self { status, kind: kind.into(), message: message.into(), ..Self::default() }
    }

    /// Too many requests; a client may come back after `wait`, if given, in milliseconds' precision.
    pub fn rate_limited(wait: Option<Duration>) -> Self {
        let error = Self::new(429, "requests", "Rate limit reached for requests.").with_code("rate_limit_exceeded");
        match wait {
            Some(wait) => error.with_header("retry-after-ms", wait.as_millis().to_string()),
            None => error,
        }
    }

    /// No credit left, which is also a 429.
    pub fn insufficient_quota() -> Self {
        let message = "You exceeded your current quota, please check your plan and billing details.";
        Self::new(429, "insufficient_quota", message).with_code("insufficient_quota")
    }

    /// A prompt that the provider's content filter refuses, as Azure says it.
    pub fn content_filtered() -> Self {
        let message = "The response was filtered due to the prompt triggering content management policy.";
        Self::new(400, "", message).with_code("content_filter").with_param("prompt")
    }

    /// Google's answer to too many requests: the quota that is used up, and when a client may come back.
    pub fn resource_exhausted(quota: &str, wait: Duration) -> Self {
        let mut error = Self::new(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota.");
        error.details = vec![
            json!({"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaId": quota}]}),
            json!({
                "@type": "type.googleapis.com/google.rpc.RetryInfo",
                "retryDelay": format!("{}s", wait.as_secs_f64()),
            }),
        ];
        error
    }

    /// A server that has too much to do.
    pub fn overloaded() -> Self {
        Self::new(503, "server_error", "The server is overloaded.")
    }

    /// Sets the code.
    pub fn with_code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// Sets the parameter that is to blame.
    pub fn with_param(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    /// Adds a header.
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub(crate) fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

/// The faults that are still to come, first in, first out.
#[derive(Debug, Default)]
pub(crate) struct FaultQueue(Mutex<VecDeque<Option<Fault>>>);

impl FaultQueue {
    pub(crate) fn push(&self, fault: Option<Fault>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(fault);
    }

    /// The fault of the next call.
    pub(crate) fn pop(&self) -> Option<Fault> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front().flatten()
    }
}
