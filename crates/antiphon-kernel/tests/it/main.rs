//! The kernel over a scripted evaluator, as clients see it on the wire.
//!
//! What needs a real engine, real Jupyter clients or a browser is tested with the `antiphon` binary.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cells;
mod fake;
mod front_end;
mod input;
mod interrupts;
mod kernel_under_test;
mod kernelspecs;
mod launches;
mod outputs;
mod requests;
mod strangers;
