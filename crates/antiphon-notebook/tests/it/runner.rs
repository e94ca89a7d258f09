//! Which cells run, what a failure does, and what the notebook says afterwards.

use antiphon_engine::Event;
use antiphon_notebook::{CellOutcome, Notebook, Outcome, RunEvent, RunOptions, Summary, Tolerance, parse, run};
use serde_json::{Value, json};

use crate::fake::{Fake, Step, failed, finished, notebook, of_cells, stdout};

async fn execute(fake: &Fake, notebook: &mut Notebook, options: &RunOptions) -> (Summary, Vec<String>) {
    let mut told = Vec::new();
    let mut reporter = |event: RunEvent<'_>| {
        told.push(match event {
            RunEvent::NotebookStarted { path, total, simulated } => {
                format!("start {} total {total} simulated {simulated}", path.display())
            }
            RunEvent::CellStarted { place, first_line } => {
                format!("cell {}/{} at {}: {first_line}", place.number, place.total, place.index)
            }
            RunEvent::Cell { place, event } => format!("event {}: {event:?}", place.number),
            RunEvent::CellFinished { place, outcome, .. } => match outcome.error() {
                Some(error) => format!("failed {}: {}", place.number, error.ename),
                None => format!("ended {}: {outcome:?}", place.number),
            },
            RunEvent::NotebookFinished { summary, .. } => format!("{:?}", summary.outcome),
        });
    };
    let shutdown = std::pin::pin!(std::future::pending());
    let summary = run(fake, notebook, options, shutdown, &mut reporter).await;
    (summary, told)
}

/// What each cell has now: its number and how many outputs.
fn state(notebook: &Notebook) -> Vec<(Option<i64>, usize)> {
    notebook.cells().map(|cell| (cell.execution_count(), cell.outputs_json().len())).collect()
}

#[tokio::test]
async fn code_cells_run_in_order() {
    let code = |source: &str| json!({ "cell_type": "code", "execution_count": 5, "metadata": {}, "outputs": [{}], "source": source });
    let text = json!({ "cell_type": "markdown", "metadata": {}, "source": "text" });
    let mut notebook = of_cells(&[text.clone(), code("\n  a\nb"), code(" \n"), text, code("c")]);
    let fake = Fake::new([vec![stdout("x"), finished()]]);
    let (summary, told) = execute(&fake, &mut notebook, &RunOptions::default()).await;
    assert_eq!(fake.log(), ["run \n  a\nb", "run c"]);
    assert_eq!(
        told,
        [
            "start test.ipynb total 2 simulated false",
            "cell 1/2 at 1: a",
            "event 1: Stdout([120])",
            "ended 1: Succeeded",
            "cell 2/2 at 4: c",
            "ended 2: Succeeded",
            "Succeeded",
        ]
    );
    assert_eq!((summary.outcome, summary.cells.len(), summary.not_run), (Outcome::Succeeded, 2, 0));
    assert_eq!(state(&notebook), [(None, 0), (Some(1), 1), (None, 0), (None, 0), (Some(2), 0)]);
}

#[tokio::test]
async fn a_failure_ends_the_run_and_leaves_nothing_stale() {
    let mut notebook = notebook(&[("a", &[]), ("b", &[]), ("c", &[]), ("d", &["skip-execution"])]);
    let fake = Fake::new([vec![stdout("x"), finished()], vec![stdout("y"), failed("CompileError")]]);
    let (summary, told) = execute(&fake, &mut notebook, &RunOptions::default()).await;
    assert_eq!(fake.log(), ["run a", "run b"]);
    assert_eq!(told[told.len() - 2..], ["failed 2: CompileError", "CellFailed"]);
    assert_eq!((summary.outcome, summary.cells.len(), summary.not_run), (Outcome::CellFailed, 2, 2));
    assert!(summary.outcome.is_written());
    assert_eq!(summary.outcome.exit_code(), 3);
    assert_eq!(state(&notebook), [(Some(1), 1), (Some(2), 2), (None, 0), (Some(99), 1)]);
}

