//! Secrets that this process knows do not leave the engine.
//!
//! A [`Guard`] stands where events enter the queue of an execution, so nothing reaches a front end around it. It
//! replaces each secret by [`REDACTED`]: in bytes of the standard streams however they were split into reads, in all
//! strings of displays, in errors, notes and prompts.

use std::mem;
use std::sync::Arc;

use antiphon_channel::Display;
use serde_json::Value;

use crate::event::{CellError, End, Event};

/// What stands in a secret's place.
const REDACTED: &str = "[redacted]";
/// Endings of the names of variables that hold secrets.
const NAMES: [&str; 4] = ["_API_KEY", "_TOKEN", "_SECRET", "_BEARER_TOKEN_BEDROCK"];
/// A shorter value would be found in innocent text.
const MIN_BYTES: usize = 8;
/// What the simulator wants for a key: it opens nothing, and is a word of prose.
const SIMULATED: &str = "simulated";

/// Whether a variable's value is to be kept secret.
pub(crate) fn is_secret(name: &str, value: &str) -> bool {
    NAMES.iter().any(|ending| name.ends_with(ending)) && value.trim().len() >= MIN_BYTES && value != SIMULATED
}

/// Knows the secrets.
#[derive(Clone, Default)]
pub(crate) struct Redactor {
    /// The longest first, so that the longest match wins.
    secrets: Vec<Vec<u8>>,
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Redactor").field("secrets", &self.secrets.len()).finish()
    }
}

impl Redactor {
    /// The secrets among variables.
    pub(crate) fn new(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut redactor = Self::default();
        for (name, value) in variables {
            redactor.add(&name, &value);
        }
        redactor
    }

    /// Adds a variable's value if it is a secret.
    pub(crate) fn add(&mut self, name: &str, value: &str) {
        if !is_secret(name, value) {
            return;
        }
        let debugged = format!("{value:?}");
        // As it is, without the line end of a file that it came from, and as `{:?}` shows it.
        for form in [value, value.trim(), debugged.trim_matches('"')] {
            if form.len() >= MIN_BYTES && !self.secrets.iter().any(|secret| secret == form.as_bytes()) {
                self.secrets.push(form.as_bytes().to_vec());
            }
        }
        self.secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    }

    /// A text without secrets.
    pub(crate) fn text(&self, text: String) -> String {
        if self.secrets.is_empty() {
            return text;
        }
        let (clean, _) = self.bytes(text.as_bytes(), true);
        // Secrets are text, so what is left and put in is text too.
        String::from_utf8_lossy(&clean).into_owned()
    }

    /// Bytes without secrets, and how many bytes at the end must wait because they may begin a secret: none when the
    /// bytes are `all` there will be.
    fn bytes(&self, bytes: &[u8], all: bool) -> (Vec<u8>, usize) {
        let mut clean = Vec::with_capacity(bytes.len());
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            let found = self.secrets.iter().find(|secret| rest.starts_with(secret)).map(Vec::len);
            // A longer secret that may yet come wins over a shorter one that is there.
            let may_come = |secret: &Vec<u8>| secret.len() > rest.len() && secret.starts_with(rest);
            if !all && self.secrets.iter().any(may_come) {
                return (clean, rest.len());
            }
            if let Some(length) = found {
                clean.extend_from_slice(REDACTED.as_bytes());
                at += length;
            } else {
                // To the next byte with which a secret begins.
                let next = rest[1..].iter().position(|byte| self.secrets.iter().any(|secret| secret[0] == *byte));
                let length = next.map_or(rest.len(), |next| next + 1);
                clean.extend_from_slice(&rest[..length]);
                at += length;
            }
        }
        (clean, 0)
    }

    fn json(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(text)),
            Value::Array(values) => values.into_iter().map(|value| self.json(value)).collect(),
            Value::Object(map) => {
                Value::Object(map.into_iter().map(|(key, value)| (self.text(key), self.json(value))).collect())
            }
            other => other,
        }
    }

    fn display(&self, display: Display) -> Display {
        let map = |map: serde_json::Map<String, Value>| {
            map.into_iter().map(|(key, value)| (self.text(key), self.json(value))).collect()
        };
        Display { data: map(display.data), metadata: map(display.metadata), ..display }
    }

    fn error(&self, error: CellError) -> CellError {
        let texts = |texts: Vec<String>| texts.into_iter().map(|text| self.text(text)).collect();
        CellError {
            ename: self.text(error.ename),
            evalue: self.text(error.evalue),
            traceback: texts(error.traceback),
            diagnostics: error.diagnostics.into_iter().map(|diagnostic| self.json(diagnostic)).collect(),
            lost_variables: texts(error.lost_variables),
        }
    }

    /// An event other than of a stream.
    fn event(&self, event: Event) -> Event {
        match event {
            Event::Display(display) => Event::Display(self.display(display)),
            Event::InputRequest { prompt, password } => Event::InputRequest { prompt: self.text(prompt), password },
            Event::Note(text) => Event::Note(self.text(text)),
            Event::Compiling(line) => Event::Compiling(self.text(line)),
            Event::End(End::Failed(error), metrics) => Event::End(End::Failed(self.error(error)), metrics),
            event @ (Event::Stdout(_) | Event::Stderr(_) | Event::ClearOutput { .. } | Event::End(..)) => event,
        }
    }
}

