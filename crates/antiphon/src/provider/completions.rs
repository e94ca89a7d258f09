//! OpenAI's `/completions`: many prompts in one request, many completions each.
//!
//! OpenAI's own models behind it are gone; vLLM, llama.cpp, Ollama and others serve it.
//! Reference: <https://platform.openai.com/docs/api-reference/completions>

use std::{iter, slice};

use futures::future::try_join_all;
use serde_json::{Value, json};

use super::options::Options;
use super::refused::{self, Repaired};
use crate::error::{Error, ErrorKind};
use crate::result::{Generation, LlmOutput, LlmResult, TokenUsage};
use crate::transport::Endpoint;

const PATH: &str = "/completions";

/// What a server refuses that takes one prompt at a time; no option has this name.
const LIST: &str = "list of prompts";

/// What came of some of the prompts.
type Part = (Vec<Vec<Generation>>, TokenUsage);

/// Answers `prompts` in requests of at most `batch_size` prompts, all at the same time.
pub(super) async fn complete(
    endpoint: &Endpoint,
    options: &Options,
    model: &str,
    prompts: &[String],
) -> Result<LlmResult, Error> {
    let batches = prompts.chunks(options.batch_size);
    let parts = try_join_all(batches.map(|batch| complete_batch(endpoint, options, model, batch))).await?;
    Ok(collect(model, parts))
}

/// One request; one for each prompt if the server does not take lists.
async fn complete_batch(
    endpoint: &Endpoint,
    options: &Options,
    model: &str,
    prompts: &[String],
) -> Result<Part, Error> {
    let list_error = if prompts.len() > 1 && refused::is_known(endpoint, model, LIST) {
        None
    } else {
        match request(endpoint, options, model, prompts).await {
            Err(error) if prompts.len() > 1 && may_refuse_lists(&error) => Some(error),
            result => return result,
        }
    };
    let singles = prompts.iter().map(|prompt| request(endpoint, options, model, slice::from_ref(prompt)));
    match (try_join_all(singles).await, list_error) {
        (Ok(parts), list_error) => {
            if list_error.is_some() {
                refused::learn(endpoint, model, LIST);
            }
            let (generations, usages): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
            Ok((generations.into_iter().flatten().collect(), usages.into_iter().sum()))
        }
        // Not because of the list, then.
        (Err(_), Some(error)) | (Err(error), None) => Err(error),
    }
}

/// Some servers (older Ollama) know only a single prompt, and say no more than 400.
fn may_refuse_lists(error: &Error) -> bool {
    error.kind() == ErrorKind::BadRequest && matches!(error.status(), Some(400 | 422))
}

async fn request(endpoint: &Endpoint, options: &Options, model: &str, prompts: &[String]) -> Result<Part, Error> {
    let mut body = options.to_wire(model);
    if let Some(max_tokens) = options.max_tokens {
        body.insert("max_tokens".to_owned(), max_tokens.into());
    }
    // Servers that do not know it refuse it, even if it is 1.
    if let Some(best_of) = options.best_of.filter(|&best_of| best_of > 1) {
        body.insert("best_of".to_owned(), best_of.into());
    }
    // A single text is the form that every server takes.
    let prompt = match prompts {
        [only] => json!(only),
        _ => json!(prompts),
    };
    body.insert("prompt".to_owned(), prompt);

    let repaired = refused::post(endpoint, PATH, model, &body).await?;
    let generations = regroup(&repaired, model, prompts.len(), options.n as usize)
        .map_err(|error| error.with_provider(endpoint.provider).with_model(model))?;
    Ok((generations, usage(&repaired.reply.body)))
}

/// Sorts the choices by their index and deals them out to the prompts.
fn regroup(repaired: &Repaired, model: &str, prompts: usize, n: usize) -> Result<Vec<Vec<Generation>>, Error> {
    let unexpected = |problem| Error::unexpected_body(200, problem, repaired.reply.request_id.clone());
    let Some(choices) = repaired.reply.body["choices"].as_array() else {
        return Err(unexpected("has no `choices`".to_owned()));
    };
    let mut choices: Vec<&Value> = choices.iter().collect();
    // Without an index a choice stays where it is.
    let indices: Vec<u64> =
        iter::zip(&choices, 0..).map(|(choice, place)| choice["index"].as_u64().unwrap_or(place)).collect();
    let mut order: Vec<usize> = (0..choices.len()).collect();
    order.sort_by_key(|&place| indices[place]);
    choices = order.into_iter().map(|place| choices[place]).collect();

    // Some servers ignore `n`.
    let per_prompt = if choices.len() == prompts { 1 } else { n };
    if choices.len() != prompts * per_prompt {
        let problem = format!("has {} choices, not {prompts} x {n}", choices.len());
        return Err(unexpected(problem));
    }
    let generation = |choice: &&Value| {
        let mut generation = Generation::new(choice["text"].as_str().unwrap_or_default());
        generation.note("finish_reason", choice["finish_reason"].clone());
        generation.note("logprobs", choice["logprobs"].clone());
        repaired.note_on(&mut generation, model);
        generation
    };
    Ok(choices.chunks(per_prompt).map(|chunk| chunk.iter().map(generation).collect()).collect())
}

/// The tokens of an answer of OpenAI's family.
pub(super) fn usage(body: &Value) -> TokenUsage {
    let count = |key: &str| body["usage"][key].as_u64();
    TokenUsage::new(count("prompt_tokens").unwrap_or(0), count("completion_tokens").unwrap_or(0), count("total_tokens"))
}

/// Puts the parts of a call together.
pub(super) fn collect(model: &str, parts: Vec<Part>) -> LlmResult {
    let (generations, usages): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
    LlmResult::new(
        generations.into_iter().flatten().collect(),
        LlmOutput { token_usage: usages.into_iter().sum(), model_name: model.to_owned() },
    )
}
