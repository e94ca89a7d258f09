//! `POST /v1/chat/completions`.

use serde_json::{Value, json};

use super::{Common, FINGERPRINT, bad_request, events, finish_reason, interleave, token_limit, usage};
use crate::{
    fields::{Expected, Fields, Problem},
    generate::{Ask, Completion, Generator},
    plan::{Charge, Payload},
    refusal::Refusal,
    seed::Random,
    timestamp, tokens,
};

const ROLES: &[&str] = &["system", "assistant", "user", "function", "tool", "developer"];
/// Names of models that refuse `max_tokens` and other knobs of older ones begin like this.
const REASONING_MODELS: [&str; 4] = ["o1", "o3", "o4", "gpt-5"];

/// Models from before usage had details. Clients of their time add usages up field by field, and fail on an object.
const OLD_MODELS: [&str; 4] = ["gpt-3.5-turbo", "gpt-3.5-turbo-0301", "gpt-4", "gpt-4-0314"];
/// Names of models that show their thoughts begin like this; `DeepSeek`'s own and those that vLLM serves.
const THINKING_MODELS: [&str; 3] = ["deepseek-reasoner", "deepseek-r1", "qwq"];

#[derive(Debug)]
pub(crate) struct Request {
    common: Common,
    /// All messages, as one text.
    prompt: String,
    /// The last message of the user.
    question: String,
    prompt_tokens: u64,
}

impl Request {
    pub(crate) fn model(&self) -> &str {
        &self.common.model
    }
}

pub(crate) fn parse(fields: &Fields<'_>) -> Result<Request, Refusal> {
    let mut common = Common::parse(fields)?;
    let (mut prompt, mut question, mut prompt_tokens) = (String::new(), String::new(), 0);
    for (index, message) in fields.required_array("messages")?.iter().enumerate() {
        let message = fields.nested(message, format!("messages[{index}]"))?;
        let role = message.one_of("role", ROLES)?;
        let text = content(&message, role)?;
        prompt_tokens += tokens::count(&text);
        prompt.extend([role, ": ", &text, "\n"]);
        if role == "user" {
            question = text;
        }
    }
    common.sampling.max_tokens = max_tokens(fields, &common.model)?;
    Ok(Request { common, prompt, question, prompt_tokens })
}

/// The text of a message: its content, or the text parts of it.
fn content(message: &Fields<'_>, role: &str) -> Result<String, Refusal> {
    match message.get("content") {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(Value::Array(parts)) => {
            let texts = parts.iter().filter_map(|part| part.get("text")?.as_str());
            Ok(texts.collect::<Vec<_>>().join("\n"))
        }
        Some(other) => Err(message.wrong_type("content", Expected::StringOrArray, other)),
        // An assistant's message may consist of tool calls.
        None if role == "assistant" => Ok(String::new()),
        None => Err(message.fault("content", Problem::Missing)),
    }
}

fn max_tokens(fields: &Fields<'_>, model: &str) -> Result<Option<u64>, Refusal> {
    let old = token_limit(fields, "max_tokens", 1)?;
    let new = token_limit(fields, "max_completion_tokens", 1)?;
    let reasoning = REASONING_MODELS.iter().any(|prefix| model.starts_with(prefix));
    if reasoning && old.is_some() {
        let message = "Unsupported parameter: 'max_tokens' is not supported with this model. Use \
                       'max_completion_tokens' instead.";
        return Err(bad_request(message).with_param("max_tokens").with_code("unsupported_parameter"));
    }
    if let Some(temperature) = fields.get("temperature").filter(|value| reasoning && value.as_f64() != Some(1.0)) {
        let message = format!(
            "Unsupported value: 'temperature' does not support {temperature} with this model. Only the default (1) \
             value is supported."
        );
        return Err(bad_request(message).with_param("temperature").with_code("unsupported_value"));
    }
    if old.is_some() && new.is_some() {
        let message = "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.";
        return Err(bad_request(message).with_code("invalid_parameter_combination"));
    }
    Ok(new.or(old))
}

pub(crate) fn answer(request: &Request, generator: &Generator, random: &mut Random) -> (Payload, Charge) {
    let Request { common: Common { model, choices, sampling, stream }, prompt, question, prompt_tokens } = request;
    let ask = Ask { model, prompt, question, lead: "", choices: *choices, sampling };
    let completions = generator.answer(&ask);
    let thoughts = generator.thoughts(&ask, THINKING_MODELS.iter().any(|prefix| model.starts_with(prefix)));
    let thought_tokens = thoughts.as_deref().map_or(0, tokens::count) * *choices as u64;
    let written: u64 = completions.iter().map(|completion| tokens::count(&completion.text)).sum();
    let charge = Charge { input: *prompt_tokens, output: written + thought_tokens };
    let is_old = OLD_MODELS.contains(&model.as_str());
    let usage = if is_old { usage(charge) } else { detailed_usage(charge, thought_tokens) };
    let mut head = json!({
        "id": format!("chatcmpl-{}", random.alphanumeric(29)),
        "object": if stream.is_some() { "chat.completion.chunk" } else { "chat.completion" },
        "created": timestamp::unix_seconds(),
        "model": model,
        "service_tier": "default",
        "system_fingerprint": FINGERPRINT,
    });
    let payload = if let Some(stream) = stream {
        let numbered = completions.iter().enumerate();
        let chunks = numbered.map(|(index, completion)| chunks(index, completion, thoughts.as_deref())).collect();
        Payload::Events(events(&head, interleave(chunks), *stream, usage))
    } else {
        let choices = completions.iter().enumerate().map(|(index, Completion { text, finish })| {
            let mut message = json!({"role": "assistant", "content": text, "refusal": null, "annotations": []});
            if let Some(thoughts) = &thoughts {
                message["reasoning_content"] = thoughts.as_str().into();
            }
            json!({
                "index": index, "message": message, "logprobs": null, "finish_reason": finish_reason(finish),
            })
        });
        head["choices"] = choices.collect();
        head["usage"] = usage;
        Payload::Json(head)
    };
    (payload, charge)
}

fn detailed_usage(tokens: Charge, thought_tokens: u64) -> Value {
    let mut usage = usage(tokens);
    usage["prompt_tokens_details"] = json!({"cached_tokens": 0, "audio_tokens": 0, "cache_write_tokens": 0});
    usage["completion_tokens_details"] = json!({
        "reasoning_tokens": thought_tokens,
        "audio_tokens": 0,
        "accepted_prediction_tokens": 0,
        "rejected_prediction_tokens": 0,
    });
    usage
}

/// What a stream says about one choice: who speaks, a chunk for each token, of the thoughts first, then why it ends.
fn chunks(index: usize, completion: &Completion, thoughts: Option<&str>) -> Vec<Value> {
    let chunk = |delta: Value, finish_reason: Value| {
        json!({
            "index": index, "delta": delta, "logprobs": null, "finish_reason": finish_reason,
        })
    };
    let start = chunk(json!({"role": "assistant", "content": "", "refusal": null}), Value::Null);
    let texts = tokens::tokens(&completion.text).map(|token| chunk(json!({"content": token}), Value::Null));
    let end = chunk(json!({}), json!(finish_reason(&completion.finish)));
    let thoughts = tokens::tokens(thoughts.unwrap_or_default());
    let thoughts = thoughts.map(|token| chunk(json!({"content": null, "reasoning_content": token}), Value::Null));
    [start].into_iter().chain(thoughts).chain(texts).chain([end]).collect()
}
