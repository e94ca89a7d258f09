//! The pieces that a streamed answer is made of, as its framing cuts them.

use super::lines::Lines;
use super::sse::{LONGEST_EVENT, SseParser};

/// How a provider cuts its streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// Server-sent events: everyone but Ollama.
    ServerSentEvents,
    /// One JSON object per line: Ollama.
    JsonLines,
}

/// One event or line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    /// The event's name, if the provider gives one.
    pub(crate) name: Option<String>,
    pub(crate) data: String,
}

/// Bytes in, frames out.
#[derive(Debug)]
pub(crate) enum FrameParser {
    Events(SseParser),
    Lines(Lines),
}

impl FrameParser {
    pub(crate) fn new(framing: Framing) -> Self {
        match framing {
            Framing::ServerSentEvents => Self::Events(SseParser::default()),
            Framing::JsonLines => Self::Lines(Lines::default()),
        }
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        match self {
            Self::Events(parser) => parser.push(bytes),
            Self::Lines(lines) => lines.push(bytes),
        }
    }

    /// The next whole frame, or what is wrong with the stream.
    pub(crate) fn next(&mut self) -> Result<Option<Frame>, String> {
        match self {
            Self::Events(parser) => parser.next(),
            Self::Lines(lines) => loop {
                match lines.next() {
                    Some(line) if line.trim().is_empty() => {}
                    Some(data) => return Ok(Some(Frame { name: None, data })),
                    None if lines.pending() > LONGEST_EVENT => {
                        return Err(format!("has a line of more than {LONGEST_EVENT} bytes"));
                    }
                    None => return Ok(None),
                }
            },
        }
    }

    /// What is left when the stream has ended: the last line of a server that does not end it.
    pub(crate) fn finish(&mut self) -> Option<Frame> {
        match self {
            Self::Events(_) => None,
            Self::Lines(lines) => {
                let data = lines.take_rest().filter(|line| !line.trim().is_empty())?;
                Some(Frame { name: None, data })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
