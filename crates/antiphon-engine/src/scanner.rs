//! Standard output of the child: the user's bytes, with evcxr's lines and our marker among them.

use antiphon_channel::{CODE_END_MARKER, DISPLAY_MARKER};

const PREFIX: &[u8] = b"EVCXR_";
const BEGIN_CONTENT: &[u8] = b"EVCXR_BEGIN_CONTENT ";
const END_CONTENT: &[u8] = b"EVCXR_END_CONTENT";
const COMPLETE: &[u8] = b"EVCXR_EXECUTION_COMPLETE";
const PANIC: &[u8] = b"EVCXR_PANIC_NOTIFICATION";
const ERROR: &[u8] = b"EVCXR_ERROR_OCCURRED";
const CHANGED_TYPE: &[u8] = b"EVCXR_VARIABLE_CHANGED_TYPE:";
const INPUT: &[u8] = b"EVCXR_INPUT_REQUEST";
const CODE_END: &[u8] = CODE_END_MARKER.as_bytes();
const MARKERS: [&[u8]; 8] =
    [BEGIN_CONTENT, COMPLETE, PANIC, ERROR, CHANGED_TYPE, INPUT, CODE_END, DISPLAY_MARKER.as_bytes()];

/// A piece of standard output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// The user's own.
    Bytes(Vec<u8>),
    /// Here belongs the next frame of the cell library.
    Display,
    /// Rich output in evcxr's form.
    Content { mime_type: String, content: String },
    /// The cell's code has printed all that it prints.
    CodeEnd,
    /// The cell is over. The line is for evcxr.
    Complete(Vec<u8>),
    /// The cell asks for input. The line is for evcxr.
    Input { prompt: String, line: Vec<u8> },
    /// Another line for evcxr alone.
    ForEvcxr(Vec<u8>),
}

/// Splits standard output into tokens.
///
/// A marker is found wherever it stands, also behind a partial line, where evcxr itself would miss it and wait
/// forever. Markers are written in one piece of less than `PIPE_BUF` bytes, so whoever has read all there is has no
/// torn marker: after [`Scanner::settle`] nothing of the user's is held back.
#[derive(Debug, Default)]
pub(crate) struct Scanner {
    buffer: Vec<u8>,
    /// While inside of content.
    content: Option<Content>,
}

/// Content whose end was not read yet.
#[derive(Debug)]
struct Content {
    mime_type: String,
    /// What came before a display in the midst of it.
    text: Vec<u8>,
    /// Bytes of the rest in which its end does not begin.
    scanned: usize,
}

impl Scanner {
    /// Takes bytes as they were read.
    pub(crate) fn feed(&mut self, bytes: &[u8], tokens: &mut Vec<Token>) {
        self.buffer.extend_from_slice(bytes);
        let mut rest = std::mem::take(&mut self.buffer);
        loop {
            let taken = match self.content.take() {
                Some(content) => self.take_content(content, &rest, tokens),
                None => self.take_line(&rest, tokens),
            };
            match taken {
                Some(taken) => drop(rest.drain(..taken)),
                None => break,
            }
        }
        self.buffer = rest;
    }

    /// Gives out what was held back: there is no more to read now.
    pub(crate) fn settle(&mut self, tokens: &mut Vec<Token>) {
        if self.content.is_none() && !self.buffer.is_empty() {
            tokens.push(Token::Bytes(std::mem::take(&mut self.buffer)));
        }
    }

    /// Gives out also content that has no end: nothing more will come.
    pub(crate) fn end(&mut self, tokens: &mut Vec<Token>) {
        if let Some(content) = self.content.take() {
            tokens.push(content.as_text(&self.buffer));
            self.buffer.clear();
        }
        self.settle(tokens);
    }

