//! Cells that ask for a line.

use serde_json::json;

use crate::fake::{Script, Step, ask, finished, stdout};
use crate::front_end::FrontEnd;
use crate::kernel_under_test::KernelUnderTest;

#[tokio::test]
async fn a_question_goes_to_the_front_end_that_sent_the_cell() {
    let script = Script::new([vec![
        stdout("first\n"),
        ask("Name: "),
        Step::EchoInput,
        ask("Again: "),
        Step::EchoInput,
        finished(),
    ]]);
    let kernel = KernelUnderTest::start(&script).await;
    let mut front_end = FrontEnd::connect(&kernel).await;
    // Nobody asked yet.
    front_end.send_input("too early").await;
    front_end.execute("cell").await;
    assert_eq!(front_end.question().await, "#1 input_request \"Name: \" password=false");
    front_end.shows(&["#1 status busy", "#1 execute_input [1] \"cell\"", "#1 stream stdout \"first\\n\""]).await;
    front_end.send_input("Ada").await;
    assert_eq!(front_end.question().await, "#1 input_request \"Again: \" password=false");
    front_end.send_input("").await;
    front_end.shows(&["#1 stream stdout \"got \\\"Ada\\\"\\n\""]).await;
    front_end.shows(&["#1 stream stdout \"got \\\"\\\"\\n\"", "#1 status idle"]).await;
    front_end.reply().await;
    front_end.shut_down(kernel).await;
}

#[tokio::test]
async fn a_front_end_without_stdin_is_not_asked() {
    let script = Script::new([vec![ask("Name: "), Step::EchoInput, finished()]]);
    let kernel = KernelUnderTest::start(&script).await;
    let mut front_end = FrontEnd::connect(&kernel).await;
    let request = front_end.send("execute_request", json!({ "code": "cell", "allow_stdin": false })).await;
    let (shown, content) = front_end.shown(request).await;
    assert_eq!(
        shown,
        [
            "stream stderr \"antiphon: the cell asked for input, which this front end does not give: it is at its end\\n\"",
            "stream stdout \"got the end\\n\""
        ]
    );
    assert_eq!(content["status"], "ok");
    front_end.shut_down(kernel).await;
}
