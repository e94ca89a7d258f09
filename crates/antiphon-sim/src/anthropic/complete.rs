//! `POST /v1/complete`: the endpoint of before `/v1/messages`, one text in and one text out, in both of its dialects.
//!
//! Reference: <https://docs.anthropic.com/en/api/complete>, <https://docs.anthropic.com/en/api/versioning>

use axum::http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};

use super::bad_request;
use crate::{
    fields::{Expected, Fields, Problem},
    generate::{Ask, Completion, Finish, Generator, Sampling},
    plan::{Charge, Payload},
    refusal::Refusal,
    render::{data_event, named_event},
    seed::Random,
    tokens,
};

/// What separates the turns.
const HUMAN: &str = "\n\nHuman:";
const ASSISTANT: &str = "\n\nAssistant:";
/// More stop sequences than anyone sends.
const MAX_STOP_SEQUENCES: usize = 8_191;

/// How a stream is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Version 2023-01-01, and that of clients which name none: events without names, each with the whole text so far,
    /// and an end marker.
    Cumulative,
    /// Since version 2023-06-01: named events, each with what is new.
    Incremental,
}

impl Dialect {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        match headers.get("anthropic-version").map(HeaderValue::as_bytes) {
            None | Some(b"2023-01-01") => Self::Cumulative,
            Some(_) => Self::Incremental,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Request {
    model: String,
    prompt: String,
    /// The last turn of the human.
    question: String,
    sampling: Sampling,
    stream: bool,
    dialect: Dialect,
}

impl Request {
    pub(crate) fn model(&self) -> &str {
        &self.model
    }
}

pub(crate) fn parse(fields: &Fields<'_>, dialect: Dialect) -> Result<Request, Refusal> {
    let model = fields.required_string("model")?.to_owned();
    let prompt = fields.required_string("prompt")?.to_owned();
    let max_tokens = fields.integer("max_tokens_to_sample", 1..=i64::MAX)?;
    let max_tokens = max_tokens.ok_or_else(|| fields.fault("max_tokens_to_sample", Problem::Missing))?;
    let temperature = fields.decimal("temperature", 0.0..=1.0)?;
    fields.decimal("top_p", -1.0..=1.0)?;
    fields.integer("top_k", -1..=i64::MAX)?;
    if let Some(text @ Value::String(_)) = fields.get("stop_sequences") {
        return Err(fields.wrong_type("stop_sequences", Expected::Array, text));
    }
    if !prompt.starts_with(HUMAN) {
        return Err(bad_request(format!("prompt must start with \"{}\" turn", HUMAN.escape_default())));
    }
    if !prompt.contains(ASSISTANT) {
        return Err(bad_request(format!("prompt must end with \"{}\" turn", ASSISTANT.escape_default())));
    }
    let turn = prompt.rsplit(HUMAN).next().unwrap_or_default();
    let question = turn.split(ASSISTANT).next().unwrap_or_default().trim().to_owned();
    let sampling = Sampling {
        max_tokens: Some(max_tokens.unsigned_abs()),
        stop: fields.strings("stop_sequences", MAX_STOP_SEQUENCES)?,
        seed: None,
        greedy: temperature == Some(0.0),
    };
    Ok(Request { model, prompt, question, sampling, stream: fields.boolean("stream")?, dialect })
}

pub(crate) fn answer(request: &Request, generator: &Generator, random: &mut Random) -> (Payload, Charge) {
    let Request { model, prompt, question, sampling, stream, dialect } = request;
    let ask = Ask { model, prompt, question, lead: " ", choices: 1, sampling };
    let Some(Completion { text, finish }) = generator.answer(&ask).pop() else {
        unreachable!("one choice was asked for");
    };
    let charge = Charge { input: tokens::count(prompt), output: tokens::count(&text) };
    let id = random.alphanumeric(24);
    let body = |completion: &str, end: Option<&Finish>| {
        let (reason, stop) = match end {
            None => (Value::Null, Value::Null),
            // A model's own end is the beginning of the human's next turn.
            Some(Finish::Complete) => (json!("stop_sequence"), json!(HUMAN)),
            Some(Finish::StopSequence(sequence)) => (json!("stop_sequence"), json!(sequence)),
            Some(Finish::Length) => (json!("max_tokens"), Value::Null),
        };
        let mut body = json!({
            "completion": completion, "stop_reason": reason, "model": model, "stop": stop, "log_id": id,
        });
        match dialect {
            Dialect::Cumulative => {
                body["truncated"] = false.into();
                body["exception"] = Value::Null;
            }
            Dialect::Incremental => {
                body["type"] = "completion".into();
                body["id"] = format!("compl_{id}").into();
            }
        }
        body
    };
    if !stream {
        return (Payload::Json(body(&text, Some(&finish))), charge);
    }
    let events = match dialect {
        Dialect::Cumulative => cumulative(&text, |so_far, is_last| body(so_far, is_last.then_some(&finish))),
        Dialect::Incremental => {
            let pieces = tokens::tokens(&text).map(|token| named_event(&body(token, None)));
            let ping = named_event(&json!({"type": "ping"}));
            [ping].into_iter().chain(pieces).chain([named_event(&body("", Some(&finish)))]).collect()
        }
    };
    (Payload::Events(events), charge)
}

/// A stream in which each event, made by `body`, has the whole text so far.
fn cumulative(text: &str, body: impl Fn(&str, bool) -> Value) -> Vec<String> {
    // Its data is no JSON of the endpoint: clients skip the line after this name.
    let mut events = vec!["event: ping\ndata: {}\n\n".to_owned()];
    let mut length = 0;
    for token in tokens::tokens(text) {
        length += token.len();
        events.push(data_event(&body(&text[..length], false)));
    }
    events.push(data_event(&body(text, true)));
    events.push("data: [DONE]\n\n".to_owned());
    events
}
