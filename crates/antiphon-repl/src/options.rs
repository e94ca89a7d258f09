//! Settings of a REPL, and its results.

use std::path::PathBuf;

/// Settings of a REPL.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Options {
    /// Where cells are kept from one session to the next. A cell that begins with a space is not kept, nor is one that
    /// sets a variable by `:env` or `:build_env`, which may be a secret. Secrets in other code are kept with it.
    pub history: Option<PathBuf>,
}

/// How a REPL ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its user left, or the pipe ended.
    Left,
    /// A cell from a pipe failed; those behind it were not run.
    CellFailed,
    /// A signal ended it.
    Interrupted,
}

/// What the operating system has to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Cuts the running cell. A REPL on a pipe ends with it.
    Interrupt,
    /// Ends the REPL.
    Terminate,
}
