//! Compile errors, with spans in the user's own lines.

use std::ops::Range;
use std::path::Path;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use antiphon_channel::ExecuteError;
use evcxr::CompilationError;
use serde_json::Value;

use crate::completeness::Fault;
use crate::host::WORKING_DIR;
use crate::magics;
use crate::sources::Sources;

/// evcxr's errors in the form that travels.
pub(crate) fn compile_error(errors: &[CompilationError], sources: &Sources<'_>) -> ExecuteError {
    if let [error] = errors
        && let Some((name, _)) = command_at(error, sources.code)
    {
        let message = error.message();
        let is_unknown = message.starts_with("Unrecognised command");
        let message = if is_unknown { format!("unknown command `{name}`; `:help` lists them") } else { message };
        return ExecuteError::Command { message };
    }
    let errors = errors.iter().filter(|error| error.level() != "warning");
    let (unshowable, errors): (Vec<_>, Vec<_>) = errors.partition(|error| is_unshowable(error, sources));
    if errors.is_empty() && !unshowable.is_empty() {
        return unshowable_error(sources);
    }
    let message = match errors.as_slice() {
        [] => "the cell does not compile".to_owned(),
        [error] => headline(error),
        [first, rest @ ..] => format!("{} (and {} more)", headline(first), rest.len()),
    };
    ExecuteError::Compile {
        message,
        rendered: errors.iter().map(|error| render(error, sources)).collect(),
        diagnostics: errors.iter().map(|error| error.json.clone()).filter(|json| *json != Value::Null).collect(),
    }
}

/// The error of a cell that evcxr would take for a shorter one, in rustc's words.
pub(crate) fn fault_error(fault: Fault, sources: &Sources<'_>) -> ExecuteError {
    let (message, code, start, end, label) = match fault {
        Fault::Comment(start) => {
            ("unterminated block comment".to_owned(), Some("E0758"), start, start + 2, "no `*/` follows")
        }
        Fault::Nesting(start) => ("the cell is nested too deep".to_owned(), None, start, start + 1, "the 500th level"),
        Fault::Closing(start) => {
            let delimiter = sources.code.get(start..=start).unwrap_or_default();
            let message = format!("unexpected closing delimiter: `{delimiter}`");
            (message, None, start, start + 1, "no open delimiter that it closes")
        }
    };
    let mut title = Level::ERROR.primary_title(message.as_str());
    if let Some(code) = code {
        title = title.id(code);
    }
    let label = Label { range: start..end, text: label.to_owned(), is_primary: true };
    let rendered = Renderer::styled().render(&[with_snippets(Group::with_title(title), sources, &[label])]);
    let message = code.map_or_else(|| message.clone(), |code| format!("{message} [{code}]"));
    ExecuteError::Compile { message, rendered: vec![rendered], diagnostics: Vec::new() }
}

/// Whether an error is that the last expression cannot be shown; rustc often does not say of what type it is.
fn is_unshowable(error: &CompilationError, sources: &Sources<'_>) -> bool {
    let is_about = |text: &str| text.contains("`evcxr_display`");
    // A cell that names it itself has errors of its own about it.
    !sources.code.contains("evcxr_display")
        && (is_about(&error.message()) || error.json["message"].as_str().is_some_and(is_about))
}

/// evcxr's call is not the user's: the error is about the expression.
fn unshowable_error(sources: &Sources<'_>) -> ExecuteError {
    let message = "the value of the cell's last expression cannot be shown: its type is not `Debug`".to_owned();
    let end = sources.code.trim_end().len();
    let start = sources.code[..end].rfind('\n').map_or(0, |line_end| line_end + 1);
    let labels = [Label { range: start..end, text: String::new(), is_primary: true }];
    let group = with_snippets(Group::with_title(Level::ERROR.primary_title(message.as_str())), sources, &labels);
    let help = Level::HELP.message("if it is a future, add `.await`; else end the cell with `;`");
    let rendered = Renderer::styled().render(&[group.element(help)]);
    ExecuteError::Compile { message, rendered: vec![rendered], diagnostics: Vec::new() }
}

