//! What a scripted server does with a request.

use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::Barrier;

pub(crate) enum Reply {
    /// Sends an answer.
    Answer {
        head: String,
        body: Vec<u8>,
        /// Closes the connection in the middle of it.
        cut: bool,
        /// Waits until enough other answers wait too.
        after: Option<Arc<Barrier>>,
    },
    /// Closes the connection so that the client sees a reset.
    Reset,
    /// Sends nothing until the client closes the connection.
    Stall,
}

impl Reply {
    pub(crate) fn json(body: &Value) -> Self {
        Self::status(200, body.to_string())
    }

    pub(crate) fn status(status: u16, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n", body.len());
        Self::Answer { head, body, cut: false, after: None }
    }

    /// Server-sent events, each named by its type as Anthropic's are.
    pub(crate) fn events(events: &[Value]) -> Self {
        let events = events.iter().map(|it| format!("event: {}\ndata: {it}\n\n", it["type"].as_str().unwrap()));
        Self::status(200, events.collect::<String>()).header("content-type", "text/event-stream")
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        if let Self::Answer { head, .. } = &mut self {
            head.truncate(head.len() - 2);
            write!(head, "{name}: {value}\r\n\r\n").unwrap();
        }
        self
    }

    /// Promises more than it sends.
    pub(crate) fn cut(mut self) -> Self {
        if let Self::Answer { body, cut, .. } = &mut self {
            body.truncate(body.len() / 2);
            *cut = true;
        }
        self
    }

    pub(crate) fn after(mut self, barrier: &Arc<Barrier>) -> Self {
        if let Self::Answer { after, .. } = &mut self {
            *after = Some(Arc::clone(barrier));
        }
        self
    }

    /// An error that asks for a retry soon.
    pub(crate) fn busy(status: u16) -> Self {
        Self::status(status, r#"{"error":{"message":"busy","type":"server_error"}}"#).header("retry-after-ms", "1")
    }
}
