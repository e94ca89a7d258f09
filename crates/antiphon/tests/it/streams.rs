//! Streams of every class, against the simulator and its faults.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use antiphon::{
    Anthropic, AzureChatOpenAI, Bedrock, CallInfo, Callbacks, ChatOpenAI, Error, ErrorKind, Gemini, Llm, LlmResult,
    Ollama, OpenAI, PromptLayerChatOpenAI, PromptLayerOpenAI, StreamEvent,
};
use antiphon_sim::{ErrorAnswer, Fault, Latency, Sim};
use futures::StreamExt as _;
use serde_json::json;

use crate::support::PATIENCE;

const HELLO: &str = "Hello, how are you?";

pub(crate) async fn sim() -> Sim {
    Sim::builder().seed(7).latency(Latency::None).start().await.unwrap()
}

/// Every class, asking `sim` once.
pub(crate) fn classes(sim: &Sim) -> Vec<Box<dyn Llm>> {
    let (base, v1) = (sim.base_url(), format!("{}/v1", sim.base_url()));
    vec![
        Box::new(OpenAI::new().base_url(&v1).model("m").temperature(0.0).timeout(PATIENCE).max_retries(0)),
        Box::new(ChatOpenAI::new().base_url(&v1).model("m").temperature(0.0).timeout(PATIENCE).max_retries(0)),
        Box::new(
            PromptLayerOpenAI::new()
                .base_url(&v1)
                .model("m")
                .temperature(0.0)
                .promptlayer_base_url(&base)
                .return_pl_id(true)
                .timeout(PATIENCE)
                .max_retries(0),
        ),
        Box::new(
            PromptLayerChatOpenAI::new()
                .base_url(&v1)
                .model("m")
                .temperature(0.0)
                .promptlayer_base_url(&base)
                .return_pl_id(true)
                .timeout(PATIENCE)
                .max_retries(0),
        ),
        Box::new(Anthropic::new().base_url(&base).model("m").temperature(0.0).timeout(PATIENCE).max_retries(0)),
        Box::new(Ollama::new().base_url(&base).model("m").temperature(0.0).timeout(PATIENCE).max_retries(0)),
        Box::new(AzureChatOpenAI::new("m").base_url(&base).temperature(0.0).timeout(PATIENCE).max_retries(0)),
        Box::new(Bedrock::new("m").base_url(&base).temperature(0.0).timeout(PATIENCE).max_retries(0)),
        Box::new(Gemini::new().base_url(&base).model("m").temperature(0.0).timeout(PATIENCE).max_retries(0)),
    ]
}

fn chat(sim: &Sim) -> ChatOpenAI {
    let llm = ChatOpenAI::new().base_url(format!("{}/v1", sim.base_url())).model("m").temperature(0.0);
    llm.timeout(PATIENCE).max_retries(0)
}

/// The events of a stream up to its end or error.
pub(crate) async fn events(llm: &dyn Llm) -> (Vec<StreamEvent>, Option<Error>) {
    let mut stream = match llm.astream(HELLO).await {
        Ok(stream) => stream,
        Err(error) => return (Vec::new(), Some(error)),
    };
    let mut events = Vec::new();
    while let Some(event) = stream.next().await {
        match event {
            Ok(event) => events.push(event),
            Err(error) => {
                assert!(stream.next().await.is_none());
                return (events, Some(error));
            }
        }
    }
    (events, None)
}

/// The error without what differs from run to run.
fn shown(error: &Error, sim: &Sim) -> String {
    let text = error.to_string().replace(&sim.addr().to_string(), "HOST");
    text.replace(error.request_id().unwrap_or("no id"), "ID")
}

pub(crate) fn text(events: &[StreamEvent]) -> String {
    events
        .iter()
        .filter_map(|event| if let StreamEvent::Text(text) = event { Some(text.as_str()) } else { None })
        .collect()
}