/// Why there is no process for cells, if that is what evcxr says: it shows the command's insides.
pub(crate) fn failed_start(message: &str) -> Option<String> {
    let command = message.strip_prefix("Failed to run '")?;
    let folder = std::env::var_os(WORKING_DIR).unwrap_or_default();
    let folder = Path::new(&folder);
    let why = if folder.is_dir() {
        command.rsplit_once("': ").map_or(command, |(_, cause)| cause).to_owned()
    } else {
        format!("the folder that cells run in is gone; make {} again", folder.display())
    };
    Some(format!("another one cannot be started: {why}"))
}

/// The command that an error is about: evcxr gives its errors in the form of the compiler's.
fn command_at<'a>(error: &CompilationError, source: &'a str) -> Option<(&'a str, &'a str)> {
    let span = error.spanned_messages().first()?.span.as_ref().filter(|_| error.json.is_null())?;
    magics::command(source.lines().nth(span.start_line.checked_sub(1)?)?)
}

fn headline(error: &CompilationError) -> String {
    match error.code() {
        Some(code) => format!("{} [{code}]", error.message()),
        None => error.message(),
    }
}

fn render(error: &CompilationError, sources: &Sources<'_>) -> String {
    let message = error.message();
    let labels = labels(error, sources.code);
    let helps: Vec<String> = error.help().into_iter().chain(error.evcxr_extra_hint().map(ToOwned::to_owned)).collect();
    let mut title = Level::ERROR.primary_title(message.as_str());
    if let Some(code) = error.code() {
        title = title.id(code);
    }
    let mut group = with_snippets(Group::with_title(title), sources, &labels);
    for help in &helps {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    Renderer::styled().render(&[group])
}

struct Label {
    /// Bytes of the source.
    range: Range<usize>,
    text: String,
    is_primary: bool,
}

/// Adds the lines that labels are about, those of each text together, that of the first primary label first.
fn with_snippets<'a>(group: Group<'a>, sources: &'a Sources<'_>, labels: &'a [Label]) -> Group<'a> {
    let of = |part: &Range<usize>| {
        let part = part.clone();
        labels.iter().filter(move |label| part.contains(&label.range.start))
    };
    let mut pieces: Vec<_> = sources.pieces().filter(|(_, part)| of(part).next().is_some()).collect();
    pieces.sort_by_key(|(_, part)| !of(part).any(|label| label.is_primary));
    pieces.into_iter().fold(group, |group, (part, bytes)| {
        let text = &sources.code[bytes.start..bytes.end.min(sources.code.len())];
        let snippet = Snippet::source(text).path(part.path.as_str()).line_start(part.line);
        group.element(of(&bytes).fold(snippet, |snippet, Label { range, text, is_primary }| {
            let kind = if *is_primary { AnnotationKind::Primary } else { AnnotationKind::Context };
            let end = range.end.min(bytes.end);
            snippet.annotation(kind.span(range.start - bytes.start..end - bytes.start).label(text.as_str()))
        }))
    })
}

fn labels(error: &CompilationError, source: &str) -> Vec<Label> {
    error
        .spanned_messages()
        .iter()
        .filter_map(|message| {
            let span = message.span.as_ref()?;
            let start = offset(source, span.start_line, span.start_column)?;
            let end = offset(source, span.end_line, span.end_column)?;
            let (text, is_primary) = (message.label.clone(), message.is_primary);
            (start <= end).then_some(Label { range: start..end, text, is_primary })
        })
        .collect()
}

/// Byte offset of a line and a column, both counted from 1, the column in characters.
fn offset(source: &str, line: usize, column: usize) -> Option<usize> {
    let mut start = 0;
    let text = source.split_inclusive('\n').nth(line.checked_sub(1)?)?;
    for earlier in source.split_inclusive('\n').take(line - 1) {
        start += earlier.len();
    }
    let within =
        text.char_indices().nth(column.checked_sub(1)?).map_or(text.trim_end_matches('\n').len(), |(index, _)| index);
    Some(start + within)
}

#[cfg(test)]
mod tests {
    use super::offset;

    #[test]
    fn columns_are_characters() {
        let source = "let ä = 1;\nlet ö = x;\n";
        assert_eq!(offset(source, 1, 1), Some(0));
        assert_eq!(&source[offset(source, 2, 9).unwrap()..offset(source, 2, 10).unwrap()], "x");
        assert_eq!(offset(source, 1, 100), Some("let ä = 1;".len()));
        assert_eq!(offset(source, 9, 1), None);
    }
}
