//! OpenAI's streams, event by event.

use serde_json::{Value, json};

use crate::support::{ask, post, quick};

#[tokio::test]
async fn completion_stream() {
    let sim = quick().await;
    let body = json!({
        "model": "m", "prompt": "Hello, how are you?", "max_tokens": 2, "n": 2,
        "stream": true, "stream_options": {"include_usage": true},
    });
    let answer = post(&sim, "/v1/completions", &body).await;
    let chunk = |choices: Value, usage: Value| {
        json!({
            "id": "cmpl(34)",
            "object": "text_completion",
            "created": 0,
            "model": "m",
            "system_fingerprint": "antiphon-sim",
            "choices": choices,
            "usage": usage,
        })
    };
    let text = |index: u64, text: &str, finish_reason: Value| {
        let choice = json!({"text": text, "index": index, "logprobs": null, "finish_reason": finish_reason});
        chunk(json!([choice]), Value::Null)
    };
    let expected = [
        text(0, "\n\nHello", Value::Null),
        text(1, "\n\nI'm", Value::Null),
        text(0, "!", Value::Null),
        text(1, " good", Value::Null),
        text(0, "", json!("length")),
        text(1, "", json!("length")),
        chunk(json!([]), json!({"prompt_tokens": 6, "completion_tokens": 4, "total_tokens": 10})),
        json!("[DONE]"),
    ];
    assert_eq!(answer.events(), expected.map(|event| (None, event)));
}

#[tokio::test]
async fn chat_stream() {
    let sim = quick().await;
    let messages = json!([{"role": "user", "content": "Hello, how are you?"}]);
    let body = json!({"model": "m", "messages": messages, "max_tokens": 2, "stream": true});
    let answer = post(&sim, "/v1/chat/completions", &body).await;
    let chunk = |delta: Value, finish_reason: Value| {
        json!({
            "id": "chatcmpl(38)",
            "object": "chat.completion.chunk",
            "created": 0,
            "model": "m",
            "service_tier": "default",
            "system_fingerprint": "antiphon-sim",
            "choices": [{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish_reason}],
        })
    };
    let expected = [
        chunk(json!({"role": "assistant", "content": "", "refusal": null}), Value::Null),
        chunk(json!({"content": "Very"}), Value::Null),
        chunk(json!({"content": " well"}), Value::Null),
        chunk(json!({}), json!("length")),
        json!("[DONE]"),
    ];
    assert_eq!(answer.events(), expected.map(|event| (None, event)));
}

#[tokio::test]
async fn a_stream_says_what_the_whole_answer_says() {
    let sim = quick().await;
    let mut body = json!({"model": "m", "prompt": "Name a colour.", "max_tokens": 99, "seed": 4, "echo": true});
    let whole = ask(&sim, "/v1/completions", &body).await["choices"][0]["text"].clone();
    body["stream"] = json!(true);
    let answer = post(&sim, "/v1/completions", &body).await;
    let texts =
        answer.events().into_iter().filter_map(|(_, data)| Some(data["choices"][0]["text"].as_str()?.to_owned()));
    assert_eq!(texts.collect::<String>(), whole.as_str().unwrap());
}
