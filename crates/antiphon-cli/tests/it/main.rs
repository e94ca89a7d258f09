//! Runs the binary `antiphon` as a user does: real notebooks, real compilers, real signals.
//!
//! Most runs use the user's own cache of preloads, so only the first of a new build compiles one. Every run ends with
//! the check that nothing of it is left: no process, no session, no temporary file.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod bad_input;
mod cache;
mod demo;
mod evcxr;
mod failing_cells;
mod keys;
mod notebook;
mod outputs;
mod processes;
mod repl;
mod run;
mod several;
mod signals;
mod sim;
mod toolchains;
mod workspace;
