//! The error of a `?` at the top level of a cell.
//!
//! evcxr turns it into its own type by a generated `impl From<T> for EvcxrUserCodeError`, which prints the text with
//! `eprintln!("{}", error)` and drops the value. Cells see [`eprintln!`] of this crate instead of std's: inside that
//! one function it keeps text and type for the cell's outcome, everywhere else it is std's.

use std::cell::RefCell;
use std::fmt;

use antiphon_channel::Outcome;

use crate::{__print_error_line, channel};

thread_local! {
    static FAILURE: RefCell<Option<Outcome>> = const { RefCell::new(None) };
}

/// As [`std::eprintln!`].
#[macro_export]
macro_rules! eprintln {
    () => {
        $crate::__print_error_line(::std::format_args!(""))
    };
    // As evcxr writes it. The literal is passed on, so that a diagnostic points to it.
    ($format:literal, $error:ident) => {{
        fn here() {}
        $crate::__report_line(
            ::std::any::type_name_of_val(&here),
            ::std::any::type_name_of_val(&$error),
            ::std::format_args!($format, $error),
        )
    }};
    ($($argument:tt)*) => {{
        $crate::__print_error_line(::std::format_args!($($argument)*));
    }};
}

/// Prints a line to standard error, or keeps it when it comes from evcxr's error type.
#[doc(hidden)]
pub fn __report_line(caller: &str, type_name: &str, text: fmt::Arguments<'_>) {
    if channel::is_connected() && is_generated(caller) {
        let (type_name, mut message) = (shorten(type_name), text.to_string());
        // Programs that use the crate have no such option, so that the error itself does not tell of it.
        if type_name == "LlmError" && message.starts_with("no API key for ") {
            message.push_str("; with `--sim` (`antiphon run`, `repl` or `install`) answers are simulated");
        }
        FAILURE.set(Some(Outcome::Failed { type_name, message }));
    } else {
        __print_error_line(text);
    }
}

/// Whether a function item stands in `impl From<T> for EvcxrUserCodeError`, whichever way its path is written.
fn is_generated(caller: &str) -> bool {
    caller.ends_with("::from::here") && caller.contains("EvcxrUserCodeError")
}

/// The failure of the cell that just ended on this thread.
pub(crate) fn take() -> Option<Outcome> {
    FAILURE.take()
}

/// `core::num::error::ParseIntError` to `ParseIntError`; a bare `Error` keeps its crate: `reqwest::Error`.
fn shorten(type_name: &str) -> String {
    let path = type_name.split('<').next().unwrap_or(type_name);
    let segments: Vec<&str> = path.split("::").collect();
    match segments.as_slice() {
        ["antiphon", .., "Error"] => "LlmError".to_owned(),
        // Errors without a type of their own.
        [.., "Box" | "String" | "&str" | "&dyn core"] => "Error".to_owned(),
        ["std" | "core" | "alloc", module, .., "Error"] => format!("{module}::Error"),
        [krate, .., "Error"] => format!("{krate}::Error"),
        [.., last] => (*last).to_owned(),
        [] => String::new(),
    }
}
