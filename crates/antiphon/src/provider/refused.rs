//! Requests whose options a model may refuse.
//!
//! Reasoning models answer 400 to options that other models take. The refused option is renamed or
//! left out and the request sent again; what was learned is kept for the life of the process.
//!
//! A body is made when it is its call's turn, so that calls that waited know what those before them have learned.
//! Calls that are under way together before the first refusal came are refused one by one: were all to wait for the
//! first of them, the first answers of every model would take twice as long.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use futures::future::BoxFuture;
use once_cell::sync::Lazy;

use super::Provider;
use super::wire::{Fault, Payload, fields};
use crate::error::Error;
use crate::json::Json;
use crate::limits::Admission;
use crate::result::Generation;
use crate::retry::Attempts;
use crate::transport::Endpoint;

/// The two names that a limit on a chat answer has had.
const TOKEN_LIMITS: [&str; 2] = ["max_tokens", "max_completion_tokens"];

/// Names under which a body can not do without a value.
const REQUIRED: &[&str] = &["model", "prompt", "messages", "stream"];

/// Options of Anthropic that models refuse, without naming a parameter; the one to give up first
/// comes first.
const ANTHROPIC_OPTIONS: &[&str] = &["top_k", "top_p", "temperature"];

/// Models remembered at most, against programs that make names up.
const REMEMBERED: usize = 1_024;

/// Base URL and model.
type Place = (String, String);

/// What is refused where.
static REFUSED: Lazy<Mutex<HashMap<Place, BTreeSet<String>>>> = Lazy::new(Mutex::default);

/// What is known of a request that succeeded.
#[derive(Debug, Default)]
pub(crate) struct Repaired {
    pub(crate) request_id: Option<String>,
    pub(crate) retries: u32,
    /// What had to be left out.
    pub(crate) dropped: Vec<String>,
    /// The call's place among those that are under way, until it is settled.
    pub(crate) admission: Option<Admission>,
}

impl Repaired {
    /// Notes on `generation` what is known of its request. `answered` is the model's own name.
    pub(crate) fn note_on(&self, generation: &mut Generation, model: &str, answered: Option<&str>) {
        if let Some(answered) = answered.filter(|it| *it != model) {
            generation.note("response_model", answered);
        }
        generation.note("request_id", self.request_id.clone());
        if self.retries > 0 {
            generation.note("retries", self.retries);
        }
        if !self.dropped.is_empty() {
            generation.note("dropped_params", self.dropped.clone());
        }
    }
}

/// Posts `body` with what the model refuses left out, and reads the answer with `read`.
pub(crate) fn post<'a, T: Send>(
    endpoint: &'a Endpoint,
    path: &'a str,
    model: &'a str,
    body: &'a Payload,
    read: impl Fn(&Json<'_>) -> Result<T, Fault> + Send + Sync + 'a,
) -> BoxFuture<'a, Result<(T, Repaired), Error>> {
    Box::pin(async move {
        let mut attempts = endpoint.attempts(model);
        let (lane, read) = (&*attempts.lane(), &read);
        let answer = repairing(endpoint, model, &mut attempts, body, |sent| async move {
            endpoint.post(path, &sent, lane, read).await
        });
        let ((answer, request_id), repaired) = answer.await?;
        Ok((answer, Repaired { request_id, ..repaired }))
    })
}

/// Calls `send`, again if need be, with `body` without what the model refuses. Each option is refused at most once, so
/// that a provider that refuses everything ends the loop.
pub(crate) async fn repairing<T, F>(
    endpoint: &Endpoint,
    model: &str,
    attempts: &mut Attempts,
    body: &Payload,
    send: impl Fn(Bytes) -> F,
) -> Result<(T, Repaired), Error>
where
    F: Future<Output = Result<T, Error>>,
{
    // Of this call, whatever becomes of what is remembered.
    let mut refused = BTreeSet::new();
    loop {
        let attempt = || {
            let refused: BTreeSet<_> = &refused | &remembered(endpoint, model);
            let (sent, dropped) = without(&body.text, &refused);
            let send = &send;
            async move {
                let error = match send(sent.clone()).await {
                    Ok(answer) => return Ok(Ok((answer, dropped))),
                    Err(error) => error,
                };
                let option = refused_option(endpoint.provider, &error, &sent).ok_or(error)?;
                remember(endpoint, model, option.clone());
                Ok(Err(option))
            }
        };
        let ran = attempts.run(body.tokens, attempt).await;
        let (outcome, admission) = ran.map_err(|it| it.with_provider(endpoint.provider).with_model(model))?;
        match outcome {
            Ok((answer, dropped)) => {
                let (retries, admission) = (attempts.retries(), Some(admission));
                return Ok((answer, Repaired { request_id: None, retries, dropped, admission }));
            }
            Err(option) => _ = refused.insert(option),
        }
    }
}

