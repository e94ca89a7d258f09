//! Notebooks without Python: read, run, write.
//!
//! A [`Notebook`] is a file's JSON with questions to ask it. [`run`] gives the code cells to an [`Evaluator`](antiphon_engine::Evaluator) one
//! after the other and puts what they print and show into the notebook; a [`Reporter`] hears of everything while it
//! happens. [`plan`] settles where results go before anything runs.
//!
//! ```no_run
//! # async fn example(engine: &antiphon_engine::Engine) -> Result<(), antiphon_notebook::Error> {
//! use antiphon_notebook::{Destination, RunOptions, Terminal, TerminalOptions, plan, read, run};
//!
//! let jobs = plan(&["notebooks/async_llm.ipynb".into()], &Destination::Dir("executed".into()))?;
//! let mut reporter = Terminal::stdio(TerminalOptions::default());
//! for job in jobs {
//!     let mut notebook = read(&job.input)?;
//!     let shutdown = std::pin::pin!(std::future::pending());
//!     let summary = run(engine, &mut notebook, &RunOptions::default(), shutdown, &mut reporter).await;
//!     if let (true, Some(output)) = (summary.outcome.is_written(), &job.output) {
//!         notebook.write(output)?;
//!     }
//! }
//! # Ok(())
//! # }
//! ```
#![warn(missing_docs)]

mod cell_error;
mod destination;
mod error;
mod exit_code;
mod metadata;
mod notebook;
mod options;
mod outputs;
mod read;
mod report;
mod runner;
mod streams;
mod task;
mod terminal;
mod timings;
mod write;

pub use cell_error::CELL_TIMEOUT_ERROR;
pub use destination::{Destination, Job, plan};
pub use error::{Error, ErrorKind};
pub use exit_code::ExitCode;
pub use notebook::{Cell, CellKind, Notebook};
pub use options::{RAISES_EXCEPTION, RunOptions, SKIP_EXECUTION};
pub use read::{parse, read};
pub use report::{CellOutcome, CellPlace, CellSummary, Outcome, Reporter, RunEvent, Summary, Tolerance};
pub use runner::run;
pub use terminal::{Terminal, TerminalOptions};
