//! OpenAI's format: what its endpoints have in common, its errors and its list of models.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::{
    fields::{Expected, FieldFault, Fields, Number, Problem},
    generate::{Finish, Sampling},
    plan::Charge,
    refusal::{Fault, Refusal},
    render::data_event,
};

pub(crate) mod chat;
pub(crate) mod completions;

/// What marks an answer as simulated, in the place where OpenAI names the backend's configuration.
const FINGERPRINT: &str = "antiphon-sim";
const INVALID_REQUEST: &str = "invalid_request_error";

/// The models of `GET /v1/models`, unless set.
pub(crate) const EXAMPLES: [&str; 5] =
    ["gpt-3.5-turbo", "gpt-3.5-turbo-instruct", "gpt-4o-mini", "gpt-5-mini", "text-davinci-003"];

/// `GET /v1/models`.
pub(crate) fn models(names: &[&str]) -> Value {
    let models = names.iter().map(|name| {
        json!({"id": name, "object": "model", "created": 1_680_000_000, "owned_by": FINGERPRINT, "shutdown_date": null})
    });
    json!({"object": "list", "data": models.collect::<Vec<_>>()})
}

/// The parameters that both endpoints have.
#[derive(Debug)]
struct Common {
    model: String,
    choices: usize,
    sampling: Sampling,
    stream: Option<Stream>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stream {
    include_usage: bool,
}

impl Common {
    /// Reads them, all but the limit on tokens, which the endpoints name differently.
    fn parse(fields: &Fields<'_>) -> Result<Self, Refusal> {
        let model = match fields.string("model")? {
            Some(model) if !model.is_empty() => model.to_owned(),
            _ => return Err(bad_request("you must provide a model parameter")),
        };
        let temperature = fields.decimal("temperature", 0.0..=2.0)?;
        fields.decimal("top_p", 0.0..=1.0)?;
        fields.decimal("presence_penalty", -2.0..=2.0)?;
        fields.decimal("frequency_penalty", -2.0..=2.0)?;
        let choices = fields.integer("n", 1..=128)?.unwrap_or(1);
        let sampling = Sampling {
            max_tokens: None,
            stop: fields.strings("stop", 4)?,
            seed: fields.integer("seed", i64::MIN..=i64::MAX)?,
            greedy: temperature == Some(0.0),
        };
        let choices = usize::try_from(choices).unwrap_or(1);
        Ok(Self { model, choices, sampling, stream: parse_stream(fields)? })
    }
}

fn parse_stream(fields: &Fields<'_>) -> Result<Option<Stream>, Refusal> {
    let stream = fields.boolean("stream")?;
    let Some(options) = fields.get("stream_options") else {
        return Ok(stream.then_some(Stream { include_usage: false }));
    };
    if !stream {
        let message = "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
        return Err(bad_request(message).with_param("stream_options"));
    }
    let include_usage = fields.nested(options, "stream_options".to_owned())?.boolean("include_usage")?;
    Ok(Some(Stream { include_usage }))
}

/// The limit on tokens called `name`.
fn token_limit(fields: &Fields<'_>, name: &str, minimum: i64) -> Result<Option<u64>, Refusal> {
    Ok(fields.integer(name, minimum..=i64::MAX)?.map(i64::unsigned_abs))
}

fn finish_reason(finish: &Finish) -> &'static str {
    match finish {
        Finish::Complete | Finish::StopSequence(_) => "stop",
        Finish::Length => "length",
    }
}

fn usage(tokens: Charge) -> Value {
    json!({"prompt_tokens": tokens.input, "completion_tokens": tokens.output, "total_tokens": tokens.total()})
}

/// A stream's events: `head` around each list of choices, then the usage if asked for, then the end
/// marker.
fn events(head: &Value, choices: Vec<Value>, stream: Stream, usage: Value) -> Vec<String> {
    let chunk = |choices: Value, usage: Value| {
        let mut chunk = head.clone();
        chunk["choices"] = choices;
        if stream.include_usage {
            chunk["usage"] = usage;
        }
        data_event(&chunk)
    };
    let mut events: Vec<_> = choices.into_iter().map(|choice| chunk(json!([choice]), Value::Null)).collect();
    if stream.include_usage {
        events.push(chunk(json!([]), usage));
    }
    events.push("data: [DONE]\n\n".to_owned());
    events
}

