//! The text of a stream: characters that come in pieces, and lines that are written over.

/// Decodes UTF-8 that is cut anywhere.
#[derive(Debug, Default)]
pub(crate) struct Utf8Decoder {
    /// The beginning of a character.
    pending: Vec<u8>,
}

impl Utf8Decoder {
    /// The text up to the last whole character. Bytes that can never be part of one become U+FFFD.
    pub(crate) fn decode(&mut self, bytes: &[u8]) -> String {
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
    pub(crate) fn finish(&mut self) -> Option<char> {
        let is_cut = !std::mem::take(&mut self.pending).is_empty();
        is_cut.then_some(char::REPLACEMENT_CHARACTER)
    }
}

/// Carries out backspaces and carriage returns, so that a progress bar leaves its last state: what nbclient's
/// `coalesce_streams` is for. A line end `\r\n` stays as it is.
pub(crate) fn write_over(text: &str) -> String {
    if !text.contains(['\r', '\u{8}']) {
        return text.to_owned();
    }
    text.split_inclusive('\n').map(write_over_line).collect()
}

fn write_over_line(line: &str) -> String {
    let mut kept = String::with_capacity(line.len());
    for char in line.chars() {
        if char == '\u{8}' {
            kept.pop();
        } else {
            kept.push(char);
        }
    }
    // Carriage returns at the end of the line have nothing to write over it.
    let content = kept.trim_end_matches(['\r', '\n']).len();
    match kept[..content].rfind('\r') {
        Some(at) => kept.split_off(at + 1),
        None => kept,
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

    #[test]
    fn lines_are_written_over() {
        let check = |text: &str, expected: &str| assert_eq!(write_over(text), expected, "{text:?}");
        check("plain\ntext", "plain\ntext");
        check("10%\r50%\r100%\n", "100%\n");
        check("10%\r50%\r", "50%\r");
        check("first\nab\rc\nlast", "first\nc\nlast");
        check("line\r\nline\r\n", "line\r\nline\r\n");
        check("line\r\r\n", "line\r\r\n");
        check("|\u{8}/\u{8}-\u{8}done", "done");
        check("ab\n\u{8}c", "ab\nc");
        check("h\u{e9}\u{8}e", "he");
        check("\u{1b}[2K\r\u{1b}[32mok\u{1b}[0m\n", "\u{1b}[32mok\u{1b}[0m\n");
    }
}
