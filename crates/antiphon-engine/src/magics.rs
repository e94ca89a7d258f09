//! The commands of ours that may stand at the head of a cell, beside evcxr's own: `:time`, `:env`, `:load`, `!shell`.
//!
//! They are rewritten before the cell goes to evcxr, line by line, so that errors keep the cell's lines. What a loaded
//! file moves is kept as parts.

use std::path::Path;

use antiphon_channel::Part;

use crate::event::CellError;
use crate::sources::CELL;

/// Name and description, for `:help` and for completion.
pub(crate) const MAGICS: [(&str, &str); 3] = [
    (":env", "Set an environment variable for this and all later cells (key=value)"),
    (":load", "Run the text of a file as if it stood here (path)"),
    (":time", "Say how long the cell took"),
];
/// Files that load files.
const MAX_DEPTH: usize = 8;
const MAX_FILE_BYTES: u64 = 16 << 20;
/// Variables by which the evaluator finds its own things.
const RESERVED: [&str; 7] = ["CARGO", "CARGO_HOME", "DYLD_LIBRARY_PATH", "LD_LIBRARY_PATH", "PATH", "RUSTC", "TMPDIR"];
const RESERVED_FAMILIES: [&str; 2] = ["ANTIPHON_", "EVCXR_"];

/// A cell as evcxr gets it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Expanded {
    pub(crate) code: String,
    /// How long it took is part of what it shows.
    pub(crate) is_timed: bool,
    /// Variables that are set before it runs.
    pub(crate) env: Vec<(String, String)>,
    /// Where its lines come from.
    pub(crate) parts: Vec<Part>,
    /// Lines that are complete.
    lines: usize,
    /// No command of evcxr's may follow.
    has_code: bool,
}

/// Expands the head of a cell. Relative paths are below the folder.
///
/// # Errors
/// A file that cannot be read, or a command with no or wrong arguments: the cell's error.
pub(crate) fn expand(code: &str, working_dir: &Path) -> Result<Expanded, CellError> {
    let mut expanded = Expanded::default();
    expand_into(&mut expanded, code, CELL, working_dir, 0)?;
    Ok(expanded)
}

impl Expanded {
    /// What comes now is this line of this text.
    fn begin_line(&mut self, path: &str, line: usize) {
        let start = self.lines + 1;
        // A `:load`, in whose place stands what it loads.
        self.parts.pop_if(|last| last.start == start);
        let goes_on = |last: &Part| last.path == path && line.checked_sub(last.line) == Some(start - last.start);
        if !self.parts.last().is_some_and(goes_on) {
            self.parts.push(Part { start, path: path.to_owned(), line });
        }
    }
}

fn expand_into(
    expanded: &mut Expanded,
    code: &str,
    path: &str,
    working_dir: &Path,
    depth: usize,
) -> Result<(), CellError> {
    let head: Vec<&str> = head(code).collect();
    // evcxr takes commands only before code. A shell's line that must run before one of them is evcxr's to run: it shows
    // what was printed at the end, and cannot be interrupted.
    let last_command = head.iter().rposition(|line| command(line).is_some_and(|(name, _)| !is_ours(name)));
    for (index, line) in code.split_inclusive('\n').enumerate() {
        let text = line.trim_end_matches(['\n', '\r']);
        let is_head = index < head.len();
        expanded.begin_line(path, index + 1);
        match command(text).filter(|_| is_head) {
            Some((":time", "")) => expanded.is_timed = true,
            Some((":time", _)) => {
                return Err(command_error("`:time` stands on a line of its own, before the code".to_owned()));
            }
            Some((":env", argument)) => expanded.env.push(assignment(argument)?),
            Some((":load", argument)) => {
                let file = load(argument, working_dir, depth)?;
                expand_into(expanded, file.trim_end_matches('\n'), argument, working_dir, depth + 1)?;
            }
            Some((name, _)) if expanded.has_code => {
                let text = format!("`{name}` stands after the code of a loaded file; put it before the `:load`");
                return Err(command_error(text));
            }
            Some(_) => expanded.code.push_str(text),
            None if is_head && text.starts_with('!') && last_command.is_none_or(|last| index > last) => {
                let shell = text.trim_start_matches('!').trim();
                expanded.code.push_str(&format!("tokio::__shell({shell:?}).await?;"));
                expanded.has_code = true;
            }
            None => {
                expanded.code.push_str(text);
                expanded.has_code |= !is_head;
            }
        }
        expanded.code.push_str(&line[text.len()..]);
        expanded.lines += usize::from(line.ends_with('\n'));
    }
    Ok(())
}

