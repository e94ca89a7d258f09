//! OpenAI's `/chat/completions`: one conversation a request, several answers to it.
//!
//! Reference: <https://platform.openai.com/docs/api-reference/chat>

use futures::future::try_join_all;
use serde_json::{Map, Value};

use super::completions::{collect, usage};
use super::options::Options;
use super::refused::{self, Repaired};
use crate::error::Error;
use crate::prompt::Message;
use crate::result::{Generation, LlmResult, TokenUsage};
use crate::transport::Endpoint;

const PATH: &str = "/chat/completions";

/// What OpenAI answers with if no model is set. It is the one OpenAI names as the successor of the
/// models that notebooks used (<https://platform.openai.com/docs/deprecations>).
pub(super) const DEFAULT_MODEL: &str = "gpt-6-luna";

/// Answers each conversation in a request of its own, all at the same time.
pub(super) async fn complete(
    endpoint: &Endpoint,
    options: &Options,
    model: &str,
    conversations: &[Vec<Message>],
) -> Result<LlmResult, Error> {
    let options_wire = to_wire(endpoint, options, model);
    let requests = conversations.iter().map(|messages| {
        let mut body = options_wire.clone();
        body.insert("messages".to_owned(), messages.iter().map(Message::to_wire).collect());
        request(endpoint, options, model, body)
    });
    Ok(collect(model, try_join_all(requests).await?))
}

fn to_wire(endpoint: &Endpoint, options: &Options, model: &str) -> Map<String, Value> {
    let mut body = options.to_wire(model);
    if let Some(max_tokens) = options.max_tokens {
        // OpenAI's reasoning models know only the new name, other servers often only the old.
        let key = if endpoint.is_providers_own() { "max_completion_tokens" } else { "max_tokens" };
        body.insert(key.to_owned(), max_tokens.into());
    }
    if options.model.is_none() && endpoint.is_providers_own() {
        // Without this the default model reasons, refuses `temperature` and spends `max_tokens` on
        // thoughts.
        body.insert("reasoning_effort".to_owned(), "none".into());
    }
    body
}

async fn request(
    endpoint: &Endpoint,
    options: &Options,
    model: &str,
    body: Map<String, Value>,
) -> Result<(Vec<Vec<Generation>>, TokenUsage), Error> {
    let mut repaired = refused::post(endpoint, PATH, model, &body).await?;
    if options.best_of.is_some_and(|best_of| best_of > 1) {
        // Chat has no such thing.
        repaired.dropped.push("best_of".to_owned());
    }
    let generations =
        read(&repaired, model).map_err(|error| error.with_provider(endpoint.provider).with_model(model))?;
    Ok((vec![generations], usage(&repaired.reply.body)))
}

fn read(repaired: &Repaired, model: &str) -> Result<Vec<Generation>, Error> {
    let choices = repaired.reply.body["choices"].as_array().filter(|it| !it.is_empty());
    let Some(choices) = choices else {
        let request_id = repaired.reply.request_id.clone();
        return Err(Error::unexpected_body(200, "has no `choices`", request_id));
    };
    let mut choices: Vec<&Value> = choices.iter().collect();
    // Stable: choices without an index stay in order.
    choices.sort_by_key(|choice| choice["index"].as_u64());
    let generations = choices.into_iter().map(|choice| {
        let message = &choice["message"];
        let mut generation = Generation::new(text(&message["content"]));
        generation.note("finish_reason", choice["finish_reason"].clone());
        generation.note("logprobs", choice["logprobs"].clone());
        generation.note("refusal", message["refusal"].clone());
        repaired.note_on(&mut generation, model);
        generation
    });
    Ok(generations.collect())
}

/// A content's text; Mistral and Anthropic send a list of parts, of which the text ones count.
pub(super) fn text(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            parts.iter().filter(|part| part["type"] == "text").filter_map(|part| part["text"].as_str()).collect()
        }
        _ => String::new(),
    }
}
