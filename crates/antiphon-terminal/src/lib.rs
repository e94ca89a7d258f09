//! What cells show, on a terminal or a pipe: a [`Screen`] takes an engine's events and prints them as they come.
//!
//! The runner and the REPL print by it.
#![warn(missing_docs)]

mod live;
mod screen;

pub use screen::{BOLD, DIM, GREEN, RED, Screen, YELLOW};
