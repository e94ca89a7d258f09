//! Streams that break after their first event, and what that means for the calls beside them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use antiphon::{ChatOpenAI, ErrorKind, Gemini, StreamEvent};
use antiphon_sim::{Fault, Sim};
use futures::future::join_all;

use crate::callbacks::Recorder;
use crate::streams::{events, sim};
use crate::support::PATIENCE;

/// The shortest of the crate's own waits, and one that Google asks for.
const BACKOFF: Duration = Duration::from_millis(375);
const ASKED: Duration = Duration::from_millis(300);

fn chat(sim: &Sim) -> ChatOpenAI {
    let llm = ChatOpenAI::new().base_url(format!("{}/v1", sim.base_url())).model("m").temperature(0.0);
    llm.timeout(PATIENCE).restart_streams(true).max_retries(1)
}

fn gemini(sim: &Sim) -> Gemini {
    Gemini::new().base_url(sim.base_url()).model("m").temperature(0.0).timeout(PATIENCE).max_retries(0)
}

/// A 429 in place of the event with this number.
fn limited(number: usize) -> Fault {
    let error = r#"{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","details":[{"retryDelay":"0.3s"}]}}"#;
    Fault::Event { number, text: format!("data: {error}\r\n\r\n") }
}

#[tokio::test]
async fn a_restart_is_a_retry() {
    let sim = sim().await;
    sim.inject(Fault::CutAfter(600));
    let begun = Instant::now();
    let (told, error) = events(&chat(&sim)).await;
    assert!(error.is_none(), "{error:?}");
    assert!(begun.elapsed() >= BACKOFF, "{:?}", begun.elapsed());
    let Some(StreamEvent::End(result)) = told.last() else {
        panic!("no end: {told:?}");
    };
    assert_eq!(result.generations[0][0].generation_info["retries"], 1);
    // A retry before the first event counts, too.
    for faults in [[Fault::CutAfter(600), Fault::CutAfter(600)], [Fault::CutAfter(0), Fault::CutAfter(600)]] {
        let before = sim.requests().len();
        for fault in faults {
            sim.inject(fault);
        }
        let error = events(&chat(&sim)).await.1.unwrap();
        assert!(error.is_truncated());
        assert_eq!((error.retries(), sim.requests().len() - before), (1, 2));
    }
}

#[tokio::test]
async fn callbacks_are_told_to_forget_what_came() {
    let sim = sim().await;
    let recorder = Arc::new(Recorder::default());
    sim.inject(Fault::CutAfter(600));
    let stream = chat(&sim).callback(Arc::clone(&recorder)).astream("a").await.unwrap();
    let whole = stream.result().await.unwrap().to_string();
    let told = recorder.take();
    let parts: Vec<_> = told.split(|line| line == "restart m").collect();
    let [broken, anew] = parts[..] else {
        panic!("{told:?}");
    };
    let text = |lines: &[String]| lines.iter().filter_map(|line| line.strip_prefix("token ")).collect::<String>();
    assert!(!text(broken).is_empty());
    assert_eq!(text(anew), whole);
}

#[tokio::test]
async fn restarts_are_within_the_budget() {
    let sim = sim().await;
    (0..600).for_each(|_| sim.inject(Fault::CutAfter(600)));
    let llm = chat(&sim);
    let ends = join_all((0..300).map(|_| events(&llm))).await;
    assert!(ends.iter().all(|(_, error)| error.as_ref().is_some_and(antiphon::Error::is_truncated)));
    let restarts = sim.requests().len() - 300;
    // A hundred, and one for every five calls and every second.
    assert!((100..200).contains(&restarts), "{restarts}");
    let restarted = ends.iter().filter(|(told, _)| told.contains(&StreamEvent::Restart)).count();
    assert_eq!(restarted, restarts);
}

#[tokio::test]
async fn a_429_in_a_stream_pauses_the_others() {
    let sim = sim().await;
    let llm = gemini(&sim);
    for number in [0, 4] {
        sim.inject(limited(number));
        let (told, error) = events(&llm).await;
        let begun = Instant::now();
        assert_eq!((told.is_empty(), error.unwrap().kind()), (number == 0, ErrorKind::RateLimited));
        llm.agenerate(["a"]).await.unwrap();
        assert!(begun.elapsed() >= ASKED / 2, "{number}: {:?}", begun.elapsed());
    }
}

#[tokio::test]
async fn a_429_in_a_stream_that_begins_anew_is_waited_for() {
    let sim = sim().await;
    sim.inject(limited(4));
    let begun = Instant::now();
    let (told, error) = events(&gemini(&sim).restart_streams(true).max_retries(1)).await;
    assert!(error.is_none(), "{error:?}");
    assert!(begun.elapsed() >= ASKED, "{:?}", begun.elapsed());
    assert!(told.contains(&StreamEvent::Restart));
}
