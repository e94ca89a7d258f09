//! A display that changes after it was shown.

use antiphon_engine::Display;
use serde_json::Value;

/// The display whose text stands last on the screen, with an open end.
#[derive(Debug)]
pub(crate) struct Live {
    id: String,
    /// As it stands there.
    shown: String,
    /// A later state that cannot be shown by going on.
    pending: Option<String>,
}

/// How the screen comes from one state of a display to the next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Go on writing.
    Append(String),
    /// Write the line anew.
    Rewrite(String),
    /// Wait for the last state.
    Wait,
}

impl Live {
    pub(crate) fn new(id: String, shown: String) -> Self {
        Self { id, shown, pending: None }
    }

    pub(crate) fn is(&self, id: &str) -> bool {
        self.id == id
    }

    /// Takes the next state. `columns` is the width of a screen on which a line can be written anew.
    pub(crate) fn update(&mut self, text: String, columns: Option<usize>) -> Change {
        if let Some(more) = text.strip_prefix(self.shown.as_str()) {
            let more = more.to_owned();
            self.pending = None;
            self.shown = text;
            return Change::Append(more);
        }
        let fits = |text: &str, columns| !text.contains('\n') && text.chars().count() < columns;
        if columns.is_some_and(|columns| fits(&self.shown, columns) && fits(&text, columns)) {
            self.pending = None;
            self.shown.clone_from(&text);
            return Change::Rewrite(text);
        }
        self.pending = Some(text);
        Change::Wait
    }

    /// The last state, if it is not the one that stands there.
    pub(crate) fn rest(self) -> Option<String> {
        self.pending
    }
}

/// What a terminal can show of a display: its plain text, or else the names of what it has.
pub(crate) fn plain_text(display: &Display) -> String {
    let text = match display.data.get("text/plain") {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => format!("[{}]", display.data.keys().cloned().collect::<Vec<_>>().join(", ")),
    };
    text.trim_end_matches('\n').to_owned()
}
