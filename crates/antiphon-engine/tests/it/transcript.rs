//! What a cell showed, and what a test can say about it.

use std::time::{Duration, Instant};

use antiphon_engine::{CellError, Display, End, Event, Metrics};

/// The events of one execution, in their order and with their times.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    pub(crate) events: Vec<(Instant, Event)>,
}

impl Shown {
    pub(crate) fn push(&mut self, event: Event) {
        self.events.push((Instant::now(), event));
    }

    fn collect<'a, T>(&'a self, pick: impl Fn(&'a Event) -> Option<T>) -> Vec<T> {
        self.events.iter().filter_map(|(_, event)| pick(event)).collect()
    }

    pub(crate) fn stdout_bytes(&self) -> Vec<u8> {
        let chunks = self.collect(|event| match event {
            Event::Stdout(bytes) => Some(bytes.as_slice()),
            _ => None,
        });
        chunks.concat()
    }

    pub(crate) fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.stdout_bytes()).into_owned()
    }

    pub(crate) fn stderr(&self) -> String {
        let chunks = self.collect(|event| match event {
            Event::Stderr(bytes) => Some(bytes.as_slice()),
            _ => None,
        });
        String::from_utf8_lossy(&chunks.concat()).into_owned()
    }

    pub(crate) fn displays(&self) -> Vec<&Display> {
        self.collect(|event| match event {
            Event::Display(display) => Some(display),
            _ => None,
        })
    }

    pub(crate) fn notes(&self) -> Vec<&str> {
        self.collect(|event| match event {
            Event::Note(text) => Some(text.as_str()),
            _ => None,
        })
    }

    pub(crate) fn compiling(&self) -> Vec<&str> {
        self.collect(|event| match event {
            Event::Compiling(line) => Some(line.as_str()),
            _ => None,
        })
    }

    /// All events, in their order.
    pub(crate) fn events(&self) -> impl Iterator<Item = &Event> {
        self.events.iter().map(|(_, event)| event)
    }

    /// When standard output had grown to this text.
    pub(crate) fn time_of(&self, text: &str) -> Option<Instant> {
        let mut so_far = Vec::new();
        for (time, event) in &self.events {
            if let Event::Stdout(bytes) = event {
                so_far.extend_from_slice(bytes);
                if String::from_utf8_lossy(&so_far).contains(text) {
                    return Some(*time);
                }
            }
        }
        None
    }

    /// How much later one text came than another.
    #[track_caller]
    pub(crate) fn gap(&self, first: &str, second: &str) -> Duration {
        match (self.time_of(first), self.time_of(second)) {
            (Some(first), Some(second)) => second - first,
            _ => panic!("{first:?} or {second:?} is missing in {:?}", self.stdout()),
        }
    }

    /// Output and displays, one line each, in their order; chunks of a stream are joined.
    pub(crate) fn order(&self) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        let mut last_stream = "";
        for (_, event) in &self.events {
            let (stream, line) = match event {
                Event::Stdout(bytes) => ("stdout", String::from_utf8_lossy(bytes).into_owned()),
                Event::Stderr(bytes) => ("stderr", String::from_utf8_lossy(bytes).into_owned()),
                Event::Display(display) => ("", describe(display)),
                Event::ClearOutput { wait } => ("", format!("clear wait={wait}")),
                Event::InputRequest { prompt, password } => ("", format!("input {prompt:?} password={password}")),
                _ => continue,
            };
            match lines.last_mut().filter(|_| stream == last_stream && !stream.is_empty()) {
                Some(last) => last.push_str(&line),
                None if stream.is_empty() => lines.push(line),
                None => lines.push(format!("{stream}: {line}")),
            }
            last_stream = stream;
        }
        lines
    }

    /// Text of the result, if the cell has one.
    pub(crate) fn result(&self) -> Option<&str> {
        let results: Vec<_> = self.displays().into_iter().filter(|display| display.result).collect();
        assert!(results.len() <= 1, "more than one result: {results:?}");
        results.first()?.data.get("text/plain")?.as_str()
    }

    #[track_caller]
    pub(crate) fn end(&self) -> (&End, Metrics) {
        let ends = self.collect(|event| match event {
            Event::End(end, metrics) => Some((end, *metrics)),
            _ => None,
        });
        assert_eq!(ends.len(), 1, "not exactly one end: {self:#?}");
        assert!(matches!(self.events.last(), Some((_, Event::End(..)))), "the end is not the last event");
        ends[0]
    }

    pub(crate) fn metrics(&self) -> Metrics {
        self.end().1
    }

    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.end().0, &End::Finished, "stdout {:?}, stderr {:?}", self.stdout(), self.stderr());
        self
    }

    /// Finished, with this on standard output and nothing on standard error.
    #[track_caller]
    pub(crate) fn prints(self, stdout: &str) -> Self {
        let shown = self.ok();
        assert_eq!((shown.stdout().as_str(), shown.stderr().as_str()), (stdout, ""));
        shown
    }

    /// Finished, with this result.
    #[track_caller]
    pub(crate) fn gives(self, text: &str) -> Self {
        let shown = self.ok();
        assert_eq!(shown.result(), Some(text), "{:?}", shown.events);
        shown
    }

    /// Finished, and showed nothing at all.
    #[track_caller]
    pub(crate) fn shows_nothing(self) -> Self {
        let shown = self.ok();
        // Cargo may have waited for another cargo.
        let count = shown.events.len() - shown.compiling().len();
        assert_eq!(count, 1, "{:?}", shown.events);
        shown
    }

    #[track_caller]
    pub(crate) fn failed(self, ename: &str) -> Self {
        assert_eq!(
            self.error().ename,
            ename,
            "{:#?}, stdout {:?}, stderr {:?}",
            self.error(),
            self.stdout(),
            self.stderr()
        );
        self
    }

    #[track_caller]
    pub(crate) fn error(&self) -> &CellError {
        match self.end().0 {
            End::Failed(error) => error,
            other => panic!("{other:?}, stdout {:?}, stderr {:?}", self.stdout(), self.stderr()),
        }
    }

    /// The error's lines for a person, without colours.
    #[track_caller]
    pub(crate) fn traceback(&self) -> String {
        plain(&self.error().traceback.join("\n"))
    }

    #[track_caller]
    pub(crate) fn traceback_has(self, parts: &[&str]) -> Self {
        let traceback = self.traceback();
        for part in parts {
            assert!(traceback.contains(part), "no {part:?} in\n{traceback}");
        }
        self
    }

    #[track_caller]
    pub(crate) fn lost(&self) -> Vec<&str> {
        let mut lost: Vec<&str> = self.error().lost_variables.iter().map(String::as_str).collect();
        lost.sort_unstable();
        lost
    }
}

fn describe(display: &Display) -> String {
    let kind = match (display.result, display.update) {
        (true, _) => "result",
        (_, true) => "update",
        _ => "display",
    };
    let data: Vec<String> = display.data.iter().map(|(mime_type, content)| format!("{mime_type} {content}")).collect();
    format!("{kind}: {}", data.join(", "))
}

/// A text without ANSI sequences.
fn plain(text: &str) -> String {
    let mut parts = text.split('\u{1b}');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain.push_str(part.split_once('m').map_or("", |(_, rest)| rest));
    }
    plain
}
