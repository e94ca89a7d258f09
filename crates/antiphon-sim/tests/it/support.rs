//! A client for tests: sends JSON, and hands back everything of the answer, with what varies
//! redacted.

use std::sync::LazyLock;

use antiphon_sim::{Latency, Sim};
use reqwest::{Client, Method, RequestBuilder, StatusCode, header::HeaderMap};
use serde_json::{Value, json};

/// A simulator that answers at once.
pub(crate) async fn quick() -> Sim {
    Sim::builder().seed(7).latency(Latency::None).start().await.unwrap()
}

/// One for all tests of a runtime would outlive it, so each test gets its own.
pub(crate) fn client() -> Client {
    static PROVIDER: LazyLock<()> = LazyLock::new(|| {
        // Another test binary cannot have been here before: the process is ours.
        rustls::crypto::ring::default_provider().install_default().unwrap();
    });
    LazyLock::force(&PROVIDER);
    Client::builder().no_proxy().build().unwrap()
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        redact(serde_json::from_str(&self.text).unwrap())
    }

    /// The events of a stream: name, if any, and data.
    pub(crate) fn events(&self) -> Vec<(Option<&str>, Value)> {
        assert_eq!(self.headers["content-type"], "text/event-stream; charset=utf-8");
        let frames = self.text.strip_suffix("\n\n").unwrap().split("\n\n");
        frames
            .map(|frame| {
                let (name, data) = match frame.split_once('\n') {
                    Some((name, data)) => (Some(name.strip_prefix("event: ").unwrap()), data),
                    None => (None, frame),
                };
                let data = data.strip_prefix("data: ").unwrap();
                (name, if data == "[DONE]" { json!("[DONE]") } else { redact(serde_json::from_str(data).unwrap()) })
            })
            .collect()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }
}

pub(crate) async fn send(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    assert_eq!(response.headers()["x-antiphon-simulated"], "true");
    let (status, headers) = (response.status(), response.headers().clone());
    Answer { status, headers, text: response.text().await.unwrap() }
}

pub(crate) fn request(sim: &Sim, method: Method, path: &str) -> RequestBuilder {
    let request = client().request(method, format!("{}{path}", sim.base_url()));
    if path.starts_with("/v1/messages") { request.header("anthropic-version", "2023-06-01") } else { request }
}

/// Posts `body`.
pub(crate) async fn post(sim: &Sim, path: &str, body: &Value) -> Answer {
    send(request(sim, Method::POST, path).json(body)).await
}

pub(crate) async fn get(sim: &Sim, path: &str) -> Answer {
    send(request(sim, Method::GET, path)).await
}

/// Asserts that an answer is a success, and returns its body.
pub(crate) async fn ask(sim: &Sim, path: &str, body: &Value) -> Value {
    let answer = post(sim, path, body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    answer.json()
}

/// Replaces ids by their kind and length, and times by zero.
fn redact(mut value: Value) -> Value {
    match &mut value {
        Value::Object(object) => {
            for (key, value) in object {
                *value = match (key.as_str(), value.take()) {
                    ("id" | "request_id", Value::String(id)) => match id.split_once(['-', '_']) {
                        Some((kind, _)) if id.len() >= 28 => json!(format!("{kind}({})", id.len())),
                        _ => json!(id),
                    },
                    ("created", Value::Number(seconds)) => {
                        // Azure's first chunk was not created.
                        assert!(seconds == 0.into() || seconds.as_u64().unwrap() >= 1_680_000_000);
                        json!(0)
                    }
                    (_, value) => redact(value),
                };
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| *item = redact(item.take())),
        _ => {}
    }
    value
}
