//! Ollama's `/api/chat`: one conversation and one answer a request, streamed as lines of JSON.
//!
//! Reference: <https://github.com/ollama/ollama/blob/main/docs/api.md#generate-a-chat-completion>

use std::borrow::Cow;

use crate::error::ApiError;
use crate::json::Json;
use crate::provider::wire::{Answer, Body, Fault, Piece, StreamReader, Wire, json};
use crate::result::{Generation, TokenUsage};
use crate::transport::{Frame, Framing};

/// The endpoint's language.
#[derive(Debug)]
pub(super) struct OllamaChat;

impl Wire for OllamaChat {
    fn path(&self, _model: &str, _is_stream: bool) -> Cow<'static, str> {
        "/api/chat".into()
    }

    fn read(&self, body: &Json<'_>, _prompts: usize, _n: usize) -> Result<Answer, Fault> {
        let message = &body["message"];
        if !message.is_object() {
            return Err("has no `message`".into());
        }
        let mut generation = Generation::new(message["content"].as_str().unwrap_or_default());
        generation.note("finish_reason", &body["done_reason"]);
        if let Some(thoughts) = message["thinking"].as_str().filter(|it| !it.is_empty()) {
            generation.note("reasoning", thoughts);
        }
        Ok(Answer {
            generations: vec![vec![generation]],
            usage: usage(body),
            model: body["model"].as_str().map(str::to_owned),
        })
    }

    fn ask_for_stream(&self, body: &mut Body) {
        body.insert("stream".to_owned(), true.into());
    }

    fn framing(&self) -> Framing {
        Framing::JsonLines
    }

    fn stream_reader(&self) -> Box<dyn StreamReader> {
        Box::<OllamaStream>::default()
    }
}

#[derive(Debug, Default)]
struct OllamaStream {
    is_finished: bool,
}

impl StreamReader for OllamaStream {
    fn read(&mut self, frame: &Frame, pieces: &mut Vec<Piece>) -> Result<(), Fault> {
        let line = json(frame)?;
        if let Some(error) = ApiError::in_stream(&line) {
            return Err(error.into());
        }
        let message = &line["message"];
        pieces.push(Piece::Reasoning(message["thinking"].as_str().unwrap_or_default().to_owned()));
        pieces.push(Piece::Text(message["content"].as_str().unwrap_or_default().to_owned()));
        if line["done"].as_bool() == Some(true) {
            if let Some(model) = line["model"].as_str() {
                pieces.push(Piece::Model(model.to_owned()));
            }
            pieces.push(Piece::Note("finish_reason", (&line["done_reason"]).into()));
            pieces.push(Piece::Usage(usage(&line)));
            self.is_finished = true;
        }
        Ok(())
    }

    fn is_finished(&self) -> bool {
        self.is_finished
    }
}

fn usage(body: &Json<'_>) -> TokenUsage {
    let count = |key: &str| body[key].as_u64().unwrap_or(0);
    TokenUsage::new(count("prompt_eval_count"), count("eval_count"), None)
}
