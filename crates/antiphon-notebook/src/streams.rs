//! The text of a stream: lines that are written over.

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
