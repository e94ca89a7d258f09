//! What cannot be run: one clear error, the documented exit code, nothing written.

use serde_json::json;

use crate::notebook::{cell, of_cells};
use crate::workspace::Workspace;

/// Checks that a command fails with a code and one error with these words, says what to do if a hint is expected, and
/// leaves the folder as it was.
#[track_caller]
fn check(workspace: &Workspace, arguments: &[&str], code: i32, words: &[&str], hint: Option<&str>) {
    let before = workspace.snapshot();
    let run = workspace.antiphon(arguments).run().code(code);
    let shown = run.one_error(words);
    match hint {
        Some(hint) => assert!(shown.is_some_and(|shown| shown.contains(hint)), "{hint:?}: {}", run.stderr),
        None => assert_eq!(shown, None, "{}", run.stderr),
    }
    assert_eq!(run.stdout, "");
    workspace.assert_unchanged(&before);
}

#[test]
fn inputs_that_are_no_rust_notebooks() {
    let workspace = Workspace::new();
    std::fs::create_dir(workspace.path("folder")).unwrap();
    workspace.write("empty.ipynb", "");
    workspace.write("text.ipynb", "fn main() {}\n");
    workspace.write("cut.ipynb", "{\"cells\": [");
    workspace.write("list.ipynb", "[1, 2]");
    workspace.write("latin1.ipynb", b"{\"nbformat\": 4, \"name\": \"caf\xe9\"}");
    workspace.json("object.ipynb", &json!({"name": "x"}));
    workspace.json("cells.ipynb", &json!({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": {}}));
    workspace.json("v3.ipynb", &json!({"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": []}));
    workspace.json("v5.ipynb", &json!({"nbformat": 5, "nbformat_minor": 0, "metadata": {}, "cells": []}));
    let mut python = of_cells([cell("print(1)")]);
    python["metadata"]["kernelspec"] = json!({"name": "python3", "display_name": "Python 3", "language": "python"});
    workspace.json("python.ipynb", &python);

    let convert = Some("jupyter nbconvert");
    let cases: [(&str, &[&str], Option<&str>); 11] = [
        ("missing.ipynb", &["cannot read", "No such file"], Some("check the path")),
        ("folder", &["is a directory"], Some("folder/*.ipynb")),
        ("empty.ipynb", &["not a notebook", "empty"], None),
        ("text.ipynb", &["not a notebook", "not JSON", "line 1"], None),
        ("cut.ipynb", &["not a notebook", "not JSON", "line 1"], None),
        ("list.ipynb", &["not a notebook", "not an object"], None),
        ("latin1.ipynb", &["not UTF-8 at byte 28"], None),
        ("object.ipynb", &["not a notebook", "`nbformat` is missing"], None),
        ("cells.ipynb", &["not a notebook", "`cells` is not a list"], None),
        ("v3.ipynb", &["nbformat 3.0"], convert),
        ("python.ipynb", &["python", "not in Rust"], Some("Rust kernel")),
    ];
    workspace.notebook("good.ipynb", [cell("println!(\"must not run\");")]);
    for (name, words, hint) in cases {
        let words = [&[name], words].concat();
        check(&workspace, &["run", name], 4, &words, hint);
        // A good one before it does not run, and no folder is made.
        check(&workspace, &["run", "--output-dir", "new/out", "good.ipynb", name], 4, &words, hint);
        check(&workspace, &["run", "--in-place", "good.ipynb", name], 4, &words, hint);
    }
    // There is nothing to convert it with.
    let run = workspace.antiphon(["run", "v5.ipynb"]).run().code(4);
    run.one_error(&["v5.ipynb", "nbformat 5.0"]);
}

#[test]
fn outputs_that_cannot_be_written() {
    let workspace = Workspace::new();
    workspace.notebook("good.ipynb", [cell("println!(\"must not run\");")]);
    workspace.notebook("other/good.ipynb", [cell("println!(\"must not run\");")]);
    workspace.write("file", "in the way");
    std::fs::create_dir_all(workspace.path("taken/good.ipynb")).unwrap();
    let good = "good.ipynb";
    check(
        &workspace,
        &["run", "--output-dir", "file", good],
        5,
        &["cannot create the directory `file`", "exists"],
        None,
    );
    check(&workspace, &["run", "--output-dir", "file/out", good], 5, &["file/out", "Not a directory"], None);
    check(&workspace, &["run", "--output-dir", "/proc/out", good], 5, &["/proc/out"], None);
    check(&workspace, &["run", "--output-dir", "taken", good], 5, &["cannot write `taken/good.ipynb`"], None);
    check(&workspace, &["run", "--in-place", good, "./good.ipynb"], 5, &["good.ipynb", "both"], Some("rename one"));
    let both = ["run", "--output-dir", "taken/new", good, "other/good.ipynb"];
    check(&workspace, &both, 5, &["`good.ipynb`", "`other/good.ipynb`", "taken/new/good.ipynb"], Some("rename one"));
}

#[test]
fn wrong_arguments() {
    let workspace = Workspace::new();
    workspace.notebook("good.ipynb", [cell("println!(\"must not run\");")]);
    let before = workspace.snapshot();
    let cases: &[(&[&str], &str)] = &[
        (&["run"], "NOTEBOOK"),
        (&["run", "--no-such-flag", "good.ipynb"], "--no-such-flag"),
        (&["run", "--timeout", "0", "good.ipynb"], "more than 0"),
        (&["run", "--timeout=-1", "good.ipynb"], "more than 0"),
        (&["run", "--timeout", "soon", "good.ipynb"], "not a number of seconds"),
        (&["run", "--timeout", "nan", "good.ipynb"], "--timeout"),
        (&["run", "--timeout", "inf", "good.ipynb"], "--timeout"),
        (&["run", "--in-place", "--output-dir", "out", "good.ipynb"], "cannot be used with"),
        (&["run", "--sim", "--sim-latency", "constant:fast", "good.ipynb"], "constant:577ms"),
        (&["run", "--sim", "--sim-latency", "uniform:1s", "good.ipynb"], "unknown distribution"),
        (&["run", "--sim-latency", "none", "good.ipynb"], "--sim"),
        (&["run", "--sim-seed", "1", "good.ipynb"], "--sim"),
        (&["sim", "--port", "70000"], "70000"),
        (&["sim", "--latency", "x"], "unknown distribution"),
        (&["perform"], "perform"),
    ];
    for (arguments, word) in cases {
        let run = workspace.antiphon(*arguments).run().code(2);
        run.one_error(&[]);
        assert!(run.stderr.contains(word), "{word:?}: {}", run.stderr);
        assert_eq!(run.stdout, "");
        workspace.assert_unchanged(&before);
    }
    let help = workspace.antiphon(["run", "--help"]).run().code(0);
    for code in
        ["3 a cell failed", "4 an input", "5 an output", "6 the engine", "7 a cell timed out", "130 interrupted"]
    {
        assert!(help.stdout.contains(code), "{code}: {}", help.stdout);
    }
}
