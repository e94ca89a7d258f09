//! What is refused, and in whose words.

use antiphon_sim::{Latency, Sim};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Answer, post, quick, request, send};

fn assert_openai_error(answer: &Answer, status: u16, message: &str, param: Option<&str>, code: Option<&str>) {
    assert_eq!(answer.status.as_u16(), status, "{}", answer.text);
    let error = json!({"message": message, "type": "invalid_request_error", "param": param, "code": code});
    assert_eq!(answer.json(), json!({"error": error}));
    assert!(answer.header("x-request-id").starts_with("req_"));
}

fn assert_anthropic_error(answer: &Answer, status: u16, kind: &str, message: &str) {
    assert_eq!(answer.status.as_u16(), status, "{}", answer.text);
    let error = json!({"type": kind, "message": message});
    assert_eq!(answer.json(), json!({"type": "error", "error": error, "request_id": "req(28)"}));
    assert!(answer.text.contains(answer.header("request-id")));
}

#[tokio::test]
async fn openai_fields() {
    let sim = quick().await;
    let chat = "/v1/chat/completions";
    let completions = "/v1/completions";
    let hi = json!([{"role": "user", "content": "Hi"}]);
    for (path, body, message, param, code) in [
        (completions, json!({"prompt": "Hi"}), "you must provide a model parameter", None, None),
        (
            completions,
            json!({"model": 1}),
            "Invalid type for 'model': expected a string, but got an integer instead.",
            Some("model"),
            Some("invalid_type"),
        ),
        (
            completions,
            json!({"model": "m", "prompt": {"a": 1}}),
            "Invalid type for 'prompt': expected one of a string or array of strings, but got an object instead.",
            Some("prompt"),
            Some("invalid_type"),
        ),
        (
            completions,
            json!({"model": "m", "prompt": []}),
            "Invalid 'prompt': empty array. Expected an array with minimum length 1, but got an empty array instead.",
            Some("prompt"),
            Some("empty_array"),
        ),
        (
            completions,
            json!({"model": "m", "n": 129}),
            "Invalid 'n': integer above maximum value. Expected a value <= 128, but got 129 instead.",
            Some("n"),
            Some("integer_above_max_value"),
        ),
        (
            completions,
            json!({"model": "m", "n": 0}),
            "Invalid 'n': integer below minimum value. Expected a value >= 1, but got 0 instead.",
            Some("n"),
            Some("integer_below_min_value"),
        ),
        (
            completions,
            json!({"model": "m", "temperature": 2.5}),
            "Invalid 'temperature': decimal above maximum value. Expected a value <= 2, but got 2.5 instead.",
            Some("temperature"),
            Some("decimal_above_max_value"),
        ),
        (
            completions,
            json!({"model": "m", "max_tokens": 1.5}),
            "Invalid type for 'max_tokens': expected an integer, but got a decimal instead.",
            Some("max_tokens"),
            Some("invalid_type"),
        ),
        (
            completions,
            json!({"model": "m", "stop": ["a", "b", "c", "d", "e"]}),
            "Invalid 'stop': array too long. Expected an array with maximum length 4, but got an array with length 5 \
             instead.",
            Some("stop"),
            Some("array_above_max_length"),
        ),
        (
            completions,
            json!({"model": "m", "n": 2, "best_of": 1}),
            "You requested that the server return more choices than it will generate (HINT: you must set 'n' \
             (currently 2) to be at most 'best_of' (currently 1), or omit either parameter if you don't specifically \
             want to use them.)",
            Some("best_of"),
            None,
        ),
        (
            completions,
            json!({"model": "m", "stream_options": {}}),
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
            Some("stream_options"),
            None,
        ),
        (
            chat,
            json!({"model": "m"}),
            "Missing required parameter: 'messages'.",
            Some("messages"),
            Some("missing_required_parameter"),
        ),
        (
            chat,
            json!({"model": "m", "messages": "Hi"}),
            "Invalid type for 'messages': expected an array of objects, but got a string instead.",
            Some("messages"),
            Some("invalid_type"),
        ),
        (
            chat,
            json!({"model": "m", "messages": [{"role": "bot", "content": "Hi"}]}),
            "Invalid value: 'bot'. Supported values are: 'system', 'assistant', 'user', 'function', 'tool', \
             'developer'.",
            Some("messages[0].role"),
            Some("invalid_value"),
        ),
        (
            chat,
            json!({"model": "m", "messages": [{"role": "user"}]}),
            "Missing required parameter: 'messages[0].content'.",
            Some("messages[0].content"),
            Some("missing_required_parameter"),
        ),
        (
            chat,
            json!({"model": "o3-mini", "messages": hi, "max_tokens": 5}),
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' \
             instead.",
            Some("max_tokens"),
            Some("unsupported_parameter"),
        ),
        (
            chat,
            json!({"model": "gpt-5", "messages": hi, "temperature": 0.9}),
            "Unsupported value: 'temperature' does not support 0.9 with this model. Only the default (1) value is \
             supported.",
            Some("temperature"),
            Some("unsupported_value"),
        ),
        (
            chat,
            json!({"model": "m", "messages": hi, "max_tokens": 5, "max_completion_tokens": 5}),
            "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
            None,
            Some("invalid_parameter_combination"),
        ),
    ] {
        assert_openai_error(&post(&sim, path, &body).await, 400, message, param, code);
    }
}

