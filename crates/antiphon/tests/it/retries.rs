//! Retries over a real connection; the waits themselves are tested in the `retry` module.

use antiphon::{ErrorKind, OpenAI};

use crate::support::{PATIENCE, Reply, Server, bodies};

fn llm(server: &Server) -> OpenAI {
    OpenAI::new().base_url(server.url()).api_key("sk-test").model("m").timeout(PATIENCE)
}

/// Answers with `failure` as often as told, then properly.
fn failing(times: usize, failure: impl Fn() -> Reply + Send + Sync + 'static) -> Server {
    Server::start(
        move |request| {
            if request.number < times { failure() } else { Reply::json(&bodies::completion(request)) }
        },
    )
}

#[tokio::test]
async fn busy_servers_are_asked_again() {
    for status in [408, 409, 429, 500, 503, 529] {
        let server = failing(2, move || Reply::busy(status));
        let result = llm(&server).agenerate(["a"]).await.unwrap();
        assert_eq!(server.requests().len(), 3, "{status}");
        assert_eq!(result.generations[0][0].generation_info["retries"], 2);
    }
}

#[tokio::test]
async fn retries_end() {
    let server = failing(9, || Reply::busy(503).header("x-request-id", "r9"));
    let error = llm(&server).agenerate(["a"]).await.unwrap_err();
    assert_eq!(server.requests().len(), 3);
    assert_eq!((error.kind(), error.status(), error.retries()), (ErrorKind::Server, Some(503), 2));
    assert!(error.is_retryable());
    assert_eq!(
        error.to_string(),
        "openai: status 503 (server_error): busy [model m, request r9, 2 retries]; \
         the provider asks to wait 1ms"
    );
    let server = failing(9, || Reply::busy(503));
    llm(&server).max_retries(0).agenerate(["a"]).await.unwrap_err();
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn used_up_quota_is_not_retried() {
    let body = bodies::error("insufficient_quota", "credit_balance_exhausted", "", "no credit");
    let quota = failing(9, move || {
        Reply::status(429, body.clone()).header("retry-after-ms", "1").header("x-should-retry", "true")
    });
    let error = llm(&quota).agenerate(["a"]).await.unwrap_err();
    assert!(error.is_quota_exceeded());
    assert_eq!(quota.requests().len(), 1);

    let unpaid = failing(9, || Reply::busy(402));
    assert!(llm(&unpaid).agenerate(["a"]).await.unwrap_err().is_quota_exceeded());
    assert_eq!(unpaid.requests().len(), 1);
}

#[tokio::test]
async fn the_server_decides() {
    let server = failing(9, || Reply::busy(500).header("x-should-retry", "false"));
    let error = llm(&server).agenerate(["a"]).await.unwrap_err();
    assert!(!error.is_retryable());
    assert_eq!(server.requests().len(), 1);

    let server = failing(1, || Reply::busy(400).header("x-should-retry", "true"));
    llm(&server).agenerate(["a"]).await.unwrap();
    assert_eq!(server.requests().len(), 2);

    let server = failing(9, || Reply::status(429, "").header("retry-after", "3600"));
    let error = llm(&server).agenerate(["a"]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RateLimited);
    assert_eq!(
        error.to_string(),
        "openai: status 429 without an explanation [model m]; the provider asks to wait 3600s"
    );
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn an_http_date_is_understood() {
    // Far in the future: given up at once, which shows that it was read.
    let server = failing(9, || Reply::status(429, "").header("retry-after", "Fri, 31 Dec 9999 23:59:59 GMT"));
    let error = llm(&server).agenerate(["a"]).await.unwrap_err();
    assert!(error.retry_after().is_some());
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn broken_connections_are_tried_again() {
    let server = failing(1, || Reply::Reset);
    let result = llm(&server).max_retries(1).agenerate(["a"]).await.unwrap();
    assert_eq!(result.generations[0][0].text, "a 0");
}
