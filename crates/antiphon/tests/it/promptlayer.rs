//! The request log of the `PromptLayer` classes.

use std::net::TcpListener;
use std::sync::Arc;

use antiphon::{ErrorKind, Message, PromptLayerChatOpenAI, PromptLayerOpenAI};
use serde_json::json;
use tokio::sync::Barrier;

use crate::environment::in_child;
use crate::support::{PATIENCE, Reply, Server, bodies};
use crate::traces::Spans;

/// A log that answers `posts` posts when all have come; a post's id is its number.
fn log_server(posts: usize) -> Server {
    let all = Arc::new(Barrier::new(posts));
    Server::start(move |request| Reply::json(&json!({ "request_id": request.number, "success": true })).after(&all))
}

fn log_url(log: &Server) -> String {
    log.url().replace("/v1", "")
}

fn completions() -> Server {
    Server::start(|request| Reply::json(&bodies::completion(request)))
}

fn llm(server: &Server, log: &Server) -> PromptLayerOpenAI {
    let llm = PromptLayerOpenAI::new().base_url(server.url()).model("m");
    llm.promptlayer_base_url(log_url(log)).promptlayer_api_key("pl_test")
}

#[test]
fn completions_are_logged_as_in_2023() {
    let (server, log) = (completions(), log_server(2));
    let llm = llm(&server, &log).temperature(0.9).n(2).pl_tags(["nb"]).return_pl_id(true);
    let result = llm.generate(["Hello, how are you?", "Hi"]).unwrap();
    for completions in &result.generations {
        assert!(completions[0].generation_info["pl_request_id"].is_u64());
        assert!(!completions[1].generation_info.contains_key("pl_request_id"));
    }

    let posts = log.requests();
    assert_eq!(posts.len(), 2);
    let post = posts.iter().find(|it| it.body["args"] == json!(["Hello, how are you?"])).unwrap();
    assert_eq!(post.path, "/track-request");
    assert_eq!(post.header("authorization"), None);
    let mut body = post.body.clone();
    let start = body["request_start_time"].take().as_f64().unwrap();
    let end = body["request_end_time"].take().as_f64().unwrap();
    assert!(1.7e9 < start && start <= end);
    assert_eq!(
        body,
        json!({
            "function_name": "langchain.PromptLayerOpenAI", "provider_type": "langchain",
            "args": ["Hello, how are you?"],
            "kwargs": {
                "model_name": "m", "temperature": 0.9, "max_tokens": 256, "top_p": 1.0,
                "frequency_penalty": 0.0, "presence_penalty": 0.0, "n": 2, "best_of": 1,
                "request_timeout": null, "logit_bias": {},
            },
            "tags": ["nb"],
            "request_response": {
                "text": "Hello, how are you? 0",
                "llm_output": {
                    "token_usage": {
                        "prompt_tokens": 2, "completion_tokens": 8, "total_tokens": 10,
                    },
                    "model_name": "m",
                },
            },
            "request_start_time": null, "request_end_time": null, "api_key": "pl_test",
            "metadata": null, "span_id": null,
        })
    );
}