#[tokio::test]
async fn anthropic_fields() {
    let sim = quick().await;
    let hi = json!([{"role": "user", "content": "Hi"}]);
    for (body, message) in [
        (json!({"max_tokens": 1, "messages": hi}), "model: Field required"),
        (json!({"model": "m", "messages": hi}), "max_tokens: Field required"),
        (json!({"model": "m", "max_tokens": 1}), "messages: Field required"),
        (json!({"model": "m", "max_tokens": "1", "messages": hi}), "max_tokens: Input should be a valid integer"),
        (
            json!({"model": "m", "max_tokens": 0, "messages": hi}),
            "max_tokens: Input should be greater than or equal to 1",
        ),
        (json!({"model": "m", "max_tokens": 1, "messages": []}), "messages: at least one message is required"),
        (
            json!({"model": "m", "max_tokens": 1, "messages": hi, "temperature": 1.5}),
            "temperature: Input should be less than or equal to 1",
        ),
        (
            json!({"model": "m", "max_tokens": 1, "messages": hi, "stop_sequences": "x"}),
            "stop_sequences: Input should be a valid list",
        ),
        (json!({"model": "m", "max_tokens": 1, "messages": ["Hi"]}), "messages.0: Input should be a valid dictionary"),
        (
            json!({"model": "m", "max_tokens": 1, "messages": [{"role": "bot", "content": "Hi"}]}),
            "messages.0.role: Input should be 'user' or 'assistant'",
        ),
        (
            json!({"model": "m", "max_tokens": 1, "messages": [{"role": "system", "content": "Hi"}]}),
            "messages: Unexpected role \"system\". The Messages API accepts a top-level `system` parameter, not \
             \"system\" as an input message role.",
        ),
    ] {
        assert_anthropic_error(&post(&sim, "/v1/messages", &body).await, 400, "invalid_request_error", message);
    }
    let without_version = crate::support::client().post(format!("{}/v1/messages", sim.base_url())).json(&hi);
    let message = "anthropic-version: header is required";
    assert_anthropic_error(&send(without_version).await, 400, "invalid_request_error", message);
}

#[tokio::test]
async fn bodies_that_are_no_json_object() {
    let sim = quick().await;
    for body in ["", "{", "[]", "\"text\""] {
        let answer = send(request(&sim, Method::POST, "/v1/completions").body(body)).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.starts_with("We could not parse the JSON body of your request."), "{message}");
        let answer = send(request(&sim, Method::POST, "/v1/messages").body(body)).await;
        assert_anthropic_error(&answer, 400, "invalid_request_error", "The request body is not valid JSON.");
        let answer = send(request(&sim, Method::POST, "/track-request").body(body)).await;
        assert_eq!(answer.json(), json!({"success": false, "message": "The request body is not a JSON object."}));
    }
    assert!(sim.requests().iter().take(6).all(|request| request.body.is_null()));
}

#[tokio::test]
async fn bodies_that_are_too_large() {
    let sim = quick().await;
    let body = vec![b' '; (32 << 20) + 1];
    let answer = send(request(&sim, Method::POST, "/v1/chat/completions").body(body.clone())).await;
    let message = "The request body is too large: the maximum is 33554432 bytes.";
    assert_openai_error(&answer, 413, message, None, None);
    let answer = send(request(&sim, Method::POST, "/v1/messages").body(body)).await;
    let message = "Request exceeds the maximum size of 33554432 bytes.";
    assert_anthropic_error(&answer, 413, "request_too_large", message);
}

#[tokio::test]
async fn unknown_paths_and_wrong_methods() {
    let sim = quick().await;
    let answer = post(&sim, "/v1/embeddings?key=secret", &Value::Null).await;
    assert_openai_error(&answer, 404, "Invalid URL (POST /v1/embeddings)", None, None);
    let answer = post(&sim, "/v1/models", &Value::Null).await;
    let message = "Not allowed to POST on /v1/models.";
    assert_openai_error(&answer, 405, message, None, Some("method_not_supported"));
    let answer = post(&sim, "/v1/messages/batches", &Value::Null).await;
    assert_anthropic_error(&answer, 404, "not_found_error", "Not found: /v1/messages/batches");
    let answer = send(request(&sim, Method::GET, "/v1/messages")).await;
    assert_anthropic_error(&answer, 405, "invalid_request_error", "Method Not Allowed");
    let answer = send(request(&sim, Method::GET, "/log-request")).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(answer.json(), json!({"success": false, "message": "GET is not allowed on /log-request."}));
    assert_eq!(sim.requests()[0].path, "/v1/embeddings");
}

#[tokio::test]
async fn keys_are_asked_for_on_demand_only() {
    let sim = Sim::builder().latency(Latency::None).require_key(true).start().await.unwrap();
    let hello = json!({"model": "m", "prompt": "Hi", "max_tokens": 1, "messages": [{"role": "user", "content": "Hi"}]});
    let track = json!({"function_name": "f", "request_response": {}, "request_start_time": 1, "request_end_time": 2});
    for (path, body, key_header, message) in [
        ("/v1/completions", &hello, "authorization", "You didn't provide an API key."),
        ("/v1/chat/completions", &hello, "authorization", "You didn't provide an API key."),
        ("/v1/messages", &hello, "x-api-key", "x-api-key header is required"),
        ("/v1/messages", &hello, "authorization", "x-api-key header is required"),
        ("/track-request", &track, "x-api-key", "An API key is required."),
    ] {
        let answer = post(&sim, path, body).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert!(answer.text.contains(message), "{}", answer.text);
        let answer = send(request(&sim, Method::POST, path).json(body).header(key_header, "Bearer secret")).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text);
    }
    assert_eq!(crate::support::get(&sim, "/health").await.status, StatusCode::OK);
    assert!(!format!("{:?}", sim.requests()).contains("secret"));
}
