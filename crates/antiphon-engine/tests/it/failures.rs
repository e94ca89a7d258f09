//! Cells that fail: one end, a name, a readable account, and older variables that survive.

use antiphon_engine::End;

use crate::support::session;

#[test]
fn a_panic_fails_the_cell() {
    let t = session();
    t.cell("let kept = 7;").shows_nothing();
    let shown = t
        .cell("println!(\"before\");\nlet list: Vec<i32> = Vec::new();\nlist[3]")
        .failed("Panic")
        .traceback_has(&["Panic: index out of bounds: the len is 0 but the index is 3", "3 | list[3]"]);
    assert_eq!(shown.error().evalue, "index out of bounds: the len is 0 but the index is 3");
    assert_eq!((shown.stdout().as_str(), shown.stderr().as_str()), ("before\n", ""));
    assert_eq!(shown.lost(), [""; 0]);
    t.cell("kept").gives("7");
}

#[test]
fn a_panic_in_a_function_of_an_earlier_cell_shows_its_line() {
    let t = session();
    t.cell("fn explode(n: i32) {\n    panic!(\"boom {n}\");\n}").shows_nothing();
    t.cell("explode(3);").failed("Panic").traceback_has(&["Panic: boom 3", "panic!(\"boom {n}\");", "earlier cell"]);
}

#[test]
fn a_panic_after_an_await_fails_the_cell() {
    let t = session();
    t.cell("let kept = String::from(\"kept\");").shows_nothing();
    t.cell("tokio::task::yield_now().await;\nNone::<u8>.unwrap();")
        .failed("Panic")
        .traceback_has(&["called `Option::unwrap()` on a `None` value", "2 | None::<u8>.unwrap();"]);
    t.cell("kept").gives("\"kept\"");
}

#[test]
fn a_panic_in_a_spawned_task_goes_to_stderr() {
    let t = session();
    let shown = t.cell("tokio::spawn(async { panic!(\"in a task\") }).await.is_err()").gives("true");
    assert!(shown.stderr().contains("panicked at") && shown.stderr().contains("in a task"), "{}", shown.stderr());
    let shown = t.cell("tokio::spawn(async { panic!(\"in a task\") }).await?;").failed("JoinError");
    assert!(shown.error().evalue.contains("panicked"), "{:?}", shown.error());
}

#[test]
fn a_caught_panic_does_not_fail_the_cell() {
    let t = session();
    let shown = t.cell("std::panic::catch_unwind(|| panic!(\"caught\")).is_err()").gives("true");
    assert!(shown.stderr().contains("caught"), "{}", shown.stderr());
}

#[test]
fn a_payload_that_is_no_text_is_a_panic_too() {
    let t = session();
    t.cell("std::panic::panic_any(17);").failed("Panic");
    t.cell("std::panic::resume_unwind(Box::new(\"resumed\"));").failed("Panic").traceback_has(&["resumed"]);
}

#[test]
fn an_error_by_question_mark_fails_the_cell() {
    let t = session();
    t.cell("let kept = 7;").shows_nothing();
    let shown = t
        .cell("let number = \"x\".parse::<i32>()?;\nprintln!(\"not reached\");")
        .failed("ParseIntError")
        .traceback_has(&["ParseIntError: invalid digit found in string"]);
    assert_eq!(shown.error().evalue, "invalid digit found in string");
    assert_eq!((shown.stdout().as_str(), shown.stderr().as_str()), ("", ""));
    t.cell("kept").gives("7");
    // Its own variable was not made.
    t.cell("number").failed("CompileError");
}