#[tokio::test]
async fn chats_are_logged_for_each_answer() {
    let server = Server::start(|request| Reply::json(&bodies::chat(request)));
    let log = log_server(2);
    let llm = PromptLayerChatOpenAI::new().base_url(server.url()).model("m").n(2);
    let llm = llm.promptlayer_base_url(log_url(&log)).return_pl_id(true);
    let result = llm.agenerate([[Message::user("Hi")]]).await.unwrap();
    let mut ids: Vec<_> =
        result.generations[0].iter().map(|it| it.generation_info["pl_request_id"].as_u64().unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(ids, [0, 1]);

    let mut posts = log.requests();
    posts.sort_by_key(|it| it.body["request_response"][0]["content"].to_string());
    let body = &posts[1].body;
    assert_eq!(body["function_name"], "langchain.PromptLayerChatOpenAI.async");
    assert_eq!(body["args"], json!([{ "role": "user", "content": "Hi" }]));
    assert_eq!(body["request_response"], json!([{ "role": "assistant", "content": "Hi 1" }]));
    assert_eq!(
        body["kwargs"],
        json!({
            "model": "m", "temperature": 0.7, "n": 2, "max_tokens": null, "stream": false,
            "request_timeout": null,
        })
    );
    assert_eq!((&body["tags"], &body["api_key"]), (&json!(null), &json!(null)));
}

#[test]
fn the_call_does_not_wait_for_the_log_unless_told() {
    let server = completions();
    // The log never answers, and the call returns all the same.
    let log = Server::start(|_| Reply::Stall);
    let result = llm(&server, &log).generate(["a", "b"]).unwrap();
    assert_eq!(result.to_string(), "[0] a 0\n[1] b 0");
    log.wait_for_request();
    log.wait_for_request();
}

#[test]
fn a_log_that_fails_is_one_warning() {
    let name = "promptlayer::a_log_that_fails_is_one_warning";
    if let Some(output) = in_child(name, &[]) {
        let text = String::from_utf8(output.stderr).unwrap();
        let warnings: Vec<_> = text.lines().filter(|it| it.contains("warning: ")).collect();
        assert_eq!(
            warnings,
            ["warning: 2 of 2 requests were not logged: promptlayer: status 403: bad [key] \
              [model m]"]
        );
        return;
    }
    let log = Server::start(|_| Reply::status(403, r#"{"message":"bad pl_test","success":false}"#));
    let server = completions();
    let llm = llm(&server, &log).timeout(PATIENCE).return_pl_id(true);
    let result = llm.generate(["a", "b"]).unwrap();
    assert_eq!(result.to_string(), "[0] a 0\n[1] b 0");
    assert!(!result.generations[0][0].generation_info.contains_key("pl_request_id"));

    // Where somebody listens it is an event, and nothing is printed.
    let spans = Spans::default();
    tracing::subscriber::with_default(spans.clone(), || llm.generate(["a"])).unwrap();
    let events = spans.events();
    assert!(events.len() == 1 && events[0].contains("1 of 1 requests were not logged: promptlayer"), "{events:?}");
    assert!(!events[0].contains("pl_test"), "{events:?}");
}

#[test]
fn a_log_that_nobody_serves_fails_no_call() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = completions();
    let llm =
        PromptLayerOpenAI::new().base_url(server.url()).model("m").promptlayer_base_url(format!("http://{address}"));
    // In the background, and before the answer is handed over.
    for is_awaited in [false, true] {
        let spans = Spans::default();
        let call = || llm.clone().return_pl_id(is_awaited).generate(["a"]);
        let result = tracing::subscriber::with_default(spans.clone(), call).unwrap();
        assert_eq!(result.to_string(), "a 0");
        assert!(!result.generations[0][0].generation_info.contains_key("pl_request_id"));
        let expected = format!("1 of 1 requests were not logged: promptlayer: cannot connect to {address}");
        assert!(!is_awaited || spans.events().iter().any(|it| it.contains(&expected)), "{:?}", spans.events());
    }
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn a_log_that_says_no_with_status_200_gives_no_id() {
    let server = completions();
    let log = Server::start(|_| Reply::json(&json!({ "success": false, "message": "no such user" })));
    let result = llm(&server, &log).return_pl_id(true).generate(["a"]).unwrap();
    assert!(!result.generations[0][0].generation_info.contains_key("pl_request_id"));
}

#[test]
fn the_logs_settings_are_checked_before_the_model_is_paid() {
    let (server, log) = (completions(), log_server(1));
    let error = llm(&server, &log).promptlayer_api_key("a\nb").generate(["a"]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().starts_with("`promptlayer_api_key` holds a line break"), "{error}");
    assert_eq!(server.requests().len(), 0);
}
