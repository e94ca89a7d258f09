//! What the exit codes of a run mean. They are a promise: scripts and CI jobs tell failures apart by them.

use crate::error::{Error, ErrorKind};
use crate::report::Outcome;

/// The documented exit codes, as constants.
#[derive(Clone, Copy, Debug)]
pub enum ExitCode {}

impl ExitCode {
    /// All cells of all notebooks succeeded, or failed where that is allowed.
    pub const OK: u8 = 0;
    /// Something that no other code describes.
    pub const UNEXPECTED: u8 = 1;
    /// The command line is wrong. The same as clap's own.
    pub const USAGE: u8 = 2;
    /// A cell failed: it does not compile, panicked, or returned an error.
    pub const CELL_FAILED: u8 = 3;
    /// An input cannot be read, or is no Rust notebook of nbformat 4.
    pub const INPUT: u8 = 4;
    /// An output cannot be written.
    pub const OUTPUT: u8 = 5;
    /// The engine could not start: no compiler, no rust-src, no space for the preload.
    pub const ENGINE: u8 = 6;
    /// A cell ran longer than its timeout.
    pub const CELL_TIMED_OUT: u8 = 7;
    /// Interrupted by a signal. As shells have it for Ctrl-C: 128 and the signal's number.
    pub const INTERRUPTED: u8 = 130;
}

impl Outcome {
    /// The process's exit code after such a run.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Succeeded => ExitCode::OK,
            Self::CellFailed => ExitCode::CELL_FAILED,
            Self::CellTimedOut => ExitCode::CELL_TIMED_OUT,
            Self::Interrupted => ExitCode::INTERRUPTED,
        }
    }
}

impl Error {
    /// The process's exit code after such an error.
    pub fn exit_code(&self) -> u8 {
        match self.kind() {
            ErrorKind::Read { .. }
            | ErrorKind::IsDirectory { .. }
            | ErrorKind::NotUtf8 { .. }
            | ErrorKind::NotJson { .. }
            | ErrorKind::Invalid { .. }
            | ErrorKind::UnsupportedVersion { .. }
            | ErrorKind::OtherLanguage { .. } => ExitCode::INPUT,
            ErrorKind::SameOutput { .. } | ErrorKind::CreateDir { .. } | ErrorKind::Write { .. } => ExitCode::OUTPUT,
        }
    }
}
