//! Whole lines out of bytes that arrive in pieces of any size.

/// Bytes in, lines out. A line ends in LF, CRLF or CR; bytes that are not UTF-8 are replaced, a whole line at a time,
/// so that a character may be cut anywhere.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    bytes: Vec<u8>,
    /// Where the rest begins.
    start: usize,
    /// Up to where the rest was searched already.
    searched: usize,
    /// The last line ended in CR: an LF that follows belongs to it.
    after_cr: bool,
}

impl Lines {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        if self.start > 0 {
            self.bytes.drain(..self.start);
            self.searched -= self.start;
            self.start = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// The next line whose end has come, without its end.
    pub(super) fn next(&mut self) -> Option<String> {
        if self.after_cr && self.bytes.get(self.start) == Some(&b'\n') {
            self.start += 1;
            self.searched = self.searched.max(self.start);
        }
        let rest = self.bytes.get(self.searched..)?;
        let Some(length) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
            self.searched = self.bytes.len();
            // An LF can only follow directly.
            self.after_cr &= self.start == self.bytes.len();
            return None;
        };
        let end = self.searched + length;
        self.after_cr = self.bytes[end] == b'\r';
        let line = String::from_utf8_lossy(&self.bytes[self.start..end]).into_owned();
        self.start = end + 1;
        self.searched = self.start;
        Some(line)
    }

    /// What has come without an end so far, in bytes.
    pub(super) fn pending(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// The last line, if it has no end.
    pub(super) fn take_rest(&mut self) -> Option<String> {
        let rest = String::from_utf8_lossy(&self.bytes[self.start..]).into_owned();
        *self = Self::default();
        (!rest.is_empty()).then_some(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_end() {
        let check = |pieces: &[&str], expected: &[&str], rest: Option<&str>| {
            let (mut lines, mut found) = (Lines::default(), Vec::new());
            for piece in pieces {
                lines.push(piece.as_bytes());
                while let Some(line) = lines.next() {
                    found.push(line);
                }
            }
            assert_eq!(found, expected, "{pieces:?}");
            assert_eq!(lines.pending(), rest.map_or(0, str::len));
            assert_eq!(lines.take_rest().as_deref(), rest);
        };
        check(&["a\nb\r\nc\rd"], &["a", "b", "c"], Some("d"));
        check(&["a\r", "\n", "b\n"], &["a", "b"], None);
        check(&["a\r", "", "\nb\r\r\n"], &["a", "b", ""], None);
        check(&["a\r", "b\n", "\n"], &["a", "b", ""], None);
        check(&["", "\n\n"], &["", ""], None);
    }
}
