//! Anthropic's `/v1/complete`, in both dialects.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Answer, quick, request, send};

const HELLO: &str = "\n\nHuman: Hello, how are you?\n\nAssistant:";

/// Asks in the dialect of `version`.
async fn complete(version: Option<&str>, changes: &[(&str, Value)]) -> Answer {
    let sim = quick().await;
    let mut body =
        json!({"model": "claude-v1", "prompt": HELLO, "max_tokens_to_sample": 256, "temperature": 0, "top_k": -1});
    for (name, value) in changes {
        body[name] = value.clone();
    }
    let mut request = request(&sim, Method::POST, "/v1/complete").json(&body);
    if let Some(version) = version {
        request = request.header("anthropic-version", version);
    }
    send(request).await
}

/// Without what differs from call to call.
fn told(mut body: Value) -> Value {
    for name in ["id", "log_id"] {
        body.as_object_mut().unwrap().remove(name);
    }
    body
}

#[tokio::test]
async fn whole_answers() {
    let text = " I'm good, thank you. How has your day been so far?";
    let answer = complete(None, &[]).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    assert!(answer.header("request-id").starts_with("req_01"));
    let expected = json!({
        "completion": text, "stop_reason": "stop_sequence", "stop": "\n\nHuman:", "model": "claude-v1",
        "truncated": false, "exception": null,
    });
    assert_eq!(told(answer.json()), expected);
    let expected = json!({
        "type": "completion", "completion": text, "stop_reason": "stop_sequence", "stop": "\n\nHuman:",
        "model": "claude-v1",
    });
    assert_eq!(told(complete(Some("2023-06-01"), &[]).await.json()), expected);

    let short = complete(None, &[("max_tokens_to_sample", json!(2))]).await.json();
    assert_eq!((&short["completion"], &short["stop_reason"]), (&json!(" I'm good"), &json!("max_tokens")));
    let stopped = complete(None, &[("stop_sequences", json!(["\n\nHuman:", "?"]))]).await.json();
    assert_eq!((&stopped["stop_reason"], &stopped["stop"]), (&json!("stop_sequence"), &json!("?")));
}

#[tokio::test]
async fn streams_of_the_whole_text_so_far() {
    for version in [None, Some("2023-01-01")] {
        let answer = complete(version, &[("stream", json!(true)), ("max_tokens_to_sample", json!(2))]).await;
        let mut events = answer.events();
        assert_eq!(events.remove(0), (Some("ping"), json!({})));
        assert_eq!(events.pop(), Some((None, json!("[DONE]"))));
        let told: Vec<_> = events
            .iter()
            .map(|(name, data)| (*name, data["completion"].as_str().unwrap(), data["stop_reason"].as_str()))
            .collect();
        let expected = [(None, " I'm", None), (None, " I'm good", None), (None, " I'm good", Some("max_tokens"))];
        assert_eq!(told, expected);
    }
}

#[tokio::test]
async fn streams_of_what_is_new() {
    let changes = [("stream", json!(true)), ("max_tokens_to_sample", json!(2))];
    let answer = complete(Some("2023-06-01"), &changes).await;
    let events = answer.events();
    assert_eq!(events[0], (Some("ping"), json!({"type": "ping"})));
    let told: Vec<_> = events[1..]
        .iter()
        .map(|(name, data)| (name.unwrap(), data["completion"].as_str().unwrap(), data["stop_reason"].as_str()))
        .collect();
    let expected =
        [("completion", " I'm", None), ("completion", " good", None), ("completion", "", Some("max_tokens"))];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn bad_requests() {
    for (name, value, message) in [
        ("prompt", json!("Hi"), "prompt must start with \"\\n\\nHuman:\" turn"),
        ("prompt", json!("\n\nHuman: Hi"), "prompt must end with \"\\n\\nAssistant:\" turn"),
        ("prompt", Value::Null, "prompt: Field required"),
        ("max_tokens_to_sample", Value::Null, "max_tokens_to_sample: Field required"),
        ("temperature", json!(2), "temperature: Input should be less than or equal to 1"),
        ("stop_sequences", json!("?"), "stop_sequences: Input should be a valid list"),
    ] {
        let answer = complete(None, &[(name, value)]).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert_eq!(answer.json()["error"], json!({"type": "invalid_request_error", "message": message}));
    }
}
