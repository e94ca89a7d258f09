//! Gemini's format: `models/NAME:generateContent`, and `:streamGenerateContent` as events or as one array.

use axum::http::{StatusCode, Uri};
use serde_json::{Value, json};

use crate::{
    fields::{Expected, FieldFault, Fields, Problem},
    generate::{Ask, Completion, Finish, Generator, Sampling},
    plan::{Charge, Payload},
    refusal::{Fault, Refusal},
    route::decoded,
    seed::Random,
    tokens,
};

const ROLES: &[&str] = &["user", "model", "function"];
/// The fields of a request; others are refused.
const FIELDS: [&str; 8] = [
    "contents",
    "tools",
    "toolConfig",
    "safetySettings",
    "systemInstruction",
    "generationConfig",
    "cachedContent",
    "labels",
];

/// The model that a path names, and the method.
pub(crate) fn address(path: &str) -> Option<(String, &str)> {
    let rest = path.strip_prefix("/v1beta/").or_else(|| path.strip_prefix("/v1/"))?;
    let (name, method) = rest.rsplit_once(':')?;
    let model = name.strip_prefix("models/").or_else(|| name.strip_prefix("tunedModels/"))?;
    matches!(method, "generateContent" | "streamGenerateContent").then(|| (decoded(model), method))
}

/// How an answer comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Whole,
    Events,
    Array,
}

#[derive(Debug)]
pub(crate) struct Request {
    model: String,
    /// The system instruction and all contents, as one text.
    prompt: String,
    /// The last text of the user.
    question: String,
    prompt_tokens: u64,
    choices: usize,
    sampling: Sampling,
    /// Whether the model's thoughts are wanted.
    thoughts: bool,
    form: Form,
}

impl Request {
    pub(crate) fn model(&self) -> &str {
        &self.model
    }
}

pub(crate) fn parse(uri: &Uri, fields: &Fields<'_>) -> Result<Request, Refusal> {
    let (model, method) = address(uri.path()).unwrap_or_default();
    let alt = uri.query().unwrap_or_default().split('&').find_map(|part| part.strip_prefix("alt="));
    let form = match method {
        "generateContent" => Form::Whole,
        _ if alt == Some("sse") => Form::Events,
        _ => Form::Array,
    };
    if let Some(name) = fields.unknown(&FIELDS) {
        return Err(invalid(format!("Invalid JSON payload received. Unknown name \"{name}\": Cannot find field.")));
    }
    let system = match fields.get("systemInstruction") {
        Some(system) => text(&fields.nested(system, "system_instruction".to_owned())?)?,
        None => String::new(),
    };
    let mut prompt_tokens = tokens::count(&system);
    let (mut prompt, mut question) = (format!("system: {system}\n"), String::new());
    for (index, content) in fields.required_array("contents")?.iter().enumerate() {
        let content = fields.nested(content, format!("contents[{index}]"))?;
        let role = if content.get("role").is_some() { content.one_of("role", ROLES)? } else { "user" };
        let text = text(&content)?;
        prompt_tokens += tokens::count(&text);
        prompt.extend([role, ": ", &text, "\n"]);
        if role == "user" {
            question = text;
        }
    }
    let (choices, sampling, thoughts) = match fields.get("generationConfig") {
        Some(config) => parse_config(&fields.nested(config, "generation_config".to_owned())?)?,
        None => (1, Sampling::default(), false),
    };
    if choices > 1 && form != Form::Whole {
        return Err(invalid("Only one candidate can be specified in the streaming mode."));
    }
    Ok(Request { model, prompt, question, prompt_tokens, choices, sampling, thoughts, form })
}

fn parse_config(config: &Fields<'_>) -> Result<(usize, Sampling, bool), Refusal> {
    let temperature = config.decimal("temperature", 0.0..=2.0)?;
    config.decimal("topP", 0.0..=1.0)?;
    config.integer("topK", 1..=i64::MAX)?;
    config.decimal("presencePenalty", -2.0..=2.0)?;
    config.decimal("frequencyPenalty", -2.0..=2.0)?;
    let choices = config.integer("candidateCount", 1..=8)?.unwrap_or(1);
    if let Some(text @ Value::String(_)) = config.get("stopSequences") {
        return Err(config.wrong_type("stopSequences", Expected::Array, text));
    }
    let sampling = Sampling {
        max_tokens: config.integer("maxOutputTokens", 1..=i64::MAX)?.map(i64::unsigned_abs),
        stop: config.strings("stopSequences", 5)?,
        seed: config.integer("seed", i64::from(i32::MIN)..=i64::from(i32::MAX))?,
        greedy: temperature == Some(0.0),
    };
    let thoughts = match config.get("thinkingConfig") {
        Some(thinking) => {
            let thinking = config.nested(thinking, "thinking_config".to_owned())?;
            thinking.integer("thinkingBudget", -1..=32_768)?;
            thinking.boolean("includeThoughts")?
        }
        None => false,
    };
    Ok((usize::try_from(choices).unwrap_or(1), sampling, thoughts))
}

/// The texts of a content's parts.
fn text(content: &Fields<'_>) -> Result<String, Refusal> {
    let texts = content.required_array("parts")?.iter().filter_map(|part| part.get("text")?.as_str());
    Ok(texts.collect::<Vec<_>>().join("\n"))
}

