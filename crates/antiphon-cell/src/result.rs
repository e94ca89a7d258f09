//! The value of a cell's last expression.

use std::any::{Any, TypeId};
use std::fmt::Debug;

use antiphon::LlmResult;
use antiphon_channel::Display;
use serde_json::{Map, Value};

use crate::display::{self, Html, Json, Latex, Markdown, Png, Svg};

/// Shows a value as the cell's result.
///
/// evcxr first tries `(last expression).evcxr_display()` and compiles a second time with `{:?}` when that fails. This
/// trait makes the first try succeed for everything that is `Debug`; a type's own `evcxr_display` still wins.
pub trait EvcxrDisplay {
    /// Shows `self` as plain text, an [`LlmResult`] as a table; `()` shows nothing.
    fn evcxr_display(&self);
}

impl<T: Debug + ?Sized> EvcxrDisplay for T {
    fn evcxr_display(&self) {
        show(typeid::of::<T>(), std::ptr::from_ref(self).cast(), &self);
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

/// `value` points to a value of the type with this id, or with this id but for lifetimes.
fn show(type_id: TypeId, value: *const (), debug: &dyn Debug) {
    if type_id == TypeId::of::<()>() {
        return;
    }
    let data = match rich(type_id, value) {
        Some(rich) => display::bundle(rich, debug),
        None => Map::from_iter([("text/plain".to_owned(), Value::String(format!("{debug:?}")))]),
    };
    display::send(Display { data, result: true, ..Display::default() });
}

/// The value if it is of a type that shows as more than its `Debug` text.
///
/// A trait of its own for these types would be ambiguous beside the one for everything, and `Any` does not serve for
/// what holds references.
#[expect(unsafe_code, reason = "a downcast, for a value whose type may hold references")]
fn rich<'a>(type_id: TypeId, value: *const ()) -> Option<&'a dyn Any> {
    macro_rules! downcast {
        ($($known:ty),* $(,)?) => {
            $(
                if type_id == TypeId::of::<$known>() {
                    // SAFETY: the ids are equal and `$known` has no lifetimes, so `value`, which comes from a
                    // reference that outlives `show`, points to a `$known`.
                    return Some(unsafe { &*value.cast::<$known>() });
                }
            )*
        };
    }
    downcast!(
        LlmResult,
        Option<LlmResult>,
        Result<LlmResult, antiphon::Error>,
        Option<Html<String>>,
        Option<Markdown<String>>,
        Option<Latex<String>>,
        Option<Svg<String>>,
        Option<Png<String>>,
        Option<Json>,
    );
    None
}
