//! The commands of ours that may stand at the head of a cell, beside evcxr's own: `:time`, `:env`, `:load`, `!shell`.
//!
//! They are rewritten before the cell goes to evcxr, line by line, so that errors keep the cell's lines. Only a loaded
//! file moves what comes after it.

use std::path::Path;

use crate::event::CellError;

/// Name and description, for `:help` and for completion.
pub(crate) const MAGICS: [(&str, &str); 3] = [
    (":env", "Set an environment variable for this and all later cells (key=value)"),
    (":load", "Run the text of a file as if it stood here (path)"),
    (":time", "Say how long the cell took"),
];
/// Files that load files.
const MAX_DEPTH: usize = 8;

/// A cell as evcxr gets it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Expanded {
    pub(crate) code: String,
    /// How long it took is part of what it shows.
    pub(crate) is_timed: bool,
    /// Variables that are set before it runs.
    pub(crate) env: Vec<(String, String)>,
}

/// Expands the head of a cell. Relative paths are below the folder.
///
/// # Errors
/// A file that cannot be read, or a command with no or wrong arguments: the cell's error.
pub(crate) fn expand(code: &str, working_dir: &Path) -> Result<Expanded, CellError> {
    let code = load(code, working_dir, 0)?;
    let head: Vec<&str> = head(&code).collect();
    // evcxr takes commands only before code. A shell's line that must run before one of them is evcxr's to run: it shows
    // what was printed at the end, and cannot be interrupted.
    let last_command = head.iter().rposition(|line| command(line).is_some_and(|(name, _)| !is_ours(name)));
    let mut expanded = Expanded::default();
    for (index, line) in code.split_inclusive('\n').enumerate() {
        let text = line.trim_end_matches(['\n', '\r']);
        let end = &line[text.len()..];
        if index < head.len() {
            if let Some((name, argument)) = command(text) {
                match name {
                    ":time" => expanded.is_timed = true,
                    ":env" => expanded.env.push(assignment(argument)?),
                    _ => expanded.code.push_str(text),
                }
            } else if text.starts_with('!') && last_command.is_none_or(|last| index > last) {
                let shell = text.trim_start_matches('!').trim();
                expanded.code.push_str(&format!("tokio::__shell({shell:?}).await?;"));
            } else {
                expanded.code.push_str(text);
            }
        } else {
            expanded.code.push_str(text);
        }
        expanded.code.push_str(end);
    }
    Ok(expanded)
}

/// Puts files in the place of `:load`.
fn load(code: &str, working_dir: &Path, depth: usize) -> Result<String, CellError> {
    let head = head(code).count();
    let mut loaded = String::with_capacity(code.len());
    for (index, line) in code.split_inclusive('\n').enumerate() {
        let argument = command(line.trim_end()).filter(|(name, _)| index < head && *name == ":load");
        let Some((_, argument)) = argument else {
            loaded.push_str(line);
            continue;
        };
        if argument.is_empty() {
            return Err(command_error("`:load` needs a file, e.g. `:load helpers.rs`".to_owned()));
        }
        if depth == MAX_DEPTH {
            let text = format!("`:load {argument}`: files load each other, more than {MAX_DEPTH} deep");
            return Err(command_error(text));
        }
        let path = working_dir.join(argument);
        let text = std::fs::read_to_string(&path)
            .map_err(|error| command_error(format!("cannot read `{}`: {error}", path.display())))?;
        loaded.push_str(load(&text, working_dir, depth + 1)?.trim_end_matches('\n'));
        loaded.push('\n');
    }
    Ok(loaded)
}

/// The lines before a cell's code, as evcxr finds them.
fn head(code: &str) -> impl Iterator<Item = &str> {
    code.lines().take_while(|line| {
        line.trim().is_empty() || line.starts_with("//") || line.starts_with('!') || command(line).is_some()
    })
}

/// A command and its argument.
pub(crate) fn command(line: &str) -> Option<(&str, &str)> {
    let text = line.trim_start_matches(' ').trim_end();
    let (name, argument) = text.split_once(' ').unwrap_or((text, ""));
    name.starts_with(':').then_some((name, argument.trim()))
}

/// The commands at the head of a cell.
pub(crate) fn commands(code: &str) -> impl Iterator<Item = (&str, &str)> {
    head(code).filter_map(command)
}

fn is_ours(name: &str) -> bool {
    MAGICS.iter().any(|(ours, _)| *ours == name)
}

fn assignment(argument: &str) -> Result<(String, String), CellError> {
    match argument.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() && !argument.contains('\0') => {
            Ok((name.trim().to_owned(), value.trim().to_owned()))
        }
        _ => Err(command_error("`:env` needs a name and a value, e.g. `:env RUST_LOG=debug`".to_owned())),
    }
}

pub(crate) fn command_error(message: String) -> CellError {
    CellError::new("CommandError", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(code: &str) -> Expanded {
        expand(code, Path::new("/nowhere")).unwrap()
    }

    #[test]
    fn lines_keep_their_places() {
        let Expanded { code, is_timed, env } =
            expanded(":dep itoa = \"1\"\n:time\n :env A= b c \n\n// a word\n!echo \"hi\"\r\nlet x = 1;\n:time");
        let shell = "tokio::__shell(\"echo \\\"hi\\\"\").await?;";
        assert_eq!(code, format!(":dep itoa = \"1\"\n\n\n\n// a word\n{shell}\r\nlet x = 1;\n:time"));
        assert!(is_timed);
        assert_eq!(env, [("A".to_owned(), "b c".to_owned())]);
        // Nothing of ours, not even a line end.
        for same in ["", "1 + 1", "let time = 1;\n!ls", ":timing", "!make\n:dep made = { path = \"made\" }"] {
            assert_eq!(expanded(same), Expanded { code: same.to_owned(), ..Expanded::default() });
        }
    }

    #[test]
    fn files_are_loaded_as_if_they_stood_there() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.rs"), ":dep itoa = \"1\"\n:load b.rs\nfn a() {}\n\n").unwrap();
        std::fs::write(folder.path().join("b.rs"), "fn b() {}").unwrap();
        let code = expand(":load a.rs\na();", folder.path()).unwrap().code;
        assert_eq!(code, ":dep itoa = \"1\"\nfn b() {}\nfn a() {}\na();");
        std::fs::write(folder.path().join("b.rs"), ":load a.rs").unwrap();
        let error = expand(":load b.rs", folder.path()).unwrap_err();
        assert!(error.evalue.contains("load each other"), "{error:?}");
    }

    #[test]
    fn what_cannot_be_done_is_said() {
        for (code, words) in [
            (":load", "needs a file"),
            (":load none.rs", "cannot read `/nowhere/none.rs`"),
            (":env", "needs a name and a value"),
            (":env A", "needs a name and a value"),
            (":env =b", "needs a name and a value"),
        ] {
            let error = expand(code, Path::new("/nowhere")).unwrap_err();
            assert_eq!(error.ename, "CommandError");
            assert!(error.evalue.contains(words), "{error:?}");
        }
    }
}
