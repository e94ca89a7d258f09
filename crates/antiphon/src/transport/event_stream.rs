//! AWS's binary frames out of bytes that arrive in pieces of any size.
//!
//! A frame is, all numbers big-endian: its length, the length of its headers, a checksum of these two; the headers; the
//! payload; a checksum of everything before. Reference: <https://smithy.io/2.0/aws/amazon-eventstream.html>

use serde_json::json;

use super::frames::Frame;
use super::sse::LONGEST_EVENT;
use crate::error::WRONG_CHECKSUM;

/// Both lengths and their checksum.
const PRELUDE: usize = 12;
const CHECKSUM: usize = 4;

/// Bytes in, frames out.
#[derive(Debug, Default)]
pub(crate) struct EventStream {
    bytes: Vec<u8>,
    /// Where the next frame begins.
    start: usize,
}

impl EventStream {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.start);
        self.start = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole frame.
    ///
    /// # Errors
    ///
    /// What is wrong with the stream: a checksum, or lengths that cannot be.
    pub(super) fn next(&mut self) -> Result<Option<Frame>, String> {
        let rest = &self.bytes[self.start..];
        let Some((lengths, checksum)) = rest.get(..PRELUDE).and_then(|it| it.split_at_checked(PRELUDE - CHECKSUM))
        else {
            return Ok(None);
        };
        if number(checksum) != crc32fast::hash(lengths) {
            return Err("has a frame whose lengths have a wrong checksum".to_owned());
        }
        let (length, headers) = (number(&lengths[..4]) as usize, number(&lengths[4..]) as usize);
        if length > LONGEST_EVENT {
            return Err(format!("has a frame of more than {LONGEST_EVENT} bytes"));
        }
        let Some(payload) = length.checked_sub(PRELUDE + CHECKSUM).and_then(|it| it.checked_sub(headers)) else {
            return Err("has a frame that is shorter than its parts".to_owned());
        };
        let Some(frame) = rest.get(..length) else {
            return Ok(None);
        };
        let (content, checksum) = frame.split_at(length - CHECKSUM);
        if number(checksum) != crc32fast::hash(content) {
            return Err(WRONG_CHECKSUM.to_owned());
        }
        let (headers, payload) = content[PRELUDE..].split_at(content.len() - PRELUDE - payload);
        let headers = Headers::read(headers).ok_or("has a frame whose headers make no sense")?;
        let frame = headers.frame(payload);
        self.start += length;
        Ok(Some(frame))
    }

    /// Whether nothing is left.
    pub(super) fn is_empty(&self) -> bool {
        self.start == self.bytes.len()
    }
}

