//! Cells that fail: what the notebook says, and whether the run goes on.

use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::notebook::{Cell, Executed, cell};
use crate::run::Finished;
use crate::workspace::Workspace;

/// A run of many failures that goes on after each.
static ALLOWED: LazyLock<(Finished, Executed)> = LazyLock::new(|| {
    let workspace = Workspace::new();
    workspace.notebook("failures.ipynb", failures());
    let arguments = ["run", "--allow-errors", "--timings", "--output-dir", "out", "failures.ipynb"];
    let run = workspace.antiphon(arguments).run();
    let executed = workspace.executed("out/failures.ipynb");
    (run, executed)
});

fn failures() -> Vec<Cell> {
    vec![
        cell("let x = 41;"),
        cell("let fine = 1;\npanic!(\"out of tea after {} cups\", 2 + fine);"),
        cell("\"x\".parse::<i32>()?"),
        cell("let count: u8 = \"three\";"),
        cell("x + 1"),
        cell("println!(\"printed\");\nstd::process::abort();"),
        cell("{ use std::io::Write; print!(\"half a line\"); std::io::stdout().flush()?; }\nstd::process::abort();"),
        cell("println!(\"written\");\nunsafe { *(8 as *mut u8) = 1; }"),
        cell("println!(\"exiting\");\nstd::process::exit(3);"),
        cell("println!(\"still {}\", \"here\");"),
    ]
}

#[test]
fn each_failure_is_one_error_and_the_run_goes_on() {
    let (run, executed) = &*ALLOWED;
    assert_eq!(run.status.code(), Some(0), "{run:?}");
    assert_eq!(executed.cell(0)["outputs"], json!([]));
    let (ename, traceback) = executed.error(1);
    assert_eq!(ename, "Panic");
    assert!(traceback.contains("out of tea after 3 cups"), "{traceback}");
    assert!(traceback.contains("2 | panic!("), "{traceback}");
    let (ename, traceback) = executed.error(2);
    assert_eq!(ename, "ParseIntError");
    assert!(traceback.contains("invalid digit found in string"), "{traceback}");
    let (ename, traceback) = executed.error(3);
    assert_eq!(ename, "CompileError");
    assert!(traceback.starts_with("error[E0308]: mismatched types"), "{traceback}");
    assert!(traceback.contains("let count: u8 = \"three\";"), "{traceback}");
    assert_eq!(executed.result(4).as_deref(), Some("42"));
    for index in [1, 2, 3] {
        assert_eq!(executed.outputs(index).len(), 1, "{:#}", executed.cell(index));
        let (_, traceback) = executed.error(index);
        // Neither the code that evcxr generates nor its paths are of use to the user.
        for internal in ["evcxr", "run_user_code", "src/lib.rs", "/sessions/"] {
            assert!(!traceback.contains(internal), "{internal}: {traceback}");
        }
    }
    let counts = (0..10).map(|index| &executed.cell(index)["execution_count"]);
    assert_eq!(counts.cloned().collect::<Vec<Value>>(), (1..=10).map(Value::from).collect::<Vec<_>>());
}

#[test]
fn output_before_a_crash_is_in_the_notebook() {
    let (run, executed) = &*ALLOWED;
    for (index, output) in [(5, "printed\n"), (6, "half a line"), (7, "written\n"), (8, "exiting\n")] {
        assert_eq!(executed.stdout(index), output, "{:#}", executed.cell(index));
        assert_eq!(executed.error(index).0, "ChildDied");
        assert!(run.stdout.contains(output), "{output:?}: {}", run.stdout);
    }
    // The variables went with the first.
    assert!(executed.error(5).1.contains("variables that are lost: x"), "{}", executed.error(5).1);
    assert_eq!(executed.stdout(9), "still here\n");
}

#[test]
fn failures_are_told_on_standard_error_alone() {
    let (run, _) = &*ALLOWED;
    for line in ["Panic: out of tea", "ParseIntError: invalid digit", "error[E0308]: mismatched types"] {
        assert!(run.stderr.contains(line), "{line}: {}", run.stderr);
        assert!(!run.stdout.contains(line), "{line}: {}", run.stdout);
    }
    assert!(!run.stderr.contains('\u{1b}'), "colours without a terminal: {}", run.stderr);
}

