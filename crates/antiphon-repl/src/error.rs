//! Why a REPL cannot go on.

use std::io;

use rustyline::error::ReadlineError;
use thiserror::Error;

/// A REPL cannot go on.
#[derive(Debug, Error)]
#[error(transparent)]
pub struct Error(#[from] ErrorKind);

/// What happened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The terminal cannot be used.
    #[error("the terminal cannot be used")]
    Terminal(#[source] ReadlineError),
    /// Standard input cannot be read.
    #[error("standard input cannot be read")]
    Input(#[source] io::Error),
    /// The thread that reads cannot be started, or has panicked.
    #[error("the thread that reads the input is gone")]
    Thread(#[source] io::Error),
    /// The evaluator has died, and could not be started again.
    #[error("the evaluator is gone, and could not be started again")]
    Evaluator,
}

impl Error {
    /// What happened.
    pub fn kind(&self) -> &ErrorKind {
        &self.0
    }
}
