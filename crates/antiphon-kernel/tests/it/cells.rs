//! `execute_request`: counts, order, failures, user expressions.

use serde_json::json;

use crate::fake::{Script, Step, failed, finished, result, stdout};
use crate::front_end::FrontEnd;
use crate::kernel_under_test::KernelUnderTest;

#[tokio::test]
async fn a_cell_from_busy_to_idle() {
    let script = Script::new([vec![stdout("hello\n"), result("42"), finished()]]);
    let kernel = KernelUnderTest::start(&script).await;
    let mut front_end = FrontEnd::connect(&kernel).await;
    front_end.execute("x").await;
    front_end
        .shows(&[
            "#1 status busy",
            "#1 execute_input [1] \"x\"",
            "#1 stream stdout \"hello\\n\"",
            "#1 execute_result [1] {\"text/plain\":\"42\"} {}",
            "#1 status idle",
        ])
        .await;
    let (line, content) = front_end.reply().await;
    assert_eq!(line, "#1 execute_reply");
    assert_eq!(content, json!({ "status": "ok", "execution_count": 1, "payload": [], "user_expressions": {} }));
    front_end.shut_down(kernel).await;
    assert_eq!(script.log(), ["launch", "run x", "shut down"]);
}

#[tokio::test]
async fn a_failed_cell_is_one_error_and_aborts_what_waits() {
    let script = Script::new([vec![Step::UntilReleased, failed("ParseIntError")]]);
    let kernel = KernelUnderTest::start(&script).await;
    let mut front_end = FrontEnd::connect(&kernel).await;
    let first = front_end.execute("fails").await;
    let second = front_end.execute("aborted").await;
    // Answered at once, so the two cells before it were read.
    front_end.send("comm_info_request", json!({})).await;
    assert_eq!(front_end.reply().await.0, "#3 comm_info_reply");
    script.release();
    let (line, content) = front_end.reply().await;
    assert_eq!(line, format!("#{first} execute_reply"));
    assert_eq!(content["status"], "error");
    assert_eq!((&content["ename"], &content["evalue"]), (&json!("ParseIntError"), &json!("it failed")));
    assert_eq!(content["traceback"], json!(["ParseIntError: it failed", "line 2"]));
    let (line, content) = front_end.reply().await;
    assert_eq!((line, &content["status"]), (format!("#{second} execute_reply"), &json!("aborted")));
    front_end
        .shows(&[
            "#1 status busy",
            "#1 execute_input [1] \"fails\"",
            "#3 status busy",
            "#3 status idle",
            // Front ends that show the last state they heard of must hear that a cell runs.
            "#1 status busy",
            "#1 error ParseIntError [\"ParseIntError: it failed\",\"line 2\"]",
            "#1 status idle",
            "#2 status busy",
            "#2 status idle",
        ])
        .await;
    let (shown, content) = front_end.run("goes on").await;
    assert_eq!((shown, &content["execution_count"]), (vec![], &json!(2)));
    front_end.shut_down(kernel).await;
    assert_eq!(script.log(), ["launch", "run fails", "run goes on", "shut down"]);
}

/// A front end that sends the next cell as soon as it has heard of the failure means it to run.
#[tokio::test]
async fn a_cell_that_is_sent_after_the_failure_runs() {
    const CELLS: usize = 200;
    let script = Script::new(vec![vec![failed("Panic")]; CELLS]);
    let kernel = KernelUnderTest::start(&script).await;
    let mut front_end = FrontEnd::connect(&kernel).await;
    let mut request = front_end.execute("fails").await;
    for _ in 1..CELLS {
        let (line, content) = front_end.reply().await;
        assert_eq!((line, &content["status"]), (format!("#{request} execute_reply"), &json!("error")));
        let next = front_end.execute("fails too").await;
        front_end.until_idle(request).await;
        request = next;
    }
    assert_eq!(front_end.shown(request).await.1["status"], "error");
    front_end.shut_down(kernel).await;
}

#[tokio::test]
async fn without_stop_on_error_what_waits_runs() {
    let script = Script::new([vec![failed("Panic")], vec![stdout("ran"), finished()]]);
    let kernel = KernelUnderTest::start(&script).await;
    let mut front_end = FrontEnd::connect(&kernel).await;
    let first = front_end.send("execute_request", json!({ "code": "fails", "stop_on_error": false })).await;
    let second = front_end.execute("runs").await;
    assert_eq!(front_end.shown(first).await.1["status"], "error");
    let (shown, content) = front_end.shown(second).await;
    assert_eq!((shown, &content["status"]), (vec!["stream stdout \"ran\"".to_owned()], &json!("ok")));
    front_end.shut_down(kernel).await;
}