/// Whether the model's server is known to refuse `fact`.
pub(crate) fn is_known(endpoint: &Endpoint, model: &str, fact: &str) -> bool {
    remembered(endpoint, model).contains(fact)
}

/// Remembers something other than an option that the model's server refuses.
pub(crate) fn learn(endpoint: &Endpoint, model: &str, fact: &str) {
    remember(endpoint, model, fact.to_owned());
}

/// `body` without the refused options, and the names of those that are lost thereby.
fn without(body: &Bytes, refused: &BTreeSet<String>) -> (Bytes, Vec<String>) {
    let mut dropped = Vec::new();
    if refused.is_empty() {
        return (body.clone(), dropped);
    }
    let mut sent = fields(body);
    for option in refused {
        let Some(value) = sent.remove(option) else {
            continue;
        };
        let other_name =
            TOKEN_LIMITS.into_iter().find(|it| TOKEN_LIMITS.contains(&option.as_str()) && !refused.contains(*it));
        match other_name {
            Some(name) => {
                sent.insert(name.to_owned(), value);
            }
            None => dropped.push(option.clone()),
        }
    }
    (Payload::from(sent).text, dropped)
}

/// The option among `sent` that the error blames on the model, if it is one that can be left out.
fn refused_option(provider: Provider, error: &Error, sent: &[u8]) -> Option<String> {
    if error.status()? != 400 {
        return None;
    }
    let sent = fields(sent);
    let is_sent = |option: &str| sent.contains_key(option);
    let option = match provider {
        Provider::Anthropic => {
            let message = error.message()?;
            let model_refuses = ["not supported", "unsupported", "deprecated", "cannot both"]
                .iter()
                .any(|words| message.contains(words));
            ANTHROPIC_OPTIONS.iter().find(|it| model_refuses && message.contains(**it) && is_sent(it))?
        }
        // Their errors name no option in a field.
        Provider::Bedrock | Provider::Gemini => return None,
        Provider::OpenAi
        | Provider::AzureOpenAi
        | Provider::Ollama
        | Provider::PromptLayer
        | Provider::Compatible(_) => {
            let refused = matches!(error.code()?, "unsupported_parameter" | "unsupported_value");
            error.param().filter(|_| refused)?
        }
    };
    (!REQUIRED.contains(&option) && is_sent(option)).then(|| option.to_owned())
}

fn place(endpoint: &Endpoint, model: &str) -> Place {
    (endpoint.base_url.to_string(), model.to_owned())
}

fn remembered(endpoint: &Endpoint, model: &str) -> BTreeSet<String> {
    let refused = REFUSED.lock().unwrap_or_else(PoisonError::into_inner);
    // Most programs' models refuse nothing.
    if refused.is_empty() {
        return BTreeSet::new();
    }
    refused.get(&place(endpoint, model)).cloned().unwrap_or_default()
}

fn remember(endpoint: &Endpoint, model: &str, option: String) {
    let place = place(endpoint, model);
    let mut refused = REFUSED.lock().unwrap_or_else(PoisonError::into_inner);
    if refused.len() >= REMEMBERED && !refused.contains_key(&place) {
        refused.clear();
    }
    refused.entry(place).or_default().insert(option);
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn check(refused: &[&str], expected: &Value, expected_dropped: &[&str]) {
        let body = Payload::from(&json!({ "model": "m", "max_tokens": 5, "temperature": 1 }));
        let refused = refused.iter().map(|&it| it.to_owned()).collect();
        let (sent, dropped) = without(&body.text, &refused);
        assert_eq!(Value::Object(fields(&sent)), *expected);
        assert_eq!(dropped, expected_dropped);
    }

    #[test]
    fn limits_are_renamed_and_the_rest_is_dropped() {
        check(&[], &json!({ "model": "m", "max_tokens": 5, "temperature": 1 }), &[]);
        check(&["max_tokens"], &json!({ "model": "m", "max_completion_tokens": 5, "temperature": 1 }), &[]);
        check(
            &["max_tokens", "max_completion_tokens", "temperature", "seed"],
            &json!({ "model": "m" }),
            &["max_tokens", "temperature"],
        );
    }
}
