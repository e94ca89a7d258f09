//! Signals: the run ends soon, writes nothing, and leaves nothing behind, which every run's `finish` checks.

use std::fs::{self, File};
use std::time::Duration;

use rustix::process::Signal;

use crate::notebook::cell;
use crate::run::Finished;
use crate::workspace::Workspace;

/// How long a run may take to end after a signal.
const LIMIT: Duration = Duration::from_secs(10);

const AWAITS: &str = "println!(\"waiting\"); tokio::time::sleep(Duration::from_secs(600)).await;";
const BLOCKS: &str = "println!(\"waiting\"); std::thread::sleep(Duration::from_secs(600));";
const NEVER: &str = "println!(\"never\");";

/// Sends a signal while a cell runs.
#[track_caller]
fn interrupt(signal: Signal, source: &str, destination: &[&str]) -> Finished {
    let workspace = Workspace::new();
    let first = [cell("println!(\"waiting not yet\");"), cell(source).with_old_output(), cell(NEVER)];
    workspace.notebook("first.ipynb", first);
    workspace.notebook("second.ipynb", [cell(NEVER)]);
    std::fs::create_dir(workspace.path("out")).unwrap();
    let before = workspace.snapshot();
    let arguments = [&["run"], destination, &["first.ipynb", "second.ipynb"]].concat();
    let mut run = workspace.antiphon(arguments).start();
    run.until_stdout("waiting\n");
    let finished = run.end_by(signal, LIMIT);
    workspace.assert_unchanged(&before);
    assert!(!finished.stdout.contains("never"), "{finished:?}");
    finished
}

#[test]
fn ctrl_c_while_a_cell_awaits() {
    let run = interrupt(Signal::INT, AWAITS, &["--output-dir", "out"]).code(130);
    assert!(run.stderr.contains("interrupted; 1 cell was not run"), "{}", run.stderr);
}

#[test]
fn sigterm_while_a_cell_awaits() {
    interrupt(Signal::TERM, AWAITS, &["--in-place"]).code(130);
}

#[test]
fn ctrl_c_while_a_cell_blocks() {
    interrupt(Signal::INT, BLOCKS, &["--in-place"]).code(130);
}

#[test]
fn sigkill() {
    interrupt(Signal::KILL, AWAITS, &["--in-place"]).killed_by(Signal::KILL);
}

#[test]
fn sigkill_while_a_cell_blocks() {
    interrupt(Signal::KILL, BLOCKS, &[]).killed_by(Signal::KILL);
}

#[test]
fn a_signal_at_once() {
    let workspace = Workspace::new();
    workspace.notebook("good.ipynb", [cell(NEVER)]);
    let run = workspace.antiphon(["run", "--output-dir", "out", "good.ipynb"]).start();
    // Not SIGINT: what a shell starts in the background ignores that until it asks for it.
    let finished = run.end_by(Signal::TERM, LIMIT);
    // Before the program listens for signals it ends by the signal itself.
    let status = finished.status;
    assert!(status.code() == Some(130) || status.to_string().contains("signal: 15"), "{finished:?}");
    assert!(!workspace.path("out/good.ipynb").exists());
}

#[test]
fn ctrl_c_while_the_engine_starts() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP, Signal::KILL] {
        let workspace = Workspace::new();
        workspace.notebook("good.ipynb", [cell(NEVER)]);
        let run = workspace.antiphon(["run", "--in-place", "good.ipynb"]).start();
        run.until_process(|process| process.variable("ANTIPHON_ROLE") == Some("host"));
        let finished = run.end_by(signal, LIMIT);
        if signal == Signal::KILL {
            finished.killed_by(signal);
        } else {
            let finished = finished.code(130);
            assert!(finished.stderr.ends_with("interrupted\n"), "{}", finished.stderr);
        }
    }
}

/// A constant that takes the compiler hours.
const SLOW: &str = "\
const fn count(to: u64) -> u64 { let mut sum = 0u64; let mut i = 0; while i < to { sum ^= i; i += 1; } sum }
#[allow(long_running_const_eval)]
const SLOW: u64 = count(u64::MAX);
println!(\"{SLOW}\");";

#[test]
fn ctrl_c_while_a_cell_compiles() {
    let workspace = Workspace::new();
    workspace.notebook("slow.ipynb", [cell("println!(\"ready\");"), cell(SLOW), cell(NEVER)]);
    let mut slow = workspace.antiphon(["run", "--in-place", "slow.ipynb"]).start();
    slow.until_stderr("[1/3]");
    slow.until_process(|process| process.command.contains("--crate-name ctx"));

    // Compilers of one run do not hold up another.
    let other = Workspace::new();
    other.notebook("quick.ipynb", [cell("println!(\"quick\");")]);
    let quick = other.antiphon(["run", "quick.ipynb"]).run().code(0);
    assert_eq!(quick.stdout, "quick\n");

    let finished = slow.end_by(Signal::INT, LIMIT).code(130);
    assert!(finished.stderr.contains("interrupted; 1 cell was not run"), "{}", finished.stderr);
}

/// Folders in a cache's folder of preloads.
fn preloads(workspace: &Workspace) -> Vec<String> {
    let entries = fs::read_dir(workspace.beside("cache/preload")).unwrap().map(Result::unwrap);
    let folders = entries.filter(|entry| entry.path().is_dir());
    folders.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn ctrl_c_while_the_preload_is_built() {
    let workspace = Workspace::new();
    workspace.notebook("good.ipynb", [cell(NEVER)]);
    let cache = workspace.beside("cache");
    let start = || workspace.antiphon(["run", "good.ipynb"]).cache(&cache).start();

    // Killed, it cannot remove what is half-built; the next one does.
    for signal in [Signal::INT, Signal::KILL, Signal::TERM] {
        let mut run = start();
        run.until_stderr("building the preload");
        run.until_process(|process| process.command.contains("--crate-name"));
        let finished = run.end_by(signal, LIMIT);
        if signal == Signal::KILL {
            finished.killed_by(signal);
        } else {
            finished.code(130);
            assert_eq!(preloads(&workspace), <[String; 0]>::default());
        }
    }

    // Another process builds it.
    let mut locks = fs::read_dir(cache.join("preload")).unwrap().map(|entry| entry.unwrap().path());
    let lock = locks.find(|path| path.extension().is_some_and(|extension| extension == "lock")).unwrap();
    let lock = File::options().append(true).open(lock).unwrap();
    lock.lock().unwrap();
    let mut run = start();
    run.until_stderr("another antiphon is building the preload");
    run.end_by(Signal::INT, LIMIT).code(130);
}
