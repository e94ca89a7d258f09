//! The pieces that a streamed answer is made of, as its framing cuts them.

use super::event_stream::EventStream;
use super::json_array::JsonArray;
use super::lines::Lines;
use super::sse::{LONGEST_EVENT, SseParser};

/// How a provider cuts its streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// Server-sent events: most.
    ServerSentEvents,
    /// Server-sent events, or the objects of a JSON array: Gemini. Its gateways do not always do what they are asked for.
    EventsOrArray,
    /// One JSON object per line: Ollama.
    JsonLines,
    /// AWS's binary frames: Bedrock.
    EventStream,
}

impl Framing {
    /// Whether a body that says it is JSON is no stream, but a whole answer.
    pub(super) fn excludes_json(self) -> bool {
        matches!(self, Self::ServerSentEvents | Self::EventStream)
    }
}

/// One event or line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    /// The event's name, if the provider gives one.
    pub(crate) name: Option<String>,
    pub(crate) data: String,
    /// The framing itself says that this is an error; its name is then what kind.
    pub(crate) is_error: bool,
}

/// Bytes in, frames out.
#[derive(Debug)]
pub(crate) enum FrameParser {
    Events(SseParser),
    Lines(Lines),
    Array(JsonArray),
    Binary(EventStream),
    /// Which of two it is shows in the first byte.
    EventsOrArray,
}

impl FrameParser {
    pub(crate) fn new(framing: Framing) -> Self {
        match framing {
            Framing::ServerSentEvents => Self::Events(SseParser::default()),
            Framing::JsonLines => Self::Lines(Lines::default()),
            Framing::EventsOrArray => Self::EventsOrArray,
            Framing::EventStream => Self::Binary(EventStream::default()),
        }
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        match self {
            Self::Events(parser) => parser.push(bytes),
            Self::Lines(lines) => lines.push(bytes),
            Self::Array(array) => array.push(bytes),
            Self::Binary(frames) => frames.push(bytes),
            Self::EventsOrArray => {
                if let Some(first) = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) {
                    let is_json = matches!(first, b'[' | b'{');
                    *self =
                        if is_json { Self::Array(JsonArray::default()) } else { Self::Events(SseParser::default()) };
                    self.push(bytes);
                }
            }
        }
    }

    /// The next whole frame, or what is wrong with the stream.
    pub(crate) fn next(&mut self) -> Result<Option<Frame>, String> {
        match self {
            Self::Events(parser) => parser.next(),
            Self::Array(array) => array.next(),
            Self::Binary(frames) => frames.next(),
            Self::EventsOrArray => Ok(None),
            Self::Lines(lines) => loop {
                match lines.next() {
                    Some(line) if line.trim().is_empty() => {}
                    Some(data) => return Ok(Some(Frame { name: None, data, is_error: false })),
                    None if lines.pending() > LONGEST_EVENT => {
                        return Err(format!("has a line of more than {LONGEST_EVENT} bytes"));
                    }
                    None => return Ok(None),
                }
            },
        }
    }

    /// Whether the stream may end here, as far as the framing goes.
    pub(crate) fn is_between_frames(&self) -> bool {
        match self {
            Self::Events(parser) => parser.is_between_events(),
            Self::Lines(lines) => lines.pending() == 0,
            Self::Array(array) => array.is_complete(),
            Self::Binary(frames) => frames.is_empty(),
            Self::EventsOrArray => true,
        }
    }

    /// What is left when the stream has ended: the last line of a server that does not end it.
    pub(crate) fn finish(&mut self) -> Option<Frame> {
        match self {
            Self::Events(_) | Self::Array(_) | Self::Binary(_) | Self::EventsOrArray => None,
            Self::Lines(lines) => {
                let data = lines.take_rest().filter(|line| !line.trim().is_empty())?;
                Some(Frame { name: None, data, is_error: false })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_and_arrays_are_told_apart() {
        for (text, data) in [("\r\n\ndata: {}\n\n", "{}"), (" \n[{\"a\":1}]", "{\"a\":1}"), ("{\"a\":1}", "{\"a\":1}")]
        {
            let mut parser = FrameParser::new(Framing::EventsOrArray);
            assert!(parser.is_between_frames());
            let mut frames = Vec::new();
            for byte in text.as_bytes() {
                parser.push(&[*byte]);
                frames.extend(parser.next().unwrap().map(|frame| frame.data));
            }
            assert_eq!(frames, [data]);
            assert!(parser.is_between_frames(), "{text}");
        }
    }

    #[test]
    fn lines_split_at_every_byte() {
        let bytes = "{\"a\":\"\u{e4}\"}\n\n{\"b\":2}\r\n{\"c\":3}".as_bytes();
        for at in 0..=bytes.len() {
            let mut parser = FrameParser::new(Framing::JsonLines);
            let mut frames = Vec::new();
            for piece in [&bytes[..at], &bytes[at..]] {
                parser.push(piece);
                while let Some(frame) = parser.next().unwrap() {
                    frames.push(frame.data);
                }
            }
            frames.extend(parser.finish().map(|frame| frame.data));
            assert_eq!(frames, ["{\"a\":\"\u{e4}\"}", "{\"b\":2}", "{\"c\":3}"], "{at}");
        }
    }
}
