//! AWS Bedrock's Converse: `model/ID/converse`, and `converse-stream` in binary frames.

use axum::http::{StatusCode, Uri};
use serde_json::{Value, json};

use crate::{
    event_stream::frame,
    fields::{Expected, FieldFault, Fields, Problem},
    generate::{Ask, Completion, Finish, Generator, Sampling},
    plan::{Charge, Payload},
    refusal::{Fault, Refusal},
    route::decoded,
    tokens,
};

const ROLES: &[&str] = &["user", "assistant"];

/// The model that a path names, and whether a stream is asked for.
pub(crate) fn address(path: &str) -> Option<(String, bool)> {
    let (model, method) = path.strip_prefix("/model/")?.split_once('/')?;
    match method {
        "converse" => Some((decoded(model), false)),
        "converse-stream" => Some((decoded(model), true)),
        _ => None,
    }
}

#[derive(Debug)]
pub(crate) struct Request {
    model: String,
    /// The system prompt and all messages, as one text.
    prompt: String,
    /// The last message of the user.
    question: String,
    prompt_tokens: u64,
    sampling: Sampling,
    /// Whether the model's thoughts are wanted, in Claude's words.
    thinking: bool,
    stream: bool,
}

impl Request {
    pub(crate) fn model(&self) -> &str {
        &self.model
    }
}

pub(crate) fn parse(uri: &Uri, fields: &Fields<'_>) -> Result<Request, Refusal> {
    let (model, stream) = address(uri.path()).unwrap_or_default();
    let system = if fields.get("system").is_some() { text_of(fields, "system")? } else { String::new() };
    let mut prompt_tokens = tokens::count(&system);
    let (mut prompt, mut question) = (format!("system: {system}\n"), String::new());
    let mut speaker = "assistant";
    for (index, message) in fields.required_array("messages")?.iter().enumerate() {
        let message = fields.nested(message, format!("messages.{index}"))?;
        let role = message.one_of("role", ROLES)?;
        if role == speaker {
            return Err(invalid(if index == 0 {
                "A conversation must start with a user message. Try again with a conversation that starts with a user \
                 message."
            } else {
                "A conversation must alternate between user and assistant roles. Make sure the conversation alternates \
                 between user and assistant roles and try again."
            }));
        }
        speaker = role;
        let text = text_of(&message, "content")?;
        if text.trim().is_empty() {
            return Err(invalid(format!(
                "The text field in the ContentBlock object at messages.{index}.content.0 is blank. Add text to the text \
                 field, and try again."
            )));
        }
        prompt_tokens += tokens::count(&text);
        prompt.extend([role, ": ", &text, "\n"]);
        if role == "user" {
            question = text;
        }
    }
    let sampling = match fields.get("inferenceConfig") {
        Some(config) => parse_config(&fields.nested(config, "inferenceConfig".to_owned())?)?,
        None => Sampling::default(),
    };
    let extra = fields.get("additionalModelRequestFields");
    let thinking = extra.is_some_and(|extra| extra["thinking"]["type"] == "enabled");
    Ok(Request { model, prompt, question, prompt_tokens, sampling, thinking, stream })
}

fn parse_config(config: &Fields<'_>) -> Result<Sampling, Refusal> {
    let temperature = config.decimal("temperature", 0.0..=1.0)?;
    config.decimal("topP", 0.0..=1.0)?;
    if let Some(text @ Value::String(_)) = config.get("stopSequences") {
        return Err(config.wrong_type("stopSequences", Expected::Array, text));
    }
    Ok(Sampling {
        max_tokens: config.integer("maxTokens", 1..=i64::MAX)?.map(i64::unsigned_abs),
        stop: config.strings("stopSequences", 2_500)?,
        seed: None,
        greedy: temperature == Some(0.0),
    })
}

/// The texts of the blocks called `name`.
fn text_of(fields: &Fields<'_>, name: &str) -> Result<String, Refusal> {
    let texts = fields.required_array(name)?.iter().filter_map(|block| block.get("text")?.as_str());
    Ok(texts.collect::<Vec<_>>().join("\n"))
}

