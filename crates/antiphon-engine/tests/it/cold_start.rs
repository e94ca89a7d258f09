//! Starting without a preload, with a damaged one, and what remains of an engine.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use antiphon_engine::{Engine, Options, Progress, cache_dir};

use crate::processes::Tag;
use crate::support::{BUILD_LIMIT, Session, eventually, options, own_session, start, take_turn, within};

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// The engines' own short-lived folders in the temporary folder.
fn socket_folders() -> BTreeSet<String> {
    names(Path::new("/tmp")).into_iter().filter(|name| name.starts_with("antiphon-")).collect()
}

fn find(folder: &Path, name: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().filter_map(Result::ok) {
        let path = entry.path();
        if path.is_dir() {
            found.extend(find(&path, name));
        } else if entry.file_name() == name {
            found.push(path);
        }
    }
    found
}

fn builds(steps: &[Progress]) -> bool {
    steps.iter().any(|step| matches!(step, Progress::BuildingPreload { .. }))
}

/// Options with a cache of one's own.
fn options_with(cache_dir: &Path) -> (Options, Tag) {
    let (mut options, tag) = options();
    options.cache_dir = Some(cache_dir.to_owned());
    (options, tag)
}

#[test]
fn the_preload_is_built_once_and_again_when_it_is_damaged() {
    let _turn = take_turn();
    let cache = tempfile::tempdir().unwrap();
    let sessions = cache.path().join("sessions");

    // Two at once: one builds, the other waits for it.
    let (first, second) = (options_with(cache.path()), options_with(cache.path()));
    let (mut first_steps, mut second_steps) = (Vec::new(), Vec::new());
    let mut note_first = |step| first_steps.push(step);
    let mut note_second = |step| second_steps.push(step);
    let engines = within(BUILD_LIMIT, "two cold starts", async {
        tokio::join!(Engine::start(first.0, &mut note_first), Engine::start(second.0, &mut note_second))
    });
    let (first_engine, second_engine) = (engines.0.unwrap(), engines.1.unwrap());
    let (builder, waiter) = if first_steps.contains(&Progress::WaitingForPreload) {
        (second_steps, first_steps)
    } else {
        (first_steps, second_steps)
    };
    assert!(matches!(builder.first(), Some(Progress::BuildingPreload { .. })), "{builder:?}");
    assert!(builder.iter().any(|step| matches!(step, Progress::Compiling { line, .. } if line.contains("tokio"))));
    for step in &builder {
        if let Progress::Compiling { done, total, .. } = step {
            assert!(done <= total, "{step:?}");
        }
    }
    assert_eq!(waiter.first(), Some(&Progress::WaitingForPreload));
    assert!(!builds(&waiter), "{waiter:?}");
    let (first, second) = (Session::new(first_engine, first.1), Session::new(second_engine, second.1));
    first.cell("tokio::spawn(async { 1 }).await?").gives("1");
    second.cell("tokio::spawn(async { 2 }).await?").gives("2");
    assert_eq!(names(&sessions).len(), 2);
    first.shutdown();
    second.shutdown();
    assert_eq!(names(&sessions), BTreeSet::new());

    // Damaged: it is built anew without a word from the user.
    let preload = cache.path().join("preload");
    let libraries = find(&preload, "libantiphon_cell.so");
    assert!(!libraries.is_empty());
    for library in &libraries {
        let bytes = fs::read(library).unwrap();
        fs::remove_file(library).unwrap();
        fs::write(library, &bytes[..bytes.len() / 2]).unwrap();
    }
    let (options, tag) = options_with(cache.path());
    let (engine, steps) = start(options);
    assert!(builds(&steps), "{steps:?}");
    let t = Session::new(engine, tag);
    t.cell("tokio::spawn(async { 3 }).await?").gives("3");
    t.shutdown();
    assert_eq!(names(&sessions), BTreeSet::new());
    assert_eq!(names(&preload).len(), 2, "{:?}", names(&preload));
    let (engine, steps) = start(options_with(cache.path()).0);
    assert!(!builds(&steps), "{steps:?}");
    within(BUILD_LIMIT, "shutting down", engine.shutdown());
}

