//! Answers of the providers, built from what they say.

use serde_json::{Value, json};

use super::Request;

/// `/completions`: choice `k` of prompt `p` says `"{prompt} {k}"`.
pub(crate) fn completion(request: &Request) -> Value {
    let prompts = match &request.body["prompt"] {
        Value::Array(prompts) => prompts.clone(),
        single => vec![single.clone()],
    };
    let n = request.body["n"].as_u64().unwrap_or(1);
    let mut choices = Vec::new();
    for prompt in &prompts {
        for k in 0..n {
            let text = format!("{} {k}", prompt.as_str().unwrap());
            let index = choices.len();
            let choice = json!({ "text": text, "index": index, "logprobs": null, "finish_reason": "stop" });
            choices.push(choice);
        }
    }
    let (input, output) = (prompts.len(), choices.len() * 2);
    json!({
        "id": "cmpl-1", "object": "text_completion", "created": 1, "model": request.body["model"],
        "choices": choices,
        "usage": {
            "prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output,
        },
    })
}

/// `/chat/completions`: answer `k` repeats the last message.
pub(crate) fn chat(request: &Request) -> Value {
    let messages = request.body["messages"].as_array().unwrap();
    let last = messages.last().unwrap()["content"].as_str().unwrap();
    let n = request.body["n"].as_u64().unwrap_or(1);
    let choices: Vec<_> = (0..n)
        .map(|k| {
            let message = json!({ "role": "assistant", "content": format!("{last} {k}"), "refusal": null });
            json!({ "index": k, "message": message, "logprobs": null, "finish_reason": "stop" })
        })
        .collect();
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1,
        "model": request.body["model"], "choices": choices,
        "usage": { "prompt_tokens": 3, "completion_tokens": 2 * n, "total_tokens": 3 + 2 * n },
    })
}

/// `/v1/messages`: two text blocks around one that is no text.
pub(crate) fn messages(request: &Request) -> Value {
    let last = request.body["messages"].as_array().unwrap().last().unwrap()["content"].clone();
    json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": request.body["model"],
        "content": [
            { "type": "text", "text": last },
            { "type": "thinking", "thinking": "hm", "signature": "x" },
            { "type": "text", "text": "!" },
        ],
        "stop_reason": "end_turn", "stop_sequence": null,
        "usage": {
            "input_tokens": 12, "cache_creation_input_tokens": 3, "cache_read_input_tokens": 5,
            "output_tokens": 29, "service_tier": "standard",
        },
    })
}

/// An error in OpenAI's shape.
pub(crate) fn error(error_type: &str, code: &str, param: &str, message: &str) -> String {
    json!({
        "error": { "message": message, "type": error_type, "param": param, "code": code },
    })
    .to_string()
}
