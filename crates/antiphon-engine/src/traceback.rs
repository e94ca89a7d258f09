//! The place of a panic, in the user's own lines.

use std::path::Path;

use antiphon_channel::{PanicInfo, Part};

use crate::event::CellError;
use crate::sources::{CELL, place};

/// The error of a cell that panicked. `generated` is the file that evcxr compiled, `source` the cell, whose
/// lines come from the parts.
pub(crate) fn panic_error(panic: &PanicInfo, generated: &Path, source: &str, parts: &[Part]) -> CellError {
    let error = CellError::new("Panic", panic.message.clone());
    let Some((file, line, column)) = split_location(&panic.location) else {
        return error;
    };
    if !file.ends_with("src/lib.rs") || Path::new(file).is_absolute() {
        return error.with_lines([format!("  at {}", panic.location)]);
    }
    let generated = std::fs::read_to_string(generated).unwrap_or_default();
    let Some(text) = generated.lines().nth(line - 1) else {
        return error;
    };
    let pointer = |text: &str| {
        let indent: String =
            text.chars().take(column.saturating_sub(1)).map(|c| if c == '\t' { c } else { ' ' }).collect();
        format!("       {indent}\u{1b}[1;31m^\u{1b}[0m")
    };
    // evcxr keeps the lines of a statement as they are, so the text finds the line of the cell.
    let around: Vec<&str> = generated.lines().collect();
    let lines = match find_lines(source, &around, line - 1)[..] {
        [number] => {
            let (path, number) = place(parts, number);
            let file = (path != CELL).then(|| format!("  in {path}"));
            file.into_iter().chain([format!("{number:>4} | {text}"), pointer(text)]).collect()
        }
        [_, ..] => vec![format!("     | {text}"), pointer(text)],
        // evcxr's own.
        [] if !text.contains(char::is_alphanumeric) => Vec::new(),
        [] => vec![format!("     | {text}"), pointer(text), "       in code of an earlier cell".to_owned()],
    };
    error.with_lines(lines)
}

/// The line of the cell, counted from 1, that stands at an index of the generated lines: of several that read the same
/// those with most of the same lines around them.
fn find_lines(source: &str, generated: &[&str], index: usize) -> Vec<usize> {
    let text = generated[index].trim();
    if !text.contains(char::is_alphanumeric) {
        return Vec::new();
    }
    let source: Vec<&str> = source.lines().collect();
    let is_same = |(a, b): &(&str, &str)| a == b;
    let around = |at: usize| {
        let above = written(source[..at].iter().rev()).zip(written(generated[..index].iter().rev()));
        let below = written(source[at + 1..].iter()).zip(written(generated[index + 1..].iter()));
        above.take_while(is_same).count() + below.take_while(is_same).count()
    };
    let best = |is_candidate: &dyn Fn(&str) -> bool| {
        let candidates: Vec<usize> = (0..source.len()).filter(|&at| is_candidate(source[at])).collect();
        let most = candidates.iter().map(|&at| around(at)).max();
        candidates.into_iter().filter(|&at| Some(around(at)) == most).map(|at| at + 1).collect::<Vec<_>>()
    };
    let whole = best(&|line| line.trim() == text);
    // Several statements may stand on one line of the cell.
    if whole.is_empty() { best(&|line| line.contains(text)) } else { whole }
}

/// Without white space: evcxr puts what stands before a statement on a line of its own.
fn written<'a>(lines: impl Iterator<Item = &'a &'a str>) -> impl Iterator<Item = &'a str> {
    lines.map(|line| line.trim()).filter(|line| !line.is_empty())
}

fn split_location(location: &str) -> Option<(&str, usize, usize)> {
    let (rest, column) = location.rsplit_once(':')?;
    let (file, line) = rest.rsplit_once(':')?;
    Some((file, line.parse().ok().filter(|&line| line > 0)?, column.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::find_lines;

    #[test]
    fn of_lines_that_read_the_same_the_right_one_is_found() {
        let source = "if x.len() > 5 {\n    x[0];\n}\n    x[0];\nlet a = 1; x[1];\n(\nf();\ng();\nf();\nh();";
        let generated = [
            "mod m {",
            "if x.len() > 5 {",
            "    x[0];",
            "}",
            "    x[0];",
            "x[1];",
            "(",
            "f();",
            "g();",
            "x",
            "f();",
            "y",
        ];
        let found: Vec<_> = (0..generated.len()).map(|index| find_lines(source, &generated, index)).collect();
        let expected: [&[usize]; 9] = [&[], &[1], &[2], &[], &[4], &[5], &[], &[7], &[8]];
        assert_eq!(found[..9], expected);
        // Nothing decides.
        assert_eq!(found[10], [7, 9]);
    }
}