#[test]
fn nothing_remains_after_a_shutdown() {
    let sessions = cache_dir().join("sessions");
    let temporary = tempfile::tempdir().unwrap();
    let sockets = socket_folders();
    let t = own_session(|options| {
        options.env.push(("TMPDIR".to_owned(), temporary.path().display().to_string()));
    });
    let folder = PathBuf::from(t.tag().host().variable("ANTIPHON_SESSION").unwrap());
    assert_eq!(folder.parent(), Some(sessions.as_path()));
    t.cell("let x = 1;").shows_nothing();
    t.cell("tokio::spawn(async { tokio::time::sleep(Duration::from_secs(60)).await });").shows_nothing();
    t.cell(":dep itoa = \"1\"\nitoa::Buffer::new().format(1u8).len()").gives("1");
    let tag = t.tag().clone();
    t.shutdown();
    assert!(!folder.exists());
    assert_eq!(names(temporary.path()), BTreeSet::new());
    assert_eq!(socket_folders(), sockets);
    eventually("all processes ended", Duration::from_secs(5), || tag.processes().is_empty());
}

#[test]
fn a_shutdown_in_the_middle_of_a_cell_leaves_nothing() {
    for code in [
        "println!(\"go\");\nloop { std::hint::spin_loop(); }",
        "println!(\"go\");\ntokio::time::sleep(Duration::from_secs(600)).await;",
        "!echo go; sleep 600 | cat",
    ] {
        let t = own_session(|_| {});
        let folder = PathBuf::from(t.tag().host().variable("ANTIPHON_SESSION").unwrap());
        let tag = t.tag().clone();
        let running = t.start(code).until_printed("go");
        t.shutdown();
        running.finish().failed("EvaluatorDied");
        assert!(!folder.exists());
        eventually("all processes ended", Duration::from_secs(5), || tag.processes().is_empty());
    }
}

#[test]
fn a_dropped_engine_leaves_nothing() {
    let t = own_session(|_| {});
    let folder = PathBuf::from(t.tag().host().variable("ANTIPHON_SESSION").unwrap());
    let tag = t.tag().clone();
    t.cell("1").gives("1");
    drop(t);
    eventually("its folder is removed", Duration::from_secs(5), || !folder.exists());
    eventually("all processes ended", Duration::from_secs(5), || tag.processes().is_empty());
}

#[test]
fn an_interrupt_while_the_evaluator_is_replaced_is_not_lost() {
    let t = own_session(|_| {});
    let host = t.tag().host();
    host.kill();
    eventually("another evaluator", Duration::from_secs(10), || {
        t.tag().hosts().iter().any(|process| process.pid != host.pid)
    });
    // It waits for the new one, which takes its time to start.
    let running = t.start("tokio::time::sleep(Duration::from_secs(600)).await;");
    running.cut().0.failed("Cancelled");
    t.cell("1 + 1").gives("2");
    t.shutdown();
}

#[test]
fn the_evaluator_is_replaced_when_it_dies() {
    let t = own_session(|_| {});
    t.cell("let lost = 1;").shows_nothing();
    let running = t.start("println!(\"go\");\ntokio::time::sleep(Duration::from_secs(60)).await;").until_printed("go");
    t.tag().host().kill();
    let shown = running.finish().failed("EvaluatorDied");
    assert_eq!(shown.stdout(), "go\n");
    t.cell("lost").failed("CompileError");
    t.cell("tokio::spawn(async { 7 }).await?").gives("7");
    let folder = PathBuf::from(t.tag().host().variable("ANTIPHON_SESSION").unwrap());
    // The new one is as good as the old one: it can be interrupted, and it goes without a trace.
    let running = t.start("println!(\"go\");\ntokio::time::sleep(Duration::from_secs(60)).await;").until_printed("go");
    running.cut().0.failed("Cancelled");
    // Between cells: the next one is told.
    let host = t.tag().host();
    host.kill();
    eventually("another evaluator", Duration::from_secs(10), || {
        t.tag().hosts().iter().any(|process| process.pid != host.pid)
    });
    let shown = t.cell("2").gives("2");
    assert!(shown.notes().iter().any(|note| note.contains("lost")), "{:?}", shown.notes());
    let tag = t.tag().clone();
    t.shutdown();
    assert!(!folder.exists());
    eventually("all processes ended", Duration::from_secs(5), || tag.processes().is_empty());
}