    fn take_content(&mut self, mut content: Content, rest: &[u8], tokens: &mut Vec<Token>) -> Option<usize> {
        while let Some(start) = find(&rest[content.scanned..], PREFIX) {
            let start = content.scanned + start;
            let Some(length) = rest[start..].iter().position(|&byte| byte == b'\n') else {
                content.scanned = start;
                self.content = Some(content);
                return None;
            };
            let line = &rest[start..start + length];
            if line.starts_with(END_CONTENT) {
                content.text.extend_from_slice(&rest[..start]);
                let text = String::from_utf8_lossy(&content.text);
                let text = text.strip_suffix('\n').unwrap_or(&text).to_owned();
                tokens.push(Token::Content { mime_type: content.mime_type, content: text });
                return Some(start + length + 1);
            }
            if line == DISPLAY_MARKER.as_bytes() {
                tokens.push(Token::Display);
                content.text.extend_from_slice(&rest[..start]);
                content.scanned = 0;
                self.content = Some(content);
                return Some(start + length + 1);
            }
            // The cell is over, and has not ended what it began, e.g. as it panicked.
            if [CODE_END, COMPLETE, PANIC, ERROR].contains(&line) {
                tokens.push(content.as_text(&rest[..start]));
                return Some(start);
            }
            content.scanned = start + PREFIX.len();
        }
        content.scanned = content.scanned.max(rest.len().saturating_sub(PREFIX.len() - 1));
        self.content = Some(content);
        None
    }

    fn take_line(&mut self, rest: &[u8], tokens: &mut Vec<Token>) -> Option<usize> {
        let Some(start) = find(rest, PREFIX) else {
            // Keep what may be the beginning of a prefix.
            let held = (1..PREFIX.len()).rev().find(|&length| rest.ends_with(&PREFIX[..length])).unwrap_or(0);
            let free = rest.len() - held;
            if free > 0 {
                tokens.push(Token::Bytes(rest[..free].to_vec()));
            }
            return (free > 0).then_some(free);
        };
        if start > 0 {
            tokens.push(Token::Bytes(rest[..start].to_vec()));
            return Some(start);
        }
        let Some(length) = rest.iter().position(|&byte| byte == b'\n') else {
            if MARKERS.iter().any(|marker| rest.starts_with(marker) || marker.starts_with(rest)) {
                return None;
            }
            tokens.push(Token::Bytes(PREFIX.to_vec()));
            return Some(PREFIX.len());
        };
        let line = &rest[..length];
        let with_end = rest[..=length].to_vec();
        if let Some(mime_type) = line.strip_prefix(BEGIN_CONTENT) {
            let mime_type = String::from_utf8_lossy(mime_type).trim().to_owned();
            self.content = Some(Content { mime_type, text: Vec::new(), scanned: 0 });
        } else if line == COMPLETE {
            tokens.push(Token::Complete(with_end));
        } else if line == DISPLAY_MARKER.as_bytes() {
            tokens.push(Token::Display);
        } else if line == CODE_END {
            tokens.push(Token::CodeEnd);
        } else if line.starts_with(INPUT) {
            let text = String::from_utf8_lossy(line);
            let prompt = text.split_once(':').map(|(_, prompt)| prompt.to_owned()).unwrap_or_default();
            tokens.push(Token::Input { prompt, line: with_end });
        } else if line == PANIC || line == ERROR || line.starts_with(CHANGED_TYPE) {
            tokens.push(Token::ForEvcxr(with_end));
        } else {
            tokens.push(Token::Bytes(PREFIX.to_vec()));
            return Some(PREFIX.len());
        }
        Some(length + 1)
    }
}

