//! Stopping cells and kernels.

use antiphon_kernel::KernelSignal;
use serde_json::json;

use crate::fake::{Script, Step, failed, stdout};
use crate::front_end::FrontEnd;
use crate::kernel_under_test::KernelUnderTest;

#[tokio::test]
async fn a_message_and_a_signal_cut_the_running_cell() {
    let cell = || vec![stdout("running"), Step::UntilInterrupt, failed("Cancelled")];
    let script = Script::new([cell(), cell()]);
    let kernel = KernelUnderTest::start(&script).await;
    let mut front_end = FrontEnd::connect(&kernel).await;

    front_end.execute("one").await;
    front_end.shows(&["#1 status busy", "#1 execute_input [1] \"one\"", "#1 stream stdout \"running\""]).await;
    front_end.send_control("interrupt_request", json!({})).await;
    assert_eq!(front_end.control_reply().await, ("#2 interrupt_reply".to_owned(), json!({ "status": "ok" })));
    let mut lines = front_end.until_idle(1).await;
    lines.extend(front_end.rest_of_idle(&lines, 2).await);
    assert!(lines.contains(&"#1 error Cancelled [\"Cancelled: it failed\",\"line 2\"]".to_owned()), "{lines:?}");
    assert_eq!(front_end.reply().await.1["ename"], "Cancelled");

    let third = front_end.execute("two").await;
    front_end.shows(&["#3 status busy", "#3 execute_input [2] \"two\"", "#3 stream stdout \"running\""]).await;
    kernel.signals.send(KernelSignal::Interrupt).await.unwrap();
    assert_eq!(front_end.reply().await.1["ename"], "Cancelled");
    front_end.until_idle(third).await;
    front_end.shut_down(kernel).await;
    assert_eq!(script.log(), ["launch", "run one", "interrupt", "run two", "interrupt", "shut down"]);
}

#[tokio::test]
async fn without_a_cell_an_interrupt_does_nothing() {
    let script = Script::new([]);
    let kernel = KernelUnderTest::start(&script).await;
    let mut front_end = FrontEnd::connect(&kernel).await;
    let request = front_end.send_control("interrupt_request", json!({})).await;
    assert_eq!(front_end.control_reply().await.1, json!({ "status": "ok" }));
    front_end.is_silent_about(request).await;
    front_end.shut_down(kernel).await;
    assert_eq!(script.log(), ["launch", "shut down"]);
}

#[tokio::test]
async fn a_cell_that_waits_for_the_evaluator_is_cut_and_the_launch_goes_on() {
    let script = Script::held([]);
    let kernel = KernelUnderTest::start(&script).await;
    let mut front_end = FrontEnd::connect(&kernel).await;
    let first = front_end.execute("waits").await;
    let second = front_end.execute("aborted").await;
    // Answered at once, so the two cells before it were read.
    let third = front_end.send("comm_info_request", json!({})).await;
    assert_eq!(front_end.reply().await.0, format!("#{third} comm_info_reply"));
    let fourth = front_end.send_control("interrupt_request", json!({})).await;
    let (line, content) = front_end.reply().await;
    assert_eq!((line, &content["ename"]), (format!("#{first} execute_reply"), &json!("Cancelled")));
    let (line, content) = front_end.reply().await;
    assert_eq!((line, &content["status"]), (format!("#{second} execute_reply"), &json!("aborted")));
    front_end.control_reply().await;
    for request in [third, first, second, fourth] {
        front_end.until_idle(request).await;
    }
    script.allow_launch();
    assert_eq!(front_end.run("runs").await.1["status"], "ok");
    front_end.shut_down(kernel).await;
    assert_eq!(script.log(), ["launch", "run runs", "shut down"]);
}

#[tokio::test]
async fn a_signal_shuts_the_kernel_down_in_the_middle_of_a_cell() {
    let script = Script::new([vec![stdout("running"), Step::UntilInterrupt, failed("Cancelled")]]);
    let kernel = KernelUnderTest::start(&script).await;
    let mut front_end = FrontEnd::connect(&kernel).await;
    front_end.execute("one").await;
    front_end.shows(&["#1 status busy", "#1 execute_input [1] \"one\"", "#1 stream stdout \"running\""]).await;
    kernel.signals.send(KernelSignal::Shutdown).await.unwrap();
    kernel.ended().await;
    front_end.has_read_everything().await;
    assert_eq!(script.log(), ["launch", "run one", "shut down"]);
}

#[tokio::test]
async fn a_shutdown_request_says_whether_a_restart_follows() {
    let script = Script::new([]);
    let kernel = KernelUnderTest::start(&script).await;
    let mut front_end = FrontEnd::connect(&kernel).await;
    // Older clients send it on the shell channel.
    let request = front_end.send("shutdown_request", json!({ "restart": true })).await;
    assert_eq!(front_end.reply().await.1, json!({ "status": "ok", "restart": true }));
    front_end.is_silent_about(request).await;
    kernel.ended().await;
    front_end.has_read_everything().await;
}
