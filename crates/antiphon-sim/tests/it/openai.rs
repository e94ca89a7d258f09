//! OpenAI's answers, whole.

use reqwest::StatusCode;
use serde_json::json;

use crate::support::{ask, get, post, quick};

#[tokio::test]
async fn completion() {
    let sim = quick().await;
    let body = json!({"model": "m", "prompt": "Hello, how are you?", "max_tokens": 256, "temperature": 0.9});
    let answer = post(&sim, "/v1/completions", &body).await;
    assert_eq!(
        answer.json(),
        json!({
            "id": "cmpl(34)",
            "object": "text_completion",
            "created": 0,
            "model": "m",
            "system_fingerprint": "antiphon-sim",
            "choices": [{
                "text": "\n\nHello! I'm feeling great today. How are things with you?", "index": 0, "logprobs": null, "finish_reason": "stop",
            }],
            "usage": {"prompt_tokens": 6, "completion_tokens": 13, "total_tokens": 19},
        })
    );
}

#[tokio::test]
async fn openai_headers() {
    let sim = quick().await;
    let answer = post(&sim, "/v1/completions", &json!({"model": "m", "prompt": "Hi"})).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("content-type"), "application/json");
    assert!(answer.header("x-request-id").starts_with("req_"));
    for (name, expected) in [
        ("openai-processing-ms", "0"),
        ("openai-version", "2020-10-01"),
        ("openai-organization", "antiphon-sim"),
        ("x-ratelimit-limit-requests", "10000"),
        ("x-ratelimit-remaining-requests", "9999"),
        ("x-ratelimit-reset-requests", "6ms"),
        ("x-ratelimit-limit-tokens", "2000000"),
        ("x-ratelimit-remaining-tokens", "1999983"),
        ("x-ratelimit-reset-tokens", "1ms"),
    ] {
        assert_eq!(answer.header(name), expected, "{name}");
    }
}

#[tokio::test]
async fn several_prompts_times_several_choices() {
    let sim = quick().await;
    let prompts = json!(["Hello, how are you?", "Hi", [1, 2, 3]]);
    let body = json!({"model": "m", "prompt": prompts, "n": 2, "best_of": 2, "max_tokens": 256});
    let answer = ask(&sim, "/v1/completions", &body).await;
    let choices = answer["choices"].as_array().unwrap();
    let indices: Vec<_> = choices.iter().map(|choice| choice["index"].as_u64().unwrap()).collect();
    assert_eq!(indices, [0, 1, 2, 3, 4, 5]);
    for (choice, ending) in
        choices[2..].iter().zip(["\"Hi\".", "\"Hi\".", "\"<|1|><|2|><|3|>\".", "\"<|1|><|2|><|3|>\"."])
    {
        let text = choice["text"].as_str().unwrap();
        assert!(
            text.starts_with("\n\n") && text.ends_with(&format!("This is a simulated answer to {ending}")),
            "{text}"
        );
    }
    assert_eq!(answer["usage"]["prompt_tokens"], 6 + 1 + 3);
}

#[tokio::test]
async fn completion_parameters() {
    let sim = quick().await;
    let check = async |parameters: serde_json::Value, text: &str, finish_reason: &str, completion_tokens: u64| {
        let mut body = json!({"model": "m", "prompt": "Name a colour.", "seed": 1});
        body.as_object_mut().unwrap().extend(parameters.as_object().unwrap().clone());
        let answer = ask(&sim, "/v1/completions", &body).await;
        assert_eq!(answer["choices"][0]["text"], text, "{parameters}");
        assert_eq!(answer["choices"][0]["finish_reason"], finish_reason, "{parameters}");
        assert_eq!(answer["usage"]["completion_tokens"], completion_tokens, "{parameters}");
    };
    let full = "\n\nThat is a nice thing to ask. This is a simulated answer to \"Name a colour.\".";
    let sixteen = "\n\nThat is a nice thing to ask. This is a simulated answer to \"Name";
    check(json!({"max_tokens": 256}), full, "stop", 21).await;
    check(json!({"max_tokens": 21}), full, "stop", 21).await;
    check(json!({"max_tokens": 3}), "\n\nThat is a", "length", 3).await;
    check(json!({}), sixteen, "length", 16).await;
    check(json!({"max_tokens": 0, "echo": true}), "Name a colour.", "length", 0).await;
    check(json!({"max_tokens": 3, "echo": true}), "Name a colour.\n\nThat is a", "length", 3).await;
    check(json!({"stop": " is"}), "\n\nThat", "stop", 1).await;
    check(json!({"stop": ["nowhere", " This"]}), "\n\nThat is a nice thing to ask.", "stop", 8).await;
}

#[tokio::test]
async fn prompt_defaults_to_the_end_of_text() {
    let sim = quick().await;
    let answer = ask(&sim, "/v1/completions", &json!({"model": "m", "prompt": null})).await;
    assert_eq!(answer["usage"]["prompt_tokens"], 1);
}

#[tokio::test]
async fn chat_completion() {
    let sim = quick().await;
    let messages = json!([
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Hello, how are you?"}]},
    ]);
    let body = json!({"model": "gpt-5-mini", "messages": messages, "n": 2, "max_completion_tokens": 4});
    let answer = ask(&sim, "/v1/chat/completions", &body).await;
    let choice = |index: u64, text: &str| {
        json!({
            "index": index,
            "message": {"role": "assistant", "content": text, "refusal": null, "annotations": []},
            "logprobs": null,
            "finish_reason": "length",
        })
    };
    assert_eq!(
        answer,
        json!({
            "id": "chatcmpl(38)",
            "object": "chat.completion",
            "created": 0,
            "model": "gpt-5-mini",
            "service_tier": "default",
            "system_fingerprint": "antiphon-sim",
            "choices": [choice(0, "I'm doing well,"), choice(1, "I am doing quite")],
            "usage": {
                "prompt_tokens": 9,
                "completion_tokens": 8,
                "total_tokens": 17,
                "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0, "cache_write_tokens": 0},
                "completion_tokens_details": {
                    "reasoning_tokens": 0,
                    "audio_tokens": 0,
                    "accepted_prediction_tokens": 0,
                    "rejected_prediction_tokens": 0,
                },
            },
        })
    );
}

#[tokio::test]
async fn models_and_health() {
    let sim = quick().await;
    let models = get(&sim, "/v1/models").await.json();
    assert_eq!(models["object"], "list");
    assert_eq!(
        models["data"][0],
        json!({"id": "gpt-3.5-turbo", "object": "model", "created": 0, "owned_by": "antiphon-sim", "shutdown_date": null})
    );
    assert_eq!(get(&sim, "/health").await.json(), json!({"status": "ok", "simulated": true}));
}