pub(crate) fn answer(request: &Request, generator: &Generator) -> (Payload, Charge) {
    let Request { model, prompt, question, prompt_tokens, sampling, thinking, stream } = request;
    let ask = Ask { model, prompt, question, lead: "", choices: 1, sampling };
    let Some(Completion { text, finish }) = generator.answer(&ask).pop() else {
        unreachable!("one choice was asked for");
    };
    let thoughts = generator.thoughts(&ask, *thinking).unwrap_or_default();
    let charge = Charge { input: *prompt_tokens, output: tokens::count(&thoughts) + tokens::count(&text) };
    let stop_reason = match finish {
        Finish::Complete => "end_turn",
        Finish::Length => "max_tokens",
        Finish::StopSequence(_) => "stop_sequence",
    };
    let usage = json!({
        "inputTokens": charge.input, "outputTokens": charge.output, "totalTokens": charge.total(),
        "cacheReadInputTokens": 0, "cacheWriteInputTokens": 0,
    });
    let metrics = json!({"latencyMs": 1});
    if !stream {
        let mut content = vec![json!({ "text": text })];
        if !thoughts.is_empty() {
            let text = json!({"text": thoughts, "signature": "simulated"});
            content.insert(0, json!({"reasoningContent": {"reasoningText": text}}));
        }
        let message = json!({"role": "assistant", "content": content});
        let body = json!({
            "output": {"message": message}, "stopReason": stop_reason, "usage": usage, "metrics": metrics,
        });
        return (Payload::Json(body), charge);
    }
    let mut frames = vec![event("messageStart", json!({"role": "assistant"}))];
    let mut index = 0;
    let mut block = |deltas: Vec<Value>| {
        let deltas = deltas.into_iter();
        frames.extend(
            deltas.map(|delta| event("contentBlockDelta", json!({"contentBlockIndex": index, "delta": delta}))),
        );
        frames.push(event("contentBlockStop", json!({"contentBlockIndex": index})));
        index += 1;
    };
    if !thoughts.is_empty() {
        let thinking = tokens::tokens(&thoughts).map(|token| json!({"reasoningContent": {"text": token}}));
        block(thinking.chain([json!({"reasoningContent": {"signature": "simulated"}})]).collect());
    }
    block(tokens::tokens(&text).map(|token| json!({ "text": token })).collect());
    frames.push(event("messageStop", json!({ "stopReason": stop_reason })));
    frames.push(event("metadata", json!({"usage": usage, "metrics": metrics})));
    (Payload::Frames(frames), charge)
}

/// An event, with some padding as the real ones have.
fn event(name: &str, mut payload: Value) -> Vec<u8> {
    payload["p"] = "abcdefgh"[..name.len() % 8].into();
    frame("event", name, &payload.to_string())
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "ValidationException", message)
}

/// Puts a fault in AWS's words.
pub(crate) fn refuse(fault: &Fault) -> Refusal {
    match fault {
        Fault::NotJson => Refusal::new(StatusCode::BAD_REQUEST, "SerializationException", ""),
        Fault::TooLarge => invalid("Input is too long for requested model."),
        Fault::MissingKey => Refusal::new(
            StatusCode::FORBIDDEN,
            "AccessDeniedException",
            "Authentication failed: Please make sure your API Key is valid.",
        ),
        Fault::UnknownModel { .. } => invalid("The provided model identifier is invalid."),
        Fault::UnknownPath { .. } | Fault::WrongMethod { .. } => {
            Refusal::new(StatusCode::NOT_FOUND, "UnknownOperationException", "")
        }
        Fault::Field(FieldFault { name, problem }) => {
            let constraint = match problem {
                Problem::Missing => "Member must not be null".to_owned(),
                Problem::EmptyArray => "Member must have length greater than or equal to 1".to_owned(),
                Problem::WrongType { got, .. } => format!("Member must not be {got}"),
                Problem::TooSmall { minimum, .. } => {
                    format!("Member must have value greater than or equal to {minimum}")
                }
                Problem::TooLarge { maximum, .. } => format!("Member must have value less than or equal to {maximum}"),
                Problem::ArrayTooLong { maximum, .. } => {
                    format!("Member must have length less than or equal to {maximum}")
                }
                Problem::UnknownValue { known, .. } => {
                    format!("Member must satisfy enum value set: [{}]", known.join(", "))
                }
            };
            invalid(format!(
                "1 validation error detected: Value at '{name}' failed to satisfy constraint: {constraint}"
            ))
        }
    }
}
