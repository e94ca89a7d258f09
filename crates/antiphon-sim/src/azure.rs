//! Azure's form of OpenAI's chat: the deployment in the path, what the content filter found, errors of the gateway.

use axum::http::{StatusCode, Uri};
use serde_json::{Value, json};

use crate::{
    fields::Fields,
    generate::Generator,
    openai::{self, chat},
    plan::{Charge, Payload},
    refusal::{Fault, Refusal},
    render::data_event,
    route::decoded,
    seed::Random,
};

const DEPLOYMENTS: &str = "/openai/deployments/";
/// Versions that go with addresses without deployments.
const V1_VERSIONS: [&str; 3] = ["v1", "preview", "latest"];

/// Where a request for a chat goes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// The deployment is in the path.
    Deployment(String),
    /// The deployment is the `model` of the body.
    V1,
}

/// The address that `path` is, if it is one.
pub(crate) fn address(path: &str) -> Option<Address> {
    if path == "/openai/v1/chat/completions" {
        return Some(Address::V1);
    }
    let deployment = path.strip_prefix(DEPLOYMENTS)?.strip_suffix("/chat/completions")?;
    (!deployment.is_empty() && !deployment.contains('/')).then(|| Address::Deployment(decoded(deployment)))
}

#[derive(Debug)]
pub(crate) struct Request(chat::Request);

impl Request {
    pub(crate) fn model(&self) -> &str {
        self.0.model()
    }
}

pub(crate) fn parse(uri: &Uri, json: Option<&Value>) -> Result<Request, Refusal> {
    let Some(Value::Object(body)) = json else {
        return Err(refuse(&Fault::NotJson));
    };
    let mut body = body.clone();
    let query = uri.query().unwrap_or_default().split('&');
    let version = query.filter_map(|part| part.split_once('=')).find(|(name, _)| *name == "api-version");
    match (address(uri.path()), version) {
        (Some(Address::Deployment(deployment)), Some(_)) => {
            body.insert("model".to_owned(), deployment.into());
        }
        (Some(Address::V1), None) => {}
        (Some(Address::V1), Some((_, version))) if V1_VERSIONS.contains(&version) => {}
        (Some(Address::V1), Some(_)) => {
            return Err(gateway(StatusCode::BAD_REQUEST, "BadRequest", "API version not supported"));
        }
        _ => return Err(not_found()),
    }
    Ok(Request(chat::parse(&Fields::new(&body, refuse))?))
}

pub(crate) fn answer(request: &Request, generator: &Generator, random: &mut Random) -> (Payload, Charge) {
    let (payload, charge) = chat::answer(&request.0, generator, random);
    let payload = match payload {
        Payload::Json(mut body) => {
            filter_choices(&mut body);
            body["prompt_filter_results"] = prompt_results();
            Payload::Json(body)
        }
        Payload::Events(events) => {
            let first = json!({
                "choices": [], "created": 0, "id": "", "model": "", "object": "",
                "prompt_filter_results": prompt_results(),
            });
            let filtered =
                events.into_iter().map(|event| match event.strip_prefix("data: ").map(serde_json::from_str) {
                    Some(Ok(mut chunk)) => {
                        filter_choices(&mut chunk);
                        data_event(&chunk)
                    }
                    _ => event,
                });
            Payload::Events([data_event(&first)].into_iter().chain(filtered).collect())
        }
        other => other,
    };
    (payload, charge)
}

/// Says of each choice what was found in it. The last chunk of a choice says nothing.
fn filter_choices(body: &mut Value) {
    for choice in body["choices"].as_array_mut().into_iter().flatten() {
        let is_end = choice["delta"].as_object().is_some_and(|delta| !delta.contains_key("content"));
        choice["content_filter_results"] = if is_end { json!({}) } else { results() };
    }
}

fn prompt_results() -> Value {
    json!([{"prompt_index": 0, "content_filter_results": results()}])
}

fn results() -> Value {
    let safe = json!({"filtered": false, "severity": "safe"});
    json!({"hate": safe, "self_harm": safe, "sexual": safe, "violence": safe})
}

/// An error of what stands before the models, which has no type.
fn gateway(status: StatusCode, code: &'static str, message: &str) -> Refusal {
    Refusal::new(status, "", message).with_code(code)
}

fn not_found() -> Refusal {
    gateway(StatusCode::NOT_FOUND, "404", "Resource not found")
}

/// Puts a fault in Azure's words.
pub(crate) fn refuse(fault: &Fault) -> Refusal {
    match fault {
        Fault::MissingKey => gateway(
            StatusCode::UNAUTHORIZED,
            "401",
            "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for \
             an active subscription and use a correct regional API endpoint for your resource.",
        ),
        Fault::UnknownModel { .. } => gateway(
            StatusCode::NOT_FOUND,
            "DeploymentNotFound",
            "The API deployment for this resource does not exist. If you created the deployment within the last 5 \
             minutes, please wait a moment and try again.",
        ),
        Fault::UnknownPath { .. } | Fault::WrongMethod { .. } => not_found(),
        other => openai::refuse(other),
    }
}

/// The body of an error: OpenAI's, or the short one of the gateway.
pub(crate) fn error_body(refusal: &Refusal) -> Value {
    let Refusal { kind, message, param, code, status, .. } = refusal;
    if !kind.is_empty() {
        return json!({"error": {"message": message, "type": kind, "param": param, "code": code}});
    }
    match param {
        None => json!({"error": {"code": code, "message": message}}),
        Some(param) => {
            json!({"error": {"message": message, "type": null, "param": param, "code": code, "status": status.as_u16()}})
        }
    }
}
