//! PromptLayer's two ways to log a request.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::support::{post, quick, request, send};

#[tokio::test]
async fn track_request_keeps_the_body_but_not_the_key() {
    let sim = quick().await;
    let body = json!({
        "function_name": "langchain.PromptLayerOpenAI.async", "provider_type": "langchain",
        "args": ["Hello, how are you?"], "kwargs": {"model_name": "m"}, "tags": ["nb"],
        "request_response": {"text": "I'm well."}, "request_start_time": 1_680_000_000.12,
        "request_end_time": 1_680_000_000.71, "api_key": "pl_secret", "metadata": null,
    });
    for (number, path) in [(1, "/track-request"), (2, "/rest/track-request")] {
        let answer = post(&sim, path, &body).await;
        assert_eq!(answer.status, StatusCode::OK);
        let expected = json!({"request_id": number, "success": true, "message": "Request tracked (simulated)"});
        assert_eq!(answer.json(), expected);
    }
    let recorded = &sim.requests()[0];
    assert_eq!((recorded.method.as_str(), recorded.path.as_str()), ("POST", "/track-request"));
    assert_eq!(recorded.key_in, ["body"]);
    let mut expected = body;
    expected["api_key"] = json!("[redacted]");
    assert_eq!(recorded.body, expected);
}

#[tokio::test]
async fn log_request() {
    let sim = quick().await;
    let text = json!({"type": "completion", "content": [{"type": "text", "text": "Hi"}], "input_variables": []});
    let body = json!({
        "provider": "openai", "model": "m", "input": text, "output": text, "request_start_time": 1.0,
        "request_end_time": 2.0, "input_tokens": 3, "output_tokens": 4, "price": 0.5, "status": "SUCCESS",
    });
    let answer = send(request(&sim, Method::POST, "/log-request").header("x-api-key", "pl_secret").json(&body)).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    assert_eq!(
        answer.json(),
        json!({
            "id": 1, "prompt_version": null, "provider_type": "openai", "engine": "m", "tokens": 7.0, "price": 0.5,
            "status": "SUCCESS",
        })
    );
    assert_eq!(sim.requests()[0].key_in, ["x-api-key"]);
}

#[tokio::test]
async fn failures_have_a_message() {
    let sim = quick().await;
    let answer = post(&sim, "/track-request", &json!({"api_key": "pl_secret"})).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.json(), json!({"success": false, "message": "function_name is required."}));
}