/// Checks that the events say what the answer as a whole says.
pub(crate) fn check(events: &[StreamEvent], whole: &LlmResult) {
    assert_eq!(text(events), whole.generations[0][0].text);
    let Some(StreamEvent::End(result)) = events.last() else {
        panic!("no end: {events:?}");
    };
    assert_eq!(result.generations[0][0].text, whole.generations[0][0].text);
    let info = &result.generations[0][0].generation_info;
    assert_eq!(info["finish_reason"], whole.generations[0][0].generation_info["finish_reason"]);
    assert_eq!(result.llm_output, whole.llm_output);
    assert!(!result.llm_output.duration.is_zero() && !whole.llm_output.duration.is_zero());
    let usage =
        events.iter().rev().find_map(|event| if let StreamEvent::Usage(usage) = event { Some(*usage) } else { None });
    assert_eq!(usage, Some(whole.llm_output.token_usage));
}

#[tokio::test]
async fn every_class_streams_what_it_would_have_answered() {
    let sim = sim().await;
    for llm in classes(&sim) {
        let whole = llm.agenerate([HELLO]).await.unwrap();
        let (events, error) = events(&*llm).await;
        assert!(error.is_none(), "{llm:?}: {error:?}");
        check(&events, &whole);
        assert!(events.len() > 5, "token by token: {events:?}");
    }
    // One log entry for the answer and one for the stream.
    let logged = sim.requests().iter().filter(|request| request.path == "/track-request").count();
    assert_eq!(logged, 4);
}

#[tokio::test]
async fn thoughts_come_before_the_answer_and_are_no_part_of_it() {
    let sim = Sim::builder().seed(7).latency(Latency::None).thoughts(true).start().await.unwrap();
    for (number, llm) in classes(&sim).iter().enumerate() {
        let whole = llm.agenerate([HELLO]).await.unwrap();
        let (events, error) = events(&**llm).await;
        assert!(error.is_none(), "{llm:?}: {error:?}");
        check(&events, &whole);
        let (mut thoughts, mut answer) = (Vec::new(), Vec::new());
        for event in &events {
            match event {
                StreamEvent::Reasoning(text) => {
                    assert!(answer.is_empty(), "{events:?}");
                    thoughts.push(text.as_str());
                }
                StreamEvent::Text(text) => answer.push(text.as_str()),
                _ => {}
            }
        }
        let is_completion = number == 0 || number == 2;
        assert_eq!(thoughts.is_empty(), is_completion, "{llm:?}");
        if !is_completion {
            assert_eq!(whole.generations[0][0].generation_info["reasoning"], thoughts.concat());
        }
    }
}

#[tokio::test]
async fn pieces_of_any_size_make_the_same_stream() {
    let sim = sim().await;
    for llm in classes(&sim) {
        let whole = llm.agenerate([HELLO]).await.unwrap();
        for size in [1, 2, 7] {
            sim.inject(Fault::Pieces(size));
            let (events, error) = events(&*llm).await;
            assert!(error.is_none(), "{llm:?}: {error:?}");
            check(&events, &whole);
        }
    }
}

#[tokio::test]
async fn a_stream_that_ends_early_is_an_error_wherever_it_ends() {
    let sim = sim().await;
    for llm in classes(&sim) {
        let whole = llm.agenerate([HELLO]).await.unwrap().generations[0][0].text.clone();
        for length in [0, 1, 40, 150, 300, 700] {
            sim.inject(Fault::CutAfter(length));
            let (events, error) = events(&*llm).await;
            let error = error.unwrap();
            assert!(error.is_truncated() && error.is_retryable(), "{llm:?} {length}: {error:?}");
            assert!(whole.starts_with(&text(&events)), "{events:?}");
        }
    }
    sim.inject(Fault::CutAfter(300));
    let error = events(&chat(&sim)).await.1.unwrap();
    assert_eq!(
        shown(&error, &sim),
        "openai: stream of HOST ended without its end marker; what came of it may not be all [model m, request ID]"
    );
}

