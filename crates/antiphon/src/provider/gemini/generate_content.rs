//! Gemini's `generateContent` and `streamGenerateContent`: one conversation a request, several answers to it.
//!
//! A stream is made of whole answers, each with the next piece of text and all tokens so far. It has no end marker: it is
//! whole when its body ends after a finish reason.
//!
//! Reference: <https://ai.google.dev/api/generate-content>

use std::borrow::Cow;

use crate::error::ApiError;
use crate::json::Json;
use crate::provider::wire::{Answer, Body, Fault, Piece, StreamReader, Wire, json};
use crate::result::{Generation, TokenUsage};
use crate::transport::{Frame, Framing, segment};

/// The endpoint's language.
#[derive(Debug)]
pub(super) struct GenerateContent;

impl Wire for GenerateContent {
    fn path(&self, model: &str, is_stream: bool) -> Cow<'static, str> {
        let (collection, name) = match model.split_once('/') {
            Some((collection @ ("models" | "tunedModels"), name)) => (collection, name),
            _ => ("models", model),
        };
        let method = if is_stream { "streamGenerateContent?alt=sse" } else { "generateContent" };
        format!("/v1beta/{collection}/{}:{method}", segment(name)).into()
    }

    fn operation(&self) -> &'static str {
        "generate_content"
    }

    fn read(&self, body: &Json<'_>, _prompts: usize, _n: usize) -> Result<Answer, Fault> {
        let mut candidates: Vec<&Json<'_>> = body["candidates"].as_array().into_iter().flatten().collect();
        if candidates.is_empty() {
            return Err(blocked(body).map_or_else(|| "has no `candidates`".into(), Into::into));
        }
        // Stable: candidates without an index stay in order.
        candidates.sort_by_key(|candidate| candidate["index"].as_u64());
        let generations = candidates.into_iter().map(|candidate| {
            let mut generation = Generation::new(text(candidate, false));
            generation.note("finish_reason", &candidate["finishReason"]);
            let thoughts = text(candidate, true);
            if !thoughts.is_empty() {
                generation.note("reasoning", thoughts);
            }
            generation
        });
        Ok(Answer {
            generations: vec![generations.collect()],
            usage: usage(&body["usageMetadata"]),
            model: body["modelVersion"].as_str().map(str::to_owned),
        })
    }

    /// The path asks for it.
    fn ask_for_stream(&self, _body: &mut Body) {}

    fn framing(&self) -> Framing {
        Framing::EventsOrArray
    }

    fn stream_reader(&self) -> Box<dyn StreamReader> {
        Box::<ContentStream>::default()
    }
}

#[derive(Debug, Default)]
struct ContentStream {
    has_finish_reason: bool,
    knows_model: bool,
}

impl StreamReader for ContentStream {
    fn read(&mut self, frame: &Frame, pieces: &mut Vec<Piece>) -> Result<(), Fault> {
        let chunk = json(frame)?;
        if let Some(error) = ApiError::in_stream(&chunk).or_else(|| blocked(&chunk)) {
            return Err(error.into());
        }
        if !self.knows_model
            && let Some(model) = chunk["modelVersion"].as_str()
        {
            self.knows_model = true;
            pieces.push(Piece::Model(model.to_owned()));
        }
        for candidate in chunk["candidates"].as_array().into_iter().flatten() {
            pieces.push(Piece::Reasoning(text(candidate, true)));
            pieces.push(Piece::Text(text(candidate, false)));
            if candidate["finishReason"] != Json::Null {
                self.has_finish_reason = true;
                pieces.push(Piece::Note("finish_reason", (&candidate["finishReason"]).into()));
            }
        }
        if chunk["usageMetadata"].is_object() {
            pieces.push(Piece::Usage(usage(&chunk["usageMetadata"])));
        }
        Ok(())
    }

    fn is_finished(&self) -> bool {
        false
    }

    fn may_end(&self) -> bool {
        self.has_finish_reason
    }
}

/// The texts of a candidate: those that are thoughts, or those that are not.
fn text(candidate: &Json<'_>, thoughts: bool) -> String {
    let parts = candidate["content"]["parts"].as_array().into_iter().flatten();
    parts
        .filter(|part| (part["thought"].as_bool() == Some(true)) == thoughts)
        .filter_map(|part| part["text"].as_str())
        .collect()
}

/// The refusal of a prompt, which comes with status 200.
fn blocked(body: &Json<'_>) -> Option<ApiError> {
    let feedback = &body["promptFeedback"];
    let reason = feedback["blockReason"].as_str()?;
    let message = feedback["blockReasonMessage"].as_str().unwrap_or("the prompt was blocked");
    Some(ApiError {
        status: 200,
        error_type: Some(reason.to_owned()),
        code: Some("content_filter".to_owned()),
        message: Some(message.to_owned()),
        ..ApiError::default()
    })
}

/// All tokens so far. Thoughts are counted apart from the answer.
fn usage(usage: &Json<'_>) -> TokenUsage {
    let count = |key: &str| usage[key].as_u64();
    let thoughts = count("thoughtsTokenCount").unwrap_or(0);
    let output = count("candidatesTokenCount").unwrap_or(0).saturating_add(thoughts);
    TokenUsage {
        cache_read_input_tokens: count("cachedContentTokenCount").unwrap_or(0),
        reasoning_output_tokens: thoughts,
        ..TokenUsage::new(count("promptTokenCount").unwrap_or(0), output, count("totalTokenCount"))
    }
}
