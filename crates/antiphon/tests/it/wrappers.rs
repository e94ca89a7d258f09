//! Models made of models.

use std::sync::Arc;
use std::time::Duration;

use antiphon::{
    CallStyle, ChatOpenAI, Error, ErrorKind, Fallback, Hedged, Llm, LlmResult, LlmStream, Prompt, PromptResults,
    SingleFlight,
};
use antiphon_sim::{ErrorAnswer, Fault, Latency, Sim};
use futures::future::{BoxFuture, join_all, ready, try_join};

use crate::streams::sim;
use crate::support::PATIENCE;

fn chat(sim: &Sim, model: &str) -> ChatOpenAI {
    let llm = ChatOpenAI::new().base_url(format!("{}/v1", sim.base_url())).model(model);
    llm.timeout(PATIENCE).max_retries(0)
}

fn failure() -> Fault {
    Fault::Error(ErrorAnswer::new(401, "invalid_request_error", "no"))
}

#[tokio::test]
async fn a_fallback_answers_when_the_first_cannot() {
    let sim = sim().await;
    let llm = Fallback::new(chat(&sim, "first")).or(chat(&sim, "second"));
    let result = llm.agenerate(["a"]).await.unwrap();
    assert_eq!(result.llm_output.model_name, "first");
    assert!(!result.generations[0][0].generation_info.contains_key("fallback"));

    sim.inject(failure());
    let result = llm.agenerate(["a"]).await.unwrap();
    assert_eq!(result.llm_output.model_name, "second");
    assert_eq!(result.generations[0][0].generation_info["fallback"], 1);

    sim.inject(failure());
    let result = llm.astream("a").await.unwrap().result().await.unwrap();
    assert_eq!(result.llm_output.model_name, "second");
    assert_eq!(result.generations[0][0].generation_info["fallback"], 1);

    sim.inject(failure());
    sim.inject(Fault::Error(ErrorAnswer::insufficient_quota()));
    let error = llm.agenerate(["a"]).await.unwrap_err();
    assert_eq!((error.kind(), error.model()), (ErrorKind::QuotaExceeded, Some("second")));

    let picky = llm.clone().when(|error| error.kind() == ErrorKind::RateLimited);
    sim.inject(failure());
    assert_eq!(picky.agenerate(["a"]).await.unwrap_err().model(), Some("first"));
    let wrong = Fallback::new(chat(&sim, "first").n(0)).or(chat(&sim, "second"));
    assert_eq!(wrong.agenerate(["a"]).await.unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[tokio::test]
async fn only_the_prompts_that_failed_fall_back() {
    let sim = sim().await;
    let llm = Fallback::new(chat(&sim, "first")).or(chat(&sim, "second"));
    sim.inject(failure());
    let answers = llm.agenerate_each(["a", "b", "c"]).await.unwrap();
    assert!(answers.is_ok());
    let places = answers.results.iter().map(|it| it.generations[0].generation_info.contains_key("fallback"));
    assert_eq!(places.filter(|it| *it).count(), 1);
    let models: Vec<_> = sim.requests().iter().map(|it| it.body["model"].as_str().unwrap().to_owned()).collect();
    assert_eq!(models, ["first", "first", "first", "second"]);
}

/// The caller waits for the first model, too.
#[tokio::test]
async fn durations_are_what_the_caller_waited() {
    let sim = sim().await;
    let slow = Duration::from_millis(100);
    let llm = Fallback::new(chat(&sim, "first").first_byte_timeout(slow)).or(chat(&sim, "second"));
    let failing = || sim.inject(Fault::Stall);
    failing();
    let whole = llm.agenerate(["a"]).await.unwrap().llm_output;
    failing();
    let each = llm.agenerate_each(["a"]).await.unwrap().llm_output;
    failing();
    let streamed = llm.astream("a").await.unwrap().result().await.unwrap().llm_output;
    for output in [whole, each, streamed] {
        assert_eq!(output.model_name, "second");
        assert!(output.duration >= slow, "{output:?}");
    }
    // A call that joins another waits for what is left.
    let sim = Sim::builder().latency(Latency::Constant(slow * 3)).start().await.unwrap();
    let llm = SingleFlight::new(chat(&sim, "m").temperature(0.0));
    let late = async {
        tokio::time::sleep(slow * 2).await;
        llm.agenerate(["a"]).await
    };
    let (first, late) = try_join(llm.agenerate(["a"]), late).await.unwrap();
    assert_eq!(sim.requests().len(), 1);
    assert!(first.llm_output.duration >= slow * 3 && late.llm_output.duration < slow * 2);
}

#[tokio::test]
async fn hedged_streams_and_partial_answers_say_so() {
    let sim = sim().await;
    let llm = Hedged::new(chat(&sim, "m")).max_share(1.0).quantile(1.0);
    sim.inject(Fault::Delay(Duration::from_millis(100)));
    for _ in 0..20 {
        llm.agenerate(["a"]).await.unwrap();
    }
    sim.inject(Fault::Stall);
    let streamed = llm.astream("a").await.unwrap().result().await.unwrap();
    assert_eq!(streamed.generations[0][0].generation_info["hedged"], true);
    assert!(streamed.llm_output.duration >= Duration::from_millis(100), "{streamed:?}");
    sim.inject(Fault::Stall);
    let each = llm.agenerate_each(["a"]).await.unwrap();
    assert_eq!(each.results[0].generations[0].generation_info["hedged"], true);
}

#[tokio::test]
async fn slow_calls_are_hedged_within_the_budget() {
    let sim = sim().await;
    let llm = Hedged::new(chat(&sim, "m")).max_share(0.1).quantile(1.0);
    // The slowest of them makes sure that no other counts as slow.
    sim.inject(Fault::Delay(Duration::from_millis(200)));
    for _ in 0..30 {
        llm.agenerate(["a"]).await.unwrap();
    }
    for _ in 0..3 {
        sim.inject(Fault::Stall);
        let result = llm.agenerate(["a"]).await.unwrap();
        assert_eq!(result.generations[0][0].generation_info["hedged"], true);
        // The loser is dropped.
        sim.wait_until(|activity| activity.in_flight == 0).await;
    }
    assert_eq!(sim.requests().len(), 36);
    // The budget is spent: the next slow call is waited for.
    sim.inject(Fault::Delay(Duration::from_millis(900)));
    let result = llm.agenerate(["a"]).await.unwrap();
    assert!(!result.generations[0][0].generation_info.contains_key("hedged"));
    assert_eq!(sim.requests().len(), 37);
}

#[tokio::test]
async fn equal_calls_share_a_request_if_their_answers_are_to_be_equal() {
    let sim = Sim::builder().latency(Latency::Constant(Duration::from_millis(100))).start().await.unwrap();
    let llm = SingleFlight::new(chat(&sim, "m").temperature(0.0));
    let results = join_all((0..20).map(|number| llm.agenerate([if number < 10 { "a" } else { "b" }]))).await;
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(sim.requests().len(), 2);
    // Later calls ask anew.
    llm.agenerate(["a"]).await.unwrap();
    assert_eq!(sim.requests().len(), 3);
    // A failure is everyone's.
    sim.inject(failure());
    let (one, two) = (llm.agenerate(["a"]), llm.agenerate(["a"]));
    assert_eq!(try_join(one, two).await.unwrap_err().kind(), ErrorKind::Authentication);
    assert_eq!(sim.requests().len(), 4);
    // Varied answers are not shared.
    let varied = SingleFlight::new(chat(&sim, "m").temperature(0.9));
    try_join(varied.agenerate(["a"]), varied.agenerate(["a"])).await.unwrap();
    assert_eq!(sim.requests().len(), 6);
}

/// A model of the user's own, which fails.
#[derive(Debug, Clone)]
struct Broken(ErrorKind);

impl Llm for Broken {
    fn call(&self, _: Vec<Prompt>, _: CallStyle) -> BoxFuture<'static, Result<LlmResult, Error>> {
        Box::pin(ready(Err(Error::new(self.0, "broken"))))
    }

    fn call_each(&self, _: Vec<Prompt>, _: CallStyle) -> BoxFuture<'static, Result<PromptResults, Error>> {
        Box::pin(ready(Err(Error::new(self.0, "broken"))))
    }

    fn open_stream(&self, _: Prompt, _: CallStyle) -> BoxFuture<'static, Result<LlmStream, Error>> {
        Box::pin(ready(Err(Error::new(self.0, "broken"))))
    }

    fn shared(&self) -> Arc<dyn Llm> {
        Arc::new(self.clone())
    }
}

