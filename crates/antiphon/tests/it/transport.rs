//! Connections that fail, stall or are no longer wanted.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use antiphon::{Error, ErrorKind, OpenAI};
use tokio::sync::Barrier;

use crate::support::{PATIENCE, Reply, Server, bodies};

fn llm(base_url: &str) -> OpenAI {
    let llm = OpenAI::new().base_url(base_url).api_key("sk-test").model("m");
    llm.timeout(PATIENCE).max_retries(0)
}

/// Host and port of a base URL.
fn host(base_url: &str) -> &str {
    base_url.trim_start_matches("http://").trim_end_matches("/v1")
}

fn check(error: &Error, kind: ErrorKind, expected: &str) {
    assert_eq!(error.kind(), kind);
    assert!(error.is_retryable());
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn nobody_listens() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    // The password shows that the URL is not repeated.
    let error = llm(&format!("http://me:hunter2@{address}/v1?token=hunter2")).agenerate(["Hi"]).await.unwrap_err();
    check(
        &error,
        ErrorKind::Connection,
        &format!(
            "openai: cannot connect to {address}: connection refused [model m]; \
             check that the server runs and that the base URL is right"
        ),
    );
    assert!(error.is_connect());
    assert!(std::error::Error::source(&error).is_some());
    assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
}

#[tokio::test]
async fn reset_before_the_answer() {
    let server = Server::start(|_| Reply::Reset);
    let error = llm(&server.url()).agenerate(["Hi"]).await.unwrap_err();
    check(
        &error,
        ErrorKind::Connection,
        &format!("openai: connection to {} broke before the answer: connection reset [model m]", host(&server.url())),
    );
}

#[tokio::test]
async fn closed_in_the_middle_of_the_answer() {
    let server = Server::start(|_| Reply::status(200, "x".repeat(1_000)).cut());
    let error = llm(&server.url()).agenerate(["Hi"]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection);
    let expected = format!("openai: connection to {} broke in the middle of the answer: ", host(&server.url()));
    assert!(error.to_string().starts_with(&expected), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn no_answer_in_time() {
    let server = Server::start(|_| Reply::Stall);
    let error = llm(&server.url()).timeout(Duration::from_millis(50)).agenerate(["Hi"]).await.unwrap_err();
    check(
        &error,
        ErrorKind::Timeout,
        &format!(
            "openai: no answer from {} within 50ms [model m]; \
             a longer limit can be set with `timeout`",
            host(&server.url())
        ),
    );
    assert!(error.is_timeout());
    // The attempt is over for the server, too.
    server.wait_for_hang_up();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropping_the_future_closes_every_connection() {
    let server = Server::start(|_| Reply::Stall);
    let llm = llm(&server.url()).batch_size(1);
    let call = tokio::spawn(llm.agenerate(["a", "b", "c"]));
    let server = tokio::task::spawn_blocking(move || {
        (0..3).for_each(|_| server.wait_for_request());
        server
    });
    let server = server.await.unwrap();
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    tokio::task::spawn_blocking(move || (0..3).for_each(|_| server.wait_for_hang_up())).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn one_failure_drops_the_other_requests() {
    let both = Arc::new(Barrier::new(2));
    let server = Server::start(move |request| {
        if request.body["prompt"] == "bad" {
            return Reply::status(401, "").after(&both);
        }
        let both = Arc::clone(&both);
        tokio::spawn(async move { both.wait().await });
        Reply::Stall
    });
    let llm = llm(&server.url()).batch_size(1);
    let error = llm.agenerate(["stalls", "bad"]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Authentication);
    server.wait_for_hang_up();
}

/// With a key, the key is sent.
#[tokio::test]
async fn users_of_base_urls_become_a_header() {
    let server = Server::start(|request| Reply::json(&bodies::completion(request)));
    let url = server.url().replace("http://", "http://me:p%40ss@");
    OpenAI::new().base_url(&url).model("m").timeout(PATIENCE).agenerate(["Hi"]).await.unwrap();
    llm(&url).agenerate(["Hi"]).await.unwrap();
    let requests = server.requests();
    assert_eq!(requests[0].header("authorization"), Some("Basic bWU6cEBzcw=="));
    assert_eq!(requests[1].header("authorization"), Some("Bearer sk-test"));
}
