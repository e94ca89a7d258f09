//! The value of a cell's last expression.

use std::fmt::Debug;

use antiphon_channel::{Display, Shown};
use serde_json::{Map, Value};

use crate::{channel, stdout};

/// Shows a value as the cell's result.
///
/// evcxr first tries `(last expression).evcxr_display()` and compiles a second time with `{:?}` when that fails. This
/// trait makes the first try succeed for everything that is `Debug`; a type's own `evcxr_display` still wins.
pub trait EvcxrDisplay {
    /// Shows `self` as plain text; `()` shows nothing.
    fn evcxr_display(&self);
}

impl<T: Debug + ?Sized> EvcxrDisplay for T {
    fn evcxr_display(&self) {
        show(std::any::type_name::<T>(), &self);
    }
}

/// Imported beside [`EvcxrDisplay`] while `:fmt` or `:types` ask for evcxr's own form of results: the call becomes
/// ambiguous, does not compile, and evcxr falls back to that form. A type's own `evcxr_display` still wins.
pub trait PlainResults {
    /// Never called.
    fn evcxr_display(&self) {}
}

impl<T: ?Sized> PlainResults for T {}

/// Imported under the name of [`PlainResults`] to end that.
pub trait RichResults {}

fn show(type_name: &str, value: &dyn Debug) {
    if type_name == "()" {
        return;
    }
    let text = format!("{value:?}");
    if channel::is_connected() {
        let data = Map::from_iter([("text/plain".to_owned(), Value::String(text))]);
        stdout::send_in_place(Shown::Display(Display { data, result: true, ..Display::default() }));
    } else {
        stdout::write_content("text/plain", &text);
    }
}