#[tokio::test]
async fn failures_that_are_allowed() {
    let scripts = || [vec![failed("Panic")], vec![failed("ParseIntError")], vec![finished()]];
    let cells: [(&str, &[&str]); 3] = [("a", &["raises-exception"]), ("b", &[]), ("c", &["raises-exception"])];

    let mut tagged = notebook(&cells);
    let (summary, _) = execute(&Fake::new(scripts()), &mut tagged, &RunOptions::default()).await;
    let outcome = |summary: &Summary, at: usize| summary.cells[at].outcome.clone();
    assert!(matches!(outcome(&summary, 0), CellOutcome::Tolerated(_, Tolerance::RaisesException)));
    assert!(matches!(outcome(&summary, 1), CellOutcome::Failed(_)));
    assert_eq!((summary.outcome, summary.not_run), (Outcome::CellFailed, 1));

    let mut allowed = notebook(&cells);
    let options = RunOptions { allow_errors: true, ..RunOptions::default() };
    let (summary, _) = execute(&Fake::new(scripts()), &mut allowed, &options).await;
    assert!(matches!(outcome(&summary, 1), CellOutcome::Tolerated(_, Tolerance::AllowErrors)));
    // The tag allows a failure, it does not ask for one.
    assert_eq!(outcome(&summary, 2), CellOutcome::Succeeded);
    assert_eq!((summary.outcome, summary.outcome.exit_code(), summary.not_run), (Outcome::Succeeded, 0, 0));
    assert_eq!(state(&allowed), [(Some(1), 1), (Some(2), 1), (Some(3), 0)]);
}

#[tokio::test]
async fn skipped_cells_keep_what_they_have() {
    let mut notebook = notebook(&[("a", &["skip-execution"]), ("b", &[]), ("", &["skip-execution"])]);
    let fake = Fake::default();
    let (summary, told) = execute(&fake, &mut notebook, &RunOptions::default()).await;
    assert_eq!(fake.log(), ["run b"]);
    assert_eq!(told[1], "ended 1: Skipped");
    assert_eq!(summary.outcome, Outcome::Succeeded);
    assert_eq!(state(&notebook), [(Some(99), 1), (Some(1), 0), (Some(99), 1)]);
}

#[tokio::test]
async fn input_gets_an_empty_line_and_a_remark() {
    let ask = Step::Emit(Event::InputRequest { prompt: "Name: ".to_owned(), password: false });
    let mut notebook = notebook(&[("a", &[])]);
    let fake = Fake::new([vec![ask, finished()]]);
    execute(&fake, &mut notebook, &RunOptions::default()).await;
    assert_eq!(fake.log(), ["run a", "reply \"\""]);
    let remark = "antiphon: the cell asked for input (Name:); nobody is there to type, so it got an empty line\n";
    let expected = json!({ "output_type": "stream", "name": "stderr", "text": [remark] });
    assert_eq!(notebook.cells().next().unwrap().outputs_json(), [expected]);
}

#[tokio::test]
async fn a_cell_that_reads_standard_input_finds_its_end() {
    let ask = Step::Emit(Event::InputRequest { prompt: String::new(), password: false });
    let mut notebook = notebook(&[("a", &[])]);
    let fake = Fake::new([vec![ask, finished()]]);
    execute(&fake, &mut notebook, &RunOptions::default()).await;
    assert_eq!(fake.log(), ["run a", "refuse"]);
    let remark = "antiphon: the cell reads its standard input; nobody is there to type, so it is at its end\n";
    let expected = json!({ "output_type": "stream", "name": "stderr", "text": [remark] });
    assert_eq!(notebook.cells().next().unwrap().outputs_json(), [expected]);
}

#[tokio::test]
async fn an_evaluator_that_just_ends() {
    let mut notebook = notebook(&[("a", &[])]);
    let (summary, _) = execute(&Fake::new([vec![stdout("x")]]), &mut notebook, &RunOptions::default()).await;
    assert_eq!(summary.cells[0].outcome.error().unwrap().ename, "EvaluatorDied");
    assert_eq!(summary.outcome, Outcome::CellFailed);
}

/// The metadata after a run of a notebook with `before`.
async fn metadata(before: Value, options: &RunOptions) -> Value {
    let json = json!({ "cells": [], "metadata": before, "nbformat": 4, "nbformat_minor": 4 });
    let mut notebook = parse("m.ipynb".as_ref(), json.to_string().as_bytes()).expect("a notebook");
    execute(&Fake::default(), &mut notebook, options).await;
    Value::from(notebook.metadata().cloned())
}