/// The text of a file that `:load` names.
fn load(argument: &str, working_dir: &Path, depth: usize) -> Result<String, CellError> {
    if argument.is_empty() {
        return Err(command_error("`:load` needs a file, e.g. `:load helpers.rs`".to_owned()));
    }
    if depth == MAX_DEPTH {
        let text = format!("`:load {argument}`: files load each other, more than {MAX_DEPTH} deep");
        return Err(command_error(text));
    }
    let path = working_dir.join(argument);
    let fails = |why: String| command_error(format!("cannot read `{}`: {why}", path.display()));
    // A pipe would hold up everything, a device has no end.
    let metadata = std::fs::metadata(&path).map_err(|error| fails(error.to_string()))?;
    if !metadata.is_file() || metadata.len() > MAX_FILE_BYTES {
        return Err(fails(format!("it is not a file of at most {} MB", MAX_FILE_BYTES >> 20)));
    }
    let text = std::fs::read_to_string(&path).map_err(|error| fails(error.to_string()))?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned())
}

/// Where a cell's code begins, in bytes, as evcxr finds it: before it stand commands, blank lines and comments.
pub(crate) fn start_of_code(code: &str) -> usize {
    let is_head = |line: &&str| {
        line.trim().is_empty() || line.starts_with("//") || line.starts_with('!') || command(line).is_some()
    };
    code.split_inclusive('\n').take_while(is_head).map(str::len).sum()
}

/// The lines before a cell's code.
fn head(code: &str) -> std::str::Lines<'_> {
    code[..start_of_code(code)].lines()
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

/// What looks as if it were set by `:env` or evcxr's `:build_env`, wherever it stands.
pub(crate) fn assignments(code: &str) -> impl Iterator<Item = (&str, &str)> {
    let lines = code.lines().map(str::trim).filter(|line| line.starts_with(":env") || line.starts_with(":build_env"));
    lines.filter_map(|line| {
        let (_, argument) = line.split_once(|c: char| c.is_whitespace() || c == '=')?;
        let (name, value) = argument.split_once('=')?;
        Some((name.trim(), value.trim()))
    })
}

/// A cell without a command, whose lines stay empty.
pub(crate) fn without(code: &str, name: &str) -> String {
    let (head, body) = code.split_at(start_of_code(code));
    let keep = |line: &str| command(line).is_none_or(|(found, _)| found != name);
    let kept = head.split_inclusive('\n').map(|line| if keep(line) { line } else { "\n" });
    kept.collect::<String>() + body
}

/// Whether a cell sets variables, which may be secrets.
pub fn sets_variables(code: &str) -> bool {
    assignments(code).next().is_some()
}

/// A cell in which nothing is set, with all else at its place: evcxr sets variables also when it only analyses.
pub(crate) fn without_env(code: &str) -> String {
    let head = head(code).count();
    let lines = code.split_inclusive('\n').enumerate().map(|(index, line)| {
        let text = line.trim_end_matches(['\n', '\r']);
        let is_set = command(text).is_some_and(|(name, argument)| name == ":env" && argument.contains('='));
        let is_blank = index < head && is_set;
        if is_blank { " ".repeat(text.len()) + &line[text.len()..] } else { line.to_owned() }
    });
    lines.collect()
}

fn is_ours(name: &str) -> bool {
    MAGICS.iter().any(|(ours, _)| *ours == name)
}

