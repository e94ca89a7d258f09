//! Requests whose options a model may refuse.
//!
//! Reasoning models answer 400 to options that other models take. The refused option is renamed or
//! left out and the request sent again; what was learned is kept for the life of the process, so
//! that later calls ask right the first time.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use once_cell::sync::Lazy;
use serde_json::Value;

use super::Provider;
use super::wire::{Fault, estimate};
use crate::error::Error;
use crate::json::Json;
use crate::result::Generation;
use crate::transport::{Endpoint, Reply};

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

/// An answer, and what had to be left out to get it.
#[derive(Debug)]
pub(crate) struct Repaired {
    pub(crate) reply: Reply,
    pub(crate) dropped: Vec<String>,
}

impl Repaired {
    /// Notes on `generation` what is known of its request. `answered` is the model's own name.
    pub(crate) fn note_on(&self, generation: &mut Generation, model: &str, answered: Option<&str>) {
        let reply = &self.reply;
        if let Some(answered) = answered.filter(|it| *it != model) {
            generation.note("response_model", answered);
        }
        generation.note("request_id", reply.request_id.clone());
        if reply.retries > 0 {
            generation.note("retries", reply.retries);
        }
        if !self.dropped.is_empty() {
            generation.note("dropped_params", self.dropped.clone());
        }
    }
}

/// Posts `body` with what the model refuses left out, and reads the answer with `read`.
pub(crate) async fn post<T: Send>(
    endpoint: &Endpoint,
    path: &str,
    model: &str,
    body: &Value,
    read: impl Fn(&Json<'_>) -> Result<T, Fault> + Send + Sync,
) -> Result<(T, Repaired), Error> {
    let read = &read;
    repairing(endpoint, model, body, |sent, dropped| async move {
        let (answer, reply) = endpoint.post(path, model, &sent, estimate(&sent), read).await?;
        Ok((answer, Repaired { reply, dropped }))
    })
    .await
}

/// Calls `send` with `body` without what the model refuses, and the names of what is left out. Each option is refused
/// at most once, so that a provider that refuses everything ends the loop.
pub(crate) async fn repairing<'a, T, F>(
    endpoint: &Endpoint,
    model: &str,
    body: &'a Value,
    send: impl Fn(Cow<'a, Value>, Vec<String>) -> F,
) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    let place = (endpoint.base_url.to_string(), model.to_owned());
    loop {
        let refused = remembered(&place);
        let (sent, dropped) = without(body, &refused);
        match send(sent, dropped).await {
            Ok(answer) => return Ok(answer),
            Err(error) => match refused_option(endpoint.provider, &error, &without(body, &refused).0) {
                Some(option) => remember(&place, option),
                None => return Err(error),
            },
        }
    }
}

/// Whether the model's server is known to refuse `fact`.
pub(crate) fn is_known(endpoint: &Endpoint, model: &str, fact: &str) -> bool {
    remembered(&(endpoint.base_url.to_string(), model.to_owned())).contains(fact)
}

/// Remembers something other than an option that the model's server refuses.
pub(crate) fn learn(endpoint: &Endpoint, model: &str, fact: &str) {
    remember(&(endpoint.base_url.to_string(), model.to_owned()), fact.to_owned());
}

/// `body` without the refused options, and the names of those that are lost thereby.
fn without<'a>(body: &'a Value, refused: &BTreeSet<String>) -> (Cow<'a, Value>, Vec<String>) {
    let mut dropped = Vec::new();
    let Some(options) = body.as_object().filter(|_| !refused.is_empty()) else {
        return (Cow::Borrowed(body), dropped);
    };
    let mut sent = options.clone();
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
    (Cow::Owned(Value::Object(sent)), dropped)
}

/// The option among `sent` that the error blames on the model, if it is one that can be left out.
fn refused_option(provider: Provider, error: &Error, sent: &Value) -> Option<String> {
    let is_sent = |option: &str| sent.get(option).is_some();
    if error.status()? != 400 {
        return None;
    }
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

fn remembered(place: &Place) -> BTreeSet<String> {
    let refused = REFUSED.lock().unwrap_or_else(PoisonError::into_inner);
    refused.get(place).cloned().unwrap_or_default()
}

fn remember(place: &Place, option: String) {
    let mut refused = REFUSED.lock().unwrap_or_else(PoisonError::into_inner);
    if refused.len() >= REMEMBERED && !refused.contains_key(place) {
        refused.clear();
    }
    refused.entry(place.clone()).or_default().insert(option);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(refused: &[&str], expected: &Value, expected_dropped: &[&str]) {
        let body = json!({ "model": "m", "max_tokens": 5, "temperature": 1 });
        let refused = refused.iter().map(|&it| it.to_owned()).collect();
        let (sent, dropped) = without(&body, &refused);
        assert_eq!(*sent, *expected);
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