#[tokio::test]
async fn metadata_of_the_notebook() {
    let mut options = RunOptions { rustc_version: Some("1.95.0".to_owned()), ..RunOptions::default() };
    let language_info = json!({
        "name": "rust", "version": "1.95.0", "mimetype": "text/rust", "file_extension": ".rs",
        "pygments_lexer": "rust", "codemirror_mode": "rust",
    });
    let ours = json!({ "display_name": "Rust (antiphon)", "language": "rust", "name": "antiphon" });
    assert_eq!(
        metadata(json!({ "title": "t", "language_info": { "name": "Rust", "pygment_lexer": "rust" } }), &options).await,
        json!({ "title": "t", "language_info": language_info, "kernelspec": ours })
    );

    let theirs = json!({ "display_name": "Rust", "name": "rust" });
    let kept = json!({ "display_name": "Rust", "name": "rust", "language": "rust" });
    options.simulated = true;
    let simulated = metadata(json!({ "kernelspec": theirs, "antiphon": { "other": 1 } }), &options).await;
    let note = "answers of language models in this notebook are simulated";
    assert_eq!(
        simulated,
        json!({
            "kernelspec": kept, "language_info": language_info,
            "antiphon": { "simulated": true, "note": note, "other": 1 },
        })
    );

    options.simulated = false;
    assert_eq!(metadata(simulated, &options).await["antiphon"], json!({ "other": 1 }));
    let only_ours = json!({ "antiphon": { "simulated": true, "note": note } });
    assert_eq!(metadata(only_ours, &options).await.get("antiphon"), None);
}

#[tokio::test]
async fn odd_metadata_does_not_hide_that_answers_are_simulated() {
    let options = RunOptions { simulated: true, ..RunOptions::default() };
    let odd = json!({ "antiphon": 1, "kernelspec": null });
    let after = metadata(odd.clone(), &options).await;
    assert_eq!(after["antiphon"]["simulated"], true);
    assert_eq!(after["kernelspec"]["name"], "antiphon");
    assert_eq!(metadata(odd, &RunOptions::default()).await["antiphon"], 1);

    // A skipped cell keeps its outputs, and they their mark.
    let mut mixed = notebook(&[("a", &["skip-execution"]), ("b", &[])]);
    execute(&Fake::default(), &mut mixed, &options).await;
    execute(&Fake::default(), &mut mixed, &RunOptions::default()).await;
    assert!(mixed.is_simulated());
    let mut whole = notebook(&[("b", &[])]);
    execute(&Fake::default(), &mut whole, &options).await;
    assert!(whole.is_simulated());
    execute(&Fake::default(), &mut whole, &RunOptions::default()).await;
    assert!(!whole.is_simulated());
}

#[test]
fn runs_may_move_between_threads() {
    fn assert_send<T: Send>(_: &T) {}
    fn assert_send_sync<T: Send + Sync>() {}
    assert_send_sync::<Notebook>();
    assert_send_sync::<antiphon_notebook::Error>();
    assert_send_sync::<Summary>();
    let (fake, mut notebook, options) = (Fake::default(), notebook(&[]), RunOptions::default());
    let shutdown = std::pin::pin!(std::future::pending());
    let mut reporter = |_: RunEvent<'_>| {};
    assert_send(&run(&fake, &mut notebook, &options, shutdown, &mut reporter));
}

#[tokio::test]
async fn two_runs_give_the_same_file() {
    let text = include_str!("notebooks/v4_2.ipynb");
    let mut texts = Vec::new();
    for _ in 0..2 {
        let mut notebook = parse("x.ipynb".as_ref(), text.as_bytes()).unwrap();
        let fake = Fake::new([vec![stdout("x\n"), finished()]]);
        execute(&fake, &mut notebook, &RunOptions::default()).await;
        texts.push(notebook.to_text());
    }
    assert_eq!(texts[0], texts[1]);
    assert!(!texts[0].contains("\"id\""), "before 4.5 there are no ids");
    assert!(texts[0].contains("varInspector") && texts[0].contains("attachments"));
}
