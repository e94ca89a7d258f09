//! Events in, outputs as the notebook stores them out.

use antiphon_notebook::{Notebook, RunOptions, run};
use serde_json::{Value, json};

use crate::fake::{Fake, Step, clear, display, failed, finished, note, notebook, stderr, stdout, text};

/// Runs one cell per script, and gives the outputs of each.
async fn run_cells(scripts: Vec<Vec<Step>>) -> Vec<Value> {
    let cells: Vec<(&str, &[&str])> = scripts.iter().map(|_| ("x", [].as_slice())).collect();
    let mut notebook = notebook(&cells);
    let fake = Fake::new(scripts);
    let options = RunOptions { allow_errors: true, ..RunOptions::default() };
    let shutdown = std::pin::pin!(std::future::pending());
    run(&fake, &mut notebook, &options, shutdown, &mut |_: antiphon_notebook::RunEvent<'_>| {}).await;
    outputs(&notebook)
}

fn outputs(notebook: &Notebook) -> Vec<Value> {
    notebook.cells().map(|cell| Value::from(cell.outputs_json())).collect()
}

async fn check(mut script: Vec<Step>, expected: Value) {
    script.push(finished());
    assert_eq!(run_cells(vec![script]).await, [expected]);
}

fn stream(name: &str, lines: &[&str]) -> Value {
    json!({ "output_type": "stream", "name": name, "text": lines })
}

#[tokio::test]
async fn streams_are_joined_while_they_follow_each_other() {
    check(
        vec![stdout("a"), stdout("b\nc"), stderr("e1\n"), stderr("e2"), stdout("d\n"), stdout("")],
        json!([stream("stdout", &["ab\n", "c"]), stream("stderr", &["e1\n", "e2"]), stream("stdout", &["d\n"]),]),
    )
    .await;
    check(vec![], json!([])).await;
}

#[tokio::test]
async fn characters_may_come_in_pieces() {
    check(
        vec![stdout(b"\xf0\x9f"), stderr("x"), stdout(b"\xa6\x80\n"), stdout(b"\xff\xe2\x82")],
        json!([stream("stderr", &["x"]), stream("stdout", &["\u{1f980}\n", "\u{fffd}\u{fffd}"])]),
    )
    .await;
}

#[tokio::test]
async fn progress_leaves_its_last_state() {
    check(
        vec![stdout("start\n 10%\r"), stdout(" 50%\r"), stdout("100%\n"), stdout("ab\u{8}c")],
        json!([stream("stdout", &["start\n", "100%\n", "ac"])]),
    )
    .await;
    check(vec![stdout("gone\u{8}\u{8}\u{8}\u{8}"), text("x")], json!([plain("x")])).await;
}

fn plain(text: &str) -> Value {
    json!({ "output_type": "display_data", "data": { "text/plain": [text] }, "metadata": {} })
}

#[tokio::test]
async fn displays_and_results() {
    let bundle = json!({
        "text/plain": "two\nlines",
        "text/html": "<b>\n</b>",
        "image/svg+xml": "<svg>\n</svg>",
        "image/png": "iVBOR\nw0KG=",
        "application/json": { "b": [1, { "a": null }] },
        "application/vnd.new.v9+json": ["x", "y"],
        "application/vnd.dataresource+json": { "data": 1 },
        "text/x-unknown": "u\nv",
        "application/x-unknown": "u\nv",
    });
    let stored = json!({
        "text/plain": ["two\n", "lines"],
        "text/html": ["<b>\n", "</b>"],
        "image/svg+xml": ["<svg>\n", "</svg>"],
        "image/png": "iVBOR\nw0KG=",
        "application/json": { "b": [1, { "a": null }] },
        "application/vnd.new.v9+json": ["x", "y"],
        "application/vnd.dataresource+json": { "data": 1 },
        "text/x-unknown": ["u\n", "v"],
        "application/x-unknown": "u\nv",
    });
    let metadata = json!({ "image/png": { "width": 7 } });
    check(
        vec![
            stdout("before\n"),
            display(&json!({ "data": bundle, "metadata": metadata })),
            stdout("after\n"),
            display(&json!({ "data": { "text/plain": "42" }, "result": true })),
        ],
        json!([
            stream("stdout", &["before\n"]),
            { "output_type": "display_data", "data": stored, "metadata": metadata },
            stream("stdout", &["after\n"]),
            {
                "output_type": "execute_result", "execution_count": 1,
                "data": { "text/plain": ["42"] }, "metadata": {},
            },
        ]),
    )
    .await;
}

#[tokio::test]
async fn updates_reach_what_was_shown_before_in_any_cell() {
    let show = |id: &str, text: &str, update: bool| {
        display(&json!({ "data": { "text/plain": text }, "id": id, "update": update }))
    };
    let result = json!({ "data": { "text/plain": "old" }, "id": "r", "result": true });
    let outputs = run_cells(vec![
        vec![show("a", "1", false), show("b", "1", false), display(&result), finished()],
        vec![
            show("a", "2", true),
            show("unknown", "2", true),
            show("r", "new", true),
            // Shown once more: both places are one display from now on.
            show("b", "2", false),
            finished(),
        ],
        vec![show("b", "3", true), finished()],
    ])
    .await;
    let result = json!({
        "output_type": "execute_result", "execution_count": 1,
        "data": { "text/plain": ["new"] }, "metadata": {},
    });
    assert_eq!(outputs, [json!([plain("2"), plain("3"), result]), json!([plain("3")]), json!([])]);
}

#[tokio::test]
async fn clearing() {
    check(vec![stdout("old"), text("old"), clear(false), stdout("new")], json!([stream("stdout", &["new"])])).await;
    check(vec![stdout("old"), clear(true), stdout("new")], json!([stream("stdout", &["new"])])).await;
    check(vec![stdout("old"), clear(true)], json!([stream("stdout", &["old"])])).await;
    check(vec![text("a"), clear(true), clear(false), text("b"), text("c")], json!([plain("b"), plain("c")])).await;
    // What was cleared is not updated, and what a cell waits to clear does not reach the next cell.
    let show = |update| display(&json!({ "data": { "text/plain": "x" }, "id": "a", "update": update }));
    let outputs = run_cells(vec![
        vec![show(false), clear(false), stdout("y"), show(true), clear(true), finished()],
        vec![stdout("a"), text("b"), finished()],
    ])
    .await;
    assert_eq!(outputs, [json!([stream("stdout", &["y"])]), json!([stream("stdout", &["a"]), plain("b")])]);
}

#[tokio::test]
async fn failures_and_remarks() {
    let error = json!({
        "output_type": "error", "ename": "Panic", "evalue": "it failed",
        "traceback": ["\u{1b}[1;31mPanic\u{1b}[0m: it failed", "second line"],
    });
    assert_eq!(run_cells(vec![vec![stdout("a"), failed("Panic")]]).await, [json!([stream("stdout", &["a"]), error])]);
    check(
        vec![stderr("half"), note("one"), note("two"), stdout("x"), note("three")],
        json!([
            stream("stderr", &["half\n", "antiphon: one\n", "antiphon: two\n"]),
            stream("stdout", &["x"]),
            stream("stderr", &["antiphon: three\n"]),
        ]),
    )
    .await;
}
