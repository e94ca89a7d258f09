//! Runs a call: its requests all at the same time, their answers put in the prompts' order.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use futures::future::{join_all, try_join_all};
use serde_json::Value;
use tracing::Instrument as _;

use super::connection::Connection;
use super::refused;
use super::wire::{Answer, Payload, Wire};
use crate::callbacks::{CallInfo, Callbacks};
use crate::error::{Error, ErrorKind};
use crate::json::Json;
use crate::prompt::Prompt;
use crate::result::{Generation, LlmOutput, LlmResult, PromptResult, PromptResults, TokenUsage};
use crate::telemetry;
use crate::transport::Endpoint;

/// What a server refuses that takes one prompt at a time; no option has this name.
const LIST: &str = "list of prompts";

/// A call that has all it needs: settings looked up and checked, bodies built.
#[derive(Clone)]
pub(crate) struct Plan {
    /// `None` if there are no prompts, and so nobody to ask.
    pub(crate) endpoint: Option<Endpoint>,
    pub(crate) wire: &'static dyn Wire,
    pub(crate) model: String,
    /// Completions of a prompt in one answer.
    pub(crate) n: usize,
    pub(crate) prompts: Vec<Prompt>,
    pub(crate) jobs: Vec<Job>,
    /// Settings that this endpoint has no word for.
    pub(crate) dropped: Vec<String>,
    pub(crate) callbacks: Vec<Arc<dyn Callbacks>>,
    /// Whether a stream that broke begins anew.
    pub(crate) restart_streams: bool,
}

/// One request.
#[derive(Clone)]
pub(crate) struct Job {
    /// Place of its first prompt.
    pub(crate) first: usize,
    pub(crate) body: Payload,
    /// A body for each of its prompts, for servers that take no lists; empty if it has only one.
    pub(crate) singles: Vec<Payload>,
}

/// What came of some of the prompts.
struct Part {
    first: usize,
    answer: Result<Answer, Error>,
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan").field("model", &self.model).field("jobs", &self.jobs.len()).finish_non_exhaustive()
    }
}

impl Job {
    /// A request for one prompt.
    pub(crate) fn single(first: usize, body: Payload) -> Self {
        Self { first, body, singles: Vec::new() }
    }

    fn prompts(&self) -> usize {
        self.singles.len().max(1)
    }
}

impl Plan {
    /// A call without requests.
    pub(crate) fn new(
        connection: &Connection,
        endpoint: Option<Endpoint>,
        wire: &'static dyn Wire,
        model: String,
        prompts: Vec<Prompt>,
    ) -> Self {
        Self {
            endpoint,
            wire,
            model,
            n: 1,
            prompts,
            jobs: Vec::new(),
            dropped: Vec::new(),
            callbacks: connection.callbacks.clone(),
            restart_streams: connection.restart_streams,
        }
    }

    /// The first failure of any request drops the others.
    pub(crate) async fn run(&self) -> Result<LlmResult, Error> {
        let span = telemetry::span(self, false);
        let result = self.run_all().instrument(span.clone()).await;
        telemetry::end(&span, result.as_ref());
        result
    }

    async fn run_all(&self) -> Result<LlmResult, Error> {
        let begun = Instant::now();
        let info = CallInfo::of(self, false);
        info.start(self);
        let parts = match &self.endpoint {
            None => Ok(Vec::new()),
            Some(endpoint) => {
                try_join_all(self.jobs.iter().map(async |job| {
                    let parts = self.run_job(endpoint, job).await;
                    match parts.iter().find_map(|part| part.answer.as_ref().err()) {
                        Some(error) => Err(error.clone()),
                        None => Ok(parts),
                    }
                }))
                .await
            }
        };
        let result = parts.and_then(|parts| self.collect(parts.into_iter().flatten(), begun).into_result());
        info.end(self, result.as_ref());
        result
    }

    /// Every request runs to its end.
    pub(crate) async fn run_each(&self) -> PromptResults {
        let span = telemetry::span(self, false);
        let results = self.run_to_the_end().instrument(span.clone()).await;
        if !span.is_disabled() {
            telemetry::end(&span, results.clone().into_result().as_ref());
        }
        results
    }