/// `--timings`: the rows of the table, by cell number, with the number of cargo runs.
fn cargo_runs(run: &Finished) -> Vec<(String, u32)> {
    let after_heading = run.stderr.lines().skip_while(|line| !line.trim_start().starts_with("cell  ")).skip(1);
    let columns = after_heading.map(|line| line.split_whitespace().collect::<Vec<_>>());
    let rows = columns.take_while(|columns| columns.len() == 8);
    rows.map(|columns| (columns[0].to_owned(), columns[7].parse().unwrap())).collect()
}

#[test]
fn timings_show_one_run_of_cargo_for_a_cell() {
    let (run, _) = &*ALLOWED;
    let runs = cargo_runs(run);
    let cells: Vec<&str> = runs.iter().map(|(cell, _)| cell.as_str()).collect();
    assert_eq!(cells, ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "all"], "{}", run.stderr);
    // A cell that does not compile takes a second one, to say where.
    for (cell, runs) in runs.iter().filter(|(cell, _)| !["4", "all"].contains(&cell.as_str())) {
        assert_eq!(*runs, 1, "cell {cell}: {}", run.stderr);
    }
    assert!(run.stderr.contains("start to first cell's result: "), "{}", run.stderr);
}

#[test]
fn the_first_failure_ends_the_run_and_the_notebook_is_written() {
    // The preload is there when this has run.
    LazyLock::force(&ALLOWED);
    let workspace = Workspace::new();
    let cells = [
        cell("println!(\"first\");"),
        cell("panic!(\"on purpose\");").tag("raises-exception"),
        cell("panic!(\"left alone\");").tag("skip-execution").with_old_output(),
        cell("println!(\"last words\");\nNone::<i32>.unwrap();").with_old_output(),
        cell("println!(\"never\");").with_old_output(),
        cell("println!(\"never either\");"),
    ];
    workspace.notebook("stops.ipynb", cells);
    let run = workspace.antiphon(["run", "--output-dir", "out", "stops.ipynb"]).run().code(3);
    let executed = workspace.executed("out/stops.ipynb");
    assert_eq!(run.stdout, "first\nlast words\n");
    assert_eq!(executed.stdout(0), "first\n");
    assert_eq!(executed.error(1).0, "Panic");
    assert_eq!(executed.stdout(2), "old\n");
    assert_eq!(executed.stdout(3), "last words\n");
    assert_eq!(executed.error(3).0, "Panic");
    for index in [4, 5] {
        assert_eq!(executed.cell(index)["outputs"], json!([]));
        assert_eq!(executed.cell(index)["execution_count"], Value::Null);
    }
    assert!(run.stderr.contains("a cell failed; 2 cells were not run"), "{}", run.stderr);

    // Nothing but cells was compiled.
    for compiled in ["building the preload", "Compiling"] {
        assert!(!run.stderr.contains(compiled), "{compiled}: {}", run.stderr);
    }
}

#[test]
fn a_cell_that_takes_too_long_is_cut() {
    let workspace = Workspace::new();
    workspace.notebook(
        "sleeps.ipynb",
        [cell("tokio::time::sleep(Duration::from_secs(600)).await;"), cell("println!(\"never\");")],
    );
    workspace.notebook("fails.ipynb", [cell("no_such_function();")]);
    let arguments = ["run", "--timeout", "2", "--output-dir", "out", "sleeps.ipynb", "fails.ipynb"];
    // The code of the first failure, though the second notebook has another.
    let run = workspace.antiphon(arguments).run().code(7);
    let (ename, traceback) = workspace.executed("out/sleeps.ipynb").error(0);
    assert_eq!(ename, "CellTimeoutError");
    assert!(traceback.contains("the cell did not end in 2 s"), "{traceback}");
    assert!(run.stderr.contains("a cell took too long; 1 cell was not run"), "{}", run.stderr);
    workspace.executed("out/fails.ipynb").error(0);
}
