//! Ollama's answers, streams and errors.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{ask, get, post, quick};

fn hello() -> Value {
    json!({
        "model": "m", "messages": [{"role": "user", "content": "Hello, how are you?"}], "options": {"temperature": 0},
    })
}

#[tokio::test]
async fn a_stream_of_lines_unless_told_otherwise() {
    let sim = quick().await;
    let mut body = hello();
    let answer = post(&sim, "/api/chat", &body).await;
    assert_eq!(answer.header("content-type"), "application/x-ndjson");
    let lines: Vec<Value> = answer.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let text: String = lines.iter().map(|line| line["message"]["content"].as_str().unwrap()).collect();
    let last = lines.last().unwrap();
    assert_eq!((&last["done"], &last["done_reason"]), (&json!(true), &json!("stop")));
    assert_eq!(last["eval_count"], lines.len() - 1);
    assert!(lines[..lines.len() - 1].iter().all(|line| line["done"] == false));

    body["stream"] = json!(false);
    let whole = ask(&sim, "/api/chat", &body).await;
    assert_eq!(whole["message"], json!({"role": "assistant", "content": text}));
    assert_eq!(whole["eval_count"], last["eval_count"]);
}

#[tokio::test]
async fn generate_lists_and_errors() {
    let sim = quick().await;
    let body = json!({"model": "m", "prompt": "Name a colour.", "stream": false, "options": {"num_predict": 2}});
    let answer = ask(&sim, "/api/generate", &body).await;
    assert_eq!(answer["done_reason"], "length");
    assert!(answer["response"].is_string());
    assert_eq!(get(&sim, "/api/tags").await.json()["models"][0]["model"], "llama3.2:latest");
    assert!(get(&sim, "/api/version").await.json()["version"].is_string());
    let answer = post(&sim, "/api/chat", &json!({})).await;
    assert_eq!((answer.status, answer.json()), (StatusCode::BAD_REQUEST, json!({"error": "model is required"})));
    assert_eq!(get(&sim, "/api/nothing").await.status, StatusCode::NOT_FOUND);
}
