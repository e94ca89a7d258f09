//! Rich output in the middle of a cell.

use std::any::Any;
use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};

use antiphon::LlmResult;
use antiphon_channel::{Display, Shown};
use serde_json::{Map, Value};

use crate::{channel, llm_table, stdout};

/// HTML source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Html<T>(pub T);

/// Markdown source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Markdown<T>(pub T);

/// LaTeX source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Latex<T>(pub T);

/// SVG source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Svg<T>(pub T);

/// A PNG file, base64-encoded as Jupyter carries it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Png<T>(pub T);

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub struct Json(pub Value);

/// What has a MIME bundle. Implemented for everything that is `Debug`, which gives its text, and richer for the
/// wrappers of this module.
trait Bundle {
    fn bundle(&self) -> Map<String, Value>;
}

impl<T: Debug + Any> Bundle for T {
    fn bundle(&self) -> Map<String, Value> {
        bundle(self, self)
    }
}

/// Shows a value now, between the text around it, and gives the handle by which it can be replaced.
///
/// A `String` or `&str` shows as its text, an [`LlmResult`] as a table, the wrappers [`Html`], [`Markdown`], [`Latex`], [`Svg`], [`Png`] and
/// [`Json`] as what they hold, any other value as its `Debug` text.
pub fn display<T: Debug + Any>(value: T) -> DisplayHandle {
    show(value.bundle())
}

fn show(data: Map<String, Value>) -> DisplayHandle {
    static LAST_ID: AtomicU64 = AtomicU64::new(0);
    let number = LAST_ID.fetch_add(1, Ordering::Relaxed) + 1;
    let handle = DisplayHandle { id: format!("antiphon-{}-{number}", std::process::id()) };
    send(Display { data, display_id: Some(handle.id.clone()), ..Display::default() });
    handle
}

/// Removes what the cell has shown so far; with `wait` only when the next output comes.
pub fn clear_output(wait: bool) {
    if channel::is_connected() {
        stdout::send_in_place(Shown::ClearOutput { wait });
    }
}

/// Replaces what [`display`] showed, in this cell or a later one.
#[derive(Clone, Debug)]
pub struct DisplayHandle {
    id: String,
}

impl DisplayHandle {
    /// Shows another value in its place.
    pub fn update<T: Debug + Any>(&self, value: T) {
        let display_id = Some(self.id.clone());
        send(Display { data: value.bundle(), display_id, update: true, ..Display::default() });
    }
}

pub(crate) fn send(display: Display) {
    if channel::is_connected() {
        stdout::send_in_place(Shown::Display(display));
        return;
    }
    for (mime_type, content) in display.data {
        match content {
            Value::String(text) => stdout::write_content(&mime_type, &text),
            json => stdout::write_content(&mime_type, &json.to_string()),
        }
    }
}

/// The MIME bundle of a value, of which `debug` is the `Debug` form.
pub(crate) fn bundle(value: &dyn Any, debug: &dyn Debug) -> Map<String, Value> {
    if let Some(result) = llm_result(value) {
        return llm_table::bundle(result);
    }
    let mut data = Map::new();
    if let Some((mime_type, content)) = rich(value) {
        data.insert(mime_type.to_owned(), content);
    }
    let plain = match value.downcast_ref::<&'static str>() {
        Some(text) => (*text).to_owned(),
        None => value.downcast_ref::<String>().cloned().unwrap_or_else(|| format!("{debug:?}")),
    };
    data.insert("text/plain".to_owned(), Value::String(plain));
    data
}

fn rich(value: &dyn Any) -> Option<(&'static str, Value)> {
    macro_rules! text {
        ($($wrapper:ident => $mime_type:literal),*) => {
            $(
                if let Some($wrapper(text)) = value.downcast_ref::<$wrapper<&'static str>>() {
                    return Some(($mime_type, Value::String((*text).to_owned())));
                }
                if let Some($wrapper(text)) = value.downcast_ref::<$wrapper<String>>() {
                    return Some(($mime_type, Value::String(text.clone())));
                }
                if let Some(Some($wrapper(text))) = value.downcast_ref::<Option<$wrapper<&'static str>>>() {
                    return Some(($mime_type, Value::String((*text).to_owned())));
                }
                if let Some(Some($wrapper(text))) = value.downcast_ref::<Option<$wrapper<String>>>() {
                    return Some(($mime_type, Value::String(text.clone())));
                }
            )*
        };
    }
    text!(
        Html => "text/html",
        Markdown => "text/markdown",
        Latex => "text/latex",
        Svg => "image/svg+xml",
        Png => "image/png"
    );
    let json = value.downcast_ref::<Json>().or_else(|| value.downcast_ref::<Option<Json>>()?.as_ref());
    json.map(|Json(json)| ("application/json", json.clone()))
}

fn llm_result(value: &dyn Any) -> Option<&LlmResult> {
    value
        .downcast_ref::<LlmResult>()
        .or_else(|| value.downcast_ref::<Option<LlmResult>>()?.as_ref())
        .or_else(|| value.downcast_ref::<Result<LlmResult, antiphon::Error>>()?.as_ref().ok())
}

macro_rules! results {
    ($($wrapper:ident),*) => {
        $(
            impl<T: Debug + Any> $wrapper<T> {
                /// Shows it as the cell's result.
                pub fn evcxr_display(&self) {
                    send(Display { data: self.bundle(), result: true, ..Display::default() });
                }
            }
        )*
    };
}

results!(Html, Markdown, Latex, Svg, Png);

impl Json {
    /// Shows it as the cell's result.
    pub fn evcxr_display(&self) {
        send(Display { data: self.bundle(), result: true, ..Display::default() });
    }
}

impl DisplayHandle {
    /// Nothing: a handle as the last expression of a cell is not its result.
    pub fn evcxr_display(&self) {}
}

/// Shows a bundle that grows: in a display of its own at first, in place of the last state from then on.
pub(crate) fn show_state(handle: &mut Option<DisplayHandle>, data: Map<String, Value>) {
    match handle {
        Some(handle) => {
            let display_id = Some(handle.id.clone());
            send(Display { data, display_id, update: true, ..Display::default() });
        }
        None => *handle = Some(show(data)),
    }
}
