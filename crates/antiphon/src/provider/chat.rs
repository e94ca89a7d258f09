//! OpenAI's `/chat/completions`: one conversation a request, several answers to it.
//!
//! Reference: <https://platform.openai.com/docs/api-reference/chat>

use std::borrow::Cow;

use serde_json::{Value, json};

use super::Provider;
use super::completions::{DONE, Ending, usage};
use super::options::Options;
use super::wire::{Answer, Body, Fault, Piece, StreamReader, Wire, json as read_json};
use crate::error::ApiError;
use crate::json::Json;
use crate::prompt::Message;
use crate::result::Generation;
use crate::transport::{Endpoint, Frame};

/// What OpenAI answers with if no model is set. It is the one OpenAI names as the successor of the
/// models that notebooks used (<https://platform.openai.com/docs/deprecations>).
pub(super) const DEFAULT_MODEL: &str = "gpt-6-luna";

/// The endpoint's language.
#[derive(Debug)]
pub(super) struct Chat {
    /// Whether a stream's usage has to be asked for; Mistral sends it anyway and refuses to be asked.
    pub(super) asks_for_usage: bool,
}

impl Chat {
    /// As OpenAI speaks it.
    pub(super) const PLAIN: Self = Self { asks_for_usage: true };
}

/// A request for one conversation.
pub(super) fn body(endpoint: &Endpoint, options: &Options, model: &str, messages: &[Message]) -> Body {
    let mut body = options.to_wire(model);
    if let Some(max_tokens) = options.max_tokens {
        // OpenAI's reasoning models know only the new name, other servers often only the old.
        let own = endpoint.provider == Provider::OpenAi && endpoint.is_providers_own();
        let key = if own { "max_completion_tokens" } else { "max_tokens" };
        body.insert(key.to_owned(), max_tokens.into());
    }
    if options.model.is_none() && endpoint.provider == Provider::OpenAi && endpoint.is_providers_own() {
        // Without this the default model reasons, refuses `temperature` and spends `max_tokens` on
        // thoughts.
        body.insert("reasoning_effort".to_owned(), "none".into());
    }
    let system = options.system.iter().map(Message::system);
    let messages = system.map(|it| it.to_wire()).chain(messages.iter().map(Message::to_wire));
    body.insert("messages".to_owned(), messages.collect());
    body
}

/// What chat has no word for.
pub(super) fn dropped(options: &Options) -> Vec<String> {
    if options.best_of.is_some_and(|best_of| best_of > 1) { vec!["best_of".to_owned()] } else { Vec::new() }
}

impl Wire for Chat {
    fn path(&self, _model: &str, _is_stream: bool) -> Cow<'static, str> {
        "/chat/completions".into()
    }

    fn read(&self, body: &Json<'_>, _prompts: usize, _n: usize) -> Result<Answer, Fault> {
        let choices = body["choices"].as_array().filter(|it| !it.is_empty());
        let mut choices: Vec<&Json<'_>> = choices.ok_or("has no `choices`")?.iter().collect();
        // Stable: choices without an index stay in order.
        choices.sort_by_key(|choice| choice["index"].as_u64());
        // A field that is missing is forgiven, one that is something else is not.
        let mut sound = choices.iter().map(|it| it.get("message").unwrap_or(it).is_object());
        sound.all(|it| it).then_some(()).ok_or("has a choice that is none")?;
        let generations = choices.into_iter().map(|choice| {
            let message = &choice["message"];
            let mut generation = Generation::new(text(&message["content"]));
            generation.note("finish_reason", &choice["finish_reason"]);
            generation.note("logprobs", &choice["logprobs"]);
            generation.note("refusal", &message["refusal"]);
            generation.note("prompt_filter_results", &body["prompt_filter_results"]);
            generation.note("content_filter_results", &choice["content_filter_results"]);
            generation.note("reasoning", reasoning(message));
            generation
        });
        Ok(Answer {
            generations: vec![generations.collect()],
            usage: usage(&body["usage"]),
            model: body["model"].as_str().map(str::to_owned),
        })
    }

    fn ask_for_stream(&self, body: &mut Body) {
        body.insert("stream".to_owned(), true.into());
        if self.asks_for_usage {
            body.insert("stream_options".to_owned(), json!({ "include_usage": true }));
        }
    }

    fn stream_reader(&self) -> Box<dyn StreamReader> {
        Box::<ChatStream>::default()
    }
}

#[derive(Debug, Default)]
struct ChatStream {
    ending: Ending,
}

impl StreamReader for ChatStream {
    fn read(&mut self, frame: &Frame, pieces: &mut Vec<Piece>) -> Result<(), Fault> {
        if frame.data.starts_with(DONE) {
            self.ending.finish();
            return Ok(());
        }
        let chunk = read_json(frame)?;
        if let Some(error) = ApiError::in_stream(&chunk) {
            return Err(error.into());
        }
        self.ending.read(&chunk, pieces);
        pieces.push(Piece::Note("prompt_filter_results", (&chunk["prompt_filter_results"]).into()));
        // Azure's first chunk has no choices, and so has the one with the usage.
        for choice in chunk["choices"].as_array().into_iter().flatten() {
            let delta = &choice["delta"];
            if let Some(reasoning) = reasoning(delta) {
                pieces.push(Piece::Reasoning(reasoning));
            }
            pieces.push(Piece::Text(text(&delta["content"])));
            if let Some(refusal) = delta["refusal"].as_str() {
                pieces.push(Piece::Note("refusal", refusal.into()));
            }
            pieces.push(Piece::Note("finish_reason", (&choice["finish_reason"]).into()));
            pieces.push(Piece::Note("content_filter_results", filled(&choice["content_filter_results"])));
        }
        Ok(())
    }

    fn is_finished(&self) -> bool {
        self.ending.is_finished()
    }
}

/// Azure's last chunk has an empty object where those before had results.
fn filled(results: &Json<'_>) -> Value {
    match results {
        Json::Object(fields) if fields.is_empty() => Value::Null,
        results => results.into(),
    }
}

/// A content's text; Mistral and Anthropic send a list of parts, of which the text ones count.
pub(super) fn text(content: &Json<'_>) -> String {
    match content {
        Json::String(text) => text.to_string(),
        Json::Array(parts) => {
            let texts = parts.iter().filter(|part| part["type"].as_str() == Some("text"));
            texts.filter_map(|part| part["text"].as_str()).collect()
        }
        _ => String::new(),
    }
}

/// The thoughts in a message or a delta: `DeepSeek`'s and vLLM's `reasoning_content`, `OpenRouter`'s `reasoning`, Mistral's
/// parts of type `thinking`.
fn reasoning(message: &Json<'_>) -> Option<String> {
    let named = ["reasoning_content", "reasoning"].iter().find_map(|key| message[*key].as_str());
    let text = named.map_or_else(|| thinking(&message["content"]), str::to_owned);
    (!text.is_empty()).then_some(text)
}

fn thinking(content: &Json<'_>) -> String {
    let parts = content.as_array().into_iter().flatten().filter(|part| part["type"].as_str() == Some("thinking"));
    parts
        .map(|part| match &part["thinking"] {
            Json::String(text) => text.to_string(),
            parts => text(parts),
        })
        .collect()
}