#[tokio::test]
async fn a_broken_connection_is_an_error() {
    let sim = sim().await;
    for llm in classes(&sim) {
        for fault in [Fault::Reset, Fault::ResetAfter(0), Fault::ResetAfter(600)] {
            sim.inject(fault);
            let error = events(&*llm).await.1.unwrap();
            assert_eq!(error.kind(), ErrorKind::Connection, "{error:?}");
            assert!(!error.is_truncated());
        }
    }
}

#[tokio::test]
async fn errors_in_the_middle_of_a_stream() {
    let sim = sim().await;
    let check = async |llm: &dyn Llm, text: &str, kind: ErrorKind, expected: &str| {
        sim.inject(Fault::Event { number: 4, text: text.to_owned() });
        let (events, error) = events(llm).await;
        assert!(!events.is_empty());
        let error = error.unwrap();
        assert_eq!(error.kind(), kind);
        assert_eq!(error.to_string().split_once(" [model m").unwrap().0, expected);
    };
    let classes = classes(&sim);
    let (chat, anthropic, ollama, azure) = (&*classes[1], &*classes[4], &*classes[5], &*classes[6]);
    let event = "data: {\"error\":{\"message\":\"Hello, how are you? is too much\",\"type\":\"server_error\"}}\n\n";
    check(chat, event, ErrorKind::Server, "openai: status 500 (server_error): [prompt] is too much").await;
    let event = "data: {\"error\":{\"message\":\"no credit\",\"code\":\"insufficient_quota\"}}\n\n";
    check(chat, event, ErrorKind::QuotaExceeded, "openai: status 429 (insufficient_quota): no credit").await;
    let event = "data: {\"error\":{\"code\":429,\"message\":\"slow down\"}}\n\n";
    check(chat, event, ErrorKind::RateLimited, "openai: status 429: slow down").await;
    let event = "data: {\"error\":{\"code\":\"429\",\"message\":\"slow down\"}}\n\n";
    check(azure, event, ErrorKind::RateLimited, "azure.ai.openai: status 429: slow down").await;
    let event = "data: {\"error\":{\"code\":503,\"message\":\"overloaded\",\"status\":\"UNAVAILABLE\"}}\r\n\r\n";
    check(&*classes[8], event, ErrorKind::Server, "gcp.gemini: status 503 (UNAVAILABLE): overloaded").await;
    let event = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n";
    check(anthropic, event, ErrorKind::Server, "anthropic: status 529 (overloaded_error): Overloaded").await;
    let event = "{\"error\":\"an error was encountered while running the model\"}\n";
    check(ollama, event, ErrorKind::Server, "ollama: status 500: an error was encountered while running the model")
        .await;
    let event = "data: {\"choices\":\n\n";
    check(
        chat,
        event,
        ErrorKind::UnexpectedResponse,
        "openai: answer with status 200 has an event that is not JSON: EOF while parsing a value at line 1 column 11",
    )
    .await;
}

#[tokio::test]
async fn failures_before_the_first_event_are_retried() {
    let sim = sim().await;
    let llm = chat(&sim).max_retries(3);
    sim.inject(Fault::Error(ErrorAnswer::overloaded().with_header("retry-after-ms", "1")));
    sim.inject(Fault::Event { number: 0, text: "data: {\"error\":{\"type\":\"server_error\"}}\n\n".to_owned() });
    sim.inject(Fault::CutAfter(0));
    let result = llm.astream(HELLO).await.unwrap().result().await.unwrap();
    assert_eq!(result.generations[0][0].generation_info["retries"], 3);
    assert_eq!(sim.requests().len(), 4);

    // After it, they are not.
    sim.inject(Fault::CutAfter(0));
    sim.inject(Fault::CutAfter(600));
    let error = events(&llm).await.1.unwrap();
    assert_eq!((error.is_truncated(), error.retries()), (true, 1));
    assert_eq!(sim.requests().len(), 6);

    // Unless asked for.
    sim.inject(Fault::CutAfter(600));
    let (events, error) = events(&llm.restart_streams(true)).await;
    assert!(error.is_none(), "{error:?}");
    let restart = events.iter().position(|event| *event == StreamEvent::Restart).unwrap();
    assert!(text(&events[..restart]).len() > 2);
    check(&events[restart..], &result);
}

