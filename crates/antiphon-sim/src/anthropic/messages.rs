//! `POST /v1/messages`.

use serde_json::{Value, json};

use super::bad_request;
use crate::{
    fields::{Expected, Fields, Problem},
    generate::{Ask, Completion, Finish, Generator, Sampling},
    plan::{Charge, Payload},
    refusal::Refusal,
    render::named_event,
    seed::Random,
    tokens,
};

const ROLES: &[&str] = &["user", "assistant"];
/// More stop sequences than anyone sends.
const MAX_STOP_SEQUENCES: usize = 8_191;

#[derive(Debug)]
pub(crate) struct Request {
    model: String,
    /// The system prompt and all messages, as one text.
    prompt: String,
    /// The last message of the user.
    question: String,
    prompt_tokens: u64,
    sampling: Sampling,
    stream: bool,
}

pub(crate) fn parse(fields: &Fields<'_>) -> Result<Request, Refusal> {
    let model = fields.required_string("model")?.to_owned();
    let max_tokens = fields.integer("max_tokens", 1..=i64::MAX)?;
    let max_tokens = max_tokens.ok_or_else(|| fields.fault("max_tokens", Problem::Missing))?;
    let temperature = fields.decimal("temperature", 0.0..=1.0)?;
    fields.decimal("top_p", 0.0..=1.0)?;
    fields.integer("top_k", 0..=i64::MAX)?;
    if let Some(text @ Value::String(_)) = fields.get("stop_sequences") {
        // Unlike OpenAI, a bare string will not do.
        return Err(fields.wrong_type("stop_sequences", Expected::Array, text));
    }
    let sampling = Sampling {
        max_tokens: Some(max_tokens.unsigned_abs()),
        stop: fields.strings("stop_sequences", MAX_STOP_SEQUENCES)?,
        seed: None,
        greedy: temperature == Some(0.0),
    };

    let system = fields.get("system").map(|_| text_of(fields, "system")).transpose()?.unwrap_or_default();
    let mut prompt_tokens = tokens::count(&system);
    let (mut prompt, mut question) = (format!("system: {system}\n"), String::new());
    for (index, message) in fields.required_array("messages")?.iter().enumerate() {
        let message = fields.nested(message, format!("messages.{index}"))?;
        if message.string("role")? == Some("system") {
            return Err(bad_request(
                "messages: Unexpected role \"system\". The Messages API accepts a top-level `system` parameter, not \
                 \"system\" as an input message role.",
            ));
        }
        let role = message.one_of("role", ROLES)?;
        let text = text_of(&message, "content")?;
        prompt_tokens += tokens::count(&text);
        prompt.extend([role, ": ", &text, "\n"]);
        if role == "user" {
            question = text;
        }
    }
    Ok(Request { model, prompt, question, prompt_tokens, sampling, stream: fields.boolean("stream")? })
}

/// A text that is given as a string or as blocks, of which only those of text count.
fn text_of(fields: &Fields<'_>, name: &str) -> Result<String, Refusal> {
    match fields.required(name)? {
        Value::String(text) => Ok(text.clone()),
        Value::Array(blocks) => {
            let texts = blocks.iter().filter_map(|block| block.get("text")?.as_str());
            Ok(texts.collect::<Vec<_>>().join("\n"))
        }
        other => Err(fields.wrong_type(name, Expected::StringOrArray, other)),
    }
}

pub(crate) fn answer(request: &Request, generator: &Generator, random: &mut Random) -> (Payload, Charge) {
    let Request { model, prompt, question, prompt_tokens, sampling, stream } = request;
    let ask = Ask { model, prompt, question, lead: "", choices: 1, sampling };
    let Some(Completion { text, finish }) = generator.answer(&ask).pop() else {
        unreachable!("one choice was asked for");
    };
    let charge = Charge { input: *prompt_tokens, output: tokens::count(&text) };
    let id = format!("msg_01{}", random.alphanumeric(22));
    let (stop_reason, stop_sequence) = match finish {
        Finish::Complete => ("end_turn", None),
        Finish::Length => ("max_tokens", None),
        Finish::StopSequence(sequence) => ("stop_sequence", Some(sequence)),
    };
    let payload = if *stream {
        let start = json!({
            "id": id, "type": "message", "role": "assistant", "model": model, "content": [],
            "stop_reason": null, "stop_sequence": null,
            "usage": {"input_tokens": charge.input, "output_tokens": 1},
        });
        let delta = json!({"stop_reason": stop_reason, "stop_sequence": stop_sequence});
        Payload::Events(events(&start, &text, &delta, charge.output))
    } else {
        Payload::Json(json!({
            "id": id, "type": "message", "role": "assistant", "model": model,
            "content": [{"type": "text", "text": text}],
            "stop_reason": stop_reason, "stop_sequence": stop_sequence,
            "usage": {
                "input_tokens": charge.input,
                "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": 0,
                "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
                "output_tokens": charge.output,
                "service_tier": "standard",
            },
        }))
    };
    (payload, charge)
}

/// A stream of one text block. The usage at its end counts from the start: it replaces the one in
/// `message_start`.
fn events(start: &Value, text: &str, delta: &Value, output_tokens: u64) -> Vec<String> {
    let opening = [
        json!({"type": "message_start", "message": start}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        json!({"type": "ping"}),
    ];
    let deltas = tokens::tokens(text).map(
        |token| json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": token}}),
    );
    let closing = [
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": delta, "usage": {"output_tokens": output_tokens}}),
        json!({"type": "message_stop"}),
    ];
    opening.into_iter().chain(deltas).chain(closing).map(|event| named_event(&event)).collect()
}
