//! The objects of a JSON array out of bytes that arrive in pieces of any size: how Gemini streams to those who do not
//! ask for events, and what some gateways make of any of its streams. An object that stands alone is one too.

use super::frames::Frame;
use super::sse::LONGEST_EVENT;

/// Bytes in, objects out. It finds where objects end and leaves it to others to read them.
#[derive(Debug, Default)]
pub(crate) struct JsonArray {
    bytes: Vec<u8>,
    /// Up to where the bytes were looked at.
    at: usize,
    /// Where the object begins whose end has not come.
    start: Option<usize>,
    /// How many brackets are open in it.
    depth: usize,
    in_string: bool,
    after_backslash: bool,
    /// The array has begun and not ended.
    is_open: bool,
}

impl JsonArray {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let done = self.start.unwrap_or(self.at);
        self.bytes.drain(..done);
        self.at -= done;
        self.start = self.start.map(|_| 0);
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole object.
    ///
    /// # Errors
    ///
    /// What is wrong with the stream: something other than objects, or one of more than [`LONGEST_EVENT`] bytes.
    pub(super) fn next(&mut self) -> Result<Option<Frame>, String> {
        while let Some(&byte) = self.bytes.get(self.at) {
            self.at += 1;
            let Some(start) = self.start else {
                match byte {
                    b'{' => (self.start, self.depth) = (Some(self.at - 1), 1),
                    b'[' if !self.is_open => self.is_open = true,
                    b']' if self.is_open => self.is_open = false,
                    b',' => {}
                    _ if byte.is_ascii_whitespace() => {}
                    _ => return Err("has something between the objects of its array".to_owned()),
                }
                continue;
            };
            match byte {
                _ if self.after_backslash => self.after_backslash = false,
                b'\\' if self.in_string => self.after_backslash = true,
                b'"' => self.in_string = !self.in_string,
                _ if self.in_string => {}
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => self.depth -= 1,
                _ => {}
            }
            if self.depth == 0 {
                self.start = None;
                let data = String::from_utf8_lossy(&self.bytes[start..self.at]).into_owned();
                return Ok(Some(Frame { name: None, data, is_error: false }));
            }
            if self.at - start > LONGEST_EVENT {
                return Err(format!("has an object of more than {LONGEST_EVENT} bytes"));
            }
        }
        Ok(None)
    }

    /// Whether nothing is left open: neither an object nor the array.
    pub(super) fn is_complete(&self) -> bool {
        self.start.is_none() && !self.is_open
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<String>, bool) {
        let (mut parser, mut objects) = (JsonArray::default(), Vec::new());
        for piece in pieces {
            parser.push(piece);
            while let Some(frame) = parser.next().unwrap() {
                objects.push(frame.data);
            }
        }
        (objects, parser.is_complete())
    }

    #[test]
    fn split_at_every_byte() {
        let text = "\n[{\"a\":\"}]\\\"{\u{e4}\\\\\"}\r\n,\r\n{\"b\":[{},[1]],\"c\":{\"d\":null}}\n]\n";
        let expected = ["{\"a\":\"}]\\\"{\u{e4}\\\\\"}", "{\"b\":[{},[1]],\"c\":{\"d\":null}}"];
        let bytes = text.as_bytes();
        for at in 0..=bytes.len() {
            let (objects, is_complete) = parse([&bytes[..at], &bytes[at..]]);
            assert_eq!(objects, expected, "{at}");
            assert!(is_complete, "{at}");
        }
        assert_eq!(parse(bytes.chunks(1)).0, expected);
        // Whatever is missing at the end is noticed.
        let end = text.rfind(']').unwrap();
        for at in 2..=end {
            assert!(!parse([&bytes[..at]]).1, "{at}");
        }
    }

    #[test]
    fn an_object_may_stand_alone() {
        assert_eq!(parse([&b" {\"a\":1} "[..]]), (vec!["{\"a\":1}".to_owned()], true));
        assert!(!parse([&b"{\"a\":1"[..]]).1);
        assert_eq!(parse([&b"[]"[..]]), (Vec::new(), true));
    }

    #[test]
    fn other_things_are_refused() {
        for text in ["[1]", "[{}]]", "[[{}]]", "{}x"] {
            let mut parser = JsonArray::default();
            parser.push(text.as_bytes());
            let error = loop {
                match parser.next() {
                    Ok(Some(_)) => {}
                    Ok(None) => panic!("{text}"),
                    Err(error) => break error,
                }
            };
            assert_eq!(error, "has something between the objects of its array");
        }
        let mut parser = JsonArray::default();
        parser.push(b"{\"");
        parser.push(&vec![b'x'; LONGEST_EVENT + 1]);
        assert!(parser.next().unwrap_err().contains("an object of more than"));
    }
}