#[tokio::test]
async fn hopeless_errors_are_those_of_the_call() {
    let sim = sim().await;
    sim.inject(Fault::Error(ErrorAnswer::insufficient_quota()));
    let error = chat(&sim).max_retries(5).astream(HELLO).await.unwrap_err();
    assert!(error.is_quota_exceeded());
    assert_eq!(sim.requests().len(), 1);
    let error = chat(&sim).n(2).astream(HELLO).await.unwrap_err();
    assert_eq!(error.to_string(), "`n` must be 1 for a stream, not 2");
    let error = OpenAI::new().best_of(2).astream(HELLO).await.unwrap_err();
    assert_eq!(error.to_string(), "`best_of` must be 1 for a stream, not 2");
}

#[tokio::test]
async fn a_model_that_refuses_an_option_streams_without_it() {
    let sim = sim().await;
    let llm = chat(&sim).model("o3-streams").max_tokens(3).temperature(0.5);
    let result = llm.astream(HELLO).await.unwrap().result().await.unwrap();
    assert_eq!(result.generations[0][0].generation_info["dropped_params"], json!(["temperature"]));
    assert_eq!(result.generations[0][0].generation_info["finish_reason"], "length");
    assert_eq!(sim.requests().last().unwrap().body["max_completion_tokens"], 3);
}

#[tokio::test]
async fn a_server_that_does_not_stream_is_read_all_the_same() {
    let server = crate::support::Server::start(|request| {
        let body = crate::support::bodies::chat(request);
        crate::support::Reply::json(&body).header("content-type", "application/json")
    });
    let llm = ChatOpenAI::new().base_url(server.url()).model("m");
    let (events, error) = events(&llm).await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(text(&events), format!("{HELLO} 0"));
    assert!(matches!(events.last(), Some(StreamEvent::End(_))));
}

#[tokio::test]
async fn silence_and_length_have_limits() {
    let sim = sim().await;
    let limit = Duration::from_millis(50);
    sim.inject(Fault::StallAfter(600));
    let error = events(&chat(&sim).idle_timeout(limit)).await.1.unwrap();
    assert!(error.is_timeout());
    assert_eq!(
        shown(&error, &sim),
        "openai: stream of HOST was silent for 50ms [model m, request ID]; a longer limit can be set with `idle_timeout`"
    );
    sim.inject(Fault::StallAfter(600));
    let error = events(&chat(&sim).timeout(limit)).await.1.unwrap();
    assert_eq!(
        shown(&error, &sim),
        "openai: answer of HOST not complete within 50ms [model m, request ID]; a longer limit can be set with `timeout`"
    );
    sim.inject(Fault::Stall);
    let error = events(&chat(&sim).first_byte_timeout(limit)).await.1.unwrap();
    assert_eq!(
        shown(&error, &sim),
        "openai: no answer from HOST within 50ms [model m]; a longer limit can be set with `first_byte_timeout`"
    );
    let error = chat(&sim).idle_timeout(Duration::ZERO).astream(HELLO).await.unwrap_err();
    assert_eq!(error.to_string(), "`idle_timeout` must be longer than zero");
}

#[tokio::test]
async fn dropping_a_stream_closes_its_connection() {
    let sim = Sim::builder().latency(Latency::None).reply_tokens(60).start().await.unwrap();
    for llm in classes(&sim) {
        sim.inject(Fault::StallAfter(1_500));
        let stream = llm.astream(HELLO).await.unwrap();
        assert_eq!((sim.open_connections(), sim.in_flight()), (1, 1));
        drop(stream);
        sim.wait_until(|activity| activity.open_connections == 0 && activity.in_flight == 0).await;
    }
}

#[tokio::test]
async fn a_stream_that_was_read_to_its_end_leaves_its_connection_behind() {
    let sim = sim().await;
    let llm = chat(&sim);
    for _ in 0..3 {
        llm.astream(HELLO).await.unwrap().result().await.unwrap();
        sim.wait_until(|activity| activity.in_flight == 0).await;
    }
    assert_eq!(sim.open_connections(), 1);
}

