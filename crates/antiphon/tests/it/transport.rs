//! Connections that fail, stall or are no longer wanted.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use antiphon::{Error, ErrorKind, OpenAI};
use antiphon_sim::Fault;
use tokio::sync::Barrier;

use crate::streams::{classes, sim};
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

/// Whatever becomes of an answer's connection, the next call gets its own.
#[tokio::test]
async fn reset_in_the_middle_or_not_of_the_length_that_was_promised() {
    let sim = sim().await;
    for llm in classes(&sim) {
        for (fault, kind, problem) in [
            (Fault::ResetAfter(50), ErrorKind::Connection, "connection reset"),
            (Fault::WrongLength(10), ErrorKind::Connection, "broke in the middle of the answer"),
            (Fault::WrongLength(-10), ErrorKind::UnexpectedResponse, "is not JSON: EOF"),
            (Fault::WrongLength(i64::MIN), ErrorKind::UnexpectedResponse, "is empty"),
        ] {
            sim.inject(fault.clone());
            let error = llm.agenerate(["Question 1"]).await.unwrap_err();
            assert_eq!(error.kind(), kind, "{llm:?} {fault:?}: {error}");
            assert!(error.to_string().contains(problem), "{llm:?} {fault:?}: {error}");
            let next = llm.agenerate(["Question 2"]).await.unwrap().to_string();
            assert!(next.contains("Question 2\""), "{llm:?} {fault:?}: {next}");
        }
    }
}

/// What is sent beyond the promised length looks like the answer to the next request, and is not.
#[tokio::test]
async fn more_than_the_length_that_was_promised() {
    for promised in [0, 5, 400] {
        let server = Server::start(move |request| {
            let body = bodies::completion(request).to_string();
            if request.number > 0 {
                return Reply::status(200, body);
            }
            let whole = format!("{body:promised$}");
            let rest = body.replace("mine", "stale");
            let rest = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{rest}", rest.len());
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {promised}\r\n\r\n");
            Reply::Answer { head, body: format!("{}{rest}", &whole[..promised]).into(), cut: false, after: None }
        });
        let llm = llm(&server.url());
        match llm.agenerate(["mine"]).await {
            // All of it came.
            Ok(result) => assert_eq!((promised, result.to_string().as_str()), (400, "mine 0")),
            Err(error) => assert_eq!(error.kind(), ErrorKind::UnexpectedResponse, "{promised}: {error}"),
        }
        assert_eq!(llm.agenerate(["next"]).await.unwrap().to_string(), "next 0");
        assert_eq!(server.requests().len(), 2);
    }
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
