//! Requests that are not for a cell.

use antiphon_kernel::Options;
use serde_json::json;

use crate::fake::{Script, Step, finished, result};
use crate::front_end::FrontEnd;
use crate::kernel_under_test::KernelUnderTest;

#[tokio::test]
async fn kernel_info_has_what_tools_read() {
    let mut options = Options::default();
    options.rustc_version = tokio::sync::watch::channel(Some("1.95.0".to_owned())).1;
    options.banner = "a banner".to_owned();
    let kernel = KernelUnderTest::start_with(&Script::new([]), options).await;
    let mut front_end = FrontEnd::connect(&kernel).await;
    let info = front_end.ask("kernel_info_request", json!({})).await;
    assert_eq!(
        info["language_info"],
        json!({
            "name": "rust",
            "version": "1.95.0",
            "mimetype": "text/rust",
            "file_extension": ".rs",
            "pygments_lexer": "rust",
            "codemirror_mode": "rust",
            "nbconvert_exporter": "script",
        })
    );
    assert_eq!((&info["implementation"], &info["protocol_version"]), (&json!("antiphon"), &json!("5.5")));
    assert_eq!((&info["status"], &info["banner"]), (&json!("ok"), &json!("a banner")));
    // On the control channel too.
    let request = front_end.send_control("kernel_info_request", json!({})).await;
    assert_eq!(front_end.control_reply().await.0, format!("#{request} kernel_info_reply"));
    front_end.is_silent_about(request).await;
    front_end.shut_down(kernel).await;
}

#[tokio::test]
async fn answers_keep_the_order_of_their_requests() {
    const REQUESTS: usize = 500;
    let mut options = Options::default();
    options.rustc_version = tokio::sync::watch::channel(Some("1.95.0".to_owned())).1;
    let kernel = KernelUnderTest::start_with(&Script::new([]), options).await;
    let mut front_end = FrontEnd::connect(&kernel).await;
    for _ in 0..REQUESTS {
        front_end.send("kernel_info_request", json!({})).await;
    }
    for number in 1..=REQUESTS {
        assert_eq!(front_end.reply().await.0, format!("#{number} kernel_info_reply"));
        front_end.is_silent_about(number).await;
    }
    front_end.shut_down(kernel).await;
}

#[tokio::test]
async fn completeness() {
    let kernel = KernelUnderTest::start(&Script::new([])).await;
    let mut front_end = FrontEnd::connect(&kernel).await;
    for (code, status, indent) in
        [("1 + 1", "complete", ""), ("for i in 0..3 {", "incomplete", "    "), ("let x = );", "invalid", "")]
    {
        let content = front_end.ask("is_complete_request", json!({ "code": code })).await;
        assert_eq!((&content["status"], &content["indent"]), (&json!(status), &json!(indent)), "{code}");
    }
    front_end.shut_down(kernel).await;
}

#[tokio::test]
async fn positions_count_code_points() {
    let kernel = KernelUnderTest::start(&Script::new([])).await;
    let mut front_end = FrontEnd::connect(&kernel).await;
    // The evaluator must be there.
    front_end.run("").await;
    let code = "\u{1f980}\u{e4} ab\u{e4}c";
    let content = front_end.ask("complete_request", json!({ "code": code, "cursor_pos": 6 })).await;
    assert_eq!(content["matches"], json!(["AB\u{c4}"]));
    assert_eq!((&content["cursor_start"], &content["cursor_end"]), (&json!(3), &json!(6)));
    let types = &content["metadata"]["_jupyter_types_experimental"];
    let expected = json!([{ "start": 3, "end": 6, "text": "AB\u{c4}", "type": "method", "signature": "AB\u{c4}: u8" }]);
    assert_eq!(*types, expected);

    let code = "\u{1f980} known";
    let content = front_end.ask("inspect_request", json!({ "code": code, "cursor_pos": 7, "detail_level": 0 })).await;
    assert_eq!((&content["found"], &content["data"]["text/plain"]), (&json!(true), &json!("a known name")));
    assert_eq!(content["data"]["text/markdown"], "**a known name**");
    assert_eq!(content["data"]["text/html"], "<b>a known name</b>");
    let content = front_end.ask("inspect_request", json!({ "code": code, "cursor_pos": 3 })).await;
    assert_eq!(content, json!({ "status": "ok", "found": false, "data": {}, "metadata": {} }));
    front_end.shut_down(kernel).await;
}

