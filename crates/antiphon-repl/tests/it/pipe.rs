//! Cells from a pipe.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use antiphon_engine::Evaluator;
use antiphon_repl::{Error, ErrorKind, Outcome, Reader, run};
use antiphon_terminal::Screen;
use tokio::sync::mpsc;

use crate::fake::Fake;

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Ran {
    result: Result<Outcome, Error>,
    shown: String,
    log: Vec<String>,
}

/// Runs what a pipe holds.
async fn piped(input: &str) -> Ran {
    let (signals, receiver) = mpsc::channel(1);
    let fake = Fake::new(signals);
    let reader = Reader::pipe(io::Cursor::new(input.to_owned().into_bytes())).unwrap();
    let out = Shared::default();
    let mut screen = Screen::new(Box::new(out.clone()), Box::new(out.clone()), false);
    let evaluator: &dyn Evaluator = &fake;
    let result = run(evaluator, reader, &mut screen, receiver).await;
    drop(screen);
    let shown = String::from_utf8(out.0.lock().unwrap().clone()).unwrap();
    Ran { result, shown, log: fake.log() }
}

#[tokio::test]
async fn cells_run_to_the_end_of_the_pipe() {
    let ran = piped("print\n\n{\nprint }\n").await;
    assert_eq!(ran.result.unwrap(), Outcome::Left);
    assert_eq!(ran.log, ["run print", "run \n{\nprint }"]);
    assert_eq!(ran.shown, "printed\nprinted\n");
}

#[tokio::test]
async fn a_cell_that_fails_ends_it() {
    let ran = piped("fail\nprint\n").await;
    assert_eq!(ran.result.unwrap(), Outcome::CellFailed);
    assert_eq!(ran.log, ["run fail"]);
    assert_eq!(ran.shown, "Panic: it failed\n");
}

#[tokio::test]
async fn quit_leaves() {
    for quit in [":q", ":quit"] {
        let ran = piped(&format!("{quit}\nprint\n")).await;
        assert_eq!(ran.result.unwrap(), Outcome::Left);
        assert_eq!(ran.log, [""; 0]);
    }
}

#[tokio::test]
async fn an_answer_is_the_next_line() {
    let ran = piped("ask print\nAda\nprint\n").await;
    assert_eq!(ran.result.unwrap(), Outcome::Left);
    assert_eq!(ran.log, ["run ask print", "reply \"Ada\"", "run print"]);
    assert_eq!(ran.shown, "name: printed\nprinted\n");
}

#[tokio::test]
async fn at_the_end_of_the_pipe_there_is_no_answer() {
    let ran = piped("ask").await;
    assert_eq!(ran.result.unwrap(), Outcome::Left);
    assert_eq!(ran.log, ["run ask", "refuse"]);
}

#[tokio::test]
async fn tasks_are_heard() {
    let ran = piped("later\n").await;
    assert_eq!(ran.result.unwrap(), Outcome::Left);
    assert!(ran.shown.starts_with("by a task\n"), "{:?}", ran.shown);
}

#[tokio::test]
async fn a_signal_cuts_the_cell_and_ends_it() {
    let ran = piped("ctrl-c\nprint\n").await;
    assert_eq!(ran.result.unwrap(), Outcome::Interrupted);
    assert_eq!(ran.log, ["run ctrl-c", "interrupt"]);
    assert_eq!(ran.shown, "Panic: it failed\n");
}

#[tokio::test]
async fn a_signal_that_the_cell_passes_over_ends_it_too() {
    let ran = piped("deaf\nprint\n").await;
    assert_eq!(ran.result.unwrap(), Outcome::Interrupted);
    assert_eq!(ran.log, ["run deaf", "interrupt"]);
}

#[tokio::test]
async fn an_evaluator_that_is_gone_is_an_error() {
    let ran = piped("die\nprint\n").await;
    assert!(matches!(ran.result.unwrap_err().kind(), ErrorKind::Evaluator));
    assert_eq!(ran.shown, "Panic: it failed\n");
    assert_eq!(ran.log, ["run die"]);
}
