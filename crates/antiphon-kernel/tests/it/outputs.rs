//! What cells show, on the wire.

use antiphon_engine::Event;
use serde_json::json;

use crate::fake::{Script, Step, display, finished, result, stderr, stdout};
use crate::front_end::FrontEnd;
use crate::kernel_under_test::KernelUnderTest;

/// Runs one cell; gives what it shows.
async fn shown(steps: Vec<Step>) -> Vec<String> {
    let script = Script::new([steps]);
    let kernel = KernelUnderTest::start(&script).await;
    let mut front_end = FrontEnd::connect(&kernel).await;
    let (shown, _) = front_end.run("cell").await;
    front_end.shut_down(kernel).await;
    shown
}

#[tokio::test]
async fn streams_keep_their_order() {
    let steps = vec![stdout("a\n"), stderr("b\n"), stdout("c"), result("1"), finished()];
    assert_eq!(
        shown(steps).await,
        [
            "stream stdout \"a\\n\"",
            "stream stderr \"b\\n\"",
            "stream stdout \"c\"",
            "execute_result [1] {\"text/plain\":\"1\"} {}"
        ]
    );
}

#[tokio::test]
async fn a_partial_line_is_shown_while_its_cell_works() {
    let script = Script::new([vec![stdout("a"), Step::UntilReleased, stdout("b"), Step::UntilReleased, finished()]]);
    let kernel = KernelUnderTest::start(&script).await;
    let mut front_end = FrontEnd::connect(&kernel).await;
    front_end.execute("cell").await;
    front_end.shows(&["#1 status busy", "#1 execute_input [1] \"cell\"", "#1 stream stdout \"a\""]).await;
    // The second one waits for its moment, and then comes by itself.
    script.release();
    front_end.shows(&["#1 stream stdout \"b\""]).await;
    script.release();
    front_end.shows(&["#1 status idle"]).await;
    front_end.reply().await;
    front_end.shut_down(kernel).await;
}

#[tokio::test]
async fn a_flood_of_lines_becomes_few_messages() {
    const LINES: usize = 100_000;
    let lines = (0..LINES).map(|number| stdout(format!("{number}\n")));
    let shown = shown(lines.chain([finished()]).collect()).await;
    let mut text = String::new();
    for line in &shown {
        let part = line.strip_prefix("stream stdout ").unwrap();
        text.push_str(&serde_json::from_str::<String>(part).unwrap());
    }
    assert!(text.lines().map(|line| line.parse::<usize>().unwrap()).eq(0..LINES));
    assert!(shown.len() < LINES / 100, "{} messages", shown.len());
}

#[tokio::test]
async fn characters_may_come_in_pieces() {
    let bytes = "\u{1f980}".as_bytes();
    let steps = vec![stdout(&bytes[..2]), stderr("e"), stdout(&bytes[2..]), stdout([0xff]), finished()];
    assert_eq!(shown(steps).await, ["stream stderr \"e\"", "stream stdout \"\u{1f980}\u{fffd}\""]);
}

#[tokio::test]
async fn displays_updates_and_clearing() {
    let steps = vec![
        stdout("before\n"),
        display(&json!({ "data": { "text/html": "<b>1</b>", "text/plain": "1" }, "display_id": "d" })),
        stdout("between\n"),
        display(&json!({ "data": { "text/plain": "2" }, "display_id": "d", "update": true })),
        Step::Emit(Event::ClearOutput { wait: true }),
        display(&json!({ "data": { "application/json": { "a": [1] } } })),
        finished(),
    ];
    assert_eq!(
        shown(steps).await,
        [
            "stream stdout \"before\\n\"",
            "display_data {\"text/html\":\"<b>1</b>\",\"text/plain\":\"1\"} {\"display_id\":\"d\"}",
            "stream stdout \"between\\n\"",
            "update_display_data {\"text/plain\":\"2\"} {\"display_id\":\"d\"}",
            "clear_output wait=true",
            "display_data {\"application/json\":{\"a\":[1]}} {}",
        ]
    );
}

