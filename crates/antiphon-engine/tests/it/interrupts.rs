//! Interrupts cost the cell and nothing else, wherever that is possible.

use std::time::{Duration, Instant};

use antiphon_sim::{Latency, Sim};

use crate::support::{ENDLESS_COMPILATION, eventually, own_session, session, start_sim, within};

/// Ends come within some 10 ms; a busy machine may take longer.
const PROMPT: Duration = Duration::from_secs(1);
const SECONDS: Duration = Duration::from_secs(10);

fn slow_sim() -> Sim {
    start_sim(Sim::builder().latency(Latency::Constant(Duration::from_secs(30))))
}

#[test]
fn a_model_call_is_cut_and_its_connection_closed() {
    let t = session();
    let sim = slow_sim();
    t.cell("let kept = String::from(\"kept\");").shows_nothing();
    t.cell(&format!("let llm = OpenAI::new().base_url(\"{}/v1\");", sim.base_url())).shows_nothing();
    for call in ["llm.agenerate([\"hi\"]).await?;", "llm.generate([\"hi\"])?;"] {
        let running = t.start(&format!("println!(\"asking\");\n{call}")).until_printed("asking");
        within(SECONDS, "the request", sim.wait_until(|activity| activity.in_flight == 1));
        let (shown, took) = running.cut();
        let shown = shown.failed("Cancelled");
        assert_eq!(shown.lost(), [""; 0]);
        assert!(took < PROMPT, "{call}: {took:?}");
        println!("{call} cut after {took:?}");
        let closed = |activity: &antiphon_sim::Activity| activity.in_flight == 0 && activity.open_connections == 0;
        within(SECONDS, "closing the connection", sim.wait_until(closed));
        t.cell("kept").gives("\"kept\"");
    }
}

#[test]
fn calls_that_are_awaited_together_are_cut_together() {
    let t = session();
    let sim = slow_sim();
    t.cell(&format!("let llm = OpenAI::new().base_url(\"{}/v1\");", sim.base_url())).shows_nothing();
    let running = t.start("join_all((0..5).map(|_| llm.agenerate([\"hi\"]))).await;");
    within(SECONDS * 6, "the requests", sim.wait_until(|activity| activity.in_flight == 5));
    let (shown, took) = running.cut();
    shown.failed("Cancelled");
    assert!(took < PROMPT, "{took:?}");
    within(SECONDS, "closing the connections", sim.wait_until(|activity| activity.open_connections == 0));
}

#[test]
fn a_sleep_is_cut_and_variables_and_tasks_stay() {
    let t = session();
    t.cell("let mut kept = vec![1];\nlet task = tokio::spawn(async { tokio::time::sleep(Duration::from_millis(500)).await; 5 });").shows_nothing();
    let running = t.start("kept.push(2);\nprintln!(\"go\");\ntokio::time::sleep(Duration::from_secs(60)).await;");
    let (shown, took) = running.until_printed("go").cut();
    let shown = shown.failed("Cancelled").traceback_has(&["Cancelled", "variables of earlier cells are kept"]);
    println!("a sleep cut after {took:?}");
    assert!(took < PROMPT, "{took:?}");
    assert_eq!((shown.stdout().as_str(), shown.stderr().as_str()), ("go\n", ""));
    t.cell("kept.len()").gives("2");
    t.cell("task.await?").gives("5");
}

#[test]
fn a_block_on_inside_a_cell_is_cut() {
    let t = session();
    let code =
        "println!(\"go\");\ntokio::runtime::Runtime::new()?.block_on(tokio::time::sleep(Duration::from_secs(60)));";
    let (shown, took) = t.start(code).until_printed("go").cut();
    shown.failed("Cancelled");
    assert!(took < PROMPT, "{took:?}");
}

