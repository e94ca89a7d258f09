//! Bedrock's answers, frames and errors.

use antiphon_sim::{ErrorAnswer, Fault, Latency, Sim};
use serde_json::{Value, json};

use crate::support::{ask, client, post, quick, send};

const WHOLE: &str = "/model/a.m-v1%3A0/converse";
const STREAM: &str = "/model/a.m-v1%3A0/converse-stream";

fn hello(config: &Value) -> Value {
    json!({
        "messages": [{"role": "user", "content": [{"text": "Hello, how are you?"}]}], "inferenceConfig": config,
    })
}

/// The type and the payload of each frame. The first of its headers has the type.
async fn frames(sim: &Sim, body: &Value) -> Vec<(String, Value)> {
    let response = client().post(format!("{}{STREAM}", sim.base_url())).json(body).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/vnd.amazon.eventstream");
    let bytes = response.bytes().await.unwrap();
    let number = |bytes: &[u8]| bytes.iter().fold(0, |number, byte| number << 8 | usize::from(*byte));
    let mut rest = &bytes[..];
    let mut frames = Vec::new();
    while !rest.is_empty() {
        let (length, headers) = (number(&rest[..4]), number(&rest[4..8]));
        let name = usize::from(rest[12]);
        let value = number(&rest[14 + name..16 + name]);
        let kind = String::from_utf8(rest[16 + name..16 + name + value].to_vec()).unwrap();
        let mut payload: Value = serde_json::from_slice(&rest[12 + headers..length - 4]).unwrap();
        payload.as_object_mut().unwrap().remove("p");
        frames.push((kind, payload));
        rest = &rest[length..];
    }
    frames
}

#[tokio::test]
async fn answers() {
    let sim = quick().await;
    let mut body = hello(&json!({"maxTokens": 2, "temperature": 0}));
    body["system"] = json!([{"text": "Be brief."}]);
    let answer = ask(&sim, WHOLE, &body).await;
    let text = answer["output"]["message"]["content"][0]["text"].clone();
    assert_eq!(
        answer,
        json!({
            "output": {"message": {"role": "assistant", "content": [{"text": text}]}}, "stopReason": "max_tokens",
            "usage": {
                "inputTokens": 9, "outputTokens": 2, "totalTokens": 11, "cacheReadInputTokens": 0,
                "cacheWriteInputTokens": 0,
            },
            "metrics": {"latencyMs": 1},
        })
    );
}

#[tokio::test]
async fn streams() {
    let sim = quick().await;
    let mut body = hello(&json!({"maxTokens": 2, "temperature": 0}));
    body["additionalModelRequestFields"] = json!({"thinking": {"type": "enabled", "budget_tokens": 1024}});
    let frames = frames(&sim, &body).await;
    let names: Vec<_> = frames.iter().map(|frame| frame.0.as_str()).collect();
    assert_eq!(names[0], "messageStart");
    assert_eq!(
        names[names.len() - 6..],
        ["contentBlockStop", "contentBlockDelta", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata",]
    );
    assert!(frames[1].1["delta"]["reasoningContent"]["text"].is_string());
    assert_eq!(frames[frames.len() - 3].1, json!({"contentBlockIndex": 1}));
    assert_eq!(frames[frames.len() - 2].1, json!({"stopReason": "max_tokens"}));
    assert!(frames.last().unwrap().1["usage"]["outputTokens"].as_u64().unwrap() > 2);

    let kind = "throttlingException".to_owned();
    sim.inject(Fault::Exception { number: 2, kind: kind.clone(), message: "slow down".to_owned() });
    let frames = self::frames(&sim, &body).await;
    assert_eq!((frames.len(), &frames[2]), (3, &(kind, json!({"message": "slow down"}))));
}

#[tokio::test]
async fn requests_are_checked() {
    let sim = Sim::builder().latency(Latency::None).require_key(true).models(["a.m-v1:0"]).start().await.unwrap();
    let check = async |path: &str, body: Value, status: u16, kind: &str, message: &str| {
        let answer = send(client().post(format!("{}{path}", sim.base_url())).bearer_auth("k").json(&body)).await;
        assert_eq!(answer.status.as_u16(), status, "{}", answer.text);
        assert_eq!(answer.header("x-amzn-errortype"), format!("{kind}:http://simulated/"));
        assert!(answer.json()["message"].as_str().unwrap().contains(message), "{}", answer.text);
        assert!(answer.header("x-amzn-requestid").starts_with("req_"));
    };
    let bad = "ValidationException";
    let turn = |role: &str, text: &str| json!({"role": role, "content": [{"text": text}]});
    let talk = |turns: &[Value]| json!({ "messages": turns });
    check(WHOLE, json!({}), 400, bad, "Value at 'messages' failed to satisfy constraint: Member must not be null")
        .await;
    check(WHOLE, talk(&[turn("system", "a")]), 400, bad, "enum value set: [user, assistant]").await;
    check(WHOLE, talk(&[turn("assistant", "a")]), 400, bad, "must start with a user message").await;
    check(WHOLE, talk(&[turn("user", "a"), turn("user", "b")]), 400, bad, "must alternate").await;
    check(WHOLE, talk(&[turn("user", " ")]), 400, bad, "messages.0.content.0 is blank").await;
    check(STREAM, hello(&json!({"temperature": 1.5})), 400, bad, "inferenceConfig.temperature").await;
    check("/model/b/converse", hello(&json!({})), 400, bad, "model identifier is invalid").await;
    check("/model/b/invoke", json!({}), 404, "UnknownOperationException", "").await;
    let answer = post(&sim, WHOLE, &hello(&json!({}))).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("x-amzn-errortype")),
        (403, "AccessDeniedException:http://simulated/")
    );
    sim.inject(Fault::Error(ErrorAnswer::new(429, "ThrottlingException", "Too many requests.")));
    check(WHOLE, hello(&json!({})), 429, "ThrottlingException", "Too many").await;
}