#[tokio::test]
async fn remarks_begin_a_line() {
    let note = || Step::Emit(Event::Note("look here".to_owned()));
    let steps = vec![note(), stderr("half"), note(), finished()];
    let shown = shown(steps).await;
    let text: String =
        shown.iter().map(|line| line.strip_prefix("stream stderr ").unwrap().trim_matches('"')).collect();
    assert_eq!(text, "antiphon: look here\\nhalf\\nantiphon: look here\\n");
}

#[tokio::test]
async fn progress_gives_way_to_what_the_cell_shows() {
    let compiling = |line: &str| Step::Emit(Event::Compiling(line.to_owned()));
    let first = "display_data {\"text/plain\":\"Compiling a v1 (1)\"} {\"display_id\":\"antiphon-progress-1\"}";
    let steps =
        vec![compiling("Compiling a v1"), compiling("Compiling b v1"), stdout("x"), compiling("late"), finished()];
    assert_eq!(shown(steps).await, [first, "clear_output wait=true", "stream stdout \"x\""]);
    let steps = vec![compiling("Compiling a v1"), finished()];
    assert_eq!(shown(steps).await, [first, "clear_output wait=false"]);
}

#[tokio::test]
async fn an_update_alone_does_not_leave_the_progress_behind() {
    let compiling = Step::Emit(Event::Compiling("Compiling a v1".to_owned()));
    let update = display(&json!({ "data": { "text/plain": "2" }, "display_id": "d", "update": true }));
    assert_eq!(
        shown(vec![compiling, update, finished()]).await,
        [
            "display_data {\"text/plain\":\"Compiling a v1 (1)\"} {\"display_id\":\"antiphon-progress-1\"}",
            "clear_output wait=false",
            "update_display_data {\"text/plain\":\"2\"} {\"display_id\":\"d\"}",
        ]
    );
}

#[tokio::test]
async fn a_task_that_floods_sends_few_messages() {
    const LINES: usize = 20_000;
    let script = Script::new([]);
    let kernel = KernelUnderTest::start(&script).await;
    let mut front_end = FrontEnd::connect(&kernel).await;
    front_end.run("spawns").await;
    for number in 0..LINES {
        script.show_later(1, stdout(format!("{number}\n")));
    }
    let (mut text, mut messages) = (String::new(), 0);
    while text.lines().count() < LINES {
        let line = front_end.iopub().await;
        text.push_str(&serde_json::from_str::<String>(line.strip_prefix("#1 stream stdout ").unwrap()).unwrap());
        messages += 1;
    }
    assert!(text.lines().map(|line| line.parse::<usize>().unwrap()).eq(0..LINES));
    assert!(messages < LINES / 100, "{messages} messages");
    front_end.shut_down(kernel).await;
}

#[tokio::test]
async fn what_a_task_shows_goes_to_its_own_cell() {
    let script = Script::new([vec![finished()], vec![Step::UntilReleased, finished()]]);
    let kernel = KernelUnderTest::start(&script).await;
    let mut front_end = FrontEnd::connect(&kernel).await;
    front_end.run("spawns").await;
    // Between cells.
    script.show_later(1, stdout("tick\n"));
    front_end.shows(&["#1 stream stdout \"tick\\n\""]).await;
    // While another one runs.
    front_end.execute("other").await;
    front_end.shows(&["#2 status busy", "#2 execute_input [2] \"other\""]).await;
    script.show_later(1, display(&json!({ "data": { "text/plain": "2" }, "display_id": "d", "update": true })));
    front_end.shows(&["#1 update_display_data {\"text/plain\":\"2\"} {\"display_id\":\"d\"}"]).await;
    // Of a cell that nobody knows.
    script.show_later(99, stdout("lost"));
    script.release();
    front_end.shows(&["#2 status idle"]).await;
    front_end.reply().await;
    front_end.shut_down(kernel).await;
}
