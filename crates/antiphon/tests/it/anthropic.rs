//! `Anthropic` at a server of `/v1/messages`.

use std::sync::Arc;

use antiphon::{Anthropic, ErrorKind, Message, Prompt};
use serde_json::json;
use tokio::sync::Barrier;

use crate::support::{PATIENCE, Reply, Server, bodies};

fn llm(server: &Server) -> Anthropic {
    Anthropic::new().base_url(server.url()).api_key("sk-ant").model("m").timeout(PATIENCE)
}

#[tokio::test]
async fn every_completion_is_a_request_and_all_run_together() {
    let all = Arc::new(Barrier::new(6));
    let server = Server::start(move |request| Reply::json(&bodies::messages(request)).after(&all));
    let result = llm(&server).n(2).agenerate(["a", "b", "c"]).await.unwrap();
    assert_eq!(result.to_string(), "[0][0] a!\n[0][1] a!\n[1][0] b!\n[1][1] b!\n[2][0] c!\n[2][1] c!");
    let usage = result.llm_output.token_usage;
    assert_eq!((usage.input_tokens, usage.output_tokens, usage.total_tokens), (120, 174, 294));
    assert_eq!(result.generations[0][0].generation_info["finish_reason"], "end_turn");
}

#[tokio::test]
async fn sends_what_was_set_and_nothing_else() {
    let server = Server::start(|request| Reply::json(&bodies::messages(request)));
    llm(&server).agenerate(["Hi"]).await.unwrap();
    let request = server.only_request();
    assert_eq!(request.path, "/v1/messages");
    assert_eq!(request.header("x-api-key"), Some("sk-ant"));
    assert_eq!(request.header("anthropic-version"), Some("2023-06-01"));
    assert_eq!(request.header("authorization"), None);
    assert_eq!(
        request.body,
        json!({
            "model": "m", "max_tokens": 1024, "messages": [{ "role": "user", "content": "Hi" }],
        })
    );

    let talk = Prompt::from([Message::user("u"), Message::system("t"), Message::assistant("a")]);
    llm(&server)
        .system("s")
        .stop(["X"])
        .temperature(0.5)
        .top_p(0.9)
        .top_k(3)
        .max_tokens(7)
        .agenerate([&talk])
        .await
        .unwrap();
    assert_eq!(
        server.requests()[1].body,
        json!({
            "model": "m", "max_tokens": 7, "system": "s\n\nt", "stop_sequences": ["X"],
            "temperature": 0.5, "top_p": 0.9, "top_k": 3,
            "messages": [
                { "role": "user", "content": "u" },
                { "role": "assistant", "content": "a" },
            ],
        })
    );
}

#[tokio::test]
async fn errors_are_read() {
    let server = Server::start(|_| {
        let body = r#"{"type":"error","request_id":"req_1",
            "error":{"type":"authentication_error","message":"invalid x-api-key"}}"#;
        Reply::status(401, body)
    });
    let error = llm(&server).agenerate(["Hi"]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Authentication);
    assert_eq!(
        error.to_string(),
        "anthropic: status 401 (authentication_error): invalid x-api-key \
         [model m, request req_1]; check the key in ANTHROPIC_API_KEY or `api_key`"
    );
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn waits_of_more_than_a_minute_are_not_waited_for() {
    let server = Server::start(|_| Reply::status(529, "").header("retry-after", "61"));
    let error = llm(&server).agenerate(["Hi"]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Server);
    assert_eq!(error.retry_after().unwrap().as_secs(), 61);
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn options_that_a_model_refuses_are_dropped() {
    let server = Server::start(|request| {
        if request.body.get("temperature").is_some() {
            let body = r#"{"type":"error","error":{"type":"invalid_request_error",
                "message":"`temperature` is deprecated for this model."}}"#;
            return Reply::status(400, body);
        }
        Reply::json(&bodies::messages(request))
    });
    let llm = llm(&server).model("no-temperature").temperature(0.5);
    for requests in [2, 3] {
        let result = llm.agenerate(["a"]).await.unwrap();
        let info = &result.generations[0][0].generation_info;
        assert_eq!(info["dropped_params"], json!(["temperature"]));
        assert_eq!(server.requests().len(), requests);
    }
}
