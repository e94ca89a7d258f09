//! `POST /v1/completions`: any number of prompts, any number of choices each.

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

/// The default of `max_tokens`: short, and famous for it.
const DEFAULT_MAX_TOKENS: u64 = 16;

#[derive(Debug)]
pub(crate) struct Request {
    common: Common,
    prompts: Vec<Prompt>,
    echo: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Prompt {
    text: String,
    tokens: u64,
}

impl Request {
    pub(crate) fn model(&self) -> &str {
        &self.common.model
    }
}

pub(crate) fn parse(fields: &Fields<'_>) -> Result<Request, Refusal> {
    let mut common = Common::parse(fields)?;
    let prompts = parse_prompts(fields)?;
    let max_tokens = token_limit(fields, "max_tokens", 0)?;
    common.sampling.max_tokens = Some(max_tokens.unwrap_or(DEFAULT_MAX_TOKENS));
    let best_of = fields.integer("best_of", 0..=20)?;
    if let Some(best_of) = best_of.filter(|best_of| best_of.unsigned_abs() < common.choices as u64) {
        return Err(bad_request(format!(
            "You requested that the server return more choices than it will generate (HINT: you must set 'n' \
             (currently {}) to be at most 'best_of' (currently {best_of}), or omit either parameter if you don't \
             specifically want to use them.)",
            common.choices
        ))
        .with_param("best_of"));
    }
    Ok(Request { common, prompts, echo: fields.boolean("echo")? })
}

/// A string, several strings, the tokens of one prompt, or the tokens of several.
fn parse_prompts(fields: &Fields<'_>) -> Result<Vec<Prompt>, Refusal> {
    let Some(prompt) = fields.get("prompt") else {
        // OpenAI's default: the beginning of a document.
        return Ok(vec![Prompt { text: "<|endoftext|>".to_owned(), tokens: 1 }]);
    };
    let wrong_type = |value: &Value| fields.wrong_type("prompt", Expected::StringOrArray, value);
    match prompt {
        Value::Array(items) if items.is_empty() => Err(fields.fault("prompt", Problem::EmptyArray)),
        Value::Array(items) if items[0].is_number() => Ok(vec![token_prompt(items).ok_or_else(|| wrong_type(prompt))?]),
        Value::Array(items) => items.iter().map(|item| one_prompt(item).ok_or_else(|| wrong_type(item))).collect(),
        other => Ok(vec![one_prompt(other).ok_or_else(|| wrong_type(other))?]),
    }
}

fn one_prompt(value: &Value) -> Option<Prompt> {
    match value {
        Value::String(text) => Some(Prompt { text: text.clone(), tokens: tokens::count(text) }),
        Value::Array(tokens) => token_prompt(tokens),
        _ => None,
    }
}

/// A prompt made of token numbers. There is no vocabulary to look them up in, so its text names
/// them.
fn token_prompt(items: &[Value]) -> Option<Prompt> {
    let names: Option<String> = items.iter().map(|item| Some(format!("<|{}|>", item.as_u64()?))).collect();
    Some(Prompt { text: names?, tokens: items.len() as u64 })
}

pub(crate) fn answer(request: &Request, generator: &Generator, random: &mut Random) -> (Payload, Charge) {
    let Common { model, choices, sampling, stream } = &request.common;
    let mut charge = Charge::default();
    let mut completions = Vec::new();
    for Prompt { text: prompt, tokens } in &request.prompts {
        charge.input += tokens;
        let ask = Ask { model, prompt, question: prompt, lead: "\n\n", choices: *choices, sampling };
        for Completion { text, finish } in generator.answer(&ask) {
            charge.output += tokens::count(&text);
            let text = if request.echo { format!("{prompt}{text}") } else { text };
            completions.push(Completion { text, finish });
        }
    }
    let mut head = json!({
        "id": format!("cmpl-{}", random.alphanumeric(29)),
        "object": "text_completion",
        "created": timestamp::unix_seconds(),
        "model": model,
        "system_fingerprint": FINGERPRINT,
    });
    let payload = if let Some(stream) = stream {
        let chunks = completions.iter().enumerate().map(|(index, completion)| chunks(index, completion)).collect();
        Payload::Events(events(&head, interleave(chunks), *stream, usage(charge)))
    } else {
        let choices = completions
            .iter()
            .enumerate()
            .map(|(index, Completion { text, finish })| choice(index, text, Some(finish_reason(finish))));
        head["choices"] = choices.collect();
        head["usage"] = usage(charge);
        Payload::Json(head)
    };
    (payload, charge)
}

fn choice(index: usize, text: &str, finish_reason: Option<&str>) -> Value {
    json!({"text": text, "index": index, "logprobs": null, "finish_reason": finish_reason})
}

/// What a stream says about one choice: a chunk for each token, then why it ends.
fn chunks(index: usize, completion: &Completion) -> Vec<Value> {
    let texts = tokens::tokens(&completion.text).map(|token| choice(index, token, None));
    let end = choice(index, "", Some(finish_reason(&completion.finish)));
    texts.chain([end]).collect()
}
