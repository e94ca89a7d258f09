//! Latency, measured by a clock that is paused and moves only when everyone waits.

use std::time::Duration;

use antiphon_sim::{Latency, Sim};
use futures::{StreamExt, future::join_all};
use reqwest::Client;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::client;

async fn call(client: &Client, sim: &Sim) {
    let body = json!({"model": "m", "prompt": "Hello, how are you?"});
    let request = client.post(format!("{}/v1/completions", sim.base_url())).json(&body);
    request.send().await.unwrap().json::<Value>().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn ten_at_once_are_five_times_faster_than_ten_in_a_row() {
    let sim = Sim::builder().seed(3).start().await.unwrap();
    let client = client();
    let start = Instant::now();
    join_all((0..10).map(|_| call(&client, &sim))).await;
    let concurrent = start.elapsed();
    let start = Instant::now();
    for _ in 0..10 {
        call(&client, &sim).await;
    }
    let ratio = start.elapsed().as_secs_f64() / concurrent.as_secs_f64();
    assert!(ratio > 5.0, "{ratio}");
}

#[tokio::test(start_paused = true)]
async fn a_thousand_at_once_take_about_as_long_as_one() {
    let latency = Duration::from_millis(50);
    let sim = Sim::builder().latency(Latency::Constant(latency)).start().await.unwrap();
    let client = client();
    let start = Instant::now();
    join_all((0..1_000).map(|_| call(&client, &sim))).await;
    let serial = latency * 1_000;
    assert!(start.elapsed() < serial / 100, "{:?}", start.elapsed());
    assert_eq!((sim.requests().len(), sim.in_flight()), (1_000, 0));
}

#[tokio::test(start_paused = true)]
async fn a_stream_waits_for_its_first_chunk_and_between_chunks() {
    let latency = Latency::Constant(Duration::from_millis(500));
    let sim = Sim::builder().latency(latency).chunk_gap(Duration::from_millis(100)).start().await.unwrap();
    let body = json!({"model": "m", "prompt": "Hello, how are you?", "max_tokens": 2, "stream": true});
    let start = Instant::now();
    let request = client().post(format!("{}/v1/completions", sim.base_url())).json(&body);
    let mut chunks = request.send().await.unwrap().bytes_stream();
    let mut times = Vec::new();
    while let Some(chunk) = chunks.next().await {
        chunk.unwrap();
        times.push(start.elapsed().as_millis() / 100);
    }
    // Two tokens, the finish reason and the end marker.
    assert_eq!(times, [5, 6, 7, 8]);
}

#[tokio::test(start_paused = true)]
async fn errors_and_lists_are_answered_at_once() {
    let sim = Sim::builder().start().await.unwrap();
    let start = Instant::now();
    crate::support::get(&sim, "/v1/models").await;
    crate::support::post(&sim, "/v1/completions", &json!({})).await;
    assert!(start.elapsed() < Duration::from_millis(100), "{:?}", start.elapsed());
}