impl Content {
    /// As it was written.
    fn as_text(&self, bytes: &[u8]) -> Token {
        let begin = [BEGIN_CONTENT, self.mime_type.as_bytes(), b"\n"].concat();
        Token::Bytes([&begin, &self.text, bytes].concat())
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    memchr::memmem::find(haystack, needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(chunks: &[&[u8]]) -> Vec<Token> {
        let mut scanner = Scanner::default();
        let mut tokens = Vec::new();
        for chunk in chunks {
            scanner.feed(chunk, &mut tokens);
        }
        scanner.settle(&mut tokens);
        join(tokens)
    }

    /// Neighbouring bytes are one run of bytes.
    fn join(tokens: Vec<Token>) -> Vec<Token> {
        let mut joined: Vec<Token> = Vec::new();
        for token in tokens {
            match (joined.last_mut(), token) {
                (Some(Token::Bytes(last)), Token::Bytes(bytes)) => last.extend(bytes),
                (_, token) => joined.push(token),
            }
        }
        joined
    }

    fn bytes(text: &str) -> Token {
        Token::Bytes(text.as_bytes().to_vec())
    }

    #[test]
    fn markers_are_found_behind_partial_lines() {
        let tokens = scan(&[b"a\nbEVCXR_EXECUTION_COMPLETE\nc"]);
        assert_eq!(tokens, [bytes("a\nb"), Token::Complete(b"EVCXR_EXECUTION_COMPLETE\n".to_vec()), bytes("c")]);
    }

    #[test]
    fn content_without_an_end_is_text() {
        let whole: &[u8] =
            b"EVCXR_BEGIN_CONTENT text/html\n<b>EVCXR_x\nEVCXR_ANTIPHON_CODE_END\nEVCXR_PANIC_NOTIFICATION\nEVCXR_EXECUTION_COMPLETE\n";
        let expected = [
            bytes("EVCXR_BEGIN_CONTENT text/html\n<b>EVCXR_x\n"),
            Token::CodeEnd,
            Token::ForEvcxr(b"EVCXR_PANIC_NOTIFICATION\n".to_vec()),
            Token::Complete(b"EVCXR_EXECUTION_COMPLETE\n".to_vec()),
        ];
        for cut in 0..=whole.len() {
            assert_eq!(scan(&[&whole[..cut], &whole[cut..]]), expected, "cut at {cut}");
        }
        // A display keeps its place.
        let whole: &[u8] = b"EVCXR_BEGIN_CONTENT text/html\n<b>\nEVCXR_ANTIPHON_DISPLAY\nc\nEVCXR_END_CONTENT\n";
        let expected = [Token::Display, Token::Content { mime_type: "text/html".into(), content: "<b>\nc".into() }];
        for cut in 0..=whole.len() {
            assert_eq!(scan(&[&whole[..cut], &whole[cut..]]), expected, "cut at {cut}");
        }
        // Its process has ended.
        let (mut scanner, mut tokens) = (Scanner::default(), Vec::new());
        scanner.feed(b"aEVCXR_BEGIN_CONTENT text/html\n<b>", &mut tokens);
        scanner.end(&mut tokens);
        assert_eq!(join(tokens), [bytes("aEVCXR_BEGIN_CONTENT text/html\n<b>")]);
    }

    #[test]
    fn any_split_gives_the_same_tokens() {
        let whole: &[u8] = b"x EVCXR_ y EVCXR_OTHER\nEVCXR_BEGIN_CONTENT text/html\n<b>\nEVCXR_b</b>\nEVCXR_END_CONTENT\n\
            tEVCXR_ANTIPHON_DISPLAY\nEVCXR_PANIC_NOTIFICATION\nEVCXR_INPUT_REQUEST:at 10:30?\nEVCXR_EXECUTION_COMPLETE\nE";
        let expected = scan(&[whole]);
        assert_eq!(
            expected,
            [
                bytes("x EVCXR_ y EVCXR_OTHER\n"),
                Token::Content { mime_type: "text/html".into(), content: "<b>\nEVCXR_b</b>".into() },
                bytes("t"),
                Token::Display,
                Token::ForEvcxr(b"EVCXR_PANIC_NOTIFICATION\n".to_vec()),
                Token::Input { prompt: "at 10:30?".into(), line: b"EVCXR_INPUT_REQUEST:at 10:30?\n".to_vec() },
                Token::Complete(b"EVCXR_EXECUTION_COMPLETE\n".to_vec()),
                bytes("E"),
            ]
        );
        for cut in 0..=whole.len() {
            assert_eq!(scan(&[&whole[..cut], &whole[cut..]]), expected, "cut at {cut}");
        }
        assert_eq!(scan(&whole.chunks(1).collect::<Vec<_>>()), expected);
    }

    #[test]
    fn nothing_of_the_users_is_held_back_once_settled() {
        for text in ["E", "EVCXR_", "EVCXR_EXECUTION", "tok ", "\u{1b}[1m"] {
            assert_eq!(scan(&[text.as_bytes()]), [bytes(text)]);
        }
    }
}
