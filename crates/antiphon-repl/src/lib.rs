//! A prompt over an [`Evaluator`](antiphon_engine::Evaluator).
//!
//! [`Reader::open`] takes the terminal, or the pipe, that standard input is; [`run`] reads cells from it until it ends.
//! On a terminal a cell is edited over several lines, completed with the tabulator, and kept in a history; from a pipe
//! cells are read to the end or to the first that fails.
#![warn(missing_docs)]

mod aside;
mod error;
mod helper;
mod options;
mod pipe;
mod reader;
mod repl;
mod terminal;

pub use error::{Error, ErrorKind};
pub use options::{Options, Outcome, Signal};
pub use reader::Reader;
pub use repl::run;
