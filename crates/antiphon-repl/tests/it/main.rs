//! Tests of the loop, with a scripted evaluator and a pipe.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod fake;
mod pipe;
