//! Positions in a cell: Jupyter counts Unicode code points, Rust counts bytes.

/// The byte offset of a code point; the end for one that is behind it.
pub(crate) fn to_bytes(code: &str, code_points: usize) -> usize {
    code.char_indices().nth(code_points).map_or(code.len(), |(offset, _)| offset)
}

/// The number of code points before a byte offset; one inside a character counts as its beginning.
pub(crate) fn to_code_points(code: &str, bytes: usize) -> usize {
    code.char_indices().take_while(|(offset, character)| offset + character.len_utf8() <= bytes).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let code = "a\u{e4}\u{1f980}b";
        for (code_points, bytes) in [(0, 0), (1, 1), (2, 3), (3, 7), (4, 8)] {
            assert_eq!(to_bytes(code, code_points), bytes);
            assert_eq!(to_code_points(code, bytes), code_points);
        }
        assert_eq!(to_bytes(code, 99), 8);
        assert_eq!(to_code_points(code, 99), 4);
        assert_eq!(to_code_points(code, 5), 2);
    }
}
