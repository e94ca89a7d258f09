//! What notebook cells link.
//!
//! A session depends on this dylib under the name `tokio`, because that is the name which evcxr's generated code
//! uses: `tokio::runtime::Runtime::new()?.block_on(async { the cell })`. Everything of tokio is re-exported; only
//! [`runtime::Runtime`] and [`runtime::Builder`] are ours, so that all cells share one runtime, a cell can be cut at
//! an `.await`, and a `block_on` inside a cell works; and [`task::spawn`] and its like are ours, so that a task knows
//! the cell that its output belongs to.
//!
//! In a process that an engine started ([`antiphon_channel::CHANNEL`] is set) displays, outcomes and interrupts go
//! over the engine's socket. Elsewhere, as under the stock evcxr server, displays are written in evcxr's own form.
#![warn(missing_docs)]

mod background;
mod cancel;
mod cell;
mod channel;
mod display;
mod error_report;
mod input;
mod live;
mod llm_table;
mod panic_report;
mod parent;
/// Names that every cell has without a `use`.
pub mod prelude;
mod print;
mod result;
pub mod runtime;
mod shared;
mod shell;
mod stdin;
mod stdout;
pub mod task;

#[doc(hidden)]
pub use error_report::__report_line;
#[doc(hidden)]
pub use print::{__print, __print_error, __print_error_line, __print_line};
#[doc(hidden)]
pub use shell::__shell;

pub use display::{DisplayHandle, Html, Json, Latex, Markdown, Png, Svg, clear_output, display};
pub use input::{input, password};
pub use live::{display_stream, join_all_with_progress};
pub use result::{EvcxrDisplay, PlainResults, RichResults};

pub use task::spawn;
pub use tokio::*;
