//! The text of a stream whose bytes come in pieces.

/// Decodes UTF-8 that is cut anywhere, as [`Event::Stdout`](crate::Event::Stdout) is.
#[derive(Debug, Default)]
pub struct Utf8Decoder {
    /// The beginning of a character.
    pending: Vec<u8>,
}

impl Utf8Decoder {
    /// The text up to the last whole character. Bytes that can never be part of one become U+FFFD.
    pub fn decode(&mut self, bytes: &[u8]) -> String {
        let mut all = std::mem::take(&mut self.pending);
        all.extend_from_slice(bytes);
        let mut text = String::with_capacity(all.len());
        let mut chunks = all.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            text.push_str(chunk.valid());
            let rest = chunk.invalid();
            let is_cut = || std::str::from_utf8(rest).is_err_and(|error| error.error_len().is_none());
            if chunks.peek().is_none() && is_cut() {
                self.pending = rest.to_vec();
            } else if !rest.is_empty() {
                text.push(char::REPLACEMENT_CHARACTER);
            }
        }
        text
    }

    /// What is left when no more bytes come.
    pub fn finish(&mut self) -> Option<char> {
        let is_cut = !std::mem::take(&mut self.pending).is_empty();
        is_cut.then_some(char::REPLACEMENT_CHARACTER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf8_cut_anywhere() {
        let text = "a\u{e9}\u{20ac}\u{1f980}z";
        for cut in 0..=text.len() {
            let mut decoder = Utf8Decoder::default();
            let (first, second) = text.as_bytes().split_at(cut);
            assert_eq!(decoder.decode(first) + &decoder.decode(second), text, "cut at {cut}");
            assert_eq!(decoder.finish(), None);
        }
    }

    #[test]
    fn invalid_bytes_are_replaced_once() {
        let mut decoder = Utf8Decoder::default();
        assert_eq!(decoder.decode(b"a\xffb"), "a\u{fffd}b");
        assert_eq!(decoder.decode(b"\xe2\x82"), "");
        assert_eq!(decoder.decode(b"x"), "\u{fffd}x");
        assert_eq!(decoder.decode(b"\xf0\x9f"), "");
        assert_eq!(decoder.finish(), Some('\u{fffd}'));
        assert_eq!(decoder.finish(), None);
    }
}
