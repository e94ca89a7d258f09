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
    thinking: Option<Thinking>,
    stream: bool,
}

/// That the model thinks before it answers, and whether it says what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Thinking {
    is_shown: bool,
}

impl Request {
    pub(crate) fn model(&self) -> &str {
        &self.model
    }
}

pub(crate) fn parse(fields: &Fields<'_>) -> Result<Request, Refusal> {
    fields.required_string("model")?;
    let max_tokens = fields.integer("max_tokens", 1..=i64::MAX)?;
    let max_tokens = max_tokens.ok_or_else(|| fields.fault("max_tokens", Problem::Missing))?;
    parse_with(fields, max_tokens)
}

/// `POST /v1/messages/count_tokens`: a request that is not sent.
pub(crate) fn count_tokens(fields: &Fields<'_>) -> Result<Value, Refusal> {
    Ok(json!({"input_tokens": parse_with(fields, i64::MAX)?.prompt_tokens}))
}

fn parse_with(fields: &Fields<'_>, max_tokens: i64) -> Result<Request, Refusal> {
    let model = fields.required_string("model")?.to_owned();
    let temperature = fields.decimal("temperature", 0.0..=1.0)?;
    fields.decimal("top_p", 0.0..=1.0)?;
    fields.integer("top_k", 0..=i64::MAX)?;
    if let Some(text @ Value::String(_)) = fields.get("stop_sequences") {
        // Unlike OpenAI, a bare string will not do.
        return Err(fields.wrong_type("stop_sequences", Expected::Array, text));
    }
    let thinking = parse_thinking(fields, max_tokens, temperature)?;
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
    Ok(Request { model, prompt, question, prompt_tokens, sampling, thinking, stream: fields.boolean("stream")? })
}

fn parse_thinking(fields: &Fields<'_>, max_tokens: i64, temperature: Option<f64>) -> Result<Option<Thinking>, Refusal> {
    let Some(thinking) = fields.get("thinking") else {
        return Ok(None);
    };
    let thinking = fields.nested(thinking, "thinking".to_owned())?;
    match thinking.one_of("type", &["enabled", "adaptive", "disabled"])? {
        "disabled" => return Ok(None),
        "enabled" => {
            let budget = thinking.integer("budget_tokens", 1_024..=i64::MAX)?;
            let budget = budget.ok_or_else(|| thinking.fault("budget_tokens", Problem::Missing))?;
            if budget >= max_tokens {
                return Err(bad_request("`max_tokens` must be greater than `thinking.budget_tokens`."));
            }
        }
        _ => {}
    }
    if temperature.is_some_and(|temperature| temperature < 1.0) {
        return Err(bad_request("`temperature` may only be set to 1 when thinking is enabled."));
    }
    Ok(Some(Thinking { is_shown: thinking.string("display")? != Some("omitted") }))
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
    let Request { model, prompt, question, prompt_tokens, sampling, thinking, stream } = request;
    let ask = Ask { model, prompt, question, lead: "", choices: 1, sampling };
    let Some(Completion { text, finish }) = generator.answer(&ask).pop() else {
        unreachable!("one choice was asked for");
    };
    let id = format!("msg_01{}", random.alphanumeric(22));
    let mut blocks = Vec::new();
    let mut thought_tokens = 0;
    if let Some(thoughts) = generator.thoughts(&ask, thinking.is_some()) {
        thought_tokens = tokens::count(&thoughts);
        let is_hidden = thinking.is_some_and(|thinking| !thinking.is_shown);
        let thoughts = if is_hidden { String::new() } else { thoughts };
        blocks.push(Block::Thinking { thoughts, signature: random.alphanumeric(64) });
    }
    let charge = Charge { input: *prompt_tokens, output: tokens::count(&text) + thought_tokens };
    blocks.push(Block::Text(text));
    let (stop_reason, stop_sequence) = match finish {
        Finish::Complete => ("end_turn", None),
        Finish::Length => ("max_tokens", None),
        Finish::StopSequence(sequence) => ("stop_sequence", Some(sequence)),
    };
    let usage = |output: u64, thought_tokens: u64| {
        let mut usage = json!({
            "input_tokens": charge.input,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": output,
        });
        if blocks.len() > 1 {
            usage["output_tokens_details"] = json!({"thinking_tokens": thought_tokens});
        }
        usage
    };
    let message = |content: Vec<Value>, stop_reason: Value, stop_sequence: Value, mut usage: Value| {
        usage["cache_creation"] = json!({"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0});
        usage["service_tier"] = "standard".into();
        json!({
            "id": id, "type": "message", "role": "assistant", "model": model, "content": content,
            "stop_reason": stop_reason, "stop_sequence": stop_sequence, "usage": usage,
        })
    };
    let total = usage(charge.output, thought_tokens);
    let payload = if *stream {
        let start = message(Vec::new(), Value::Null, Value::Null, usage(1, 0));
        let delta = json!({"stop_reason": stop_reason, "stop_sequence": stop_sequence});
        Payload::Events(events(&start, &blocks, &delta, &total))
    } else {
        let content = blocks.iter().map(Block::whole).collect();
        Payload::Json(message(content, stop_reason.into(), stop_sequence.into(), total))
    };
    (payload, charge)
}

/// A part of an answer.
#[derive(Debug)]
enum Block {
    Thinking { thoughts: String, signature: String },
    Text(String),
}

impl Block {
    fn whole(&self) -> Value {
        match self {
            Self::Thinking { thoughts, signature } => {
                json!({"type": "thinking", "thinking": thoughts, "signature": signature})
            }
            Self::Text(text) => json!({"type": "text", "text": text}),
        }
    }

    /// What a stream says first about it.
    fn start(&self) -> Value {
        match self {
            Self::Thinking { .. } => json!({"type": "thinking", "thinking": "", "signature": ""}),
            Self::Text(_) => json!({"type": "text", "text": ""}),
        }
    }

    /// What a stream then adds.
    fn deltas(&self) -> Vec<Value> {
        match self {
            Self::Thinking { thoughts, signature } => tokens::tokens(thoughts)
                .map(|token| json!({"type": "thinking_delta", "thinking": token}))
                .chain([json!({"type": "signature_delta", "signature": signature})])
                .collect(),
            Self::Text(text) => {
                tokens::tokens(text).map(|token| json!({"type": "text_delta", "text": token})).collect()
            }
        }
    }
}

/// A stream of blocks. The usage at its end counts from the start: it replaces the one in `message_start`.
fn events(start: &Value, blocks: &[Block], delta: &Value, usage: &Value) -> Vec<String> {
    let mut events = vec![json!({"type": "message_start", "message": start})];
    for (index, block) in blocks.iter().enumerate() {
        events.push(json!({"type": "content_block_start", "index": index, "content_block": block.start()}));
        if index == 0 {
            events.push(json!({"type": "ping"}));
        }
        let deltas = block.deltas().into_iter();
        events.extend(deltas.map(|delta| json!({"type": "content_block_delta", "index": index, "delta": delta})));
        events.push(json!({"type": "content_block_stop", "index": index}));
    }
    events.push(json!({"type": "message_delta", "delta": delta, "usage": usage}));
    events.push(json!({"type": "message_stop"}));
    events.iter().map(named_event).collect()
}
