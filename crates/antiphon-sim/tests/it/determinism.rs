//! The same seed and the same requests give the same answers, in whatever order they arrive.

use std::collections::BTreeSet;

use antiphon_sim::{Latency, Sim};
use futures::future::join_all;
use serde_json::{Value, json};

use crate::support::ask;

async fn with_seed(seed: u64) -> Sim {
    Sim::builder().seed(seed).latency(Latency::None).start().await.unwrap()
}

async fn text(sim: &Sim, body: &Value) -> String {
    ask(sim, "/v1/completions", body).await["choices"][0]["text"].as_str().unwrap().to_owned()
}

fn hello() -> Value {
    json!({"model": "m", "prompt": "Hello, how are you?", "temperature": 0.9, "max_tokens": 256})
}

/// Ten equal calls at once; the answers, sorted.
async fn ten(sim: &Sim, body: &Value) -> Vec<String> {
    let mut texts = join_all((0..10).map(|_| text(sim, body))).await;
    texts.sort();
    texts
}

#[tokio::test]
async fn ten_equal_calls_vary_and_are_reproducible() {
    let (first, second, other) = (with_seed(1).await, with_seed(1).await, with_seed(2).await);
    let texts = ten(&first, &hello()).await;
    assert!(texts.iter().all(|text| text.starts_with("\n\n")), "{texts:?}");
    assert!(BTreeSet::from_iter(&texts).len() >= 4, "{texts:?}");
    // Requests in between make no difference.
    text(&second, &json!({"model": "m", "prompt": "Hi"})).await;
    assert_eq!(ten(&second, &hello()).await, texts);
    assert_ne!(ten(&other, &hello()).await, texts);
    assert_ne!(ten(&first, &hello()).await, texts, "the next ten are others");
}

#[tokio::test]
async fn a_seed_or_temperature_zero_fixes_the_answer() {
    let sim = with_seed(1).await;
    for (name, value) in [("seed", json!(5)), ("temperature", json!(0))] {
        let mut body = hello();
        body[name] = value;
        assert_eq!(BTreeSet::from_iter(ten(&sim, &body).await).len(), 1, "{name}");
    }
    let mut body = hello();
    body["n"] = json!(10);
    body["seed"] = json!(5);
    let choices = ask(&sim, "/v1/completions", &body).await["choices"].as_array().unwrap().clone();
    let texts: BTreeSet<_> = choices.iter().map(|choice| choice["text"].as_str().unwrap()).collect();
    assert!(texts.len() > 1, "choices of one request differ all the same: {texts:?}");
}
