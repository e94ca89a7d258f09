//! OpenAI's `/completions`: many prompts in one request, many completions each.
//!
//! OpenAI's own models behind it are gone; vLLM, llama.cpp, Ollama and others serve it.
//! Reference: <https://platform.openai.com/docs/api-reference/completions>

use std::borrow::Cow;
use std::iter;

use serde_json::{Value, json};

use super::call::Job;
use super::connection::Connection;
use super::options::Options;
use super::wire::{Answer, Body, Fault, Piece, StreamReader, Wire, json as read_json};
use crate::error::ApiError;
use crate::json::Json;
use crate::result::{Generation, TokenUsage};
use crate::transport::Frame;

/// What ends a stream of OpenAI's family.
pub(super) const DONE: &str = "[DONE]";

/// The endpoint's language.
#[derive(Debug)]
pub(super) struct Completions;

/// Requests of at most `batch_size` prompts.
pub(super) fn jobs(
    connection: &Connection,
    options: &Options,
    model: &str,
    prompts: &[String],
    is_stream: bool,
) -> Vec<Job> {
    let payload = |prompt: Value| connection.payload(&Completions, body(options, model, prompt), is_stream);
    let mut first = 0;
    let batches = prompts.chunks(options.batch_size);
    batches
        .map(|batch| {
            let job = match batch {
                // A single text is the form that every server takes.
                [only] => Job::single(first, payload(json!(only))),
                _ => Job {
                    first,
                    body: payload(json!(batch)),
                    singles: batch.iter().map(|prompt| payload(json!(prompt))).collect(),
                },
            };
            first += batch.len();
            job
        })
        .collect()
}

fn body(options: &Options, model: &str, prompt: Value) -> Body {
    let mut body = options.to_wire(model);
    if let Some(max_tokens) = options.max_tokens {
        body.insert("max_tokens".to_owned(), max_tokens.into());
    }
    // Servers that do not know it refuse it, even if it is 1.
    if let Some(best_of) = options.best_of.filter(|&best_of| best_of > 1) {
        body.insert("best_of".to_owned(), best_of.into());
    }
    body.insert("prompt".to_owned(), prompt);
    body
}

impl Wire for Completions {
    fn path(&self, _model: &str, _is_stream: bool) -> Cow<'static, str> {
        "/completions".into()
    }

    fn operation(&self) -> &'static str {
        "text_completion"
    }

    /// Sorts the choices by their index and deals them out to the prompts.
    fn read(&self, body: &Json<'_>, prompts: usize, n: usize) -> Result<Answer, Fault> {
        let mut choices: Vec<&Json<'_>> = body["choices"].as_array().ok_or("has no `choices`")?.iter().collect();
        // Without an index a choice stays where it is.
        let indices: Vec<u64> =
            iter::zip(&choices, 0..).map(|(choice, place)| choice["index"].as_u64().unwrap_or(place)).collect();
        let mut order: Vec<usize> = (0..choices.len()).collect();
        order.sort_by_key(|&place| indices[place]);
        choices = order.into_iter().map(|place| choices[place]).collect();
        // A field that is missing is forgiven, one that is something else is not.
        let mut sound =
            choices.iter().map(|it| it.is_object() && it.get("text").is_none_or(|it| it.as_str().is_some()));
        sound.all(|it| it).then_some(()).ok_or("has a choice that is none")?;

        // Some servers ignore `n`.
        let per_prompt = if choices.len() == prompts { 1 } else { n };
        if choices.len() != prompts * per_prompt {
            return Err(format!("has {} choices, not {prompts} x {n}", choices.len()).as_str().into());
        }
        let generation = |choice: &&Json<'_>| {
            let mut generation = Generation::new(choice["text"].as_str().unwrap_or_default());
            generation.note("finish_reason", &choice["finish_reason"]);
            generation.note("logprobs", &choice["logprobs"]);
            generation
        };
        Ok(Answer {
            generations: choices.chunks(per_prompt).map(|chunk| chunk.iter().map(generation).collect()).collect(),
            usage: usage(&body["usage"]),
            model: body["model"].as_str().map(str::to_owned),
        })
    }

    fn ask_for_stream(&self, body: &mut Body) {
        body.insert("stream".to_owned(), true.into());
        body.insert("stream_options".to_owned(), json!({ "include_usage": true }));
    }

    fn stream_reader(&self) -> Box<dyn StreamReader> {
        Box::<CompletionStream>::default()
    }
}

#[derive(Debug, Default)]
struct CompletionStream {
    ending: Ending,
}

impl StreamReader for CompletionStream {
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
        for choice in chunk["choices"].as_array().into_iter().flatten() {
            pieces.push(Piece::Text(choice["text"].as_str().unwrap_or_default().to_owned()));
            pieces.push(Piece::Note("finish_reason", (&choice["finish_reason"]).into()));
        }
        Ok(())
    }

    fn is_finished(&self) -> bool {
        self.ending.is_finished()
    }
}

/// What the streams of both endpoints have in common: the model's name, the usage, the end marker. The usage may come
/// after the finish reason, and in every chunk, so that only the marker is the end.
#[derive(Debug, Default)]
pub(super) struct Ending {
    is_finished: bool,
    knows_model: bool,
}

impl Ending {
    pub(super) fn read(&mut self, chunk: &Json<'_>, pieces: &mut Vec<Piece>) {
        // Azure's first chunk has an empty one.
        if !self.knows_model
            && let Some(model) = chunk["model"].as_str().filter(|model| !model.is_empty())
        {
            self.knows_model = true;
            pieces.push(Piece::Model(model.to_owned()));
        }
        // Groq has it in a place of its own.
        let counts = [&chunk["usage"], &chunk["x_groq"]["usage"]].into_iter().find(|it| it.is_object());
        if let Some(counts) = counts {
            pieces.push(Piece::Usage(usage(counts)));
        }
    }

    pub(super) fn finish(&mut self) {
        self.is_finished = true;
    }

    pub(super) fn is_finished(&self) -> bool {
        self.is_finished
    }
}

/// The tokens of an answer of OpenAI's family.
pub(super) fn usage(usage: &Json<'_>) -> TokenUsage {
    let count = |key: &str| usage[key].as_u64();
    let input = &usage["prompt_tokens_details"];
    let totals = TokenUsage::new(
        count("prompt_tokens").unwrap_or(0),
        count("completion_tokens").unwrap_or(0),
        count("total_tokens"),
    );
    TokenUsage {
        // DeepSeek's name comes second.
        cache_read_input_tokens: input["cached_tokens"].as_u64().or(count("prompt_cache_hit_tokens")).unwrap_or(0),
        cache_creation_input_tokens: input["cache_write_tokens"].as_u64().unwrap_or(0),
        reasoning_output_tokens: usage["completion_tokens_details"]["reasoning_tokens"].as_u64().unwrap_or(0),
        ..totals
    }
}
