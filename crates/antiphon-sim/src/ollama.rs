//! Ollama's format: `/api/chat` and `/api/generate`, streamed as lines unless told otherwise, and its small errors.

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use crate::{
    fields::{Expected, Fields},
    generate::{Ask, Completion, Finish, Generator, Sampling},
    plan::{Charge, Payload},
    refusal::{Fault, Refusal},
    timestamp, tokens,
};

const ROLES: &[&str] = &["system", "user", "assistant", "tool"];

/// `GET /api/version`.
pub(crate) fn version() -> Value {
    json!({"version": "0.33.0-antiphon-sim"})
}

/// The models of `GET /api/tags`, unless set.
pub(crate) const EXAMPLES: [&str; 1] = ["llama3.2:latest"];

/// `GET /api/tags`.
pub(crate) fn tags(names: &[&str]) -> Value {
    let details = json!({
        "parent_model": "", "format": "gguf", "family": "llama", "families": ["llama"], "parameter_size": "3.2B",
        "quantization_level": "Q4_K_M",
    });
    let models = names.iter().map(|name| {
        json!({
            "name": name, "model": name, "modified_at": "2026-01-01T00:00:00Z", "size": 2_019_393_189_u64,
            "digest": "0".repeat(64), "details": details, "capabilities": ["completion"],
        })
    });
    json!({"models": models.collect::<Vec<_>>()})
}

/// Which of the two endpoints, and so where the text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Chat,
    Generate,
}

#[derive(Debug)]
pub(crate) struct Request {
    shape: Shape,
    model: String,
    prompt: String,
    question: String,
    prompt_tokens: u64,
    sampling: Sampling,
    /// Whether the model's thoughts are wanted.
    think: bool,
    stream: bool,
}

impl Request {
    pub(crate) fn model(&self) -> &str {
        &self.model
    }
}

pub(crate) fn parse(shape: Shape, fields: &Fields<'_>) -> Result<Request, Refusal> {
    let model = match fields.string("model")? {
        Some(model) if !model.is_empty() => model.to_owned(),
        _ => return Err(bad_request("model is required")),
    };
    let empty = Map::new();
    let options = match fields.get("options") {
        Some(options) => fields.nested(options, "options".to_owned())?,
        None => Fields::new(&empty, refuse),
    };
    let temperature = options.decimal("temperature", f64::MIN..=f64::MAX)?;
    let sampling = Sampling {
        // Negative means no limit.
        max_tokens: options.integer("num_predict", i64::MIN..=i64::MAX)?.and_then(|limit| u64::try_from(limit).ok()),
        stop: options.strings("stop", usize::MAX)?,
        seed: options.integer("seed", i64::MIN..=i64::MAX)?,
        greedy: temperature == Some(0.0),
    };
    let system = fields.string("system")?.unwrap_or_default();
    let (mut prompt, mut question) = (format!("system: {system}\n"), String::new());
    let mut prompt_tokens = tokens::count(system);
    match shape {
        Shape::Generate => {
            fields.string("prompt")?.unwrap_or_default().clone_into(&mut question);
            prompt_tokens += tokens::count(&question);
            prompt.push_str(&question);
        }
        Shape::Chat => {
            let messages = match fields.get("messages") {
                None => &[],
                Some(Value::Array(messages)) => messages.as_slice(),
                Some(other) => return Err(fields.wrong_type("messages", Expected::Array, other)),
            };
            for (index, message) in messages.iter().enumerate() {
                let message = fields.nested(message, format!("messages[{index}]"))?;
                let role = message.one_of("role", ROLES)?;
                let text = message.string("content")?.unwrap_or_default();
                prompt_tokens += tokens::count(text);
                prompt.extend([role, ": ", text, "\n"]);
                if role == "user" {
                    text.clone_into(&mut question);
                }
            }
        }
    }
    let stream = match fields.get("stream") {
        None => true,
        Some(_) => fields.boolean("stream")?,
    };
    // How much it thinks may be said too.
    let think = fields.get("think").is_some_and(|think| *think != Value::Bool(false));
    Ok(Request { shape, model, prompt, question, prompt_tokens, sampling, think, stream })
}

pub(crate) fn answer(request: &Request, generator: &Generator) -> (Payload, Charge) {
    let Request { shape, model, prompt, question, prompt_tokens, sampling, think, stream } = request;
    let ask = Ask { model, prompt, question, lead: "", choices: 1, sampling };
    let Some(Completion { text, finish }) = generator.answer(&ask).pop() else {
        unreachable!("one choice was asked for");
    };
    let thoughts = generator.thoughts(&ask, *think).unwrap_or_default();
    let charge = Charge { input: *prompt_tokens, output: tokens::count(&thoughts) + tokens::count(&text) };
    let done_reason = match finish {
        Finish::Complete | Finish::StopSequence(_) => "stop",
        Finish::Length => "length",
    };
    let line = |thought: &str, text: &str, done: bool| {
        let mut line = json!({
            "model": model, "created_at": timestamp::rfc3339(timestamp::unix_seconds()), "done": done,
        });
        match shape {
            Shape::Chat => line["message"] = json!({"role": "assistant", "content": text}),
            Shape::Generate => line["response"] = text.into(),
        }
        if !thought.is_empty() {
            match shape {
                Shape::Chat => line["message"]["thinking"] = thought.into(),
                Shape::Generate => line["thinking"] = thought.into(),
            }
        }
        if done {
            line["done_reason"] = done_reason.into();
            line["total_duration"] = 5_191_566.into();
            line["load_duration"] = 1.into();
            line["prompt_eval_count"] = charge.input.into();
            line["prompt_eval_duration"] = 1.into();
            line["eval_count"] = charge.output.into();
            line["eval_duration"] = 1.into();
        }
        line
    };
    if !stream {
        return (Payload::Json(line(&thoughts, &text, true)), charge);
    }
    let thinking = tokens::tokens(&thoughts).map(|token| line(token, "", false));
    let talking = tokens::tokens(&text).map(|token| line("", token, false));
    let lines = thinking.chain(talking).chain([line("", "", true)]);
    (Payload::Lines(lines.map(|line| format!("{line}\n")).collect()), charge)
}

fn bad_request(message: impl Into<String>) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "", message)
}

/// Puts a fault in Ollama's words, which are few.
pub(crate) fn refuse(fault: &Fault) -> Refusal {
    match fault {
        Fault::NotJson => bad_request("invalid character in request body"),
        Fault::TooLarge => Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "", "request body too large"),
        Fault::MissingKey => Refusal::new(StatusCode::UNAUTHORIZED, "", "unauthorized"),
        Fault::UnknownModel { name } => Refusal::new(StatusCode::NOT_FOUND, "", format!("model '{name}' not found")),
        Fault::UnknownPath { .. } => Refusal::new(StatusCode::NOT_FOUND, "", "404 page not found"),
        Fault::WrongMethod { .. } => Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "", "405 method not allowed"),
        Fault::Field(field) => bad_request(format!("json: cannot unmarshal field {} of the request", field.name)),
    }
}
