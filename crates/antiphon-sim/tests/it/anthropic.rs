//! Anthropic's answers and streams, whole.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{ask, post, quick, request, send};

fn hello() -> Value {
    json!({"model": "claude-haiku", "max_tokens": 256, "messages": [{"role": "user", "content": "Hello, how are you?"}]})
}

#[tokio::test]
async fn message() {
    let sim = quick().await;
    let mut body = hello();
    body["system"] = json!([{"type": "text", "text": "Be brief."}]);
    let answer = ask(&sim, "/v1/messages", &body).await;
    assert_eq!(
        answer,
        json!({
            "id": "msg(28)",
            "type": "message",
            "role": "assistant",
            "model": "claude-haiku",
            "content": [{"type": "text", "text": "I am doing quite well. How about you?"}],
            "stop_reason": "end_turn",
            "stop_sequence": null,
            "usage": {
                "input_tokens": 9,
                "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": 0,
                "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
                "output_tokens": 10,
                "service_tier": "standard",
            },
        })
    );
}

#[tokio::test]
async fn anthropic_headers() {
    let sim = quick().await;
    let answer = post(&sim, "/v1/messages", &hello()).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.header("request-id").starts_with("req_01"));
    assert!(!answer.headers.contains_key("x-request-id"));
    assert_eq!(answer.header("anthropic-ratelimit-requests-limit"), "4000");
    assert_eq!(answer.header("anthropic-ratelimit-requests-remaining"), "3999");
    assert_eq!(answer.header("anthropic-ratelimit-input-tokens-remaining"), "399994");
    for kind in ["requests", "tokens", "input-tokens", "output-tokens"] {
        let reset = answer.header(&format!("anthropic-ratelimit-{kind}-reset"));
        assert!(reset.len() == 20 && reset.ends_with('Z'), "{reset}");
    }
}

#[tokio::test]
async fn stop_reasons() {
    let sim = quick().await;
    let check = async |parameters: Value, stop_reason: &str, stop_sequence: Value| {
        let mut body = hello();
        body.as_object_mut().unwrap().extend(parameters.as_object().unwrap().clone());
        let answer = ask(&sim, "/v1/messages", &body).await;
        assert_eq!((&answer["stop_reason"], &answer["stop_sequence"]), (&json!(stop_reason), &stop_sequence));
    };
    check(json!({"max_tokens": 1}), "max_tokens", Value::Null).await;
    check(json!({"stop_sequences": ["nowhere", "?"]}), "stop_sequence", json!("?")).await;
    check(json!({"stop_sequences": []}), "end_turn", Value::Null).await;
}

#[tokio::test]
async fn message_stream() {
    let sim = quick().await;
    let mut body = hello();
    body["stream"] = json!(true);
    body["max_tokens"] = json!(2);
    let answer = post(&sim, "/v1/messages", &body).await;
    let message = json!({
        "id": "msg(28)", "type": "message", "role": "assistant", "model": "claude-haiku", "content": [],
        "stop_reason": null, "stop_sequence": null,
        "usage": {
            "input_tokens": 6, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
            "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
            "output_tokens": 1, "service_tier": "standard",
        },
    });
    let usage = json!({
        "input_tokens": 6, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 2,
    });
    let delta =
        |text: &str| json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}});
    let delta_at_end = json!({"stop_reason": "max_tokens", "stop_sequence": null});
    let expected = [
        json!({"type": "message_start", "message": message}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        json!({"type": "ping"}),
        delta("Hello"),
        delta("!"),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": delta_at_end, "usage": usage}),
        json!({"type": "message_stop"}),
    ];
    let expected: Vec<_> = expected.iter().map(|event| (event["type"].as_str(), event.clone())).collect();
    assert_eq!(answer.events(), expected);
}

#[tokio::test]
async fn models_are_listed_in_the_format_of_who_asks() {
    let sim = quick().await;
    let models = request(&sim, Method::GET, "/v1/models").header("anthropic-version", "2023-06-01");
    assert_eq!(
        send(models).await.json(),
        json!({
            "data": [
                {"type": "model", "id": "claude-haiku", "display_name": "claude-haiku (simulated)", "created_at": "2023-03-28T00:00:00Z"},
                {"type": "model", "id": "claude-sonnet", "display_name": "claude-sonnet (simulated)", "created_at": "2023-03-28T00:00:00Z"},
            ],
            "has_more": false,
            "first_id": "claude-haiku",
            "last_id": "claude-sonnet",
        })
    );
}