/// A number of four bytes.
fn number(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

/// The headers that say what a frame is.
#[derive(Debug, Default)]
struct Headers {
    message_type: String,
    event_type: String,
    exception_type: String,
    error_code: String,
    error_message: String,
}

impl Headers {
    /// `None` if they cannot be read.
    fn read(mut bytes: &[u8]) -> Option<Self> {
        let mut headers = Self::default();
        while !bytes.is_empty() {
            let name_length = usize::from(take(&mut bytes, 1)?[0]);
            let name = take(&mut bytes, name_length)?;
            let kind = take(&mut bytes, 1)?[0];
            let length = match kind {
                // True and false.
                0 | 1 => 0,
                2 => 1,
                3 => 2,
                4 => 4,
                // A number, a time.
                5 | 8 => 8,
                // Bytes, text.
                6 | 7 => number(take(&mut bytes, 2)?) as usize,
                // A UUID.
                9 => 16,
                _ => return None,
            };
            let value = take(&mut bytes, length)?;
            let field = match name {
                b":message-type" => &mut headers.message_type,
                b":event-type" => &mut headers.event_type,
                b":exception-type" => &mut headers.exception_type,
                b":error-code" => &mut headers.error_code,
                b":error-message" => &mut headers.error_message,
                _ => continue,
            };
            *field = String::from_utf8_lossy(value).into_owned();
        }
        Some(headers)
    }

    fn frame(self, payload: &[u8]) -> Frame {
        let data = || String::from_utf8_lossy(payload).into_owned();
        match self.message_type.as_str() {
            "exception" => Frame { name: Some(self.exception_type), data: data(), is_error: true },
            // An error that the service does not describe; it has no payload.
            "error" => {
                let data = json!({ "message": self.error_message }).to_string();
                Frame { name: Some(self.error_code), data, is_error: true }
            }
            _ => Frame { name: Some(self.event_type), data: data(), is_error: false },
        }
    }
}

/// The first `length` bytes, which are taken off.
fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first of AWS's own test vectors: a frame of nothing.
    const EMPTY: [u8; 16] = [0, 0, 0, 0x10, 0, 0, 0, 0, 0x05, 0xc2, 0x48, 0xeb, 0x7d, 0x98, 0xc8, 0xff];

    fn frame(headers: &[u8], payload: &[u8]) -> Vec<u8> {
        let length = |length: usize| u32::try_from(length).unwrap().to_be_bytes();
        let total = PRELUDE + headers.len() + payload.len() + CHECKSUM;
        let mut bytes = [length(total), length(headers.len())].concat();
        bytes.extend(crc32fast::hash(&bytes).to_be_bytes());
        bytes.extend_from_slice(headers);
        bytes.extend_from_slice(payload);
        bytes.extend(crc32fast::hash(&bytes).to_be_bytes());
        bytes
    }

    fn text(name: &str, value: &str) -> Vec<u8> {
        let length = u16::try_from(value.len()).unwrap().to_be_bytes();
        [&[u8::try_from(name.len()).unwrap()], name.as_bytes(), &[7], &length, value.as_bytes()].concat()
    }

    fn stream() -> Vec<u8> {
        let event =
            [text(":event-type", "a"), b"\x01b\x00\x01i\x04\0\0\0\x01".to_vec(), text(":message-type", "event")];
        let uuid = [b"\x01u\x09".to_vec(), vec![0; 16], b"\x01t\x08".to_vec(), vec![0; 8]].concat();
        let exception = [text(":message-type", "exception"), text(":exception-type", "badException"), uuid];
        let error =
            [text(":message-type", "error"), text(":error-code", "Bad"), text(":error-message", "so \"bad\"")].concat();
        [
            EMPTY.to_vec(),
            frame(&event.concat(), "{\"\u{e4}\":1}".as_bytes()),
            frame(&exception.concat(), b"{}"),
            frame(&error, b""),
        ]
        .concat()
    }

    fn expected() -> Vec<Frame> {
        let frame =
            |name: &str, data: &str, is_error| Frame { name: Some(name.to_owned()), data: data.to_owned(), is_error };
        vec![
            frame("", "", false),
            frame("a", "{\"\u{e4}\":1}", false),
            frame("badException", "{}", true),
            frame("Bad", "{\"message\":\"so \\\"bad\\\"\"}", true),
        ]
    }

    fn parse<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<(Vec<Frame>, bool), String> {
        let (mut parser, mut frames) = (EventStream::default(), Vec::new());
        for piece in pieces {
            parser.push(piece);
            while let Some(frame) = parser.next()? {
                frames.push(frame);
            }
        }
        Ok((frames, parser.is_empty()))
    }

    #[test]
    fn split_at_every_byte() {
        let bytes = stream();
        for at in 0..=bytes.len() {
            assert_eq!(parse([&bytes[..at], &bytes[at..]]).unwrap(), (expected(), true), "{at}");
        }
        assert_eq!(parse(bytes.chunks(1)).unwrap(), (expected(), true));
    }

    #[test]
    fn leftover_bytes_are_noticed() {
        let bytes = frame(&text(":event-type", "a"), b"{}");
        for at in 1..bytes.len() {
            assert_eq!(parse([&bytes[..at]]).unwrap(), (Vec::new(), false), "{at}");
        }
    }

    #[test]
    fn every_wrong_byte_is_noticed() {
        let whole = stream();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x10;
            let error = parse([bytes.as_slice()]).unwrap_err();
            assert!(error.ends_with("a wrong checksum"), "{at}: {error}");
        }
    }

    #[test]
    fn lengths_and_headers_that_cannot_be() {
        let prelude = |length: u32, headers: u32| {
            let mut bytes = [length.to_be_bytes(), headers.to_be_bytes()].concat();
            bytes.extend(crc32fast::hash(&bytes).to_be_bytes());
            bytes
        };
        let check = |bytes: &[u8], expected: &str| {
            let error = parse([bytes]).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        };
        check(&prelude(0, 0), "has a frame that is shorter than its parts");
        check(&prelude(20, 5), "has a frame that is shorter than its parts");
        check(&prelude(u32::MAX, 0), "has a frame of more than");
        for headers in [&b"\x05a"[..], b"\x01a", b"\x01a\x0a", b"\x01a\x07\xff\xffx", b"\x01a\x09"] {
            check(&frame(headers, b""), "has a frame whose headers make no sense");
        }
    }
}