/// What a reader does not read stays at the server: an answer far larger than all buffers does not come in.
#[tokio::test]
async fn a_reader_that_pauses_makes_the_server_wait() {
    let sim = sim().await;
    let big = format!(": {}\n", "x".repeat(1 << 20)).repeat(64);
    sim.inject(Fault::Event { number: 3, text: big });
    let stream = chat(&sim).astream(HELLO).await.unwrap();
    // In flight as long as the server has bytes to hand over.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(sim.in_flight(), 1);
    drop(stream);
    sim.wait_until(|activity| activity.in_flight == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_blocking_twin_inside_a_runtime() {
    let sim = sim().await;
    for llm in classes(&sim) {
        let whole = llm.generate([HELLO]).unwrap();
        let events: Result<Vec<_>, _> = llm.stream(HELLO).unwrap().collect();
        check(&events.unwrap(), &whole);
    }
}

#[test]
fn the_blocking_twin_outside_any_runtime() {
    let tokio_runtime = tokio::runtime::Runtime::new().unwrap();
    let sim = tokio_runtime.block_on(sim());
    let llm = chat(&sim);
    let whole = llm.generate([HELLO]).unwrap();
    let events: Result<Vec<_>, _> = llm.stream(HELLO).unwrap().collect();
    check(&events.unwrap(), &whole);
}

#[tokio::test]
async fn texts_alone() {
    let sim = sim().await;
    let texts: Vec<_> = chat(&sim).astream(HELLO).await.unwrap().text().map(Result::unwrap).collect().await;
    assert_eq!(texts.concat(), chat(&sim).agenerate([HELLO]).await.unwrap().to_string());
    assert!(texts.len() > 5);
}

#[derive(Debug, Default)]
pub(crate) struct Recorder(Mutex<Vec<String>>);

impl Recorder {
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    fn push(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }
}

impl Callbacks for Recorder {
    fn on_start(&self, call: &CallInfo, prompts: &[antiphon::Prompt]) {
        self.push(format!("start {} {} {}", call.provider, call.model, prompts.len()));
    }

    fn on_token(&self, _call: &CallInfo, token: &str) {
        self.push(format!("token {token}"));
    }

    fn on_restart(&self, call: &CallInfo) {
        self.push(format!("restart {}", call.model));
    }

    fn on_end(&self, _call: &CallInfo, result: &LlmResult) {
        self.push(format!("end {result}"));
    }

    fn on_error(&self, _call: &CallInfo, error: &Error) {
        self.push(format!("error {:?}", error.kind()));
    }
}

#[tokio::test]
async fn callbacks_are_told_of_everything() {
    let sim = sim().await;
    let recorder = Arc::new(Recorder::default());
    let llm = chat(&sim).max_tokens(2).callback(Arc::clone(&recorder));
    let whole = llm.agenerate([HELLO]).await.unwrap().to_string();
    assert_eq!(recorder.take(), ["start openai m 1".to_owned(), format!("end {whole}")]);
    llm.astream(HELLO).await.unwrap().result().await.unwrap();
    let told = recorder.take();
    assert_eq!(told.len(), 4);
    assert_eq!(told[1].replace("token ", "") + &told[2].replace("token ", ""), whole);
    assert_eq!(told[3], format!("end {whole}"));

    sim.inject(Fault::Error(ErrorAnswer::new(400, "invalid_request_error", "no")));
    llm.agenerate([HELLO]).await.unwrap_err();
    assert_eq!(recorder.take(), ["start openai m 1", "error BadRequest"]);
    sim.inject(Fault::CutAfter(0));
    llm.astream(HELLO).await.unwrap_err();
    assert_eq!(recorder.take(), ["start openai m 1", "error Connection"]);
    sim.inject(Fault::Error(ErrorAnswer::new(400, "invalid_request_error", "no")));
    llm.agenerate_each(["a", "b"]).await.unwrap();
    assert_eq!(recorder.take(), ["start openai m 2", "error BadRequest"]);
}
