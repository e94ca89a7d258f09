//! What was executed in this session, for `history_request`.

use std::collections::VecDeque;

use serde_json::{Value, json};

use crate::request;

/// The number of this session; there is no other.
const SESSION: usize = 1;
/// What is kept of a session that goes on for weeks, inputs and results together; the oldest go first.
const MAX_BYTES: usize = 16 << 20;

/// The cells that were executed with `store_history`.
#[derive(Debug, Default)]
pub(crate) struct History {
    entries: VecDeque<Entry>,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    line: usize,
    input: String,
    /// Plain text of its result; empty without one, as clients on jupyter-protocol take no `null`.
    output: String,
}

impl History {
    pub(crate) fn push(&mut self, line: usize, input: String) {
        self.bytes += input.len();
        self.entries.push_back(Entry { line, input, output: String::new() });
        self.forget();
    }

    /// The cell that was pushed under this number has a result.
    pub(crate) fn set_output(&mut self, line: usize, output: String) {
        if let Some(entry) = self.entries.iter_mut().rev().find(|entry| entry.line == line) {
            self.bytes = self.bytes + output.len() - entry.output.len();
            entry.output = output;
        }
        self.forget();
    }

    fn forget(&mut self) {
        while self.bytes > MAX_BYTES
            && let Some(Entry { input, output, .. }) = self.entries.pop_front()
        {
            self.bytes -= input.len() + output.len();
        }
    }

    /// The entries that a request asks for, oldest first, in the form of its reply. An unknown access type has none.
    pub(crate) fn answer(&self, request: &request::History) -> Vec<Value> {
        let found: Vec<&Entry> = match request.hist_access_type.as_str() {
            "tail" => self.last(request.n, self.entries.iter().collect()),
            "range" => self.range(request),
            "search" => self.search(request),
            _ => Vec::new(),
        };
        let input = |entry: &Entry| json!(entry.input);
        let both = |entry: &Entry| json!([entry.input, entry.output]);
        let value = if request.output { both } else { input };
        found.into_iter().map(|entry| json!([SESSION, entry.line, value(entry)])).collect()
    }

    /// As in IPython: `start` is the first line, `stop` the one after the last; no `stop` means to the end.
    fn range(&self, request: &request::History) -> Vec<&Entry> {
        // 0 is the current session; negative numbers count back from it, to sessions that are not kept.
        if ![0, 1].contains(&request.session.unwrap_or(0)) {
            return Vec::new();
        }
        let bound = |value: i64| usize::try_from(value).unwrap_or(0);
        let start = bound(request.start.unwrap_or(0));
        let stop = request.stop.map_or(usize::MAX, bound);
        self.entries.iter().filter(|entry| (start..stop).contains(&entry.line)).collect()
    }

    fn search(&self, request: &request::History) -> Vec<&Entry> {
        let Ok(pattern) = glob::Pattern::new(request.pattern.as_deref().unwrap_or("*")) else {
            return Vec::new();
        };
        let mut found: Vec<&Entry> = self.entries.iter().filter(|entry| pattern.matches(&entry.input)).collect();
        if request.unique {
            // The last one of several stays.
            let inputs: Vec<&str> = found.iter().map(|entry| entry.input.as_str()).collect();
            let mut index = 0;
            found.retain(|entry| {
                index += 1;
                !inputs[index..].contains(&entry.input.as_str())
            });
        }
        self.last(request.n, found)
    }

    fn last<'a>(&self, n: Option<usize>, mut entries: Vec<&'a Entry>) -> Vec<&'a Entry> {
        let n = n.unwrap_or(self.entries.len());
        entries.split_off(entries.len().saturating_sub(n))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(request: Value) -> Value {
        let mut history = History::default();
        for (index, input) in ["a", "b*", "a", "ab"].into_iter().enumerate() {
            history.push(index + 1, input.to_owned());
        }
        history.set_output(4, "5".to_owned());
        Value::Array(history.answer(&serde_json::from_value(request).unwrap()))
    }

    #[test]
    fn the_oldest_go_first() {
        let mut history = History::default();
        for line in 1..=3 {
            history.push(line, "i".repeat(MAX_BYTES / 4));
        }
        let lines = |history: &History| history.entries.iter().map(|entry| entry.line).collect::<Vec<_>>();
        assert_eq!(lines(&history), [1, 2, 3]);
        history.set_output(3, "o".repeat(MAX_BYTES / 2));
        assert_eq!((lines(&history), history.bytes), (vec![2, 3], MAX_BYTES));
        history.set_output(3, String::new());
        history.push(4, "i".repeat(MAX_BYTES + 1));
        assert_eq!((lines(&history), history.bytes), (Vec::new(), 0));
    }

    #[test]
    fn access_types() {
        let check = |request, expected| assert_eq!(answer(request), expected);
        check(json!({ "hist_access_type": "tail", "n": 2 }), json!([[1, 3, "a"], [1, 4, "ab"]]));
        check(json!({ "hist_access_type": "tail" }), answer(json!({ "hist_access_type": "tail", "n": 9 })));
        check(json!({ "hist_access_type": "tail", "n": 1, "output": true }), json!([[1, 4, ["ab", "5"]]]));
        check(json!({ "hist_access_type": "range", "start": 1, "stop": 2 }), json!([[1, 1, "a"]]));
        check(json!({ "hist_access_type": "range", "session": 0, "start": 4 }), json!([[1, 4, "ab"]]));
        check(json!({ "hist_access_type": "range", "session": -1, "start": 0 }), json!([]));
        check(
            json!({ "hist_access_type": "search", "pattern": "a*" }),
            json!([[1, 1, "a"], [1, 3, "a"], [1, 4, "ab"]]),
        );
        check(json!({ "hist_access_type": "search", "pattern": "a", "unique": true }), json!([[1, 3, "a"]]));
        check(json!({ "hist_access_type": "search", "pattern": "b[*]", "n": 1 }), json!([[1, 2, "b*"]]));
        check(json!({ "hist_access_type": "search", "pattern": "a***" }), json!([]));
        check(json!({ "hist_access_type": "other" }), json!([]));
    }
}
