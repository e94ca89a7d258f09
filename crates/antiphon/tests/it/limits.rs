//! Limits over a real connection; days of them are simulated in the `limits` module.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use antiphon::{ChatOpenAI, ErrorKind, OpenAI};
use antiphon_sim::{ErrorAnswer, Fault};
use futures::future::{join, join_all};

use crate::streams::sim;
use crate::support::{PATIENCE, Reply, Server, bodies};

fn chat(base_url: &str) -> ChatOpenAI {
    ChatOpenAI::new().base_url(format!("{base_url}/v1")).model("m").timeout(PATIENCE)
}

#[tokio::test]
async fn one_429_costs_one_request_not_one_per_call() {
    let sim = sim().await;
    let llm = chat(&sim.base_url());
    sim.inject(Fault::Error(ErrorAnswer::rate_limited(Some(Duration::from_millis(300)))));
    let error = llm.clone().max_retries(0).agenerate(["first"]).await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_millis(300)));
    let start = Instant::now();
    let others = join_all((0..50).map(|number| llm.agenerate([number.to_string()]))).await;
    assert!(start.elapsed() >= Duration::from_millis(250), "{:?}", start.elapsed());
    assert!(others.iter().all(Result::is_ok));
    // Nobody asked in vain.
    assert_eq!(sim.requests().len(), 51);
}

#[tokio::test]
async fn other_keys_and_models_are_not_paused() {
    let sim = sim().await;
    sim.inject(Fault::Error(ErrorAnswer::rate_limited(Some(Duration::from_mins(1)))));
    let llm = chat(&sim.base_url()).api_key("k1");
    let error = llm.clone().max_retries(0).agenerate(["a"]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RateLimited);
    let start = Instant::now();
    llm.clone().model("other").agenerate(["a"]).await.unwrap();
    llm.clone().api_key("k2").agenerate(["a"]).await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(30));
    // The same key and model has to wait.
    let waiting = tokio::time::timeout(Duration::from_millis(100), llm.agenerate(["a"])).await;
    assert!(waiting.is_err());
    assert_eq!(sim.requests().len(), 3);
}

#[tokio::test]
async fn a_set_limit_holds_across_values() {
    let sim = sim().await;
    let llm = chat(&sim.base_url()).requests_per_minute(3);
    join_all((0..3).map(|_| llm.agenerate(["a"]))).await.into_iter().for_each(|result| drop(result.unwrap()));
    let twin = chat(&sim.base_url());
    assert!(tokio::time::timeout(Duration::from_millis(100), twin.agenerate(["a"])).await.is_err());
    assert_eq!(sim.requests().len(), 3);
    let error = OpenAI::new().requests_per_minute(0).agenerate(["a"]).await.unwrap_err();
    assert_eq!(error.to_string(), "`requests_per_minute` must be at least 1");
}

#[tokio::test]
async fn a_pause_that_is_too_long_to_wait_for_is_everyones() {
    let sim = sim().await;
    let busy = ErrorAnswer::rate_limited(None).with_header("retry-after", "3600").with_header("x-request-id", "r1");
    sim.inject(Fault::Error(busy));
    let llm = chat(&sim.base_url());
    let first = llm.agenerate(["a"]).await.unwrap_err();
    assert_eq!((first.retry_after(), first.request_id()), (Some(Duration::from_hours(1)), Some("r1")));
    for result in join_all((0..10).map(|_| llm.agenerate(["a"]))).await {
        let error = result.unwrap_err();
        assert_eq!(
            error.to_string(),
            "openai: status 429 (requests, rate_limit_exceeded): Rate limit reached for requests. [model m]; \
             the provider asks to wait 3600s"
        );
    }
    assert_eq!(sim.requests().len(), 1);
    llm.model("other").agenerate(["a"]).await.unwrap();
}

#[tokio::test]
async fn what_an_answer_reports_holds_back_its_lane_and_no_other() {
    const RESET: Duration = Duration::from_millis(300);
    for limited in ["requests", "tokens"] {
        let arrivals = Arc::<Mutex<Vec<(String, Instant)>>>::default();
        let seen = Arc::clone(&arrivals);
        let server = Server::start(move |request| {
            seen.lock().unwrap().push((request.body["model"].as_str().unwrap().to_owned(), Instant::now()));
            Reply::json(&bodies::chat(request))
                .header(&format!("x-ratelimit-limit-{limited}"), "1")
                .header(&format!("x-ratelimit-remaining-{limited}"), "0")
                .header(&format!("x-ratelimit-reset-{limited}"), "300ms")
        });
        let llm = chat(&server.origin()).max_retries(0);
        llm.agenerate(["first"]).await.unwrap();
        let other = llm.clone().model("other");
        let (waited, went) = join(llm.agenerate(["waits"]), other.agenerate(["does not"])).await;
        assert_eq!(
            (waited.unwrap().to_string(), went.unwrap().to_string()),
            ("waits 0".to_owned(), "does not 0".to_owned())
        );
        let arrivals = arrivals.lock().unwrap();
        let models: Vec<_> = arrivals.iter().map(|(model, _)| model.as_str()).collect();
        assert_eq!(models, ["m", "other", "m"], "{limited}");
        let waited = arrivals[2].1 - arrivals[0].1;
        assert!(waited >= RESET, "{limited}: {waited:?}");
    }
}