fn assignment(argument: &str) -> Result<(String, String), CellError> {
    let Some((name, value)) = argument.split_once('=').map(|(name, value)| (name.trim(), value.trim())) else {
        return Err(command_error("`:env` needs a name and a value, e.g. `:env RUST_LOG=debug`".to_owned()));
    };
    if name.is_empty() || argument.contains('\0') {
        return Err(command_error("`:env` needs a name, e.g. `:env RUST_LOG=debug`".to_owned()));
    }
    if RESERVED.contains(&name) || RESERVED_FAMILIES.iter().any(|family| name.starts_with(family)) {
        let text = format!("`:env` cannot set `{name}`, which the evaluator needs as it is; `std::env::set_var` can");
        return Err(command_error(text));
    }
    Ok((name.to_owned(), value.to_owned()))
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
        let Expanded { code, is_timed, env, .. } =
            expanded(":dep itoa = \"1\"\n:time\n :env A= b c \n\n// a word\n!echo \"hi\"\r\nlet x = 1;\n:time");
        let shell = "tokio::__shell(\"echo \\\"hi\\\"\").await?;";
        assert_eq!(code, format!(":dep itoa = \"1\"\n\n\n\n// a word\n{shell}\r\nlet x = 1;\n:time"));
        assert!(is_timed);
        assert_eq!(env, [("A".to_owned(), "b c".to_owned())]);
        // Nothing of ours, not even a line end.
        for same in ["", "1 + 1", "let time = 1;\n!ls", ":timing", "!make\n:dep made = { path = \"made\" }"] {
            let Expanded { code, is_timed, env, .. } = expanded(same);
            assert_eq!((code.as_str(), is_timed, env), (same, false, Vec::new()));
        }
    }

    #[test]
    fn files_are_loaded_as_if_they_stood_there() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.rs"), ":dep itoa = \"1\"\n:load b.rs\nfn a() {}\n\n").unwrap();
        std::fs::write(folder.path().join("b.rs"), "fn b() {}").unwrap();
        let code = expand(":load a.rs\na();", folder.path()).unwrap().code;
        assert_eq!(code, ":dep itoa = \"1\"\nfn b() {}\nfn a() {}\na();");
        let part = |start, path: &str, line| Part { start, path: path.to_owned(), line };
        let parts = expand("0;\n1;", folder.path()).unwrap().parts;
        assert_eq!(parts, [part(1, CELL, 1)]);
        std::fs::write(folder.path().join("empty.rs"), "\n").unwrap();
        let loaded = expand("// 1\n:load a.rs\n:load empty.rs\n// 4\na();\n", folder.path()).unwrap();
        assert_eq!(loaded.code, "// 1\n:dep itoa = \"1\"\nfn b() {}\nfn a() {}\n\n// 4\na();\n");
        let expected = [part(1, CELL, 1), part(2, "a.rs", 1), part(3, "b.rs", 1), part(4, "a.rs", 3), part(5, CELL, 3)];
        assert_eq!(loaded.parts, expected);
        // What is ours may follow, what is evcxr's may not.
        let Expanded { code, is_timed, env, .. } = expand(":load b.rs\n:time\n:env A=b\n!ls", folder.path()).unwrap();
        assert_eq!(code, "fn b() {}\n\n\ntokio::__shell(\"ls\").await?;");
        assert!(is_timed && env == [("A".to_owned(), "b".to_owned())]);
        let error = expand(":load b.rs\n:dep itoa = \"1\"", folder.path()).unwrap_err();
        assert!(error.evalue.contains("`:dep` stands after"), "{error:?}");
        std::fs::write(folder.path().join("bom.rs"), "\u{feff}:dep itoa = \"1\"\r\nitoa();\r\n").unwrap();
        assert_eq!(expand(":load bom.rs", folder.path()).unwrap().code, ":dep itoa = \"1\"\r\nitoa();\r");
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
            (":env =b", "needs a name"),
            (":env PATH=/x", "cannot set `PATH`"),
            (":env ANTIPHON_SESSION=/x", "cannot set `ANTIPHON_SESSION`"),
            (":time let x = 1;", "on a line of its own"),
            (":load /dev/null", "not a file"),
        ] {
            let error = expand(code, Path::new("/nowhere")).unwrap_err();
            assert_eq!(error.ename, "CommandError");
            assert!(error.evalue.contains(words), "{error:?}");
        }
    }

    #[test]
    fn what_is_set_is_found_wherever_it_stands() {
        let code = "let x = 1;\n:env A_KEY=1=2 \n  :env=B_KEY=3\n:build_env\tC_KEY=4\n:environment\n:env D";
        assert_eq!(assignments(code).collect::<Vec<_>>(), [("A_KEY", "1=2"), ("B_KEY", "3"), ("C_KEY", "4")]);
    }

    #[test]
    fn analysis_sets_nothing() {
        let code = ":env KEY=\u{e4}\r\n:en\nx.\n:env A=b";
        assert_eq!(without_env(code), format!("{}\r\n:en\nx.\n:env A=b", " ".repeat(11)));
    }
}
