//! A display that changes after it was shown.

use antiphon_engine::Display;
use serde_json::Value;
use unicode_width::UnicodeWidthStr as _;

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
        let fits = |text: &str, columns| !text.contains('\n') && text.width() < columns;
        if columns.is_some_and(|columns| fits(&self.shown, columns) && fits(&text, columns)) {
            self.pending = None;
            self.shown.clone_from(&text);
            return Change::Rewrite(text);
        }
        self.pending = Some(text);
        Change::Wait
    }

    /// Takes a state that is shown later.
    pub(crate) fn wait(&mut self, text: String) {
        self.pending = Some(text).filter(|text| *text != self.shown);
    }

    /// The last state, if it is not the one that stands there, and takes it as shown.
    pub(crate) fn show_rest(&mut self) -> Option<String> {
        let rest = self.pending.take()?;
        self.shown.clone_from(&rest);
        Some(rest)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn live(shown: &str) -> Live {
        Live::new("id".to_owned(), shown.to_owned())
    }

    #[test]
    fn a_text_that_grows_goes_on_where_it_ended() {
        let mut answer = live("Hel");
        assert_eq!(answer.update("Hello\nyou".to_owned(), None), Change::Append("lo\nyou".to_owned()));
        assert_eq!(answer.update("Hello\nyou!".to_owned(), Some(80)), Change::Append("!".to_owned()));
        assert_eq!(answer.rest(), None);
    }

    #[test]
    fn a_line_that_changes_is_written_anew_where_it_fits() {
        let mut progress = live("1 of 9");
        assert_eq!(progress.update("2 of 9".to_owned(), Some(7)), Change::Rewrite("2 of 9".to_owned()));
        // The cursor must not have gone to the next row.
        assert_eq!(progress.update("12 of 99".to_owned(), Some(8)), Change::Wait);
        assert_eq!(progress.update("答答答 9".to_owned(), Some(8)), Change::Wait);
        assert_eq!(progress.update("3\nof 9".to_owned(), Some(80)), Change::Wait);
        assert_eq!(progress.rest(), Some("3\nof 9".to_owned()));
    }

    #[test]
    fn elsewhere_the_last_state_counts() {
        let mut progress = live("1 of 9");
        assert_eq!(progress.update("2 of 9".to_owned(), None), Change::Wait);
        assert_eq!(progress.update("1 of 9, done".to_owned(), None), Change::Append(", done".to_owned()));
        assert_eq!(progress.rest(), None);
    }
}
