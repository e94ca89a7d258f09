//! Azure's answers, streams and errors.

use antiphon_sim::{ErrorAnswer, Fault, Latency, Sim};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{ask, post, quick};

const V1: &str = "/openai/v1/chat/completions";
const DEPLOYMENT: &str = "/openai/deployments/my%2Dgpt/chat/completions?api-version=2024-10-21";

fn hello(parameters: &Value) -> Value {
    let mut body = json!({"messages": [{"role": "user", "content": "Hello, how are you?"}], "max_tokens": 2});
    body.as_object_mut().unwrap().extend(parameters.as_object().unwrap().clone());
    body
}

#[tokio::test]
async fn answers_say_what_the_filter_found() {
    let sim = quick().await;
    let answer = post(&sim, DEPLOYMENT, &hello(&json!({}))).await;
    assert!(answer.header("apim-request-id").starts_with("req_"));
    assert_eq!(answer.header("x-ratelimit-remaining-requests"), "999");
    let answer = answer.json();
    let safe = json!({"filtered": false, "severity": "safe"});
    let results = json!({"hate": safe, "self_harm": safe, "sexual": safe, "violence": safe});
    assert_eq!(answer["model"], "my-gpt");
    assert_eq!(answer["choices"][0]["content_filter_results"], results);
    assert_eq!(answer["prompt_filter_results"], json!([{"prompt_index": 0, "content_filter_results": results}]));
    assert_eq!(ask(&sim, V1, &hello(&json!({"model": "m"}))).await["model"], "m");
    assert_eq!(sim.requests()[0].query, ["api-version=2024-10-21"]);
}

#[tokio::test]
async fn the_first_chunk_has_no_choices() {
    let sim = quick().await;
    let answer = post(&sim, DEPLOYMENT, &hello(&json!({"stream": true}))).await;
    let events = answer.events();
    assert_eq!((&events[0].1["choices"], &events[0].1["id"]), (&json!([]), &json!("")));
    assert!(events[0].1["prompt_filter_results"].is_array());
    let filtered: Vec<_> =
        events[1..].iter().filter_map(|event| event.1["choices"][0]["content_filter_results"].as_object()).collect();
    assert_eq!(filtered.len(), 4);
    assert!(filtered[3].is_empty());
    assert_eq!(events.last().unwrap().1, "[DONE]");
}

#[tokio::test]
async fn errors() {
    let sim = Sim::builder().latency(Latency::None).require_key(true).models(["m"]).start().await.unwrap();
    let check = async |path: &str, body: Value, status: u16, code: &str| {
        let client = crate::support::client().post(format!("{}{path}", sim.base_url()));
        let answer = crate::support::send(client.header("api-key", "k").json(&body)).await;
        assert_eq!(answer.status.as_u16(), status, "{path}: {}", answer.text);
        assert_eq!(answer.json()["error"]["code"], code, "{path}: {}", answer.text);
    };
    let no_version = "/openai/deployments/m/chat/completions";
    check(no_version, hello(&json!({})), 404, "404").await;
    check("/openai/v1/chat/completions?api-version=2024-10-21", hello(&json!({})), 400, "BadRequest").await;
    check("/openai/nowhere", json!({}), 404, "404").await;
    check(DEPLOYMENT, hello(&json!({})), 404, "DeploymentNotFound").await;
    check(V1, json!({"model": "m"}), 400, "missing_required_parameter").await;
    let unknown = post(&sim, V1, &hello(&json!({"model": "m"}))).await;
    assert_eq!(unknown.status, StatusCode::UNAUTHORIZED);
    assert_eq!(unknown.json()["error"]["code"], "401");

    let sim = quick().await;
    sim.inject(Fault::Error(ErrorAnswer::content_filtered()));
    let filtered = post(&sim, DEPLOYMENT, &hello(&json!({}))).await.json();
    assert_eq!((&filtered["error"]["type"], &filtered["error"]["status"]), (&Value::Null, &json!(400)));
}
