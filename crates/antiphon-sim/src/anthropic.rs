//! Anthropic's format: its errors and its list of models.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::{
    fields::{Expected, FieldFault, Problem},
    refusal::{Fault, Refusal},
};

pub(crate) mod complete;
pub(crate) mod messages;

const INVALID_REQUEST: &str = "invalid_request_error";

/// The models of `GET /v1/models`, unless set.
pub(crate) const EXAMPLES: [&str; 2] = ["claude-haiku", "claude-sonnet"];

/// `GET /v1/models`.
pub(crate) fn models(names: &[&str]) -> Value {
    let data = names.iter().map(|name| {
        let display_name = format!("{name} (simulated)");
        json!({"type": "model", "id": name, "display_name": display_name, "created_at": "2023-03-28T00:00:00Z"})
    });
    let data: Vec<Value> = data.collect();
    json!({"data": data, "has_more": false, "first_id": names.first(), "last_id": names.last()})
}

fn bad_request(message: impl Into<String>) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, INVALID_REQUEST, message)
}

/// The answer to a request that does not say which version of the API it wants.
pub(crate) fn missing_version() -> Refusal {
    bad_request("anthropic-version: header is required")
}

/// Puts a fault in Anthropic's words.
pub(crate) fn refuse(fault: &Fault) -> Refusal {
    match fault {
        Fault::NotJson => bad_request("The request body is not valid JSON."),
        Fault::TooLarge => {
            let message = "Request exceeds the maximum size of 33554432 bytes.";
            Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "request_too_large", message)
        }
        Fault::MissingKey => {
            Refusal::new(StatusCode::UNAUTHORIZED, "authentication_error", "x-api-key header is required")
        }
        Fault::UnknownModel { name } => {
            Refusal::new(StatusCode::NOT_FOUND, "not_found_error", format!("model: {name}"))
        }
        Fault::UnknownPath { path, .. } => {
            Refusal::new(StatusCode::NOT_FOUND, "not_found_error", format!("Not found: {path}"))
        }
        Fault::WrongMethod { .. } => {
            Refusal::new(StatusCode::METHOD_NOT_ALLOWED, INVALID_REQUEST, "Method Not Allowed")
        }
        Fault::Field(FieldFault { name, problem }) => bad_request(format!("{name}: {}", field_message(problem))),
    }
}

fn field_message(problem: &Problem) -> String {
    match problem {
        Problem::Missing => "Field required".to_owned(),
        Problem::WrongType { expected, .. } => {
            let expected = match expected {
                Expected::String => "string",
                Expected::Integer => "integer",
                Expected::Decimal => "number",
                Expected::Boolean => "boolean",
                Expected::Object => "dictionary",
                Expected::StringOrArray | Expected::Array => "list",
            };
            format!("Input should be a valid {expected}")
        }
        Problem::TooSmall { minimum, .. } => {
            format!("Input should be greater than or equal to {minimum}")
        }
        Problem::TooLarge { maximum, .. } => {
            format!("Input should be less than or equal to {maximum}")
        }
        Problem::EmptyArray => "at least one message is required".to_owned(),
        Problem::ArrayTooLong { maximum, got } => {
            format!("List should have at most {maximum} items after validation, not {got}")
        }
        Problem::UnknownValue { known, .. } => {
            let known = known.iter().map(|value| format!("'{value}'")).collect::<Vec<_>>().join(" or ");
            format!("Input should be {known}")
        }
    }
}
