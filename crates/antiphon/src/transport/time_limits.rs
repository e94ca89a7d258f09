//! How long the steps of a request may take, each from when to when.

use std::time::Duration;

/// The limits of one attempt; a retry is a new attempt.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TimeLimits {
    /// From the start of the attempt to the first byte of the answer, connecting included.
    pub(crate) first_byte: Option<Duration>,
    /// From one piece of a stream (a keep-alive counts) to the next.
    pub(crate) idle: Duration,
    /// From the start of the attempt to the last byte of an answer that is not streamed.
    pub(crate) total: Duration,
    /// The same for a stream. Time that the reader of the stream takes counts too.
    pub(crate) total_of_stream: Duration,
}

impl Default for TimeLimits {
    fn default() -> Self {
        Self {
            first_byte: None,
            // Reasoning models think for minutes before they say a word, some without a sign of life.
            idle: Duration::from_mins(5),
            // As in the providers' own clients.
            total: Duration::from_mins(10),
            total_of_stream: Duration::from_hours(1),
        }
    }
}
