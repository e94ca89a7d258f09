//! Server-sent events out of bytes that arrive in pieces of any size.
//!
//! Written here because the crates for it are not kept (`eventsource-stream`: last release 2022) or bring a whole
//! client along, and because a stream that ends in the middle of an event has to be told apart.
//! Reference: <https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream>

use super::frames::Frame;
use super::lines::Lines;

/// The largest event that is kept, in bytes of data; longer ones are no model's.
pub(super) const LONGEST_EVENT: usize = 32 << 20;

/// Bytes in, events out. Fields other than `event` and `data` mean nothing to any provider.
#[derive(Debug, Default)]
pub(crate) struct SseParser {
    lines: Lines,
    name: Option<String>,
    data: String,
    has_data: bool,
    /// The first line of a stream may begin with a byte order mark.
    begun: bool,
}

impl SseParser {
    /// Adds a piece of the stream.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.lines.push(bytes);
    }

    /// Whether no event has begun whose end has not come.
    pub(super) fn is_between_events(&self) -> bool {
        !self.has_data && self.lines.pending() == 0
    }

    /// The next whole event. An event without data is none, as the standard says.
    ///
    /// # Errors
    ///
    /// What is wrong with the stream: it has an event of more than [`LONGEST_EVENT`] bytes.
    pub(super) fn next(&mut self) -> Result<Option<Frame>, String> {
        while let Some(line) = self.lines.next() {
            let mut line = line.as_str();
            if !self.begun {
                self.begun = true;
                line = line.strip_prefix('\u{feff}').unwrap_or(line);
            }
            if line.is_empty() {
                let (name, data) = (self.name.take(), std::mem::take(&mut self.data));
                if std::mem::take(&mut self.has_data) {
                    return Ok(Some(Frame { name, data, is_error: false }));
                }
                continue;
            }
            // A comment has an empty field name: keep-alives of DeepSeek and OpenRouter.
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "event" => self.name = Some(value.to_owned()),
                "data" => {
                    if self.has_data {
                        self.data.push('\n');
                    }
                    self.data.push_str(value);
                    self.has_data = true;
                }
                _ => {}
            }
            if self.data.len() > LONGEST_EVENT {
                return Err(format!("has an event of more than {LONGEST_EVENT} bytes"));
            }
        }
        if self.lines.pending() > LONGEST_EVENT {
            return Err(format!("has a line of more than {LONGEST_EVENT} bytes"));
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = "\u{feff}: keep-alive\n\ndata: {\"a\":1}\n\nevent: delta\r\ndata:  two\r\ndata: \u{e4}\u{1f980}\r\n\r\n\
        retry: 10\rid: 7\rdata\r\rnonsense\n\nevent: empty\n\ndata: [DONE]\n\ndata: cut";

    fn expected() -> Vec<Frame> {
        let frame = |name: Option<&str>, data: &str| Frame {
            name: name.map(str::to_owned),
            data: data.to_owned(),
            is_error: false,
        };
        vec![
            frame(None, "{\"a\":1}"),
            frame(Some("delta"), " two\n\u{e4}\u{1f980}"),
            frame(None, ""),
            frame(None, "[DONE]"),
        ]
    }

    fn parse<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Frame> {
        let mut parser = SseParser::default();
        let mut frames = Vec::new();
        for piece in pieces {
            parser.push(piece);
            while let Some(frame) = parser.next().unwrap() {
                frames.push(frame);
            }
        }
        frames
    }

    #[test]
    fn a_whole_stream() {
        assert_eq!(parse([STREAM.as_bytes()]), expected());
    }

    #[test]
    fn split_at_every_byte() {
        let bytes = STREAM.as_bytes();
        for at in 0..=bytes.len() {
            assert_eq!(parse([&bytes[..at], &bytes[at..]]), expected(), "{at}");
        }
        assert_eq!(parse(bytes.chunks(1)), expected());
        assert_eq!(parse(bytes.chunks(3)), expected());
    }

    #[test]
    fn endless_lines_and_events_are_refused() {
        let mut parser = SseParser::default();
        parser.push(&vec![b'x'; LONGEST_EVENT + 1]);
        assert!(parser.next().unwrap_err().contains("a line of more than"));
        let mut parser = SseParser::default();
        let line = format!("data: {}\n", "x".repeat(LONGEST_EVENT / 2));
        for _ in 0..3 {
            parser.push(line.as_bytes());
        }
        assert!(parser.next().unwrap_err().contains("an event of more than"));
    }
}