pub(crate) fn answer(request: &Request, generator: &Generator, random: &mut Random) -> (Payload, Charge) {
    let Request { model, prompt, question, prompt_tokens, choices, sampling, thoughts, form } = request;
    let ask = Ask { model, prompt, question, lead: "", choices: *choices, sampling };
    let completions = generator.answer(&ask);
    let thoughts = generator.thoughts(&ask, *thoughts).unwrap_or_default();
    let thought_tokens = tokens::count(&thoughts);
    let written: u64 = completions.iter().map(|completion| tokens::count(&completion.text)).sum();
    let charge = Charge { input: *prompt_tokens, output: written + thought_tokens };
    let response_id = random.alphanumeric(22);
    // Whole or a piece, each answer has the same form.
    let response = |candidates: Vec<Value>, written: u64, thought: u64| {
        let mut usage = json!({
            "promptTokenCount": charge.input, "candidatesTokenCount": written,
            "totalTokenCount": charge.input + written + thought,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": charge.input}],
        });
        if thought > 0 {
            usage["thoughtsTokenCount"] = thought.into();
        }
        json!({"candidates": candidates, "usageMetadata": usage, "modelVersion": model, "responseId": response_id})
    };
    let candidate = |index: usize, parts: Value, finish: Option<&Finish>| {
        let mut candidate = json!({"content": {"parts": parts, "role": "model"}, "index": index});
        if let Some(finish) = finish {
            candidate["finishReason"] = finish_reason(finish).into();
        }
        candidate
    };
    let thought = |text: &str| json!({"text": text, "thought": true});
    if *form == Form::Whole {
        let candidates = completions.iter().enumerate().map(|(index, Completion { text, finish })| {
            let mut parts = vec![json!({"text": text})];
            if !thoughts.is_empty() {
                parts.insert(0, thought(&thoughts));
            }
            candidate(index, parts.into(), Some(finish))
        });
        return (Payload::Json(response(candidates.collect(), written, thought_tokens)), charge);
    }
    let Some(Completion { text, finish }) = completions.first() else {
        unreachable!("one choice was asked for");
    };
    let thinking = (1..).zip(tokens::tokens(&thoughts));
    let mut chunks: Vec<Value> =
        thinking.map(|(count, token)| response(vec![candidate(0, json!([thought(token)]), None)], 0, count)).collect();
    let talking = (1..).zip(tokens::tokens(text));
    chunks.extend(
        talking
            .map(|(count, token)| response(vec![candidate(0, json!([{"text": token}]), None)], count, thought_tokens)),
    );
    chunks.push(response(vec![candidate(0, json!([{"text": ""}]), Some(finish))], written, thought_tokens));
    let payload = if *form == Form::Events {
        Payload::Events(chunks.iter().map(|chunk| format!("data: {chunk}\r\n\r\n")).collect())
    } else {
        let parts = chunks.iter().enumerate().map(|(index, chunk)| {
            let before = if index == 0 { "[" } else { ",\r\n" };
            format!("{before}{chunk}")
        });
        Payload::Array(parts.chain(["]".to_owned()]).collect())
    };
    (payload, charge)
}

fn finish_reason(finish: &Finish) -> &'static str {
    match finish {
        Finish::Complete | Finish::StopSequence(_) => "STOP",
        Finish::Length => "MAX_TOKENS",
    }
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "INVALID_ARGUMENT", message)
}

/// Puts a fault in Google's words.
pub(crate) fn refuse(fault: &Fault) -> Refusal {
    let not_found = |message: String| Refusal::new(StatusCode::NOT_FOUND, "NOT_FOUND", message);
    match fault {
        Fault::NotJson => invalid("Invalid JSON payload received. Expected an object."),
        Fault::TooLarge => invalid("Request payload size exceeds the limit: 33554432 bytes."),
        Fault::MissingKey => Refusal::new(
            StatusCode::FORBIDDEN,
            "PERMISSION_DENIED",
            "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or \
             other form of API consumer identity to call this API.",
        ),
        Fault::UnknownModel { name } => not_found(format!(
            "models/{name} is not found for API version v1beta, or is not supported for generateContent. Call \
             ListModels to see the list of available models and their supported methods."
        )),
        Fault::UnknownPath { path, .. } | Fault::WrongMethod { path, .. } => {
            not_found(format!("The requested URL {path} was not found on this server."))
        }
        Fault::Field(FieldFault { name, problem }) => invalid(field_message(name, problem)),
    }
}

fn field_message(name: &str, problem: &Problem) -> String {
    let field = format!("* GenerateContentRequest.{name}:");
    match problem {
        Problem::Missing | Problem::EmptyArray => format!("{field} {name} is not specified\n"),
        Problem::WrongType { got, .. } => format!("Invalid value at '{name}', {got}"),
        Problem::TooSmall { minimum, got } => format!("{field} must be at least {minimum}, not {got}\n"),
        Problem::TooLarge { maximum, got } => format!("{field} must be at most {maximum}, not {got}\n"),
        Problem::ArrayTooLong { maximum, got } => format!("{field} at most {maximum} items are allowed, not {got}\n"),
        Problem::UnknownValue { known, .. } => {
            format!("{field} Please use a valid role: {}.\n", known.join(", "))
        }
    }
}

/// The body of an error.
pub(crate) fn error_body(refusal: &Refusal) -> Value {
    let Refusal { kind, message, status, details, .. } = refusal;
    let mut error = json!({"code": status.as_u16(), "message": message, "status": kind});
    if !details.is_empty() {
        error["details"] = json!(details);
    }
    json!({ "error": error })
}
