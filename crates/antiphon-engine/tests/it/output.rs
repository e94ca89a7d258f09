//! Output arrives when it is written, in order, and all of it.

use std::time::Duration;

use crate::support::{own_session, session};

#[test]
fn a_flushed_part_of_a_line_arrives_at_once() {
    let t = session();
    let shown = t
        .cell(
            "use std::io::Write;
print!(\"a\");
std::io::stdout().flush()?;
std::thread::sleep(Duration::from_millis(300));
print!(\"b\\n\");",
        )
        .prints("ab\n");
    assert!(shown.gap("a", "b") >= Duration::from_millis(150), "{:?}", shown.gap("a", "b"));
}

#[test]
fn a_part_of_a_line_arrives_without_a_flush() {
    let t = session();
    let shown = t.cell("print!(\"x\");\ntokio::time::sleep(Duration::from_millis(300)).await;\nprintln!(\"y\");");
    let shown = shown.prints("xy\n");
    assert!(shown.gap("x", "y") >= Duration::from_millis(150), "{:?}", shown.gap("x", "y"));
    // Also while the cell's thread is busy.
    let shown =
        t.cell("print!(\"x\");\nstd::thread::sleep(Duration::from_millis(300));\nprintln!(\"y\");").prints("xy\n");
    assert!(shown.gap("x", "y") >= Duration::from_millis(150), "{:?}", shown.gap("x", "y"));
}

#[test]
fn stderr_arrives_at_once_and_apart() {
    let t = session();
    let shown = t.cell("println!(\"out\");\neprint!(\"err\");\nprintln!(\"more\");").ok();
    assert_eq!((shown.stdout().as_str(), shown.stderr().as_str()), ("out\nmore\n", "err"));
}

#[test]
fn a_dead_process_leaves_its_output() {
    let t = session();
    for (death, status) in [
        ("std::process::abort();", "signal: 6"),
        ("unsafe { *(1 as *mut u8) = 0 };", "signal: "),
        ("std::process::exit(3);", "exit status: 3"),
        ("unsafe { std::arch::asm!(\"ud2\") };", "signal: "),
    ] {
        t.cell("let one = 1;\nlet two = String::new();").shows_nothing();
        t.cell("fn kept() -> u8 { 5 }").shows_nothing();
        let code = format!(
            "use std::io::Write;\nprintln!(\"line\");\neprintln!(\"error\");\nprint!(\"part\");\nstd::io::stdout().flush()?;\n{death}"
        );
        let shown = t.cell(&code).failed("ChildDied").traceback_has(&[status, "one", "two"]);
        assert_eq!(shown.stdout(), "line\npart", "{death}");
        assert!(shown.stderr().starts_with("error\n"), "{death}: {}", shown.stderr());
        assert_eq!(shown.lost(), ["one", "two"], "{death}");
        t.cell("one").failed("CompileError");
        t.cell("println!(\"alive\");\ntokio::task::yield_now().await;\nkept()").gives("5");
    }
}

#[test]
fn a_stack_overflow_is_a_dead_process() {
    let t = session();
    t.cell("#[allow(unconditional_recursion)]\nfn deep(n: u64) -> u64 { std::hint::black_box(deep(n + 1)) + 1 }")
        .shows_nothing();
    let shown = t.cell("println!(\"before\");\ndeep(0)").failed("ChildDied");
    assert_eq!(shown.stdout(), "before\n");
    t.cell("1").gives("1");
}

#[test]
fn a_process_may_die_between_cells() {
    let t = session();
    t.cell("let kept = 1;").shows_nothing();
    t.cell(
        "std::thread::spawn(|| { std::thread::sleep(Duration::from_millis(200)); println!(\"bye\"); std::process::exit(4) });",
    )
    .shows_nothing();
    // It dies before, during or after the compilation of this cell.
    let shown = t.cell("std::thread::sleep(Duration::from_secs(20));").failed("ChildDied");
    assert_eq!(shown.stdout(), "bye\n");
    assert_eq!(shown.lost(), ["kept"]);
    t.cell("1").gives("1");
}

#[test]
fn text_and_displays_keep_their_order() {
    let t = session();
    let shown = t
        .cell(
            "println!(\"1\");
display(\"2\");
print!(\"3\");
display(4);
println!(\"5\");
\"6\"",
        )
        .ok();
    assert_eq!(
        shown.order(),
        [
            "stdout: 1\n",
            "display: text/plain \"2\"",
            "stdout: 3",
            "display: text/plain \"4\"",
            "stdout: 5\n",
            "result: text/plain \"\\\"6\\\"\""
        ]
    );
}

#[test]
fn displays_of_many_threads_keep_their_text() {
    let t = session();
    let shown = t
        .cell(
            "let threads: Vec<_> = (0..4).map(|_| std::thread::spawn(|| for n in 0..50 {
    display(n);
    println!(\"{n}\");
})).collect();
for thread in threads { thread.join().unwrap(); }",
        )
        .ok();
    let (mut displayed, mut printed) = (vec![0; 50], vec![0; 50]);
    for display in shown.displays() {
        displayed[display.data["text/plain"].as_str().unwrap().parse::<usize>().unwrap()] += 1;
    }
    for line in shown.stdout().lines() {
        printed[line.parse::<usize>().unwrap_or_else(|_| panic!("{line:?} in {:?}", shown.stdout()))] += 1;
    }
    assert_eq!((displayed, printed), (vec![4; 50], vec![4; 50]));
}

#[test]
fn a_hundred_thousand_lines_arrive_in_order() {
    let t = session();
    let shown = t.cell("for n in 0..100_000 { println!(\"{n}\"); }").ok();
    assert!(shown.stdout().lines().eq((0..100_000).map(|n| n.to_string())));
}

#[test]
fn five_megabytes_of_stderr_arrive() {
    let t = session();
    let shown = t.cell("for n in 0..50_000 { eprintln!(\"{n:099}\"); }").ok();
    assert!(shown.stderr().lines().eq((0..50_000).map(|n| format!("{n:099}"))));
}

#[test]
fn stdout_and_stderr_flood_together() {
    let t = session();
    let shown = t
        .cell(
            "let out = std::thread::spawn(|| for n in 0..20_000 { println!(\"{n}\"); });
let err = std::thread::spawn(|| for n in 0..20_000 { eprintln!(\"{n}\"); });
out.join().unwrap();
err.join().unwrap();",
        )
        .ok();
    assert!(shown.stdout().lines().eq((0..20_000).map(|n| n.to_string())));
    assert!(shown.stderr().lines().eq((0..20_000).map(|n| n.to_string())));
}

#[test]
fn a_megabyte_without_a_line_end_arrives() {
    let t = session();
    let shown = t.cell("print!(\"{}\", \"m\".repeat(1 << 20));").ok();
    assert_eq!(shown.stdout().len(), 1 << 20);
    let shown = t.cell("display(\"d\".repeat(1 << 20)); \"r\".repeat(1 << 20)").ok();
    assert_eq!(shown.displays().len(), 2);
    assert_eq!(shown.result().map(str::len), Some((1 << 20) + 2));
}

#[test]
fn bytes_that_are_no_text_arrive() {
    let t = session();
    let shown = t
        .cell("use std::io::Write;\nstd::io::stdout().write_all(b\"a\\xff\\xfe\\0b\\n\")?;\nprintln!(\"\u{e4}\u{1f980}\");")
        .ok();
    assert_eq!(shown.stdout_bytes(), b"a\xff\xfe\0b\n\xc3\xa4\xf0\x9f\xa6\x80\n");
}

#[test]
fn text_that_looks_like_a_marker_arrives() {
    let t = session();
    let text = "EVCXR_\nEVCXR\nx EVCXR_y\nEVCXR_EXECUTION_COMPLETELY\nEVCXR_PANIC_NOTIFICATIONS\nEVCXR_BEGIN\nE";
    t.cell(&format!("print!({text:?});")).prints(text);
    // In three writes, the middle of a would-be marker long after its start.
    t.cell(
        "use std::io::Write;
for part in [\"EVCXR_EXEC\", \"UTION_\", \"NOT\\n\"] {
    print!(\"{part}\");
    std::io::stdout().flush()?;
    tokio::time::sleep(Duration::from_millis(60)).await;
}",
    )
    .prints("EVCXR_EXECUTION_NOT\n");
}

#[test]
fn a_last_line_without_an_end_stays_in_its_cell() {
    let t = session();
    t.cell("print!(\"half\");").prints("half");
    t.cell("println!(\"whole\");").prints("whole\n");
    let shown = t.cell("print!(\"half\"); 5").gives("5");
    assert_eq!(shown.order(), ["stdout: half", "result: text/plain \"5\""]);
    let shown = t.cell("print!(\"half\"); panic!(\"stop\");").failed("Panic");
    assert_eq!(shown.stdout(), "half");
    let shown = t.cell("print!(\"half\"); \"x\".parse::<u8>()?;").failed("ParseIntError");
    assert_eq!(shown.stdout(), "half");
    t.cell("1").gives("1");
}

#[test]
fn a_child_of_the_cell_prints_too() {
    let t = session();
    t.cell(
        "println!(\"cell\");
std::process::Command::new(\"sh\").args([\"-c\", \"echo shell; printf tail\"]).status()?;",
    )
    .prints("cell\nshell\ntail");
}

#[test]
fn a_process_that_outlives_its_cell_does_not_hold_it_up() {
    let t = session();
    let shown = t.cell("let child = std::process::Command::new(\"sleep\").arg(\"600\").spawn()?;").ok();
    assert!(shown.metrics().run < Duration::from_secs(60));
    t.cell("let mut child = child;\nchild.kill()?;\nchild.wait()?;").shows_nothing();
}

#[test]
fn secrets_do_not_leave_the_engine() {
    const KEY: &str = "sk-secret-1234567890abcdef";
    let t = own_session(|options| options.env.push(("SOME_SERVICE_API_KEY".to_owned(), KEY.to_owned())));
    let mut background = t.background();
    t.cell("let key = std::env::var(\"SOME_SERVICE_API_KEY\")?;").shows_nothing();
    let shown = t
        .cell(
            "use std::io::Write;
println!(\"out {key}\");
for part in key.as_bytes().chunks(3) { std::io::stdout().write_all(part)?; std::io::stdout().flush()?; }
eprintln!(\"err {key}\");
display(format!(\"shown {key}\"));
display(tokio::Json(serde_json::json!({ \"key\": [key] })));
format!(\"{key:?}\")",
        )
        .ok();
    assert_eq!((shown.stdout().as_str(), shown.stderr().as_str()), ("out [redacted]\n[redacted]", "err [redacted]\n"));
    assert_eq!(shown.result(), Some("\"\\\"[redacted]\\\"\""));
    assert!(!format!("{:?}", shown.events).contains("secret-1234"), "{shown:?}");
    let shown = t.cell("panic!(\"{key}\");").failed("Panic");
    assert_eq!(shown.error().evalue, "[redacted]");
    let shown = t.cell(&format!("let x: u8 = \"{KEY}\";")).failed("CompileError");
    assert!(!format!("{:?}", shown.events).contains("secret-1234"), "{shown:?}");
    let running = t.start("let (go, wait) = tokio::sync::oneshot::channel::<()>();\ntokio::spawn(async move { wait.await.unwrap(); println!(\"late {key}.\"); });");
    let id = running.id();
    running.finish().shows_nothing();
    t.cell("go.send(()).unwrap();").shows_nothing();
    assert_eq!(background.until(id, ".").stdout(), "late [redacted].\n");
    // What only may begin a secret comes all the same, and soon.
    let shown =
        t.cell("print!(\"yes\");\ntokio::time::sleep(Duration::from_millis(300)).await;\nprintln!(\"!\");").ok();
    assert_eq!(shown.stdout(), "yes!\n");
    assert!(shown.gap("yes", "!") >= Duration::from_millis(150), "{:?}", shown.gap("yes", "!"));
    t.shutdown();
}