/// The events of one execution on their way out.
#[derive(Debug)]
pub(crate) struct Guard {
    redactor: Arc<Redactor>,
    /// Ends of the streams that may begin a secret.
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl Guard {
    pub(crate) fn new(redactor: Arc<Redactor>) -> Self {
        Self { redactor, stdout: Vec::new(), stderr: Vec::new() }
    }

    /// Other secrets from now on.
    pub(crate) fn set_redactor(&mut self, redactor: Arc<Redactor>) {
        self.redactor = redactor;
    }

    /// Takes an event; gives what may go out.
    pub(crate) fn pass(&mut self, event: Event) -> Vec<Event> {
        if self.redactor.secrets.is_empty() {
            return vec![event];
        }
        match event {
            Event::Stdout(bytes) => feed(&self.redactor, &mut self.stdout, bytes).map(Event::Stdout),
            Event::Stderr(bytes) => feed(&self.redactor, &mut self.stderr, bytes).map(Event::Stderr),
            event => {
                let mut events = self.release();
                events.push(self.redactor.event(event));
                return events;
            }
        }
        .into_iter()
        .collect()
    }

    /// Whether an end of a stream waits for what comes after it.
    pub(crate) fn is_holding(&self) -> bool {
        !self.stdout.is_empty() || !self.stderr.is_empty()
    }

    /// Gives out what was held back: nothing came after it for some time, or something else did.
    pub(crate) fn release(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        for (held, event) in [(&mut self.stdout, Event::Stdout as fn(_) -> _), (&mut self.stderr, Event::Stderr)] {
            if !held.is_empty() {
                let (clean, _) = self.redactor.bytes(&mem::take(held), true);
                events.push(event(clean));
            }
        }
        events
    }
}

fn feed(redactor: &Redactor, held: &mut Vec<u8>, bytes: Vec<u8>) -> Option<Vec<u8>> {
    let bytes = if held.is_empty() {
        bytes
    } else {
        held.extend(bytes);
        mem::take(held)
    };
    let (clean, waiting) = redactor.bytes(&bytes, false);
    *held = bytes[bytes.len() - waiting..].to_vec();
    (!clean.is_empty()).then_some(clean)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Metrics;

    const KEY: &str = "sk-abcdefgh-0123456789";
    const LONGER: &str = "sk-abcdefgh-0123456789-longer";
    const REPEATED: &str = "aaaaaaaaab";

    fn redactor() -> Arc<Redactor> {
        let variables = [("OPENAI_API_KEY", KEY), ("MY_TOKEN", LONGER), ("A_SECRET", REPEATED)];
        Arc::new(Redactor::new(variables.map(|(name, value)| (name.to_owned(), value.to_owned()))))
    }

    fn stream(chunks: &[&[u8]]) -> String {
        let mut guard = Guard::new(redactor());
        let mut events = Vec::new();
        for chunk in chunks {
            events.extend(guard.pass(Event::Stdout(chunk.to_vec())));
        }
        events.extend(guard.release());
        assert!(!guard.is_holding());
        let bytes = events.into_iter().flat_map(|event| match event {
            Event::Stdout(bytes) => bytes,
            other => panic!("{other:?}"),
        });
        String::from_utf8(bytes.collect()).unwrap()
    }

    #[test]
    fn every_split_of_a_stream_gives_the_same() {
        for (text, expected) in [
            (format!("a {KEY}\nb"), "a [redacted]\nb".to_owned()),
            (format!("{KEY}{KEY}"), "[redacted][redacted]".to_owned()),
            (format!("{LONGER} {KEY}-long"), "[redacted] [redacted]-long".to_owned()),
            (format!("a{REPEATED} aaaaaaaaa"), "a[redacted] aaaaaaaaa".to_owned()),
            ("sk-abcdefgh and sk-".to_owned(), "sk-abcdefgh and sk-".to_owned()),
            (format!("sk-sk-{KEY}sk"), "sk-sk-[redacted]sk".to_owned()),
            (format!("\u{e4}{KEY}\u{1f980}"), "\u{e4}[redacted]\u{1f980}".to_owned()),
        ] {
            let bytes = text.as_bytes();
            assert_eq!(stream(&[bytes]), expected);
            for first in 0..=bytes.len() {
                for second in first..=bytes.len() {
                    let chunks = [&bytes[..first], &bytes[first..second], &bytes[second..]];
                    assert_eq!(stream(&chunks), expected, "{text:?} split at {first} and {second}");
                }
            }
            assert_eq!(stream(&bytes.chunks(1).collect::<Vec<_>>()), expected);
        }
    }

    #[test]
    fn no_more_is_held_back_than_what_may_begin_a_secret() {
        for (text, held) in
            [("abc", ""), ("abc s", "s"), ("sk-abc", "sk-abc"), ("sk-abd", ""), (KEY, KEY), (LONGER, "")]
        {
            let mut guard = Guard::new(redactor());
            guard.pass(Event::Stderr(text.as_bytes().to_vec()));
            assert_eq!(guard.stderr, held.as_bytes(), "{text}");
        }
        let mut guard = Guard::new(redactor());
        guard.pass(Event::Stdout(b"half s".to_vec()));
        // Something else comes: the text before it goes first.
        let note = Event::Note("n".to_owned());
        assert_eq!(guard.pass(note.clone()), [Event::Stdout(b"s".to_vec()), note]);
    }

    #[test]
    fn no_event_carries_a_secret() {
        let text = format!("x {KEY} y");
        let clean = "x [redacted] y";
        let data = json!({ "text/plain": text, "application/json": { (text.clone()): [1, { "a": text }] } });
        let expected = json!({ "text/plain": clean, "application/json": { (clean): [1, { "a": clean }] } });
        let map = |value: Value| value.as_object().cloned().unwrap();
        let display = |data: Value| Display { data: map(data.clone()), metadata: map(data), ..Display::default() };
        let error = |text: &str| CellError {
            ename: "E".to_owned(),
            evalue: text.to_owned(),
            traceback: vec![text.to_owned()],
            diagnostics: vec![json!([text])],
            lost_variables: vec![text.to_owned()],
        };
        for (event, expected) in [
            (Event::Display(display(data)), Event::Display(display(expected))),
            (Event::Note(text.clone()), Event::Note(clean.to_owned())),
            (Event::Compiling(text.clone()), Event::Compiling(clean.to_owned())),
            (
                Event::InputRequest { prompt: text.clone(), password: true },
                Event::InputRequest { prompt: clean.to_owned(), password: true },
            ),
            (
                Event::End(End::Failed(error(&text)), Metrics::default()),
                Event::End(End::Failed(error(clean)), Metrics::default()),
            ),
        ] {
            assert_eq!(Guard::new(redactor()).pass(event), [expected]);
        }
    }

    #[test]
    fn what_a_secret_is() {
        for (name, value, expected) in [
            ("OPENAI_API_KEY", KEY, true),
            ("GITHUB_TOKEN", "12345678", true),
            ("GITHUB_TOKEN", "1234567", false),
            ("CLIENT_SECRET", "12345678", true),
            ("SECRETARY", "12345678", false),
            ("PATH", "12345678", false),
            ("OPENAI_API_KEY", "simulated", false),
        ] {
            assert_eq!(is_secret(name, value), expected, "{name}={value}");
        }
        let redactor = Redactor::new([("A_TOKEN".to_owned(), "quoted\"secret\n".to_owned())]);
        assert_eq!(redactor.text(format!("{:?}", "quoted\"secret\n")), "\"[redacted]\"");
        assert_eq!(redactor.text("quoted\"secret".to_owned()), "[redacted]");
        assert!(!format!("{redactor:?}").contains("secret\\"));
    }
}