#[tokio::test]
async fn models_of_ones_own_fail_like_others() {
    let sim = sim().await;
    let llm = Fallback::new(Broken(ErrorKind::NotFound)).or(chat(&sim, "m"));
    assert_eq!(llm.agenerate(["a"]).await.unwrap().llm_output.model_name, "m");
    assert!(llm.agenerate_each(["a"]).await.unwrap().is_ok());
    assert_eq!(llm.astream("a").await.unwrap().result().await.unwrap().llm_output.model_name, "m");
    let llm = Fallback::new(Broken(ErrorKind::InvalidInput)).or(chat(&sim, "m"));
    let error = llm.agenerate(["a"]).await.unwrap_err();
    assert_eq!((error.to_string(), error.is_retryable()), ("broken".to_owned(), false));
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "broken");
}

#[tokio::test]
async fn a_shared_request_ends_with_the_last_who_wants_it() {
    let sim = Sim::builder().latency(Latency::Constant(Duration::from_hours(1))).start().await.unwrap();
    let llm = SingleFlight::new(chat(&sim, "m").temperature(0.0));
    let mut calls: Vec<_> = (0..3).map(|_| tokio::spawn(llm.agenerate(["a"]))).collect();
    sim.wait_until(|activity| activity.in_flight == 1).await;
    for call in calls.drain(1..) {
        call.abort();
        assert!(call.await.unwrap_err().is_cancelled());
    }
    assert_eq!((sim.in_flight(), sim.requests().len()), (1, 1));
    calls[0].abort();
    sim.wait_until(|activity| activity.in_flight == 0 && activity.open_connections == 0).await;
}

#[tokio::test]
async fn wrappers_wrap_each_other() {
    let sim = sim().await;
    let llm = SingleFlight::new(Hedged::new(Fallback::new(chat(&sim, "a")).or(chat(&sim, "b"))));
    let llm: Box<dyn Llm> = Box::new(llm);
    assert_eq!(llm.agenerate(["x", "y"]).await.unwrap().generations.len(), 2);
    assert!(format!("{llm:?}").contains("Fallback"));
}
