//! Simulators that have only some models, and models that think aloud.

use antiphon_sim::{Latency, Sim};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{ask, get, post, quick};

const THOUGHTS: &str = "Words in the question: 4. A short and friendly answer will do.";

fn hello(model: &str) -> Value {
    json!({
        "model": model, "max_tokens": 2048, "messages": [{"role": "user", "content": "Hello, how are you?"}],
        "prompt": "Hi",
    })
}

#[tokio::test]
async fn only_these_models() {
    let sim = Sim::builder().latency(Latency::None).models(["one", "two:latest"]).start().await.unwrap();
    for path in ["/v1/completions", "/v1/chat/completions"] {
        let answer = post(&sim, path, &hello("gone")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
        let error = json!({
            "message": "The model `gone` does not exist or you do not have access to it.",
            "type": "invalid_request_error", "param": null, "code": "model_not_found",
        });
        assert_eq!(answer.json(), json!({"error": error}));
    }
    let answer = post(&sim, "/v1/messages", &hello("gone")).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.json()["error"], json!({"type": "not_found_error", "message": "model: gone"}));
    for path in ["/api/chat", "/api/generate"] {
        let answer = post(&sim, path, &hello("gone")).await;
        assert_eq!((answer.status.as_u16(), answer.json()), (404, json!({"error": "model 'gone' not found"})));
    }
    // Only Ollama's names have a tag that may be left out.
    assert_eq!(post(&sim, "/api/chat", &hello("two")).await.status, StatusCode::OK);
    assert_eq!(post(&sim, "/v1/chat/completions", &hello("two")).await.status, StatusCode::NOT_FOUND);
    for path in ["/v1/completions", "/v1/chat/completions", "/v1/messages", "/api/chat", "/api/generate"] {
        assert_eq!(post(&sim, path, &hello("one")).await.status, StatusCode::OK, "{path}");
    }
    assert_eq!(get(&sim, "/v1/models").await.json()["data"][1]["id"], "two:latest");
    assert_eq!(get(&sim, "/api/tags").await.json()["models"][0]["name"], "one");
}

#[tokio::test]
async fn usage_has_no_details_where_clients_of_its_time_would_fail_on_them() {
    let sim = quick().await;
    for (model, has_details) in [("gpt-3.5-turbo", false), ("gpt-4", false), ("gpt-4o-mini", true)] {
        let answer = ask(&sim, "/v1/chat/completions", &hello(model)).await;
        let details = answer["usage"].as_object().unwrap().values().any(Value::is_object);
        assert_eq!(details, has_details, "{model}");
    }
}

#[tokio::test]
async fn thoughts_in_openais_format() {
    let sim = quick().await;
    let mut body = hello("deepseek-reasoner");
    let whole = ask(&sim, "/v1/chat/completions", &body).await;
    assert_eq!(whole["choices"][0]["message"]["reasoning_content"], THOUGHTS);
    assert_eq!(whole["usage"]["completion_tokens_details"]["reasoning_tokens"], 15);
    body["stream"] = json!(true);
    let answer = post(&sim, "/v1/chat/completions", &body).await;
    let events = answer.events();
    let deltas: Vec<&Value> = events.iter().map(|(_, data)| &data["choices"][0]["delta"]).collect();
    let thoughts: String = deltas.iter().filter_map(|delta| delta["reasoning_content"].as_str()).collect();
    assert_eq!(thoughts, THOUGHTS);
    assert_eq!(*deltas[1], json!({"content": null, "reasoning_content": "Words"}));
    let first_text = deltas.iter().skip(1).position(|delta| delta["content"].is_string()).unwrap();
    assert!(deltas[1 + first_text..].iter().all(|delta| delta.get("reasoning_content").is_none()));
}

#[tokio::test]
async fn thoughts_in_anthropics_format() {
    let sim = quick().await;
    let mut body = hello("claude-sonnet");
    body["thinking"] = json!({"type": "enabled", "budget_tokens": 1024});
    let whole = ask(&sim, "/v1/messages", &body).await;
    let [thought, text] = whole["content"].as_array().unwrap().as_slice() else { panic!("{whole}") };
    assert_eq!((&thought["type"], &thought["thinking"]), (&json!("thinking"), &json!(THOUGHTS)));
    assert_eq!(text["type"], "text");
    assert_eq!(whole["usage"]["output_tokens_details"], json!({"thinking_tokens": 15}));

    body["stream"] = json!(true);
    let answer = post(&sim, "/v1/messages", &body).await;
    let events = answer.events();
    let of_first: Vec<&Value> = events.iter().map(|(_, data)| data).filter(|data| data["index"] == 0).collect();
    let block = json!({"type": "thinking", "thinking": "", "signature": ""});
    assert_eq!(of_first[0]["content_block"], block);
    let thoughts: String = of_first.iter().filter_map(|data| data["delta"]["thinking"].as_str()).collect();
    assert_eq!(thoughts, THOUGHTS);
    let [.., signature, stop] = of_first.as_slice() else { panic!("{of_first:?}") };
    assert_eq!(signature["delta"]["type"], "signature_delta");
    assert_eq!(stop["type"], "content_block_stop");

    body["thinking"]["display"] = json!("omitted");
    body["stream"] = json!(false);
    let hidden = ask(&sim, "/v1/messages", &body).await;
    assert_eq!(hidden["content"][0]["thinking"], "");
    assert!(!hidden["content"][0]["signature"].as_str().unwrap().is_empty());
}

#[tokio::test]
async fn thoughts_in_ollamas_format() {
    let sim = quick().await;
    let mut body = hello("m");
    body["think"] = json!(true);
    body["stream"] = json!(false);
    assert_eq!(ask(&sim, "/api/chat", &body).await["message"]["thinking"], THOUGHTS);
    body["prompt"] = json!("Hello, how are you?");
    assert_eq!(ask(&sim, "/api/generate", &body).await["thinking"], THOUGHTS);
    body["think"] = json!(false);
    assert_eq!(ask(&sim, "/api/generate", &body).await.get("thinking"), None);
}

#[tokio::test]
async fn tokens_are_counted_without_an_answer() {
    let sim = quick().await;
    let counted =
        ask(&sim, "/v1/messages/count_tokens", &json!({"model": "m", "messages": hello("m")["messages"]})).await;
    assert_eq!(counted, json!({"input_tokens": 6}));
}
