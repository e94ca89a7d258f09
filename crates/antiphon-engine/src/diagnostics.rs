//! Compile errors, with spans in the user's own lines.

use std::path::Path;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use antiphon_channel::ExecuteError;
use evcxr::CompilationError;
use serde_json::Value;

use crate::completeness::Fault;
use crate::host::WORKING_DIR;
use crate::magics;

/// evcxr's errors in the form that travels.
pub(crate) fn compile_error(errors: &[CompilationError], source: &str) -> ExecuteError {
    if let [error] = errors
        && let Some((name, _)) = command_at(error, source)
    {
        let message = error.message();
        let is_unknown = message.starts_with("Unrecognised command");
        let message = if is_unknown { format!("unknown command `{name}`; `:help` lists them") } else { message };
        return ExecuteError::Command { message };
    }
    let errors: Vec<&CompilationError> = errors.iter().filter(|error| error.level() != "warning").collect();
    let message = match errors.as_slice() {
        [] => "the cell does not compile".to_owned(),
        [error] => headline(error),
        [first, rest @ ..] => format!("{} (and {} more)", headline(first), rest.len()),
    };
    ExecuteError::Compile {
        message,
        rendered: errors.iter().map(|error| render(error, source)).collect(),
        diagnostics: errors.iter().map(|error| error.json.clone()).filter(|json| *json != Value::Null).collect(),
    }
}

/// The error of a cell that evcxr would take for a shorter one, in rustc's words.
pub(crate) fn fault_error(fault: Fault, source: &str) -> ExecuteError {
    let (message, code, start, end, label) = match fault {
        Fault::Comment(start) => {
            ("unterminated block comment".to_owned(), Some("E0758"), start, start + 2, "no `*/` follows")
        }
        Fault::Nesting(start) => ("the cell is nested too deep".to_owned(), None, start, start + 1, "the 500th level"),
        Fault::Closing(start) => {
            let delimiter = source.get(start..=start).unwrap_or_default();
            let message = format!("unexpected closing delimiter: `{delimiter}`");
            (message, None, start, start + 1, "no open delimiter that it closes")
        }
    };
    let mut title = Level::ERROR.primary_title(message.as_str());
    if let Some(code) = code {
        title = title.id(code);
    }
    let annotation = AnnotationKind::Primary.span(start..end).label(label);
    let snippet = Snippet::source(source).path("cell").annotation(annotation);
    let rendered = Renderer::styled().render(&[Group::with_title(title).element(snippet)]);
    let message = code.map_or_else(|| message.clone(), |code| format!("{message} [{code}]"));
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

fn render(error: &CompilationError, source: &str) -> String {
    let message = error.message();
    let labels = labels(error, source);
    let helps: Vec<String> = error.help().into_iter().chain(error.evcxr_extra_hint().map(ToOwned::to_owned)).collect();
    let mut title = Level::ERROR.primary_title(message.as_str());
    if let Some(code) = error.code() {
        title = title.id(code);
    }
    let mut group = Group::with_title(title);
    if !labels.is_empty() {
        let snippet = labels.iter().fold(Snippet::source(source).path("cell"), |snippet, label| {
            let kind = if label.is_primary { AnnotationKind::Primary } else { AnnotationKind::Context };
            snippet.annotation(kind.span(label.start..label.end).label(label.text.as_str()))
        });
        group = group.element(snippet);
    }
    for help in &helps {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    Renderer::styled().render(&[group])
}

struct SourceLabel {
    start: usize,
    end: usize,
    text: String,
    is_primary: bool,
}

fn labels(error: &CompilationError, source: &str) -> Vec<SourceLabel> {
    error
        .spanned_messages()
        .iter()
        .filter_map(|message| {
            let span = message.span.as_ref()?;
            let start = offset(source, span.start_line, span.start_column)?;
            let end = offset(source, span.end_line, span.end_column)?;
            (start <= end).then(|| SourceLabel {
                start,
                end,
                text: message.label.clone(),
                is_primary: message.is_primary,
            })
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
