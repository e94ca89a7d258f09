//! Commands at the head of a cell, beside evcxr's own.

use std::time::{Duration, Instant};

use crate::processes::Tag;
use crate::support::{eventually, own_session, session};

#[test]
fn time_says_how_long_a_cell_took() {
    let t = session();
    let shown = t.cell(":time\ntokio::time::sleep(Duration::from_millis(120)).await;\nprint!(\"text\")").ok();
    let stdout = shown.stdout();
    assert!(stdout.starts_with("textWall time: ") && stdout.ends_with("ms)\n"), "{stdout}");
    assert!(shown.metrics().run >= Duration::from_millis(120));
    // Also of a cell that fails, whose lines stay where they are.
    let shown = t.cell(":time\nlet n: i32 = nothing;").failed("CompileError").traceback_has(&["cell:2:14"]);
    assert!(shown.stdout().starts_with("Wall time: "), "{}", shown.stdout());
}

#[test]
fn env_is_set_for_cells_and_what_they_start_also_after_a_crash() {
    let t = session();
    t.cell(":env MAGIC_WORD = abra cadabra\n:env MAGIC_QUOTE=\"\\\nstd::env::var(\"MAGIC_WORD\").unwrap()")
        .gives("\"abra cadabra\"");
    t.cell("std::env::var(\"MAGIC_QUOTE\").unwrap().len()").gives("2");
    t.cell("!echo $MAGIC_WORD").prints("abra cadabra\n");
    t.cell("std::process::abort();").failed("ChildDied");
    t.cell("std::env::var(\"MAGIC_WORD\").unwrap()").gives("\"abra cadabra\"");
    let error = t.cell(":env MAGIC_WORD").failed("CommandError");
    assert!(error.error().evalue.contains(":env RUST_LOG=debug"));
}

#[test]
fn a_key_that_env_sets_is_a_secret() {
    let t = own_session(|_| {});
    t.cell(":env MAGIC_API_KEY=sk-magic-0123456789").shows_nothing();
    t.cell("println!(\"{}\", std::env::var(\"MAGIC_API_KEY\").unwrap());").prints("[redacted]\n");
    t.cell("!echo $MAGIC_API_KEY").prints("[redacted]\n");
    // On a line that the compiler takes for code, and shows.
    let shown = t.cell("let x = 1;\n:env LATE_API_KEY=sk-late-0123456789").failed("CompileError");
    assert!(!format!("{shown:?}").contains("sk-late"), "{}", shown.traceback());
    // Another evaluator has it, and keeps it.
    let host = t.tag().host();
    host.kill();
    eventually("another evaluator", Duration::from_secs(10), || {
        t.tag().hosts().iter().any(|process| process.pid != host.pid)
    });
    t.cell("println!(\"{}\", std::env::var(\"MAGIC_API_KEY\").unwrap());").ok();
    t.shutdown();
}

#[test]
fn a_file_is_loaded_in_place() {
    let folder = tempfile::tempdir().unwrap();
    let source = "use std::fmt::Write as _;\nfn loaded() -> i32 {\n    41\n}\nlet from_file = loaded();";
    std::fs::write(folder.path().join("helpers.rs"), source).unwrap();
    std::fs::write(folder.path().join("wrong.rs"), "let a = 1;\nlet b: i32 = \"text\";").unwrap();
    let t = own_session(|options| options.working_dir = Some(folder.path().to_owned()));
    t.cell(":load helpers.rs\nfrom_file + 1").gives("42");
    t.cell("loaded()").gives("41");
    t.cell("\n:load wrong.rs\n").failed("CompileError").traceback_has(&["wrong.rs:2:14", "let b: i32 = \"text\";"]);
    // What stands after a file keeps the lines of the cell.
    let shown = t.cell("// one\n:load helpers.rs\nlet c: i32 = \"text\";\nlet d = (").failed("CompileError");
    assert!(!shown.traceback().contains("helpers.rs"), "{}", shown.traceback());
    let shown = t.cell("// one\n:load helpers.rs\nlet c: i32 = \"text\";").failed("CompileError");
    shown.traceback_has(&["cell:3:14", "let c: i32 = \"text\";"]);
    t.cell("// one\n:load helpers.rs\n\nlet c = ];").failed("CompileError").traceback_has(&["cell:4:9"]);
    std::fs::write(folder.path().join("panics.rs"), "// one\nlet none: Option<u8> = None;\nnone.unwrap();").unwrap();
    let shown = t.cell("// one\n:load panics.rs\nlet after = 1;").failed("Panic");
    shown.traceback_has(&["  in panics.rs", "   3 | none.unwrap();"]);
    let error = t.cell(":load missing.rs").failed("CommandError");
    assert!(error.error().evalue.contains("missing.rs"), "{:?}", error.error());
    t.cell("from_file").gives("41");
    t.shutdown();
}

#[test]
fn a_shell_is_live_and_its_status_counts() {
    let t = session();
    // It goes on only once its first output was seen.
    let folder = tempfile::tempdir().unwrap();
    let seen = folder.path().join("seen");
    let wait = format!("until [ -e {} ]; do sleep 0.01; done", seen.display());
    let running = t.start(&format!("!printf one; {wait}; echo two; echo three >&2\nlet after = 1;"));
    let running = running.until_printed("one");
    std::fs::write(&seen, "").unwrap();
    let shown = running.finish().ok();
    assert_eq!((shown.stdout().as_str(), shown.stderr().as_str()), ("onetwo\n", "three\n"));
    t.cell("let kept = 5;").shows_nothing();
    let failed = t.cell("!exit 3\nprintln!(\"not reached\");").failed("ShellError");
    assert_eq!(failed.stdout(), "");
    assert!(failed.error().evalue.contains("`exit 3` ended with exit status: 3"), "{:?}", failed.error());
    // What it asks for on standard input is at its end, and is not evcxr's.
    t.cell("!cat; echo end").prints("end\n");
    t.cell("(kept, after)").gives("(5, 1)");
}

#[test]
fn a_shell_is_cut_with_all_that_it_started() {
    let t = own_session(|_| {});
    t.cell("let kept = 1;").shows_nothing();
    let running = t.start("!echo begun; sleep 86400 | cat").until_printed("begun");
    let begun = Instant::now();
    let (shown, _) = running.cut();
    shown.failed("Cancelled");
    assert!(begun.elapsed() < Duration::from_secs(60));
    let sleeps = |tag: &Tag| tag.processes().iter().any(|process| process.command.contains("86400"));
    eventually("the shell's processes end", Duration::from_secs(10), || !sleeps(t.tag()));
    t.cell("kept").gives("1");
    t.shutdown();
}

#[test]
fn commands_that_are_none_are_named() {
    let t = session();
    let shown = t.cell(":no_such_command 1\n1 + 1").failed("CommandError");
    assert_eq!(shown.error().evalue, "unknown command `:no_such_command`; `:help` lists them");
    let help = t.cell(":help").ok();
    let text = help.displays()[0].data["text/plain"].as_str().unwrap();
    for line in [":dep ", ":env ", ":load ", ":time "] {
        assert_eq!(text.lines().filter(|it| it.starts_with(line)).count(), 1, "{line} in {text}");
    }
}
