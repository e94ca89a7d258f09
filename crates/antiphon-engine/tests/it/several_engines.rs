//! Several engines in one process.

use std::time::Duration;

use crate::support::{ENDLESS_COMPILATION, Session, eventually, options, own_session, session, start, take_turn};

#[test]
fn engines_do_not_disturb_each_other() {
    let _turn = take_turn();
    let engines: Vec<Session> = (0..2)
        .map(|_| {
            let (options, tag) = options();
            Session::new(start(options).0, tag)
        })
        .collect();
    let [first, second] = engines.as_slice() else { unreachable!() };
    first.cell("let name = \"first\";").shows_nothing();
    second.cell("let name = \"second\";").shows_nothing();
    let sleeping =
        first.start("println!(\"go\");\ntokio::time::sleep(Duration::from_secs(60)).await;").until_printed("go");
    // The other one works meanwhile, dies, and works again.
    second.cell("name").gives("\"second\"");
    second.cell("std::process::abort();").failed("ChildDied");
    second.cell("1 + 1").gives("2");
    sleeping.cut().0.failed("Cancelled");
    first.cell("name").gives("\"first\"");
    for engine in engines {
        engine.shutdown();
    }
}

#[test]
fn a_compilation_in_one_engine_does_not_hold_up_another() {
    let _turn = take_turn();
    let engines: Vec<Session> = (0..2)
        .map(|_| {
            let (options, tag) = options();
            Session::new(start(options).0, tag)
        })
        .collect();
    let [first, second] = engines.as_slice() else { unreachable!() };
    let compiling = first.start(ENDLESS_COMPILATION);
    eventually("rustc", Duration::from_secs(60), || first.tag().compiles_a_cell());
    second.start("1 + 1").with_limit(Duration::from_secs(30)).finish().gives("2");
    compiling.cut().0.failed("Cancelled");
    for engine in engines {
        engine.shutdown();
    }
}

#[test]
fn the_working_folder_is_the_one_that_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("data.txt"), "found").unwrap();
    // A file of evcxr's in the user's folder is not the engine's.
    std::fs::write(folder.path().join("evcxr.toml"), "[evcxr]\ntmpdir = \"/nowhere\"\n").unwrap();
    let t = own_session(|options| options.working_dir = Some(folder.path().to_owned()));
    t.cell("std::fs::read_to_string(\"data.txt\")?").gives("\"found\"");
    t.cell("std::process::exit(0);").failed("ChildDied");
    t.cell("std::fs::read_to_string(\"data.txt\")?").gives("\"found\"");
    t.shutdown();
    let mut names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["data.txt", "evcxr.toml"]);
}

#[test]
fn a_working_folder_that_is_gone_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_owned();
    let t = own_session(|options| options.working_dir = Some(path.clone()));
    t.cell("let lost = 1;").ok();
    drop(folder);
    for code in ["std::process::abort();", "1 + 1"] {
        let shown = t.cell(code).failed("ChildDied");
        let evalue = &shown.error().evalue;
        assert!(evalue.contains(&format!("make {} again", path.display())), "{evalue:?}");
    }
    std::fs::create_dir(&path).unwrap();
    t.cell("no such name").failed("CompileError");
    t.cell("1 + 1").gives("2");
    // A death that is news.
    t.cell("std::process::abort();").failed("ChildDied");
    t.cell("1 + 1").gives("2");
    t.shutdown();
    std::fs::remove_dir(&path).unwrap();
}

#[test]
fn cells_wait_for_their_turn() {
    let t = session();
    let cells: Vec<_> = (0..5).map(|n| t.start(&format!("println!(\"{n}\");"))).collect();
    for (n, cell) in cells.into_iter().enumerate() {
        cell.finish().prints(&format!("{n}\n"));
    }
}

#[test]
fn an_execution_that_nobody_reads_does_not_stop_the_engine() {
    let t = session();
    drop(t.start("let made = 1;\nfor n in 0..10_000 { println!(\"{n}\"); display(n); }"));
    t.cell("made").gives("1");
}