#[tokio::test]
async fn while_a_cell_runs_everything_is_answered() {
    let script = Script::new([vec![Step::UntilReleased, finished()]]);
    let kernel = KernelUnderTest::start(&script).await;
    let mut front_end = FrontEnd::connect(&kernel).await;
    front_end.execute("cell").await;
    front_end.shows(&["#1 status busy", "#1 execute_input [1] \"cell\""]).await;
    // An evaluator that does not answer before the cell's end.
    let content = front_end.ask("complete_request", json!({ "code": "waits", "cursor_pos": 5 })).await;
    assert_eq!(content["matches"], json!([]));
    front_end.shows(&["#1 status busy"]).await;
    assert_eq!(front_end.ask("kernel_info_request", json!({})).await["status"], "ok");
    front_end.shows(&["#1 status busy"]).await;
    script.release();
    front_end.shows(&["#1 status idle"]).await;
    front_end.reply().await;
    front_end.shut_down(kernel).await;
}

#[tokio::test]
async fn history_keeps_results() {
    let kernel = KernelUnderTest::start(&Script::new([vec![result("42"), finished()]])).await;
    let mut front_end = FrontEnd::connect(&kernel).await;
    front_end.run("6 * 7").await;
    front_end.run("let x = 1;").await;
    // As clients send it that set all fields.
    let all = json!({
        "hist_access_type": "range", "session": 0, "start": 1, "stop": null, "output": true, "raw": true,
    });
    let content = front_end.ask("history_request", all).await;
    assert_eq!(content["history"], json!([[1, 1, ["6 * 7", "42"]], [1, 2, ["let x = 1;", ""]]]));
    let found = front_end.ask("history_request", json!({ "hist_access_type": "search", "pattern": "let*" })).await;
    assert_eq!(found["history"], json!([[1, 2, "let x = 1;"]]));
    front_end.shut_down(kernel).await;
}

#[tokio::test]
async fn comms_of_unknown_targets_are_closed() {
    let kernel = KernelUnderTest::start(&Script::new([])).await;
    let mut front_end = FrontEnd::connect(&kernel).await;
    let open = json!({ "comm_id": "c", "target_name": "quarto_kernel_setup", "data": { "options": {} } });
    front_end.send("comm_open", open).await;
    front_end.shows(&["#1 status busy", "#1 comm_close \"c\"", "#1 status idle"]).await;
    for msg_type in ["comm_msg", "comm_close"] {
        let request = front_end.send(msg_type, json!({ "comm_id": "c", "data": {} })).await;
        front_end.is_silent_about(request).await;
    }
    let content = front_end.ask("comm_info_request", json!({})).await;
    assert_eq!(content, json!({ "status": "ok", "comms": {} }));
    front_end.shut_down(kernel).await;
}

#[tokio::test]
async fn what_the_kernel_does_not_know_is_answered() {
    let kernel = KernelUnderTest::start(&Script::new([])).await;
    let mut front_end = FrontEnd::connect(&kernel).await;
    let content = front_end.ask("create_subshell_request", json!({})).await;
    assert_eq!((&content["status"], &content["ename"]), (&json!("error"), &json!("UnknownRequest")));
    let request = front_end.send("news", json!({ "any": 1 })).await;
    front_end.is_silent_about(request).await;
    // Known, with a content of another form.
    let content = front_end.ask("execute_request", json!({ "code": 7 })).await;
    assert_eq!((&content["status"], &content["ename"]), (&json!("error"), &json!("BadRequest")));
    let content = front_end.ask("connect_request", json!({})).await;
    assert_eq!((&content["shell_port"], &content["hb_port"]), (&json!(1), &json!(5)));
    front_end.shut_down(kernel).await;
}
