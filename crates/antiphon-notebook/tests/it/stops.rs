//! Timeouts and shutdowns: the cell is interrupted, and its end awaited.

use std::time::Duration;

use antiphon_notebook::{CELL_TIMEOUT_ERROR, CellOutcome, Outcome, RunEvent, RunOptions, Summary, run};
use tokio::sync::oneshot;

use crate::fake::{Fake, Step, failed, finished, notebook, stdout};

fn limited(seconds: u64) -> RunOptions {
    RunOptions { timeout: Some(Duration::from_secs(seconds)), ..RunOptions::default() }
}

fn hang() -> Vec<Step> {
    vec![stdout("before\n"), Step::UntilInterrupt, stdout("after\n"), failed("Cancelled")]
}

async fn execute(fake: &Fake, tags: &[&str], options: &RunOptions) -> (Summary, Vec<serde_json::Value>) {
    let mut notebook = notebook(&[("a", tags), ("b", &[])]);
    let shutdown = std::pin::pin!(std::future::pending());
    let summary = run(fake, &mut notebook, options, shutdown, &mut |_: RunEvent<'_>| {}).await;
    let outputs = notebook.cells().flat_map(|cell| cell.outputs_json().to_vec()).collect();
    (summary, outputs)
}

#[tokio::test(start_paused = true)]
async fn a_cell_that_takes_too_long() {
    let fake = Fake::new([hang()]);
    let start = tokio::time::Instant::now();
    let (summary, outputs) = execute(&fake, &[], &limited(30)).await;
    assert_eq!(start.elapsed().as_secs(), 30);
    assert_eq!(fake.log(), ["run a", "interrupt"]);
    assert_eq!((summary.outcome, summary.not_run), (Outcome::CellTimedOut, 1));
    assert_eq!(summary.outcome.exit_code(), 7);
    let CellOutcome::TimedOut(error) = &summary.cells[0].outcome else { panic!("{summary:?}") };
    assert_eq!((error.ename.as_str(), error.evalue.as_str()), (CELL_TIMEOUT_ERROR, "the cell did not end in 30 s"));
    assert_eq!(outputs[0]["text"][1], "after\n");
    assert_eq!(outputs[1]["ename"], CELL_TIMEOUT_ERROR);
    assert_eq!(outputs.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_limit_is_each_cells_own() {
    let slow = || vec![Step::Pause(Duration::from_secs(29)), finished()];
    let (summary, _) = execute(&Fake::new([slow(), slow()]), &[], &limited(30)).await;
    assert_eq!(summary.outcome, Outcome::Succeeded);
    // Time in which a cell says much is time all the same.
    let step = || [stdout("."), Step::Pause(Duration::from_secs(1))];
    let chatty = (0..40).flat_map(|_| step()).chain([failed("Cancelled")]).collect();
    let fake = Fake::new([chatty]);
    assert_eq!(execute(&fake, &[], &limited(30)).await.0.outcome, Outcome::CellTimedOut);
}

#[tokio::test(start_paused = true)]
async fn what_a_cell_makes_of_the_interrupt_does_not_matter() {
    let late = || vec![Step::UntilInterrupt, finished()];
    let (summary, outputs) = execute(&Fake::new([late()]), &[], &limited(1)).await;
    assert_eq!(summary.outcome, Outcome::CellTimedOut);
    assert_eq!(outputs[0]["ename"], CELL_TIMEOUT_ERROR);
    // A cell that may fail may not hang.
    let (summary, _) = execute(&Fake::new([hang()]), &["raises-exception"], &limited(1)).await;
    assert_eq!(summary.outcome, Outcome::CellTimedOut);

    let options = RunOptions { allow_errors: true, ..limited(1) };
    let fake = Fake::new([hang()]);
    let (summary, _) = execute(&fake, &[], &options).await;
    assert_eq!((summary.outcome, summary.not_run), (Outcome::Succeeded, 0));
    assert_eq!(fake.log(), ["run a", "interrupt", "run b"]);
}

#[tokio::test]
async fn a_shutdown_interrupts_the_cell_and_ends_the_run() {
    let fake = Fake::new([hang()]);
    let mut notebook = notebook(&[("a", &["raises-exception"]), ("b", &[])]);
    let (stop, stopped) = oneshot::channel::<()>();
    let mut stop = Some(stop);
    // As soon as the cell has said something.
    let mut reporter = |event: RunEvent<'_>| {
        if matches!(event, RunEvent::Cell { .. }) {
            drop(stop.take());
        }
    };
    let shutdown = std::pin::pin!(async { drop(stopped.await) });
    let options = RunOptions { allow_errors: true, ..RunOptions::default() };
    let summary = run(&fake, &mut notebook, &options, shutdown, &mut reporter).await;
    assert_eq!(fake.log(), ["run a", "interrupt"]);
    assert_eq!((summary.outcome, summary.not_run), (Outcome::Interrupted, 1));
    assert_eq!(summary.outcome.exit_code(), 130);
    assert!(!summary.outcome.is_written());
    assert_eq!(summary.cells[0].outcome, CellOutcome::Interrupted);
}

#[tokio::test]
async fn a_shutdown_before_the_first_cell() {
    let fake = Fake::default();
    let mut notebook = notebook(&[("a", &[]), ("b", &[])]);
    let shutdown = std::pin::pin!(std::future::ready(()));
    let summary = run(&fake, &mut notebook, &RunOptions::default(), shutdown, &mut |_: RunEvent<'_>| {}).await;
    assert!(fake.log().is_empty());
    assert_eq!((summary.outcome, summary.cells.len(), summary.not_run), (Outcome::Interrupted, 0, 2));
}

#[test]
fn the_worst_outcome_counts() {
    let worst = [Outcome::CellFailed, Outcome::Succeeded, Outcome::CellTimedOut].into_iter().max();
    assert_eq!(worst, Some(Outcome::CellTimedOut));
    assert!(Outcome::Interrupted > Outcome::CellTimedOut);
}
