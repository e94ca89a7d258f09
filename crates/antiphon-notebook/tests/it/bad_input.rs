//! One clear error for each thing that is not a notebook.

use std::error::Error as _;
use std::path::Path;

use antiphon_notebook::{Error, ExitCode, parse, read};

/// The error, its cause and its hint, in lines.
fn describe(error: &Error) -> String {
    let cause = error.source().map(|source| format!("cause: {source}"));
    let hint = error.hint().map(|hint| format!("hint: {hint}"));
    let lines = [Some(error.to_string()), cause, hint];
    lines.into_iter().flatten().collect::<Vec<_>>().join("\n")
}

fn check(input: impl AsRef<[u8]>, expected: &str) {
    let error = parse(Path::new("x.ipynb"), input.as_ref()).expect_err("it is not a notebook");
    assert_eq!(describe(&error), expected);
    assert_eq!(error.exit_code(), ExitCode::INPUT);
}

#[test]
fn not_a_notebook() {
    check("", "`x.ipynb` is not a notebook: the file is empty");
    check(" \n", "`x.ipynb` is not a notebook: the file is empty");
    check("fn main() {}", "`x.ipynb` is not a notebook: not JSON\ncause: expected ident at line 1 column 2");
    check(
        r#"{"cells": ["#,
        "`x.ipynb` is not a notebook: not JSON\ncause: EOF while parsing a list at line 1 column 11",
    );
    check(b"{\"a\": \"\xff\"}", "`x.ipynb` is not a notebook: not UTF-8 at byte 7");
    check("[1]", "`x.ipynb` is not a notebook: the JSON is not an object");
    check("{}", "`x.ipynb` is not a notebook: `nbformat` is missing");
    check(r#"{"nbformat": "4"}"#, "`x.ipynb` is not a notebook: `nbformat` is not a whole number");
    check(r#"{"nbformat": 4}"#, "`x.ipynb` is not a notebook: `nbformat_minor` is missing");
}

#[test]
fn other_versions() {
    let expected = |version: &str| {
        format!(
            "`x.ipynb` is a notebook of nbformat {version}, not of 4.0 to 4.5\n\
             hint: convert it with `jupyter nbconvert --to notebook --nbformat 4`"
        )
    };
    check(r#"{"nbformat": 3, "worksheets": []}"#, &expected("3.0"));
    check(r#"{"nbformat": 3, "nbformat_minor": 1}"#, &expected("3.1"));
    check(r#"{"nbformat": 4, "nbformat_minor": 6}"#, &expected("4.6"));
    check(r#"{"nbformat": 5, "nbformat_minor": 0}"#, &expected("5.0"));
}

#[test]
fn missing_parts() {
    let whole = |rest: &str| format!(r#"{{"nbformat": 4, "nbformat_minor": 5{rest}}}"#);
    let check = |rest: &str, problem: &str| {
        check(whole(rest), &format!("`x.ipynb` is not a notebook: {problem}"));
    };
    check("", "`metadata` is missing");
    check(r#", "metadata": []"#, "`metadata` is not an object");
    check(r#", "metadata": {}"#, "`cells` is missing");
    check(r#", "metadata": {}, "cells": {}"#, "`cells` is not a list");

    let raw = r#"{"cell_type": "raw", "metadata": {}, "source": ""}"#;
    let cell = |cell: &str, problem: &str| {
        check(&format!(r#", "metadata": {{}}, "cells": [{raw}, {cell}]"#), &format!("cell 2: {problem}"));
    };
    cell("1", "it is not an object");
    cell("{}", "`cell_type` is missing");
    cell(r#"{"cell_type": "heading"}"#, "`cell_type` is not `code`, `markdown` or `raw`");
    cell(r#"{"cell_type": "raw"}"#, "`metadata` is missing");
    cell(r#"{"cell_type": "raw", "metadata": {}}"#, "`source` is missing");
    cell(r#"{"cell_type": "raw", "metadata": {}, "source": [1]}"#, "`source` is not a string or a list of strings");
    cell(r#"{"cell_type": "code", "metadata": {}, "source": ""}"#, "`outputs` is missing");
}

#[test]
fn other_languages() {
    let of = |metadata: &str| format!(r#"{{"nbformat": 4, "nbformat_minor": 5, "metadata": {metadata}, "cells": []}}"#);
    let expected = "`x.ipynb` is a notebook in python, not in Rust\n\
        hint: if its cells are Rust, choose a Rust kernel for it in Jupyter and save it";
    check(of(r#"{"kernelspec": {"language": "python"}}"#), expected);
    check(of(r#"{"language_info": {"name": "python"}}"#), expected);
    for rust in [r#"{"language_info": {"name": "Rust"}}"#, r#"{"kernelspec": {"language": "rust"}}"#, "{}"] {
        assert!(parse(Path::new("x.ipynb"), of(rust).as_bytes()).is_ok(), "{rust}");
    }
}

#[test]
fn files_that_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing.ipynb");
    let error = read(&missing).unwrap_err();
    assert_eq!(
        describe(&error),
        format!(
            "cannot read `{}`\ncause: No such file or directory (os error 2)\n\
             hint: check the path; it is relative to the current directory",
            missing.display()
        )
    );
    assert_eq!(error.exit_code(), ExitCode::INPUT);

    let error = read(folder.path()).unwrap_err();
    assert_eq!(
        describe(&error),
        format!(
            "`{0}` is a directory, not a notebook\nhint: name its notebooks: `{0}/*.ipynb`",
            folder.path().display()
        )
    );
    assert_eq!(error.exit_code(), ExitCode::INPUT);
}
