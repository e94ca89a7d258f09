//! What callbacks are told, and how often.

use std::sync::{Arc, Mutex};

use antiphon::{CallInfo, Callbacks, Error, LlmResult, Prompt, StreamEvent};
use antiphon_sim::{ErrorAnswer, Fault, Latency, Sim};

use crate::streams::{HELLO, chat, events, sim, text};
use crate::support::{PATIENCE, every_class};

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
    fn on_start(&self, call: &CallInfo, prompts: &[Prompt]) {
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

fn refused() -> Fault {
    Fault::Error(ErrorAnswer::new(400, "invalid_request_error", "no"))
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

    sim.inject(refused());
    llm.agenerate([HELLO]).await.unwrap_err();
    assert_eq!(recorder.take(), ["start openai m 1", "error BadRequest"]);
    sim.inject(Fault::CutAfter(0));
    llm.astream(HELLO).await.unwrap_err();
    assert_eq!(recorder.take(), ["start openai m 1", "error Connection"]);
    sim.inject(refused());
    llm.agenerate_each(["a", "b"]).await.unwrap();
    assert_eq!(recorder.take(), ["start openai m 2", "error BadRequest"]);
}

#[tokio::test]
async fn every_class_tells_of_each_thing_once() {
    // Long enough that every class has told some of it before it is cut.
    let sim = Sim::builder().seed(7).latency(Latency::None).reply_tokens(60).start().await.unwrap();
    let recorder = Arc::<Recorder>::default();
    let base = sim.base_url();
    let told_to = || Arc::clone(&recorder);
    for llm in every_class!(base, temperature(0.0), timeout(PATIENCE), max_retries(0), callback(told_to())) {
        // The lines of a call, and the tokens between the first and the last.
        let told = || {
            let mut lines = recorder.take();
            let (start, end) = (lines.remove(0), lines.pop().unwrap());
            assert!(start.starts_with("start ") && start.ends_with(" m 1"), "{llm:?}: {start}");
            let tokens: Vec<_> = lines.iter().map(|line| line.strip_prefix("token ").unwrap().to_owned()).collect();
            (tokens, end)
        };
        let whole = llm.agenerate([HELLO]).await.unwrap().to_string();
        assert_eq!(told(), (Vec::new(), format!("end {whole}")), "{llm:?}");
        sim.inject(refused());
        llm.agenerate([HELLO]).await.unwrap_err();
        assert_eq!(told(), (Vec::new(), "error BadRequest".to_owned()), "{llm:?}");

        let texts = |events: &[StreamEvent]| -> Vec<String> {
            events.iter().map(|event| text(std::slice::from_ref(event))).filter(|text| !text.is_empty()).collect()
        };
        let (streamed, error) = events(&*llm).await;
        assert!(error.is_none(), "{llm:?}: {error:?}");
        assert_eq!(told(), (texts(&streamed), format!("end {whole}")), "{llm:?}");
        sim.inject(Fault::CutAfter(1_500));
        let (cut, error) = events(&*llm).await;
        assert!(error.unwrap().is_truncated() && !texts(&cut).is_empty(), "{llm:?}: {cut:?}");
        assert_eq!(told(), (texts(&cut), "error Connection".to_owned()), "{llm:?}");
        sim.inject(refused());
        llm.astream(HELLO).await.unwrap_err();
        assert_eq!(told(), (Vec::new(), "error BadRequest".to_owned()), "{llm:?}");
    }
}
