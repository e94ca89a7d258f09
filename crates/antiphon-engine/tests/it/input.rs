//! Cells ask for lines, by our functions and by reading standard input.

use std::time::Duration;

use crate::support::session;

const SECONDS: Duration = Duration::from_secs(10);

#[test]
fn a_cell_asks_and_is_answered() {
    let t = session();
    let mut running = t.start(
        "print!(\"before \");
let name = input(\"Name at 10:30?\")?;
println!(\"Hello {name}\");
let key = password(\"Key\")?;
(name.len(), key)",
    );
    assert_eq!(running.until_asked(), "Name at 10:30?");
    running.reply("Ada L. \u{e4}");
    assert_eq!(running.until_asked(), "Key");
    running.reply(&"x".repeat(300_000));
    let shown = running.finish().ok();
    assert_eq!(
        shown.order()[..4],
        [
            "stdout: before ",
            "input \"Name at 10:30?\" password=false",
            "stdout: Hello Ada L. \u{e4}\n",
            "input \"Key\" password=true"
        ]
    );
    assert_eq!(shown.result(), Some(format!("(9, {:?})", "x".repeat(300_000)).as_str()));
    // A front end that cannot ask.
    let mut running = t.start("input(\"Name\")?");
    running.until_asked();
    running.refuse_input();
    let shown = running.finish().failed("io::Error");
    assert!(shown.error().evalue.contains("does not take input"), "{:?}", shown.error());
}

#[test]
fn tasks_ask_one_after_the_other() {
    let t = session();
    let mut running = t.start(
        "let a = tokio::spawn(async { input(\"a\").unwrap() });
let b = tokio::task::spawn_blocking(|| input(\"b\").unwrap());
let c = std::thread::spawn(|| input(\"c\").unwrap());
let c = tokio::task::spawn_blocking(move || c.join().unwrap());
(a.await?, b.await?, c.await?)",
    );
    for _ in 0..3 {
        let prompt = running.until_asked();
        running.reply(&prompt.to_uppercase());
    }
    running.finish().gives("(\"A\", \"B\", \"C\")");
    // The cell does not wait for its task.
    let mut running = t.start("let late = tokio::spawn(async { input(\"late\").map_err(|error| error.to_string()) });\ntokio::time::sleep(Duration::from_millis(200)).await;");
    assert_eq!(running.until_asked(), "late");
    running.finish().ok();
    let shown = t.cell("late.await?").ok();
    assert!(shown.result().unwrap().contains("the cell ended before the answer came"), "{shown:?}");
}

#[test]
fn an_interrupt_of_a_question_costs_nothing() {
    let t = session();
    t.cell("let kept = String::from(\"kept\");").shows_nothing();
    for ask in ["input(\"?\")?", "password(\"?\")?"] {
        let mut running = t.start(ask);
        running.until_asked();
        let (shown, took) = running.cut();
        assert_eq!(shown.failed("Cancelled").lost(), [""; 0]);
        assert!(took < SECONDS, "{took:?}");
        t.cell("kept").gives("\"kept\"");
    }
    let mut running = t.start("input(\"again\")?");
    assert_eq!(running.until_asked(), "again");
    running.reply("yes");
    running.finish().gives("\"yes\"");
}

#[test]
fn standard_input_asks_the_front_end() {
    let t = session();
    t.cell("let kept = 5;").shows_nothing();
    let mut running = t.start(
        "use std::io::Write;
let mut out = std::io::stdout().lock();
write!(out, \"Name: \")?;
out.flush()?;
drop(out);
let mut line = String::new();
std::io::stdin().read_line(&mut line)?;
std::io::stdin().read_line(&mut line)?;
line",
    );
    assert_eq!(running.until_asked(), "");
    running.reply("Ada");
    assert_eq!(running.until_asked(), "");
    running.reply("Grace");
    let shown = running.finish().gives("\"Ada\\nGrace\\n\"");
    assert_eq!(shown.stdout(), "Name: ");
    // Many lines, to the end.
    let mut running = t.start("std::io::stdin().lines().map_while(Result::ok).collect::<Vec<_>>()");
    for line in ["1", "2"] {
        assert_eq!(running.until_asked(), "");
        running.reply(line);
    }
    assert_eq!(running.until_asked(), "");
    running.refuse_input();
    running.finish().gives("[\"1\", \"2\"]");
    // evcxr still has its commands, and its child.
    t.cell("kept").gives("5");
}

#[test]
fn an_asynchronous_read_is_cut_and_costs_nothing() {
    let t = session();
    t.cell("let kept = 5;").shows_nothing();
    let code = "use tokio::io::{AsyncBufReadExt, BufReader};
let mut lines = BufReader::new(tokio::io::stdin()).lines();
lines.next_line().await?";
    let mut running = t.start(code);
    assert_eq!(running.until_asked(), "");
    running.reply("first");
    running.finish().gives("Some(\"first\")");
    let mut running = t.start(code);
    assert_eq!(running.until_asked(), "");
    assert_eq!(running.cut().0.failed("Cancelled").lost(), [""; 0]);
    t.cell("kept").gives("5");
}

#[test]
fn processes_of_a_cell_find_the_end_of_their_input() {
    let t = session();
    for _ in 0..2 {
        t.cell("let status = std::process::Command::new(\"cat\").status()?;\nprintln!(\"{}\", status.success());")
            .prints("true\n");
    }
    let mut running = t.start(
        "std::process::Command::new(\"sh\").args([\"-c\", \"read line; cat\"]).status()?;
let mut line = String::new();
std::io::stdin().read_line(&mut line)?;
line",
    );
    assert_eq!(running.until_asked(), "");
    running.reply("mine");
    running.finish().gives("\"mine\\n\"");
}
