//! evcxr behind one small interface.
//!
//! An [`Engine`] runs cells one after the other. [`Engine::execute`] gives an [`Execution`], whose [`Event`]s come in
//! the order in which they happened and close with exactly one [`End`]. Every front end (kernel, runner, REPL) is a
//! translation of these events.
//!
//! Three kinds of process work for it, all of them this same program (see [`process_hook`]): the host owns evcxr and
//! rust-analyzer, the child runs the cells, and a shim stands before each run of cargo. They meet in the engine's
//! supervisor, over the frames of [`antiphon_channel`].
#![warn(missing_docs)]

mod asks;
mod background;
mod child;
mod child_link;
mod completeness;
mod crate_graph;
mod dependencies;
mod diagnostics;
mod engine;
mod error;
mod evaluator;
mod event;
mod guarded;
mod handshake;
mod host;
mod host_process;
mod magics;
mod metrics;
mod options;
mod preload;
mod process;
mod redact;
mod run;
mod scanner;
mod session;
mod shim;
mod sources;
mod supervisor;
mod toolchain;
mod traceback;
mod tree;
mod utf8;
mod wake;

pub use antiphon_channel::{Completion, Completions, Display};
pub use completeness::{Completeness, completeness};
pub use engine::{Engine, Execution, Interrupter};
pub use error::{Error, ErrorKind};
pub use evaluator::{BoxFuture, Evaluator, RunningCell};
pub use event::{CellError, End, Event};
pub use magics::sets_variables;
pub use metrics::Metrics;
pub use options::{Options, Progress, ProgressFn};
pub use preload::{Preload, PreloadState, preload_state};
pub use process::{end_with_parent, process_hook};
pub use session::{StockSession, cache_dir};
pub use toolchain::{MINIMUM_RUSTC, Toolchain};
pub use utf8::Utf8Decoder;