    async fn run_to_the_end(&self) -> PromptResults {
        let begun = Instant::now();
        let info = CallInfo::of(self, false);
        info.start(self);
        let parts = match &self.endpoint {
            None => Vec::new(),
            Some(endpoint) => join_all(self.jobs.iter().map(|job| self.run_job(endpoint, job))).await,
        };
        let results = self.collect(parts.into_iter().flatten(), begun);
        if !self.callbacks.is_empty() {
            info.end(self, results.clone().into_result().as_ref());
        }
        results
    }

    /// One request; one for each prompt if the server does not take lists.
    async fn run_job(&self, endpoint: &Endpoint, job: &Job) -> Vec<Part> {
        let refusal = if job.prompts() > 1 && refused::is_known(endpoint, &self.model, LIST) {
            None
        } else {
            let answer = self.request(endpoint, &job.body, job.prompts()).await;
            match answer {
                Err(error) if job.prompts() > 1 && may_refuse_lists(&error) => Some(error),
                answer => return spread(job, answer),
            }
        };
        let answers = join_all(job.singles.iter().map(|body| self.request(endpoint, body, 1))).await;
        let Some(refusal) = refusal else {
            return parts(job.first, answers);
        };
        if answers.iter().all(Result::is_err) {
            // Not because of the list, then.
            return spread(job, Err(refusal));
        }
        refused::learn(endpoint, &self.model, LIST);
        parts(job.first, answers)
    }

    async fn request(&self, endpoint: &Endpoint, body: &Payload, prompts: usize) -> Result<Answer, Error> {
        let path = self.wire.path(&self.model, false);
        let read = |body: &Json<'_>| self.wire.read(body, prompts, self.n);
        let (mut answer, mut repaired) = refused::post(endpoint, &path, &self.model, body, read).await?;
        if let Some(admission) = repaired.admission.take() {
            admission.settle(answer.usage.total_tokens);
        }
        // What is known of the request.
        for generation in answer.generations.iter_mut().flatten() {
            repaired.note_on(generation, &self.model, answer.model.as_deref());
            self.note_dropped(generation);
        }
        Ok(answer)
    }

    /// Adds what this endpoint has no word for to what the model refused.
    pub(crate) fn note_dropped(&self, generation: &mut Generation) {
        if self.dropped.is_empty() {
            return;
        }
        let dropped = generation.generation_info.entry("dropped_params").or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(names) = dropped {
            names.extend(self.dropped.iter().cloned().map(Value::from));
        }
    }

    fn collect(&self, parts: impl Iterator<Item = Part>, begun: Instant) -> PromptResults {
        let mut results: Vec<PromptResult> = self.prompts.iter().map(|_| PromptResult::default()).collect();
        let mut token_usage = TokenUsage::default();
        for Part { first, answer } in parts {
            match answer {
                Ok(answer) => {
                    token_usage = token_usage + answer.usage;
                    for (result, generations) in results.iter_mut().skip(first).zip(answer.generations) {
                        result.generations.extend(generations);
                    }
                }
                Err(error) => {
                    if let Some(result) = results.get_mut(first) {
                        result.error.get_or_insert(error);
                    }
                }
            }
        }
        let llm_output = LlmOutput {
            token_usage,
            model_name: self.model.clone(),
            prompts: self.prompts.clone(),
            duration: begun.elapsed(),
        };
        PromptResults { results, llm_output }
    }
}

/// A failed request has failed for each of its prompts.
fn spread(job: &Job, answer: Result<Answer, Error>) -> Vec<Part> {
    match answer {
        Ok(answer) => vec![Part { first: job.first, answer: Ok(answer) }],
        Err(error) => parts(job.first, std::iter::repeat_n(error, job.prompts()).map(Err)),
    }
}

fn parts(first: usize, answers: impl IntoIterator<Item = Result<Answer, Error>>) -> Vec<Part> {
    answers.into_iter().enumerate().map(|(i, answer)| Part { first: first + i, answer }).collect()
}

/// Some servers (older Ollama) know only a single prompt, and say no more than 400.
fn may_refuse_lists(error: &Error) -> bool {
    error.kind() == ErrorKind::BadRequest && matches!(error.status(), Some(400 | 422))
}