/// Takes the first event of each choice, then the second of each, and so on: choices come
/// interleaved.
fn interleave(choices: Vec<Vec<Value>>) -> Vec<Value> {
    let mut choices: Vec<_> = choices.into_iter().map(Vec::into_iter).collect();
    let mut interleaved = Vec::new();
    loop {
        let before = interleaved.len();
        interleaved.extend(choices.iter_mut().filter_map(Iterator::next));
        if interleaved.len() == before {
            return interleaved;
        }
    }
}

fn bad_request(message: impl Into<String>) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, INVALID_REQUEST, message)
}

/// Puts a fault in OpenAI's words.
pub(crate) fn refuse(fault: &Fault) -> Refusal {
    let new = |status, message: String| Refusal::new(status, INVALID_REQUEST, message);
    match fault {
        Fault::NotJson => bad_request(
            "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP \
             library correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON. If you \
             have trouble figuring out how to fix this, please contact us through our help center at \
             help.openai.com.)",
        ),
        Fault::TooLarge => new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "The request body is too large: the maximum is 33554432 bytes.".to_owned(),
        ),
        Fault::MissingKey => new(
            StatusCode::UNAUTHORIZED,
            "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer \
             auth (i.e. Authorization: Bearer YOUR_KEY), or as the password field (with blank username) if you're \
             accessing the API from your browser and are prompted for a username and password. You can obtain an API \
             key from https://platform.openai.com/account/api-keys."
                .to_owned(),
        ),
        Fault::UnknownModel { name } => {
            let message = format!("The model `{name}` does not exist or you do not have access to it.");
            new(StatusCode::NOT_FOUND, message).with_code("model_not_found")
        }
        Fault::UnknownPath { method, path } => new(StatusCode::NOT_FOUND, format!("Invalid URL ({method} {path})")),
        Fault::WrongMethod { method, path } => {
            let message = format!("Not allowed to {method} on {path}.");
            new(StatusCode::METHOD_NOT_ALLOWED, message).with_code("method_not_supported")
        }
        Fault::Field(FieldFault { name, problem }) => {
            let (code, message) = field_message(name, problem);
            bad_request(message).with_param(name).with_code(code)
        }
    }
}

/// The code and the text for a bad field.
fn field_message(name: &str, problem: &Problem) -> (&'static str, String) {
    match problem {
        Problem::Missing => ("missing_required_parameter", format!("Missing required parameter: '{name}'.")),
        Problem::WrongType { expected, got } => {
            let expected = match expected {
                Expected::String => "a string",
                Expected::Integer => "an integer",
                Expected::Decimal => "a decimal",
                Expected::Boolean => "a boolean",
                Expected::Object => "an object",
                Expected::StringOrArray => "one of a string or array of strings",
                Expected::Array => "an array of objects",
            };
            ("invalid_type", format!("Invalid type for '{name}': expected {expected}, but got {got} instead."))
        }
        Problem::TooSmall { minimum, got } => {
            let (code, kind) = match got {
                Number::Integer(_) => ("integer_below_min_value", "integer"),
                Number::Decimal(_) => ("decimal_below_min_value", "decimal"),
            };
            let rule = format!("Expected a value >= {minimum}, but got {got} instead.");
            (code, format!("Invalid '{name}': {kind} below minimum value. {rule}"))
        }
        Problem::TooLarge { maximum, got } => {
            let (code, kind) = match got {
                Number::Integer(_) => ("integer_above_max_value", "integer"),
                Number::Decimal(_) => ("decimal_above_max_value", "decimal"),
            };
            let rule = format!("Expected a value <= {maximum}, but got {got} instead.");
            (code, format!("Invalid '{name}': {kind} above maximum value. {rule}"))
        }
        Problem::EmptyArray => {
            let rule = "Expected an array with minimum length 1, but got an empty array instead.";
            ("empty_array", format!("Invalid '{name}': empty array. {rule}"))
        }
        Problem::ArrayTooLong { maximum, got } => {
            let rule =
                format!("Expected an array with maximum length {maximum}, but got an array with length {got} instead.");
            ("array_above_max_length", format!("Invalid '{name}': array too long. {rule}"))
        }
        Problem::UnknownValue { got, known } => {
            let known = known.iter().map(|value| format!("'{value}'")).collect::<Vec<_>>().join(", ");
            ("invalid_value", format!("Invalid value: '{got}'. Supported values are: {known}."))
        }
    }
}
