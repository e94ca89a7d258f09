//! Options that a model refuses.

use std::sync::Arc;

use antiphon::{ChatOpenAI, ErrorKind};
use futures::future::join_all;
use serde_json::json;
use tokio::sync::Barrier;

use crate::support::{PATIENCE, Reply, Server, bodies};

fn llm(server: &Server, model: &str) -> ChatOpenAI {
    ChatOpenAI::new().base_url(server.url()).model(model).timeout(PATIENCE)
}

/// Refuses the first of `options` that a request has, as OpenAI does.
fn refusing(options: &'static [&str]) -> Server {
    Server::start(move |request| match options.iter().find(|it| request.body.get(**it).is_some()) {
        Some(option) => refusal(option),
        None => Reply::json(&bodies::chat(request)),
    })
}

fn refusal(option: &str) -> Reply {
    let message = format!("Unsupported parameter: '{option}' is not supported");
    Reply::status(400, bodies::error("invalid_request_error", "unsupported_parameter", option, &message))
}

#[tokio::test]
async fn the_old_token_limit_is_renamed() {
    let server = refusing(&["max_tokens"]);
    let llm = llm(&server, "reasoning").max_tokens(9);
    let result = llm.agenerate(["a"]).await.unwrap();
    assert_eq!(server.requests()[1].body["max_completion_tokens"], 9);
    assert_eq!(result.generations[0][0].generation_info.get("dropped_params"), None);
    // What was learned is kept.
    llm.agenerate(["a"]).await.unwrap();
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn several_refusals_in_a_row() {
    let server = refusing(&["max_tokens", "max_completion_tokens", "temperature", "seed"]);
    let llm = llm(&server, "stubborn").max_tokens(9).seed(1).top_p(0.5);
    let result = llm.agenerate(["a"]).await.unwrap();
    assert_eq!(
        result.generations[0][0].generation_info["dropped_params"],
        json!(["max_tokens", "seed", "temperature"])
    );
    let requests = server.requests();
    assert_eq!(requests.len(), 5);
    assert_eq!(
        requests[4].body,
        json!({
            "model": "stubborn", "top_p": 0.5,
            "messages": [{ "role": "user", "content": "a" }],
        })
    );
}

#[tokio::test]
async fn a_model_that_refuses_everything_is_an_error() {
    let server = refusing(&["temperature", "messages"]);
    let error = llm(&server, "mute").agenerate(["a"]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadRequest);
    assert_eq!(error.param(), Some("messages"));
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn other_400s_are_not_repaired() {
    let server =
        Server::start(|_| Reply::status(400, bodies::error("invalid_request_error", "invalid_value", "seed", "no")));
    let error = llm(&server, "m").seed(1).agenerate(["a"]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadRequest);
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn calls_that_waited_know_what_was_refused_meanwhile() {
    let server = Server::start(|request| match request.body.get("seed") {
        _ if request.number == 0 => Reply::status(429, "").header("retry-after-ms", "100"),
        Some(_) => refusal("seed"),
        None => Reply::json(&bodies::chat(request)),
    });
    let llm = llm(&server, "waited-for").seed(1);
    // After the pause one call goes first.
    llm.clone().max_retries(0).agenerate(["a"]).await.unwrap_err();
    let results = join_all((0..10).map(|_| llm.agenerate(["a"]))).await;
    for result in results {
        assert_eq!(result.unwrap().generations[0][0].generation_info["dropped_params"], json!(["seed"]));
    }
    assert_eq!(server.requests().len(), 1 + 1 + 10);
}

#[tokio::test]
async fn calls_that_are_refused_together_are_repaired_once_each() {
    let all = Arc::new(Barrier::new(5));
    let server = Server::start(move |request| match request.body.get("seed") {
        Some(_) => refusal("seed").after(&all),
        None => Reply::json(&bodies::chat(request)),
    });
    let llm = llm(&server, "at-once").seed(1);
    let results = join_all((0..5).map(|_| llm.agenerate(["a"]))).await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    assert_eq!(server.requests().len(), 10);
}
