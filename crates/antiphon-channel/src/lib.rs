//! The frames that antiphon's processes send to each other.
//!
//! An engine listens on a Unix socket in its session folder. Four kinds of process connect to it, each saying
//! [`Hello`] first:
//!
//! | role | process | says | hears |
//! |---|---|---|---|
//! | [`Role::Host`] | owns evcxr and rust-analyzer | [`FromHost`] | [`ToHost`] |
//! | [`Role::Child`] | runs cells; sends three file descriptors, then holds the connection for as long as it lives | - | - |
//! | [`Role::Cell`] | the dylib inside that child | [`FromCell`] | [`ToCell`] |
//! | [`Role::Cargo`] | one per run of cargo | [`FromCargo`] | [`ToCargo`] |
//!
//! A frame is a little-endian `u32` length in bytes, then that many bytes of JSON. This crate opens no socket.
#![warn(missing_docs)]

mod env_vars;
mod frames;
mod wire;

pub use env_vars::{CELL_THREADS, CHANNEL, ROLE, SESSION};
pub use frames::{
    Background, CODE_END_MARKER, Completion, Completions, DISPLAY_MARKER, Display, ExecuteError, Executed, FromCargo,
    FromCell, FromHost, Hello, Outcome, PanicInfo, Part, Role, Shown, Stream, ToCargo, ToCell, ToHost, VERSION,
};
pub use wire::{FrameError, MAX_FRAME_BYTES, decode, encode, read_frame, write_frame};
