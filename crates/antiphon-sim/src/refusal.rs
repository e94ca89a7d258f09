//! What can be wrong with a request, before a provider's words are put on it, and the error answer
//! after.

use std::borrow::Cow;

use axum::http::StatusCode;
use serde_json::Value;

use crate::fields::FieldFault;

/// What is wrong with a request, in no provider's words.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Fault {
    /// The body is not a JSON object.
    NotJson,
    /// The body is larger than the server takes.
    TooLarge,
    /// No key came along.
    MissingKey,
    /// It asks a model that is not among those that were set.
    UnknownModel { name: String },
    /// Nothing is served at this path.
    UnknownPath { method: String, path: String },
    /// Something is served at this path, but not for this method.
    WrongMethod { method: String, path: String },
    /// A field is missing or holds something impossible.
    Field(FieldFault),
}

/// An error answer; its provider decides which of the parts appear in the body.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    /// The `type` of the error.
    pub(crate) kind: Cow<'static, str>,
    pub(crate) message: String,
    /// The parameter that is to blame, where the provider reports it.
    pub(crate) param: Option<String>,
    pub(crate) code: Option<Cow<'static, str>>,
    /// What more there is to say, where the provider says it.
    pub(crate) details: Box<[Value]>,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, kind: &'static str, message: impl Into<String>) -> Self {
        Self { status, kind: kind.into(), message: message.into(), param: None, code: None, details: Box::default() }
    }

    pub(crate) fn with_param(self, param: impl Into<String>) -> Self {
        Self { param: Some(param.into()), ..self }
    }

    pub(crate) fn with_code(self, code: &'static str) -> Self {
        Self { code: Some(code.into()), ..self }
    }
}
