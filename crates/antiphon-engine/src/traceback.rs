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
    let lines = match find_line(source, text) {
        Some(number) => {
            let (path, number) = place(parts, number);
            let file = (path != CELL).then(|| format!("  in {path}"));
            file.into_iter().chain([format!("{number:>4} | {text}"), pointer(text)]).collect()
        }
        None if text.trim().is_empty() => Vec::new(),
        None => vec![format!("     | {text}"), pointer(text), "       in code of an earlier cell".to_owned()],
    };
    error.with_lines(lines)
}

fn find_line(source: &str, text: &str) -> Option<usize> {
    let whole = source.lines().position(|line| line == text);
    // Several statements may stand on one line of the cell.
    let part = || source.lines().position(|line| !text.trim().is_empty() && line.contains(text.trim()));
    whole.or_else(part).map(|index| index + 1)
}

fn split_location(location: &str) -> Option<(&str, usize, usize)> {
    let (rest, column) = location.rsplit_once(':')?;
    let (file, line) = rest.rsplit_once(':')?;
    Some((file, line.parse().ok().filter(|&line| line > 0)?, column.parse().ok()?))
}
