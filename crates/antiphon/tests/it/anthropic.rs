//! `Anthropic` at a server of `/v1/messages`.

use std::sync::Arc;

use antiphon::{Anthropic, ErrorKind, FinishReason, Message, Prompt, StreamEvent, TokenUsage};
use serde_json::{Value, json};
use tokio::sync::Barrier;

use crate::streams::{events, text};
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

/// Two texts around a tool's input, and what nobody has heard of; nothing says how many tokens it took.
#[tokio::test]
async fn unheard_of_values_fail_no_call() {
    let delta = |index: u32, delta: Value| json!({"type": "content_block_delta", "index": index, "delta": delta});
    let start =
        |index: u32, block: Value| json!({"type": "content_block_start", "index": index, "content_block": block});
    let stop = |index: u32| json!({"type": "content_block_stop", "index": index});
    for (reason, meaning) in [
        (json!("paused_for_tea"), Some(FinishReason::Other)),
        (json!("model_context_window_exceeded"), Some(FinishReason::Length)),
        (json!(7), None),
        (json!(null), None),
    ] {
        let streamed = [
            json!({"type": "ping"}),
            json!({"type": "message_start", "message": {"model": "m2", "content": []}}),
            start(0, json!({"type": "text", "text": ""})),
            json!({"type": "ping"}),
            delta(0, json!({"type": "text_delta", "text": "Let me"})),
            delta(0, json!({"type": "glitter_delta", "text": "(glitter)", "thinking": "(hm)"})),
            delta(0, json!({"type": "text_delta", "text": 7})),
            delta(0, json!({"text": "(no type)"})),
            stop(0),
            start(1, json!({"type": "tool_use", "id": "t", "name": "f", "input": {}})),
            delta(1, json!({"type": "input_json_delta", "partial_json": "{\"a\":"})),
            delta(1, json!({"type": "input_json_delta", "partial_json": "1}"})),
            stop(1),
            start(2, json!({"type": "hologram", "text": "(hologram)", "thinking": "(hm)"})),
            delta(2, json!({"type": "hologram_delta", "hologram": [7]})),
            json!({"type": "content_block_turn", "index": 2, "delta": {"type": "text_delta", "text": "(turn)"}}),
            stop(2),
            start(3, json!({"type": "text", "text": " see"})),
            delta(3, json!({"type": "text_delta", "text": "!"})),
            stop(3),
            json!({"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": null}}),
            json!({"type": "message_stop"}),
        ];
        let whole = json!({
            "type": "message", "model": "m2", "stop_reason": reason, "content": [
                {"type": "text", "text": "Let me"},
                {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}},
                {"type": "hologram", "text": "(hologram)"},
                {"type": "text", "text": " see!"},
            ],
        });
        let server =
            Server::start(
                move |request| {
                    if request.body["stream"] == true { Reply::events(&streamed) } else { Reply::json(&whole) }
                },
            );
        let llm = llm(&server).max_retries(0);
        let (events, error) = events(&llm).await;
        assert!(error.is_none(), "{error:?}");
        assert_eq!(text(&events), "Let me see!");
        let Some(StreamEvent::End(streamed)) = events.last() else {
            panic!("no end: {events:?}");
        };
        for result in [streamed, &llm.agenerate(["Hi"]).await.unwrap()] {
            assert_eq!(result.to_string(), "Let me see!");
            assert_eq!(result.llm_output.token_usage, TokenUsage::default());
            let generation = &result.generations[0][0];
            assert_eq!(generation.finish_reason(), meaning);
            let info = &generation.generation_info;
            assert_eq!(info.get("finish_reason").unwrap_or(&Value::Null), &reason);
            assert_eq!((&info["response_model"], info.get("reasoning")), (&json!("m2"), None));
        }
    }
}
