//! Before there is an evaluator, and after one is gone.

use antiphon_kernel::Options;
use serde_json::json;

use crate::fake::{Script, Step, error, failed, finished, stdout};
use crate::front_end::FrontEnd;
use crate::kernel_under_test::KernelUnderTest;

#[tokio::test]
async fn while_the_evaluator_starts_cells_wait_and_all_else_is_answered() {
    let script = Script::held([vec![stdout("ran"), finished()]]);
    let kernel = KernelUnderTest::start(&script).await;
    let mut front_end = FrontEnd::connect(&kernel).await;
    assert_eq!(front_end.ask("kernel_info_request", json!({})).await["status"], "ok");
    let completion = front_end.ask("complete_request", json!({ "code": "ab", "cursor_pos": 2 })).await;
    assert_eq!(completion["matches"], json!([]));
    let cell = front_end.execute("cell").await;
    front_end.shows(&["#3 status busy", "#3 execute_input [1] \"cell\""]).await;
    front_end
        .shows(&["#3 display_data {\"text/plain\":\"Compiling serde (1)\"} {\"display_id\":\"antiphon-progress-1\"}"])
        .await;
    script.allow_launch();
    front_end.shows(&["#3 clear_output wait=true", "#3 stream stdout \"ran\"", "#3 status idle"]).await;
    assert_eq!(front_end.reply().await.0, format!("#{cell} execute_reply"));
    front_end.shut_down(kernel).await;
}

#[tokio::test]
async fn a_launch_that_fails_is_the_first_cells_error_and_the_next_cell_tries_again() {
    let script = Script::held([]);
    script.fail_launch(error("StartError"));
    let kernel = KernelUnderTest::start(&script).await;
    let mut front_end = FrontEnd::connect(&kernel).await;
    let first = front_end.execute("first").await;
    front_end.shows(&["#1 status busy", "#1 execute_input [1] \"first\""]).await;
    script.allow_launch();
    assert_eq!(front_end.reply().await.1["ename"], "StartError");
    front_end.until_idle(first).await;
    script.allow_launch();
    assert_eq!(front_end.run("second").await.1["status"], "ok");
    front_end.shut_down(kernel).await;
    assert_eq!(script.log(), ["launch", "launch", "run second", "shut down"]);
}

#[tokio::test]
async fn an_evaluator_that_died_for_good_is_replaced() {
    let dying = vec![Step::UntilReleased, failed("EvaluatorDied")];
    let script = Script::new([vec![finished()], vec![stdout("anew"), finished()], dying]);
    let kernel = KernelUnderTest::start(&script).await;
    let mut front_end = FrontEnd::connect(&kernel).await;
    front_end.run("").await;
    // Between cells: the next one runs in another, and is told.
    script.die();
    let (shown, content) = front_end.run("again").await;
    let note = "the evaluator ended and is started anew; variables and definitions are lost";
    let expected = [format!("stream stderr \"antiphon: {note}\\n\""), "stream stdout \"anew\"".to_owned()];
    assert_eq!((shown.as_slice(), &content["status"]), (expected.as_slice(), &json!("ok")));
    // Under a cell: its error says so.
    let cell = front_end.execute("dying").await;
    front_end.shows(&["#3 status busy", "#3 execute_input [3] \"dying\""]).await;
    script.die();
    script.release();
    assert_eq!(front_end.reply().await.1["ename"], "EvaluatorDied");
    front_end.until_idle(cell).await;
    let (shown, content) = front_end.run("and again").await;
    assert_eq!((shown.len(), &content["status"]), (0, &json!("ok")));
    front_end.shut_down(kernel).await;
    let ran = ["launch", "run ", "launch", "run again", "run dying", "launch", "run and again", "shut down"];
    assert_eq!(script.log(), ran);
}

#[tokio::test]
async fn a_kernel_that_is_shut_down_while_it_starts_ends() {
    let script = Script::held([]);
    let kernel = KernelUnderTest::start(&script).await;
    let front_end = FrontEnd::connect(&kernel).await;
    front_end.shut_down(kernel).await;
    assert_eq!(script.log(), ["launch"]);
}

#[tokio::test]
async fn the_notice_does_not_hide_the_progress_of_a_launch() {
    let mut options = Options::default();
    options.notice = Some("the answers are simulated".to_owned());
    let script = Script::held([]);
    let kernel = KernelUnderTest::start_with(&script, options).await;
    let mut front_end = FrontEnd::connect(&kernel).await;
    front_end.execute("cell").await;
    front_end.shows(&["#1 status busy", "#1 execute_input [1] \"cell\""]).await;
    assert!(front_end.iopub().await.starts_with("#1 display_data {\"text/plain\":\"Compiling serde"));
    script.allow_launch();
    front_end
        .shows(&[
            "#1 clear_output wait=true",
            "#1 stream stderr \"antiphon: the answers are simulated\\n\"",
            "#1 status idle",
        ])
        .await;
    front_end.reply().await;
    front_end.shut_down(kernel).await;
}

#[tokio::test]
async fn the_notice_is_said_once() {
    let mut options = Options::default();
    options.notice = Some("the answers are simulated".to_owned());
    let script = Script::new([]);
    let kernel = KernelUnderTest::start_with(&script, options).await;
    let mut front_end = FrontEnd::connect(&kernel).await;
    let silent = front_end.send("execute_request", json!({ "code": "", "silent": true })).await;
    front_end.reply().await;
    front_end.is_silent_about(silent).await;
    assert_eq!(front_end.run("1").await.0, ["stream stderr \"antiphon: the answers are simulated\\n\""]);
    assert_eq!(front_end.run("2").await.0, <[&str; 0]>::default());
    front_end.shut_down(kernel).await;
}