#[test]
fn errors_have_the_names_of_their_types() {
    let t = session();
    t.cell("std::fs::read_to_string(\"/nowhere/at/all\")?;")
        .failed("io::Error")
        .traceback_has(&["No such file or directory"]);
    t.cell("reqwest::get(\"http://127.0.0.1:1/\").await?;").failed("reqwest::Error").traceback_has(&["127.0.0.1:1"]);
    t.cell("serde_json::from_str::<Vec<u8>>(\"{\")?;").failed("serde_json::Error");
    t.cell("Anthropic::new().base_url(\"http://127.0.0.1:1\").max_retries(0).agenerate([\"hi\"]).await?;")
        .failed("LlmError")
        .traceback_has(&["127.0.0.1:1"]);
    t.cell("OpenAI::new().temperature(9.0).generate([\"hi\"])?;").failed("LlmError").traceback_has(&["temperature"]);
    t.cell(
        "unsafe { std::env::remove_var(\"OPENROUTER_API_KEY\") }
OpenAiCompatible::openrouter().model(\"m\").generate([\"hi\"])?;",
    )
    .failed("LlmError")
    .traceback_has(&["set OPENROUTER_API_KEY or `api_key`", "with `--sim`"]);
    t.cell("Err::<(), Box<dyn std::error::Error>>(\"no luck\".into())?;")
        .failed("Error")
        .traceback_has(&["Error: no luck"]);
    t.cell("Err::<(), &str>(\"just text\")?;").failed("Error").traceback_has(&["just text"]);
    t.cell("Err::<(), String>(\"owned text\".to_owned())?;").failed("Error").traceback_has(&["owned text"]);
}

#[test]
fn a_users_own_error_type_has_its_name() {
    let t = session();
    t.cell(
        "#[derive(Debug)]
struct TooHot(f64);
impl std::fmt::Display for TooHot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { write!(f, \"{} degrees\", self.0) }
}
impl std::error::Error for TooHot {}
fn check(degrees: f64) -> Result<f64, TooHot> { if degrees > 50.0 { Err(TooHot(degrees)) } else { Ok(degrees) } }",
    )
    .shows_nothing();
    t.cell("check(20.0)?").gives("20.0");
    t.cell("check(70.5)?;").failed("TooHot").traceback_has(&["70.5 degrees"]);
}

#[test]
fn question_marks_of_functions_and_tasks_are_their_own() {
    let t = session();
    t.cell(
        "fn parse(text: &str) -> Result<i32, std::num::ParseIntError> { Ok(text.parse::<i32>()? + 1) }
eprintln!(\"the user's own line {}\", 1);
parse(\"x\").is_err()",
    )
    .gives("true");
    let shown = t.cell("eprintln!(\"{}\", parse(\"x\").unwrap_err());").ok();
    assert_eq!(shown.stderr(), "invalid digit found in string\n");
    let shown = t.cell("let (b, c) = (2, 3);\neprintln!(\"{a}\", a = 1);\neprintln!(\"{}\", b);\neprintln!(\"{c}\");\neprintln!();").ok();
    assert_eq!(shown.stderr(), "1\n2\n3\n\n");
}

#[test]
fn a_compile_error_points_into_the_cell() {
    let t = session();
    t.cell("let kept = 7;").shows_nothing();
    let shown = t
        .cell("let a = 1;\nlet b: String = a;\nprintln!(\"not reached\");")
        .failed("CompileError")
        .traceback_has(&["mismatched types", "2 |", "let b: String = a;", "E0308"]);
    let error = shown.error();
    assert!(error.evalue.starts_with("mismatched types [E0308]"), "{}", error.evalue);
    assert!(!error.diagnostics.is_empty());
    assert_eq!(error.lost_variables, [""; 0]);
    assert_eq!(shown.stdout(), "");
    t.cell("kept").gives("7");
    t.cell("a").failed("CompileError").traceback_has(&["cannot find value `a`"]);
}

#[test]
fn syntax_errors_and_several_errors_are_told() {
    let t = session();
    t.cell("let x = ;").failed("CompileError").traceback_has(&["let x = ;"]);
    t.cell("println!(\"{}\", 1").failed("CompileError");
    t.cell("one();\ntwo();").failed("CompileError").traceback_has(&["`one`", "`two`"]);
    t.cell(":nonsense").failed("CommandError").traceback_has(&[":nonsense"]);
}

#[test]
fn a_variable_whose_type_is_unknown_is_an_error_that_costs_nothing() {
    let t = session();
    t.cell("let kept = 7;").shows_nothing();
    // evcxr runs `cargo check` for these.
    for (code, holds) in [
        ("let x = nowhere();", "cannot find function `nowhere`"),
        ("let x = ;", "expected expression"),
        ("let x = Vec::new();", "x"),
    ] {
        let shown = t.cell(code).failed("CompileError").traceback_has(&[holds]);
        assert_eq!(shown.compiling(), [""; 0], "{code}");
        t.cell("let y = 1;\nkept").gives("7");
    }
    t.cell("let closure = |n: i32| n;").failed("CompileError").traceback_has(&["closure"]);
    t.cell("kept").gives("7");
}

#[test]
fn warnings_do_not_fail_a_cell() {
    let t = session();
    t.cell("fn unused_function() {}\nlet unused = 1;\n#[deprecated] fn old() {}\nold();").shows_nothing();
}

#[test]
fn comments_and_white_space_are_cells() {
    let t = session();
    t.cell("").shows_nothing();
    t.cell("  \n\n").shows_nothing();
    t.cell("// only a remark").shows_nothing();
    t.cell("/* only a remark */").shows_nothing();
    t.cell("let x = 1; // with a remark").shows_nothing();
    t.cell("x // with a remark").gives("1");
}

#[test]
fn an_execution_ends_once() {
    let t = session();
    for (code, finishes) in [("1", true), ("panic!()", false), ("\"x\".parse::<u8>()?;", false), ("nothing", false)] {
        let shown = t.cell(code);
        assert_eq!(shown.end().0 == &End::Finished, finishes, "{code}");
    }
}

#[test]
fn a_cell_that_evcxr_would_cut_short_does_not_compile() {
    let t = session();
    t.cell("/* begun\nprintln!(\"lost\");").failed("CompileError").traceback_has(&[
        "unterminated block comment",
        "E0758",
        "cell:1:1",
    ]);
    t.cell("}\nprintln!(\"lost\");").failed("CompileError").traceback_has(&["unexpected closing delimiter: `}`"]);
    t.cell("let a = 1; } let b = 2;").failed("CompileError").traceback_has(&["cell:1:12"]);
    t.cell("/* whole */ // {\n\"}\"").gives("\"}\"");
}

/// evcxr forgets the variable for the compiler's first error, and looks it up for the second.
const PANIC_OF_EVCXR: &str = "#[cfg(any())] let x: impl Sized = 5;";

#[test]
fn a_panic_inside_evcxr_fails_the_cell_and_loses_nothing() {
    let t = session();
    t.cell("let mut kept = vec![41];\nfn twice(n: usize) -> usize { n * 2 }").shows_nothing();
    for _ in 0..2 {
        let shown = t.cell(PANIC_OF_EVCXR).failed("EvaluatorPanic").traceback_has(&["a fault of evcxr"]);
        assert_eq!(shown.lost(), [""; 0]);
    }
    t.cell("kept.push(1);\ntwice(kept.len())").gives("4");
}

#[test]
fn a_cell_that_is_nested_too_deep_fails_and_loses_nothing() {
    let t = session();
    t.cell("let kept = 7;").shows_nothing();
    for code in ["(".repeat(100_000), format!("{}1{}", "(".repeat(3000), ")".repeat(3000))] {
        t.cell(&code).failed("CompileError");
    }
    t.cell("kept").gives("7");
}

/// evcxr's form of content is text on standard output: a cell may begin it and not come to its end.
#[test]
fn content_that_is_never_ended_holds_up_nothing() {
    let t = session();
    t.cell("let kept = 1;").shows_nothing();
    let shown = t.cell("println!(\"EVCXR_BEGIN_CONTENT text/html\\nopen\"); println!(\"after\");").ok();
    assert_eq!(shown.stdout(), "EVCXR_BEGIN_CONTENT text/html\nopen\nafter\n");
    t.cell("println!(\"EVCXR_BEGIN_CONTENT text/html\");\nlet none: Option<i32> = None; none.unwrap();")
        .failed("Panic");
    t.cell(
        r#"struct Table(i32);
impl Table {
    fn evcxr_display(&self) {
        println!("EVCXR_BEGIN_CONTENT text/html");
        for n in 0..3 { println!("<tr>{}</tr>", 10 / (self.0 - n)); }
        println!("EVCXR_END_CONTENT");
    }
}
Table(1)"#,
    )
    .failed("Panic")
    .traceback_has(&["divide by zero"]);
    // It waits, and can be stopped.
    let code = "print!(\"go\\nEVCXR_BEGIN_CONTENT text/html\\n\");\ntokio::time::sleep(Duration::from_secs(60)).await;";
    t.start(code).until_printed("go").cut().0.failed("Cancelled");
    t.cell("kept").gives("1");
}

#[test]
fn what_is_shown_after_content_without_an_end_keeps_its_place() {
    let t = session();
    let shown = t.cell("println!(\"EVCXR_BEGIN_CONTENT text/html\\nopen\");\n1").gives("1");
    assert_eq!(shown.stdout(), "EVCXR_BEGIN_CONTENT text/html\nopen\n");
    t.cell("2").gives("2");
    let own = t.cell("struct Own;\nOwn.evcxr_display();\nlet x = 1;").failed("CompileError");
    assert!(!own.traceback().contains("cannot be shown"), "{}", own.traceback());
}

/// Only the cell library knows the end of a cell, not what a cell prints.
#[test]
fn evcxrs_end_marker_in_a_cells_output_is_text() {
    let t = session();
    let shown = t.cell("println!(\"EVCXR_EXECUTION_COMPLETE\");\nprintln!(\"after\");\n1").gives("1");
    assert_eq!(shown.stdout(), "EVCXR_EXECUTION_COMPLETE\nafter\n");
    t.cell("panic!(\"three\")").failed("Panic");
    t.cell("println!(\"four\");\n4").gives("4");
}

#[test]
fn a_future_that_is_not_awaited_is_named() {
    let t = session();
    for code in ["OpenAI::new().agenerate([\"hi\"])", "// one\nasync { 1 }"] {
        let shown = t.cell(code).failed("CompileError").traceback_has(&["cannot be shown", "add `.await`", "-->"]);
        assert!(!shown.traceback().contains("PlainResults"), "{}", shown.traceback());
    }
    t.cell("|x: i32| x + 1").failed("CompileError").traceback_has(&["cannot be shown", "cell:1:1"]);
}

#[test]
fn a_panic_points_to_its_own_line_among_lines_that_read_the_same() {
    let t = session();
    let code =
        "let x: Vec<i32> = vec![];\nif x.len() > 5 {\n    println!(\"{}\", x[0]);\n}\n    println!(\"{}\", x[0]);";
    t.cell(code).failed("Panic").traceback_has(&["   5 | println!(\"{}\", x[0]);"]);
    let shown = t.cell("std::panic::panic_any(5)").failed("Panic");
    assert!(!shown.traceback().contains("| ("), "{}", shown.traceback());
}
