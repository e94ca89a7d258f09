//! Cells from a pipe or a file.

use std::io::{self, BufRead};

use antiphon_engine::{Completeness, completeness};

/// Reads cells: as many lines as make a whole one. `None` at the end.
pub(crate) fn cell(input: &mut dyn BufRead) -> io::Result<Option<String>> {
    let mut text = String::new();
    while input.read_line(&mut text)? > 0 {
        if !text.trim().is_empty() && !matches!(completeness(&text), Completeness::Incomplete { .. }) {
            return Ok(Some(text));
        }
    }
    // What is not whole is the compiler's to explain.
    Ok(Some(text).filter(|text| !text.trim().is_empty()))
}

/// Reads a line, without its end. `None` at the end.
pub(crate) fn line(input: &mut dyn BufRead) -> io::Result<Option<String>> {
    let mut text = String::new();
    if input.read_line(&mut text)? == 0 {
        return Ok(None);
    }
    Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_as_long_as_they_need_be() {
        let mut input = &b"let a = 1;\n\nfn two() -> i32 {\n    2\n}\na + two()\nlet s = \"open"[..];
        let mut cells = Vec::new();
        while let Some(text) = cell(&mut input).unwrap() {
            cells.push(text);
        }
        assert_eq!(cells, ["let a = 1;\n", "\nfn two() -> i32 {\n    2\n}\n", "a + two()\n", "let s = \"open"]);
    }

    #[test]
    fn a_line_is_without_its_end() {
        let mut input = &b"one\r\n\ntwo"[..];
        let lines: Vec<_> = std::iter::from_fn(|| line(&mut input).unwrap()).collect();
        assert_eq!(lines, ["one", "", "two"]);
    }
}
