//! Runs cells in real engines: evcxr, compilers and all.
//!
//! Most tests share one engine and begin with `:clear`; the rest start their own. They take turns, whatever the number
//! of test threads.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod async_cells;
mod background;
mod cold_start;
mod dependencies;
mod failures;
mod habits;
mod input;
mod interrupts;
mod live;
mod magics;
mod output;
mod processes;
mod results;
mod several_engines;
mod support;
mod transcript;