#[test]
fn blocking_code_is_cut_with_its_process() {
    let t = own_session(|options| options.interrupt_grace = Duration::from_millis(500));
    t.cell("let lost = 1;").shows_nothing();
    t.cell("fn kept() -> u8 { 2 }").shows_nothing();
    let (shown, took) = t.start("println!(\"go\");\nloop { std::hint::spin_loop(); }").until_printed("go").cut();
    let shown = shown.failed("Cancelled").traceback_has(&["variables that are lost: lost"]);
    println!("a loop cut after {took:?}");
    assert!(took > Duration::from_millis(400) && took < SECONDS, "{took:?}");
    assert_eq!(shown.lost(), ["lost"]);
    assert_eq!(shown.stdout(), "go\n");
    t.cell("kept()").gives("2");
    // Code that comes to an end within the time of grace keeps everything.
    t.cell("let kept_too = 3;").shows_nothing();
    let (shown, _) = t
        .start("println!(\"go\");\nstd::thread::sleep(Duration::from_millis(200));\ntokio::task::yield_now().await;\ntokio::task::yield_now().await;")
        .until_printed("go")
        .cut();
    assert_eq!(shown.failed("Cancelled").lost(), [""; 0]);
    t.cell("kept_too").gives("3");
    // A second interrupt does no harm.
    let running = t.start("println!(\"go\");\nloop { std::hint::spin_loop(); }").until_printed("go");
    running.interrupt();
    running.cut().0.failed("Cancelled");
    t.cell("kept()").gives("2");
    t.shutdown();
}

#[test]
fn a_wait_for_input_is_cut() {
    let t = session();
    t.cell("let kept = 1;").shows_nothing();
    let mut running = t.start("println!(\"EVCXR_INPUT_REQUEST:Name\");\nlet mut line = String::new();\nstd::io::stdin().read_line(&mut line)?;");
    assert_eq!(running.until_asked(), "Name");
    let (shown, _) = running.cut();
    shown.failed("Cancelled");
    t.cell("println!(\"next\");").prints("next\n");
}

#[test]
fn a_compilation_is_cut_with_its_compilers() {
    let t = own_session(|_| {});
    t.cell("let kept = 1;").shows_nothing();
    for _ in 0..2 {
        let running = t.start(ENDLESS_COMPILATION);
        eventually("rustc", SECONDS * 6, || t.tag().compiles_a_cell());
        let (shown, took) = running.cut();
        let shown = shown.failed("Cancelled");
        println!("a compilation cut after {took:?}");
        assert!(took < SECONDS, "{took:?}");
        assert_eq!(shown.lost(), [""; 0]);
        eventually("no compiler left", SECONDS, || t.tag().compilers().is_empty());
        t.cell("kept").gives("1");
    }
    t.shutdown();
}

#[test]
fn an_interrupt_without_a_cell_does_nothing() {
    let t = session();
    t.interrupt();
    t.cell("tokio::time::sleep(Duration::from_millis(100)).await;\n1").gives("1");
    for n in 0..3 {
        t.cell(&format!("tokio::task::yield_now().await;\n{n}")).gives(&n.to_string());
        t.interrupt();
        t.interrupt();
    }
    t.cell("tokio::time::sleep(Duration::from_millis(100)).await;\n1").gives("1");
}

#[test]
fn a_cell_that_waits_its_turn_is_not_hit() {
    let t = session();
    let first = t.start("println!(\"go\");\ntokio::time::sleep(Duration::from_secs(60)).await;").until_printed("go");
    let second = t.start("tokio::time::sleep(Duration::from_millis(50)).await;\n2");
    first.cut().0.failed("Cancelled");
    second.finish().gives("2");
}

#[test]
fn an_interrupt_at_any_moment_ends_the_cell() {
    let t = session();
    t.cell("let kept = 1;").shows_nothing();
    for delay in [0, 20, 60, 120, 180, 240, 300, 400] {
        let running = t.start(&format!("tokio::time::sleep(Duration::from_secs(60)).await;\n{delay}"));
        let start = Instant::now();
        // The moment is the point of this test, whatever the engine does then.
        std::thread::sleep(Duration::from_millis(delay));
        let shown = running.cut().0.failed("Cancelled");
        assert_eq!(shown.lost(), [""; 0], "after {delay} ms");
        assert!(start.elapsed() < SECONDS, "after {delay} ms");
        t.cell("kept").gives("1");
    }
}

/// evcxr drops what a cell replaces after the cell's code is over.
#[test]
fn a_variable_that_blocks_when_it_is_dropped_is_cut_with_its_process() {
    let t = own_session(|options| options.interrupt_grace = Duration::from_millis(500));
    let code = "struct Blocks;\nimpl Drop for Blocks {\n    fn drop(&mut self) {\n        println!(\"dropping\");\n        \
        loop { std::thread::sleep(Duration::from_millis(50)); }\n    }\n}\nlet blocks = Blocks;\nfn kept() -> u8 { 2 }";
    t.cell(code).shows_nothing();
    let (shown, took) = t.start("let blocks = 5;").until_printed("dropping").cut();
    shown.failed("Cancelled");
    assert!(took < SECONDS, "{took:?}");
    t.cell("kept()").gives("2");
    t.shutdown();
}
