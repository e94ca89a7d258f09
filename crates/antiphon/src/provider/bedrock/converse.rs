//! Bedrock's `converse` and `converse-stream`: one conversation and one answer a request.
//!
//! A stream's answer is whole with `messageStop`; the tokens come behind it. It is read to the end of its body, so that
//! bytes that belong to nothing are noticed.
//!
//! Reference: <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html>

use std::borrow::Cow;

use crate::error::ApiError;
use crate::json::Json;
use crate::provider::wire::{Answer, Body, Fault, Piece, StreamReader, Wire, json};
use crate::result::{Generation, TokenUsage};
use crate::transport::{Frame, Framing, segment};

/// The endpoint's language.
#[derive(Debug)]
pub(super) struct Converse;

impl Wire for Converse {
    fn path(&self, model: &str, is_stream: bool) -> Cow<'static, str> {
        let method = if is_stream { "converse-stream" } else { "converse" };
        format!("/model/{}/{method}", segment(model)).into()
    }

    fn read(&self, body: &Json<'_>, _prompts: usize, _n: usize) -> Result<Answer, Fault> {
        let blocks = body["output"]["message"]["content"].as_array().ok_or("has no `output.message.content`")?;
        let mut generation = Generation::new(blocks.iter().filter_map(|it| it["text"].as_str()).collect::<String>());
        generation.note("finish_reason", &body["stopReason"]);
        let thoughts = blocks.iter().filter_map(|it| it["reasoningContent"]["reasoningText"]["text"].as_str());
        let thoughts: String = thoughts.collect();
        if !thoughts.is_empty() {
            generation.note("reasoning", thoughts);
        }
        Ok(Answer { generations: vec![vec![generation]], usage: usage(&body["usage"]), model: None })
    }

    /// The path asks for it.
    fn ask_for_stream(&self, _body: &mut Body) {}

    fn framing(&self) -> Framing {
        Framing::EventStream
    }

    fn stream_reader(&self) -> Box<dyn StreamReader> {
        Box::<ConverseStream>::default()
    }
}

#[derive(Debug, Default)]
struct ConverseStream {
    has_stopped: bool,
}

impl StreamReader for ConverseStream {
    fn read(&mut self, frame: &Frame, pieces: &mut Vec<Piece>) -> Result<(), Fault> {
        let name = frame.name.as_deref().unwrap_or_default();
        if frame.is_error {
            return Err(exception(name, &frame.data).into());
        }
        if !matches!(name, "contentBlockDelta" | "messageStop" | "metadata") {
            // `messageStart`, `contentBlockStart`, `contentBlockStop`, and what is yet to come.
            return Ok(());
        }
        let event = json(frame)?;
        match name {
            "contentBlockDelta" => {
                let delta = &event["delta"];
                let text = |value: &Json<'_>| value.as_str().unwrap_or_default().to_owned();
                pieces.push(Piece::Reasoning(text(&delta["reasoningContent"]["text"])));
                pieces.push(Piece::Text(text(&delta["text"])));
            }
            "messageStop" => {
                self.has_stopped = true;
                pieces.push(Piece::Note("finish_reason", (&event["stopReason"]).into()));
            }
            _ => pieces.push(Piece::Usage(usage(&event["usage"]))),
        }
        Ok(())
    }

    fn is_finished(&self) -> bool {
        false
    }

    fn may_end(&self) -> bool {
        self.has_stopped
    }
}

/// The error of an exception frame, with the status that it would have had as an answer.
fn exception(name: &str, data: &str) -> ApiError {
    let status = match name {
        "validationException" => 400,
        "accessDeniedException" => 403,
        "resourceNotFoundException" => 404,
        "modelTimeoutException" => 408,
        "modelStreamErrorException" | "modelErrorException" => 424,
        "throttlingException" | "modelNotReadyException" => 429,
        "serviceUnavailableException" => 503,
        _ => 500,
    };
    let error = ApiError::decode(status, data.as_bytes());
    ApiError { error_type: error.error_type.or_else(|| Some(name.to_owned())), ..error }
}

/// Tokens that went through the model's prompt cache are counted apart.
fn usage(usage: &Json<'_>) -> TokenUsage {
    let count = |key: &str| usage[key].as_u64();
    let (read, written) = (count("cacheReadInputTokens").unwrap_or(0), count("cacheWriteInputTokens").unwrap_or(0));
    let input = count("inputTokens").unwrap_or(0).saturating_add(read).saturating_add(written);
    TokenUsage {
        cache_read_input_tokens: read,
        cache_creation_input_tokens: written,
        ..TokenUsage::new(input, count("outputTokens").unwrap_or(0), None)
    }
}
