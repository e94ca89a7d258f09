//! What a person sees.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use antiphon_engine::{End, Event, Metrics};
use antiphon_notebook::{RunOptions, Terminal, TerminalOptions, run};
use serde_json::json;

use crate::fake::{Fake, Step, display, failed, finished, note, notebook, stderr, stdout, text};

/// What was written, for the test to read.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("not poisoned").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Shared {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().expect("not poisoned")).into_owned()
    }
}

/// Runs one cell per script; gives what went to standard output and what to standard error.
async fn show(
    scripts: Vec<Vec<Step>>,
    tags: &[&str],
    run_options: RunOptions,
    color: bool,
    options: TerminalOptions,
) -> (String, String) {
    let cells: Vec<(&str, &[&str])> = scripts.iter().map(|_| ("x", tags)).collect();
    let (out, err) = (Shared::default(), Shared::default());
    let mut terminal = Terminal::new(Box::new(out.clone()), Box::new(err.clone()), color, options);
    let shutdown = std::pin::pin!(std::future::pending());
    run(&Fake::new(scripts), &mut notebook(&cells), &run_options, shutdown, &mut terminal).await;
    (out.text(), err.text())
}

fn timed(total: u64, compile: u64, run: u64) -> Step {
    let [total, compile, run] = [total, compile, run].map(Duration::from_millis);
    Step::Emit(Event::End(End::Finished, Metrics { total, compile, run, cargo_runs: 1 }))
}

#[tokio::test]
async fn a_run_with_everything() {
    let scripts = vec![
        vec![
            Step::Emit(Event::Compiling("Compiling serde v1.0.228".to_owned())),
            note("remark"),
            stdout(b"\x1b[1mbold\x1b[0m\n\xff half"),
            text("shown\n"),
            display(&json!({ "data": { "image/png": "iVBO", "text/html": "<b>" } })),
            stderr("oops\n"),
            timed(1390, 400, 990),
        ],
        vec![failed("CompileError")],
        vec![finished()],
    ];
    let (out, err) = show(scripts, &[], RunOptions::default(), false, TerminalOptions::default()).await;
    assert_eq!(out, "\u{1b}[1mbold\u{1b}[0m\n\u{fffd} half\nshown\n[image/png, text/html]\n");
    assert_eq!(
        err,
        "\
test.ipynb: 3 cells to run
    Compiling serde v1.0.228
antiphon: remark
oops
[1/3] cell 1 ok in 1.39 s
CompileError: it failed
second line
[2/3] cell 2 failed: CompileError in 0.00 s
a cell failed; 1 cell was not run
"
    );
}

#[tokio::test]
async fn half_a_line_is_ended_before_ours() {
    let (_, err) =
        show(vec![vec![stderr("half"), finished()]], &[], RunOptions::default(), false, TerminalOptions::default())
            .await;
    assert_eq!(err, "test.ipynb: 1 cell to run\nhalf\n[1/1] cell 1 ok in 0.00 s\n");
}

#[tokio::test]
async fn colours_and_the_simulator() {
    let options = RunOptions { simulated: true, ..RunOptions::default() };
    let (_, err) =
        show(vec![vec![failed("Panic")]], &["raises-exception"], options, true, TerminalOptions::default()).await;
    assert_eq!(
        err,
        "\u{1b}[1manswers are simulated (--sim)\u{1b}[0m\n\
         test.ipynb: 1 cell to run\n\
         \u{1b}[1;31mPanic\u{1b}[0m: it failed\nsecond line\n\
         [1/1] cell 1 \u{1b}[33mfailed as expected: Panic (raises-exception)\u{1b}[0m in 0.00 s\n"
    );
    let (_, err) =
        show(vec![vec![]], &["skip-execution"], RunOptions::default(), false, TerminalOptions::default()).await;
    assert_eq!(err, "test.ipynb: 1 cell to run\n[1/1] cell 1 skipped (skip-execution)\n");
}

#[tokio::test]
async fn timings() {
    let options = TerminalOptions { timings: true, started: Some(std::time::Instant::now()) };
    let scripts = vec![vec![timed(1390, 400, 990)], vec![timed(12000, 10000, 1900)]];
    let (_, err) = show(scripts, &[], RunOptions::default(), false, options).await;
    let (lines, first) = err.split_once("start to first cell's result: ").unwrap();
    assert_eq!(
        lines,
        "\
test.ipynb: 2 cells to run
[1/2] cell 1 ok in 1.39 s (compile 0.40 s, run 0.99 s, cargo runs 1)
[2/2] cell 2 ok in 12.00 s (compile 10.00 s, run 1.90 s, cargo runs 1)
  cell      total    compile        run cargo runs
     1     1.39 s     0.40 s     0.99 s          1
     2    12.00 s    10.00 s     1.90 s          1
   all    13.39 s    10.40 s     2.89 s          2
"
    );
    assert!(first.ends_with(" s\n"), "{first}");
}