#[tokio::test]
async fn silent_cells_show_nothing_and_do_not_count() {
    let script = Script::new([vec![stdout("unseen"), result("1"), finished()], vec![failed("Panic")]]);
    let kernel = KernelUnderTest::start(&script).await;
    let mut front_end = FrontEnd::connect(&kernel).await;
    for status in ["ok", "error"] {
        let request = front_end.send("execute_request", json!({ "code": "x", "silent": true })).await;
        let (_, content) = front_end.reply().await;
        assert_eq!((&content["status"], &content["execution_count"]), (&json!(status), &json!(0)));
        front_end.is_silent_about(request).await;
    }
    let unstored = front_end.send("execute_request", json!({ "code": "y", "store_history": false })).await;
    assert_eq!(front_end.shown(unstored).await.1["execution_count"], 0);
    assert_eq!(front_end.run("z").await.1["execution_count"], 1);
    let history = front_end.ask("history_request", json!({ "hist_access_type": "tail", "n": 9 })).await;
    assert_eq!(history["history"], json!([[1, 1, "z"]]));
    front_end.shut_down(kernel).await;
}

#[tokio::test]
async fn user_expressions_are_evaluated_after_the_cell() {
    let script = Script::new([
        vec![finished()],
        vec![stdout("by the way\n"), result("\"Ada\""), finished()],
        vec![failed("CompileError")],
        vec![finished()],
    ]);
    let kernel = KernelUnderTest::start(&script).await;
    let mut front_end = FrontEnd::connect(&kernel).await;
    let expressions = json!({ "a": "name", "b": "nope", "c": "()" });
    // As mystmd sends them: with an empty cell.
    let request = front_end.send("execute_request", json!({ "code": "", "user_expressions": expressions })).await;
    let (shown, content) = front_end.shown(request).await;
    assert_eq!(shown, ["stream stdout \"by the way\\n\""]);
    assert_eq!(
        content["user_expressions"],
        json!({
            "a": { "status": "ok", "data": { "text/plain": "\"Ada\"" }, "metadata": {} },
            "b": {
                "status": "error",
                "ename": "CompileError",
                "evalue": "it failed",
                "traceback": ["CompileError: it failed", "line 2"],
            },
            "c": { "status": "ok", "data": { "text/plain": "()" }, "metadata": {} },
        })
    );
    assert_eq!(content["status"], "ok");
    front_end.shut_down(kernel).await;
    assert_eq!(script.log(), ["launch", "run ", "run name", "run nope", "run ()", "shut down"]);
}

#[tokio::test]
async fn an_interrupt_of_an_expression_ends_the_request() {
    let script = Script::new([vec![finished()], vec![failed("Cancelled")]]);
    let kernel = KernelUnderTest::start(&script).await;
    let mut front_end = FrontEnd::connect(&kernel).await;
    let content = json!({ "code": "", "user_expressions": { "a": "slow", "b": "never" } });
    let request = front_end.send("execute_request", content).await;
    let (_, content) = front_end.shown(request).await;
    assert_eq!((&content["status"], &content["ename"]), (&json!("error"), &json!("Cancelled")));
    front_end.shut_down(kernel).await;
    assert_eq!(script.log(), ["launch", "run ", "run slow", "shut down"]);
}

#[tokio::test]
async fn no_expression_of_a_failed_cell_is_evaluated() {
    let script = Script::new([vec![failed("Panic")]]);
    let kernel = KernelUnderTest::start(&script).await;
    let mut front_end = FrontEnd::connect(&kernel).await;
    let content = json!({ "code": "fails", "user_expressions": { "a": "name" } });
    let request = front_end.send("execute_request", content).await;
    assert_eq!(front_end.shown(request).await.1["user_expressions"], json!({}));
    front_end.shut_down(kernel).await;
    assert_eq!(script.log(), ["launch", "run fails", "shut down"]);
}

#[tokio::test]
async fn many_cells_sent_at_once_run_in_order() {
    const CELLS: usize = 300;
    let scripts = (0..CELLS).map(|number| vec![stdout(number.to_string()), finished()]);
    let script = Script::new(scripts);
    let kernel = KernelUnderTest::start(&script).await;
    let mut front_end = FrontEnd::connect(&kernel).await;
    for number in 0..CELLS {
        front_end.execute(&number.to_string()).await;
    }
    for number in 0..CELLS {
        let (shown, content) = front_end.shown(number + 1).await;
        assert_eq!(shown, [format!("stream stdout \"{number}\"")]);
        assert_eq!(content["execution_count"], number + 1);
    }
    front_end.shut_down(kernel).await;
}
