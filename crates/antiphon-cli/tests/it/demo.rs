//! The notebook that comes with the project, with simulated answers.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::notebook::{Executed, text};
use crate::workspace::Workspace;

const NOTEBOOK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../notebooks/async_llm.ipynb");

/// Reads ten answers, each after two blank lines, and the line that tells their time.
#[track_caller]
fn ten_answers<'a>(mut output: &'a str, how: &str) -> (f64, &'a str) {
    for _ in 0..10 {
        let answer = output.strip_prefix("\n\n").unwrap_or_else(|| panic!("no blank lines: {output:?}"));
        let (answer, rest) = answer.split_once('\n').unwrap();
        assert!(!answer.trim().is_empty() && answer.trim() == answer, "{answer:?}");
        output = rest;
    }
    let (line, rest) = output.split_once('\n').unwrap();
    let seconds = line.strip_prefix(&format!("\u{1b}[1m{how} executed in "));
    let seconds = seconds.and_then(|line| line.strip_suffix(" seconds.\u{1b}[0m"));
    let seconds = seconds.unwrap_or_else(|| panic!("{line:?}"));
    assert_eq!(seconds.split_once('.').unwrap().1.len(), 2, "{seconds}");
    (seconds.parse().unwrap(), rest)
}

/// How many times faster the concurrent calls were.
#[track_caller]
fn speed_up(latency: &[&str]) -> f64 {
    let workspace = Workspace::new();
    let original = fs::read(NOTEBOOK).unwrap();
    let arguments = ["run", "--sim", "--output-dir", "out", NOTEBOOK];
    let run = workspace.antiphon(arguments.iter().chain(latency)).run().code(0);
    let executed = workspace.executed("out/async_llm.ipynb");

    let (concurrent, rest) = ten_answers(&run.stdout, "Concurrent");
    let (serial, rest) = ten_answers(rest, "Serial");
    assert_eq!(rest, "");
    let [output] = executed.outputs(1) else { panic!("{:#}", executed.cell(1)) };
    assert_eq!(output["name"], "stdout");
    assert_eq!(text(&output["text"]), run.stdout);

    assert!(run.stderr.contains("answers are simulated (--sim)"), "{}", run.stderr);
    assert_eq!(executed.0["metadata"]["antiphon"]["simulated"], true);
    assert_eq!(fs::read(NOTEBOOK).unwrap(), original);
    check_rest(&Executed::read(Path::new(NOTEBOOK)), &executed);
    serial / concurrent
}

/// Checks that nothing but outputs, counts and the metadata of a run has changed.
fn check_rest(original: &Executed, executed: &Executed) {
    let info = &executed.0["metadata"]["language_info"];
    assert_eq!(info["name"], "rust");
    assert_eq!(info["file_extension"], ".rs");
    assert!(info["version"].as_str().unwrap().starts_with("1."), "{info}");
    assert_eq!(executed.cell(1)["execution_count"], 1);
    assert_eq!(executed.cell(2), original.cell(2));
    assert_eq!(executed.cell(2)["execution_count"], Value::Null);

    let mut restored = executed.0.clone();
    restored["cells"][1]["outputs"] = json!([]);
    restored["cells"][1]["execution_count"] = Value::Null;
    restored["metadata"] = original.0["metadata"].clone();
    assert_eq!(restored, original.0);
}

#[test]
fn ten_calls_at_once_take_as_long_as_one() {
    // Others may need the machine in the half second that counts, so it has three tries.
    let tries = (0..3).map(|_| speed_up(&["--sim-latency", "constant:577ms"]));
    let mut slower = Vec::new();
    for speed_up in tries {
        if speed_up >= 9.5 {
            return;
        }
        slower.push(speed_up);
    }
    panic!("{slower:.2?}");
}

#[test]
fn with_the_default_latency_ten_calls_at_once_are_five_times_faster() {
    let speed_up = speed_up(&[]);
    assert!(speed_up >= 5.0, "{speed_up:.2}");
}
