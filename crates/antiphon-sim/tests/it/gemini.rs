//! Gemini's answers, streams and errors.

use std::time::Duration;

use antiphon_sim::{ErrorAnswer, Fault, Latency, Sim};
use serde_json::{Value, json};

use crate::support::{ask, client, post, quick, send};

const WHOLE: &str = "/v1beta/models/m:generateContent";

fn hello(config: &Value) -> Value {
    json!({"contents": [{"parts": [{"text": "Hello, how are you?"}]}], "generationConfig": config})
}

#[tokio::test]
async fn answers() {
    let sim = quick().await;
    let mut body = hello(&json!({"maxOutputTokens": 2, "candidateCount": 2, "temperature": 0}));
    body["systemInstruction"] = json!({"parts": [{"text": "Be brief."}]});
    let answer = ask(&sim, WHOLE, &body).await;
    let candidate = |index: usize, text: &str| {
        json!({
            "content": {"parts": [{"text": text}], "role": "model"}, "finishReason": "MAX_TOKENS", "index": index,
        })
    };
    let text = answer["candidates"][0]["content"]["parts"][0]["text"].as_str().unwrap();
    assert_eq!(answer["candidates"], json!([candidate(0, text), candidate(1, text)]));
    let usage = json!({
        "promptTokenCount": 9, "candidatesTokenCount": 4, "totalTokenCount": 13,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 9}],
    });
    assert_eq!((&answer["usageMetadata"], &answer["modelVersion"]), (&usage, &json!("m")));
}

#[tokio::test]
async fn streams_of_both_forms_say_the_same() {
    let sim = quick().await;
    let body = hello(&json!({"temperature": 0, "thinkingConfig": {"includeThoughts": true}}));
    let whole = ask(&sim, WHOLE, &body).await;
    let events = post(&sim, "/v1beta/models/m:streamGenerateContent?alt=sse", &body).await;
    assert_eq!(events.header("content-type"), "text/event-stream; charset=utf-8");
    let events = events.text.split("\r\n\r\n").filter_map(|event| event.strip_prefix("data: "));
    let events: Vec<Value> = events.map(|event| serde_json::from_str(event).unwrap()).collect();
    let array = post(&sim, "/v1beta/models/m:streamGenerateContent", &body).await;
    assert_eq!(array.header("content-type"), "application/json; charset=UTF-8");
    let array: Vec<Value> = serde_json::from_str(&array.text).unwrap();
    for chunks in [events, array] {
        let text = |thought: bool| -> String {
            let parts = chunks.iter().map(|chunk| &chunk["candidates"][0]["content"]["parts"][0]);
            parts
                .filter(|part| (part["thought"] == true) == thought)
                .map(|part| part["text"].as_str().unwrap())
                .collect()
        };
        let parts = &whole["candidates"][0]["content"]["parts"];
        assert_eq!((json!(text(true)), json!(text(false))), (parts[0]["text"].clone(), parts[1]["text"].clone()));
        let last = chunks.last().unwrap();
        assert_eq!(last["candidates"][0]["finishReason"], "STOP");
        assert_eq!(last["usageMetadata"], whole["usageMetadata"]);
        assert!(chunks[..chunks.len() - 1].iter().all(|chunk| chunk["candidates"][0]["finishReason"].is_null()));
    }
}

#[tokio::test]
async fn requests_are_checked() {
    let sim = Sim::builder().latency(Latency::None).require_key(true).models(["m"]).start().await.unwrap();
    let check = async |path: &str, body: Value, status: u16, kind: &str, message: &str| {
        let separator = if path.contains('?') { '&' } else { '?' };
        let request = client().post(format!("{}{path}{separator}key=k", sim.base_url()));
        let answer = send(request.json(&body)).await;
        let error = &answer.json()["error"];
        assert_eq!((&error["code"], &error["status"]), (&json!(status), &json!(kind)), "{}", answer.text);
        assert!(error["message"].as_str().unwrap().contains(message), "{}", answer.text);
        assert_eq!(answer.status.as_u16(), status);
    };
    let bad = "INVALID_ARGUMENT";
    check(WHOLE, json!({}), 400, bad, "contents is not specified").await;
    check(WHOLE, json!({"contents": [{}]}), 400, bad, "contents[0].parts is not specified").await;
    check(WHOLE, json!({"contents": [{"role": "bot", "parts": [{}]}]}), 400, bad, "valid role: user, model").await;
    check(WHOLE, json!({"messages": []}), 400, bad, "Unknown name \"messages\"").await;
    check(WHOLE, hello(&json!({"temperature": 3})), 400, bad, "generation_config.temperature").await;
    check(WHOLE, hello(&json!({"stopSequences": "x"})), 400, bad, "generation_config.stopSequences").await;
    check(WHOLE, hello(&json!({"candidateCount": 9})), 400, bad, "at most 8").await;
    let stream = "/v1beta/models/m:streamGenerateContent?alt=sse";
    check(stream, hello(&json!({"candidateCount": 2})), 400, bad, "Only one candidate").await;
    check("/v1beta/models/x:generateContent", hello(&json!({})), 404, "NOT_FOUND", "models/x is not found").await;
    check("/v1beta/models/m:guess", json!({}), 404, "NOT_FOUND", "was not found").await;
    let answer = post(&sim, WHOLE, &hello(&json!({}))).await;
    assert_eq!(answer.json()["error"]["status"], "PERMISSION_DENIED");
    assert_eq!(sim.requests()[0].key_in, ["query"]);
}

#[tokio::test]
async fn quotas() {
    let sim = quick().await;
    sim.inject(Fault::Error(ErrorAnswer::resource_exhausted("PerMinute", Duration::from_millis(34_400))));
    let error = post(&sim, WHOLE, &hello(&json!({}))).await.json();
    assert_eq!(error["error"]["details"][1]["retryDelay"], "34.4s");
    assert_eq!(error["error"]["details"][0]["violations"][0]["quotaId"], "PerMinute");
}
