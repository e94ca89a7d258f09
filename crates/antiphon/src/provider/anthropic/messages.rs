//! Anthropic's `/v1/messages`: one conversation and one answer a request.
//!
//! Reference: <https://docs.anthropic.com/en/api/messages>, <https://docs.anthropic.com/en/api/messages-streaming>

use std::borrow::Cow;

use crate::error::ApiError;
use crate::json::Json;
use crate::provider::chat::text;
use crate::provider::wire::{Answer, Body, Fault, Piece, StreamReader, Wire, json};
use crate::result::{Generation, TokenUsage};
use crate::transport::Frame;

/// The endpoint's language.
#[derive(Debug)]
pub(super) struct Messages;

impl Wire for Messages {
    fn path(&self, _model: &str, _is_stream: bool) -> Cow<'static, str> {
        "/v1/messages".into()
    }

    fn read(&self, body: &Json<'_>, _prompts: usize, _n: usize) -> Result<Answer, Fault> {
        let blocks = body["content"].as_array().ok_or("has no `content`")?;
        let mut generation = Generation::new(text(&body["content"]));
        generation.note("finish_reason", &body["stop_reason"]);
        generation.note("stop_sequence", &body["stop_sequence"]);
        let thoughts: String = blocks.iter().filter_map(|block| block["thinking"].as_str()).collect();
        if !thoughts.is_empty() {
            generation.note("reasoning", thoughts);
        }
        Ok(Answer {
            generations: vec![vec![generation]],
            usage: Counts::default().merge(&body["usage"]).total(),
            model: body["model"].as_str().map(str::to_owned),
        })
    }

    fn ask_for_stream(&self, body: &mut Body) {
        body.insert("stream".to_owned(), true.into());
    }

    fn stream_reader(&self) -> Box<dyn StreamReader> {
        Box::<MessageStream>::default()
    }
}

#[derive(Debug, Default)]
struct MessageStream {
    counts: Counts,
    is_finished: bool,
}

impl StreamReader for MessageStream {
    fn read(&mut self, frame: &Frame, pieces: &mut Vec<Piece>) -> Result<(), Fault> {
        let event = json(frame)?;
        // Servers that speak this language leave one or the other out.
        let name = event["type"].as_str().or(frame.name.as_deref()).unwrap_or_default();
        match name {
            "message_start" => {
                let message = &event["message"];
                if let Some(model) = message["model"].as_str() {
                    pieces.push(Piece::Model(model.to_owned()));
                }
                self.counts = self.counts.merge(&message["usage"]);
                pieces.push(Piece::Usage(self.counts.total()));
            }
            "content_block_start" | "content_block_delta" => {
                // A block usually begins empty; some servers send it whole. Blocks and deltas of other types (`tool_use`,
                // `input_json_delta`, `signature_delta`, `citations_delta`) are no text, whatever they hold.
                let part = if name == "content_block_start" { &event["content_block"] } else { &event["delta"] };
                let string = |key: &str| part[key].as_str().unwrap_or_default().to_owned();
                match part["type"].as_str() {
                    Some("text" | "text_delta") => pieces.push(Piece::Text(string("text"))),
                    Some("thinking" | "thinking_delta") => pieces.push(Piece::Reasoning(string("thinking"))),
                    _ => {}
                }
            }
            "message_delta" => {
                pieces.push(Piece::Note("finish_reason", (&event["delta"]["stop_reason"]).into()));
                pieces.push(Piece::Note("stop_sequence", (&event["delta"]["stop_sequence"]).into()));
                self.counts = self.counts.merge(&event["usage"]);
                pieces.push(Piece::Usage(self.counts.total()));
            }
            "message_stop" => self.is_finished = true,
            "error" => {
                let error = ApiError::in_stream(&event);
                return Err(error.map_or_else(|| "has an error event without an error".into(), Into::into));
            }
            // `ping`, `content_block_stop`, and what is yet to come.
            _ => {}
        }
        Ok(())
    }

    fn is_finished(&self) -> bool {
        self.is_finished
    }
}

/// Anthropic counts tokens that went through its prompt cache apart, and its streams send counts so far, each of which
/// replaces the one before; adding them up would count twice.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    input: u64,
    cache_creation: u64,
    cache_read: u64,
    output: u64,
    reasoning: u64,
}

impl Counts {
    fn merge(self, usage: &Json<'_>) -> Self {
        let count = |key: &str, before: u64| usage[key].as_u64().unwrap_or(before);
        Self {
            input: count("input_tokens", self.input),
            cache_creation: count("cache_creation_input_tokens", self.cache_creation),
            cache_read: count("cache_read_input_tokens", self.cache_read),
            output: count("output_tokens", self.output),
            reasoning: usage["output_tokens_details"]["thinking_tokens"].as_u64().unwrap_or(self.reasoning),
        }
    }

    fn total(self) -> TokenUsage {
        let input = self.input.saturating_add(self.cache_creation).saturating_add(self.cache_read);
        TokenUsage {
            cache_read_input_tokens: self.cache_read,
            cache_creation_input_tokens: self.cache_creation,
            reasoning_output_tokens: self.reasoning,
            ..TokenUsage::new(input, self.output, None)
        }
    }
}
