//! The spans of calls.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use antiphon::{ChatOpenAI, OpenAI};
use antiphon_sim::{ErrorAnswer, Fault};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::environment::in_child;
use crate::streams::sim;

/// Keeps the attributes of this crate's spans, and its events.
#[derive(Debug, Clone, Default)]
pub(crate) struct Spans(Arc<Mutex<Kept>>);

impl Spans {
    pub(crate) fn events(&self) -> Vec<String> {
        self.0.lock().unwrap().events.clone()
    }
}

#[derive(Debug, Default)]
struct Kept {
    spans: Vec<BTreeMap<String, String>>,
    events: Vec<String>,
}

struct Visitor<'a>(&'a mut BTreeMap<String, String>);

impl Visit for Visitor<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}").trim_matches('"').to_owned());
    }
}

impl Subscriber for Spans {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("antiphon") && !metadata.target().starts_with("antiphon_sim")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut kept = self.0.lock().unwrap();
        let mut attributes = BTreeMap::new();
        span.record(&mut Visitor(&mut attributes));
        kept.spans.push(attributes);
        Id::from_u64(kept.spans.len() as u64)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        let place = usize::try_from(span.into_u64()).unwrap() - 1;
        values.record(&mut Visitor(&mut self.0.lock().unwrap().spans[place]));
    }

    fn event(&self, event: &Event<'_>) {
        let mut fields = BTreeMap::new();
        event.record(&mut Visitor(&mut fields));
        self.0.lock().unwrap().events.push(format!("{fields:?}"));
    }

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}
    fn enter(&self, _span: &Id) {}
    fn exit(&self, _span: &Id) {}
}

#[test]
fn calls_are_spans_without_prompts() {
    if in_child("traces::calls_are_spans_without_prompts", &[]).is_some() {
        return;
    }
    let spans = Spans::default();
    tracing::subscriber::set_global_default(spans.clone()).unwrap();
    let tokio_runtime = tokio::runtime::Runtime::new().unwrap();
    tokio_runtime.block_on(async {
        let sim = sim().await;
        let v1 = format!("{}/v1", sim.base_url());
        let secret = "the secret of the old lighthouse";
        sim.inject(Fault::Error(ErrorAnswer::overloaded().with_header("retry-after-ms", "1")));
        OpenAI::new().base_url(&v1).model("m").api_key("sk-secret").agenerate([secret]).await.unwrap();
        let chat = ChatOpenAI::new().base_url(&v1).model("m");
        chat.astream(secret).await.unwrap().result().await.unwrap();
        sim.inject(Fault::Error(ErrorAnswer::new(401, "invalid_request_error", "no")));
        chat.agenerate([secret]).await.unwrap_err();
    });
    let kept = spans.0.lock().unwrap();
    let get = |span: usize, name: &str| kept.spans[span].get(name).map_or("", String::as_str);
    assert_eq!(get(0, "otel.name"), "text_completion m");
    assert_eq!(get(0, "gen_ai.operation.name"), "text_completion");
    assert_eq!(get(0, "gen_ai.provider.name"), "openai");
    assert_eq!(get(0, "gen_ai.request.model"), "m");
    assert_eq!(get(0, "gen_ai.request.max_tokens"), "256");
    assert_eq!(get(0, "gen_ai.request.temperature"), "0.7");
    assert_eq!(get(0, "server.address"), "127.0.0.1");
    assert_eq!(get(0, "gen_ai.usage.input_tokens"), "6");
    assert_eq!(get(0, "gen_ai.response.finish_reasons"), "stop");
    assert_eq!(get(0, "antiphon.retries"), "1");
    assert_eq!(get(1, "otel.name"), "chat m");
    assert_eq!(get(1, "gen_ai.request.stream"), "true");
    assert_eq!(get(1, "gen_ai.request.max_tokens"), "");
    assert!(get(1, "gen_ai.response.time_to_first_chunk").parse::<f64>().unwrap() > 0.0);
    assert_eq!(get(2, "error.type"), "401");
    assert_eq!(get(2, "otel.status_code"), "ERROR");
    assert_eq!(kept.events.len(), 1, "{:?}", kept.events);
    let all = format!("{kept:?}");
    assert!(!all.contains("lighthouse") && !all.contains("sk-secret"), "{all}");
}