#[test]
fn a_cell_that_waits_for_a_completion_can_be_interrupted() {
    let t = own_session(|_| {});
    t.cell("let kept = String::new();").shows_nothing();
    let host = t.tag().host();
    host.freeze();
    let completion = t.complete("kept.is_emp");
    let dropped = t.complete("kept.l");
    drop(dropped);
    let running = t.start("kept.len()");
    let next = t.start("kept.len()");
    running.cut().0.failed("Cancelled").traceback_has(&["before it began"]);
    host.thaw();
    next.finish().gives("0");
    let found = completion.get();
    assert!(found.items.iter().any(|item| item.code.contains("is_empty")), "{found:?}");
    t.shutdown();
}

#[test]
fn an_evaluator_that_never_answers_is_replaced() {
    let t = own_session(|options| options.evaluator_grace = Duration::from_secs(2));
    t.cell("let lost = 1;").shows_nothing();
    // By a completion that has no end. Nobody knows one that rust-analyzer is sure to take for ever.
    t.tag().host().freeze();
    let completion = t.complete("lost.");
    let shown = t.start("1 + 1").finish().gives("2");
    let notes = shown.notes();
    assert!(notes.iter().any(|note| note.contains("a completion or an inspection took longer than 2s")), "{notes:?}");
    assert!(completion.get().items.is_empty());
    t.cell("lost").failed("CompileError");
    // By a cell that was interrupted while it was analysed.
    t.tag().host().freeze();
    let running = t.start("2 + 2");
    let waiting = t.start("3 + 3");
    let shown = running.cut().0.failed("Cancelled");
    let shown = shown.traceback_has(&["the analysis of a cell that was interrupted took longer than 2s"]);
    assert_eq!(shown.stdout(), "");
    waiting.finish().gives("6");
    t.shutdown();
}

/// The folder of the cells is gone, so no process can be started in it.
#[test]
fn an_evaluator_that_cannot_be_replaced_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let cells = folder.path().join("cells");
    fs::create_dir(&cells).unwrap();
    let t = own_session(|options| options.working_dir = Some(cells.clone()));
    let running = t.start("println!(\"go\");\ntokio::time::sleep(Duration::from_secs(60)).await;").until_printed("go");
    let waiting = t.start("1");
    fs::remove_dir(&cells).unwrap();
    t.tag().host().kill();
    for cell in [running, waiting] {
        cell.finish().failed("EvaluatorDied").traceback_has(&["another one cannot be started", "cells"]);
    }
    eventually("the engine is not alive", Duration::from_secs(5), || !t.engine().is_alive());
    t.shutdown();
}

/// A front end that is killed while its host starts cannot remove the session; the host does.
#[test]
fn a_host_that_finds_no_engine_removes_its_session() {
    let folder = tempfile::tempdir().unwrap();
    let session = folder.path().join("session");
    fs::create_dir_all(session.join("ctx/target")).unwrap();
    let run = |socket: &Path| {
        let mut host = Command::new(env!("CARGO_BIN_EXE_antiphon-process"));
        host.env("ANTIPHON_ROLE", "host").env("ANTIPHON_SESSION", &session).env("ANTIPHON_CHANNEL", socket);
        host.env("ANTIPHON_WORKING_DIR", folder.path()).env("ANTIPHON_PRELOAD_SOURCES", folder.path());
        host.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };

    // Before it connects.
    assert!(run(&folder.path().join("nobody")).wait().unwrap().success());
    assert!(!session.exists());

    // Once it has connected.
    fs::create_dir_all(session.join("ctx/target")).unwrap();
    let socket = folder.path().join("s");
    let engine = UnixListener::bind(&socket).unwrap();
    let mut host = run(&socket);
    drop(engine.accept().unwrap());
    host.wait().unwrap();
    assert!(!session.exists());
}
