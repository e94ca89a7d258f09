//! PromptLayer's format: two ways to log a request. The log itself is
//! [`Sim::requests`](crate::Sim::requests).

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::{
    fields::{FieldFault, Fields, Problem},
    refusal::{Fault, Refusal},
};

/// `POST /track-request`; the reply names the request by `id`.
pub(crate) fn track_request(fields: &Fields<'_>, id: u64) -> Result<Value, Refusal> {
    fields.required_string("function_name")?;
    fields.required("request_response")?;
    fields.required("request_start_time")?;
    fields.required("request_end_time")?;
    Ok(json!({"request_id": id, "success": true, "message": "Request tracked (simulated)"}))
}

/// `POST /log-request`; the reply names the request by `id`.
pub(crate) fn log_request(fields: &Fields<'_>, id: u64) -> Result<Value, Refusal> {
    let provider = fields.required_string("provider")?;
    let model = fields.required_string("model")?;
    for name in ["input", "output", "request_start_time", "request_end_time"] {
        fields.required(name)?;
    }
    let number = |name: &str| fields.get(name).and_then(Value::as_f64);
    let tokens = number("input_tokens").unwrap_or(0.0) + number("output_tokens").unwrap_or(0.0);
    Ok(json!({
        "id": id,
        "prompt_version": null,
        "provider_type": provider,
        "engine": model,
        "tokens": tokens,
        "price": number("price").unwrap_or(0.0),
        "status": fields.string("status")?.unwrap_or("SUCCESS"),
    }))
}

/// Puts a fault in words. PromptLayer's own are not documented; its clients read only `message`.
pub(crate) fn refuse(fault: &Fault) -> Refusal {
    let new = |status, message: String| Refusal::new(status, "error", message);
    match fault {
        Fault::NotJson => new(StatusCode::BAD_REQUEST, "The request body is not a JSON object.".to_owned()),
        Fault::TooLarge => new(StatusCode::PAYLOAD_TOO_LARGE, "The request body is too large.".to_owned()),
        Fault::MissingKey => new(StatusCode::UNAUTHORIZED, "An API key is required.".to_owned()),
        Fault::UnknownModel { name } => new(StatusCode::NOT_FOUND, format!("{name} not found.")),
        Fault::UnknownPath { path, .. } => new(StatusCode::NOT_FOUND, format!("{path} not found.")),
        Fault::WrongMethod { method, path } => {
            new(StatusCode::METHOD_NOT_ALLOWED, format!("{method} is not allowed on {path}."))
        }
        Fault::Field(FieldFault { name, problem: Problem::Missing }) => {
            new(StatusCode::BAD_REQUEST, format!("{name} is required."))
        }
        Fault::Field(FieldFault { name, .. }) => new(StatusCode::BAD_REQUEST, format!("{name} is not valid.")),
    }
}
