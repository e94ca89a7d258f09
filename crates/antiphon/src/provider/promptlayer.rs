//! `PromptLayer`'s request log: what a call sends there after it has its answer.
//!
//! The body is that of PromptLayer's own client in 2023, which its service still takes
//! (<https://github.com/MagnivOrg/prompt-layer-library>). Logging never makes a call fail.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::future::join_all;
use serde_json::{Map, Value, json};
use tracing::dispatcher::{Dispatch, get_default};
use tracing::subscriber::NoSubscriber;

use super::connection::{Connection, unsendable};
use super::wire::Payload;
use super::{Provider, refused};
use crate::env_vars::{Env, EnvVars};
use crate::error::{ApiError, Error};
use crate::llm::CallStyle;
use crate::result::LlmOutput;
use crate::secret::Secret;
use crate::transport::{Endpoint, background};

const PATH: &str = "/track-request";

/// Nobody wants to wait for a log as long as for a model.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The settings that the `PromptLayer` classes add.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) connection: Connection,
    pub(super) tags: Option<Vec<String>>,
    pub(super) return_id: bool,
}

impl Settings {
    pub(super) fn new() -> Self {
        let mut connection = Connection::new(Provider::PromptLayer);
        connection.timeout = Some(TIMEOUT);
        Self { connection, tags: None, return_id: false }
    }

    /// Looks up and checks what is needed to log calls of `class`.
    pub(super) fn log(&self, class: &str, style: CallStyle, env: Env<'_>) -> Result<Log, Error> {
        let mut endpoint = self.connection.endpoint(env)?;
        let key = self.connection.key(&endpoint.base_url, env, &[EnvVars::PROMPTLAYER_API_KEY])?;
        if let Some((setting, key)) = &key {
            if key.expose().contains(|it: char| it.is_control()) {
                let setting = if *setting == "api_key" { "promptlayer_api_key" } else { setting };
                return Err(unsendable(setting));
            }
            endpoint.keys.push(key.clone());
        }
        let suffix = match style {
            CallStyle::Async => ".async",
            CallStyle::Blocking => "",
        };
        Ok(Log {
            endpoint,
            key: key.map(|(_, key)| key),
            function_name: format!("langchain.{class}{suffix}"),
            tags: self.tags.clone(),
            return_id: self.return_id,
        })
    }
}

/// A log that can be written to.
#[derive(Debug)]
pub(super) struct Log {
    endpoint: Endpoint,
    key: Option<Secret>,
    function_name: String,
    tags: Option<Vec<String>>,
    return_id: bool,
}

/// One entry: a generation, and how the log describes it.
#[derive(Debug)]
pub(super) struct Entry {
    /// Indices into `generations`.
    pub(super) place: (usize, usize),
    /// The arguments of the call.
    pub(super) args: Value,
    /// The answer.
    pub(super) response: Value,
}

/// From when to when the model's answer took.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) start: SystemTime,
    pub(super) end: SystemTime,
}

impl Log {
    /// Writes all entries at the same time: in the background, or, if their ids are wanted, now. Yields the places and
    /// ids of those that were written now.
    pub(super) async fn write(
        self,
        entries: Vec<Entry>,
        kwargs: Map<String, Value>,
        span: Span,
    ) -> Vec<((usize, usize), Value)> {
        if !self.return_id {
            // Not on the caller's runtime, which may end before the log is written.
            if let Ok(runtime) = background::own() {
                runtime.spawn(async move { self.post_all(&entries, &kwargs, span).await });
            }
            return Vec::new();
        }
        let ids = self.post_all(&entries, &kwargs, span).await;
        entries.iter().map(|entry| entry.place).zip(ids).collect()
    }

    /// The log's ids of the entries, null for those that could not be written.
    async fn post_all(&self, entries: &[Entry], kwargs: &Map<String, Value>, span: Span) -> Vec<Value> {
        let results = join_all(entries.iter().map(|entry| self.post(entry, kwargs, span))).await;
        let failed = results.iter().filter(|it| it.is_err()).count();
        if let Some(error) = results.iter().find_map(|it| it.as_ref().err()) {
            warn(&format!("{failed} of {} requests were not logged: {error}", results.len()));
        }
        results.into_iter().map(Result::unwrap_or_default).collect()
    }

    async fn post(&self, entry: &Entry, kwargs: &Map<String, Value>, span: Span) -> Result<Value, Error> {
        let body = json!({
            "function_name": self.function_name,
            "provider_type": "langchain",
            "args": entry.args,
            "kwargs": kwargs,
            "tags": self.tags,
            "request_response": entry.response,
            "request_start_time": unix_seconds(span.start),
            "request_end_time": unix_seconds(span.end),
            "api_key": self.key.as_ref().map(Secret::expose),
            "metadata": null,
            "span_id": null,
        });
        let model = kwargs.get("model_name").or_else(|| kwargs.get("model"));
        let model = model.and_then(Value::as_str).unwrap_or_default();
        let body = Payload { tokens: 0, ..(&body).into() };
        let (answer, _) = refused::post(&self.endpoint, PATH, model, &body, |answer| Ok(Value::from(answer))).await?;
        if answer["success"] == false {
            let error = ApiError::from_json(200, &answer);
            let error = self.endpoint.refusal(error, &body.text);
            return Err(error.with_provider(Provider::PromptLayer));
        }
        Ok(answer["request_id"].clone())
    }
}

/// What the log calls `llm_output`; its words are those of 2023.
pub(super) fn llm_output(output: &LlmOutput) -> Value {
    let usage = &output.token_usage;
    json!({
        "token_usage": {
            "prompt_tokens": usage.input_tokens,
            "completion_tokens": usage.output_tokens,
            "total_tokens": usage.total_tokens,
        },
        "model_name": output.model_name,
    })
}

fn unix_seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// The answer is there, so that no error can tell.
#[expect(clippy::print_stderr, reason = "nobody listens to events, and in 2023 it was printed too")]
fn warn(text: &str) {
    if get_default(Dispatch::is::<NoSubscriber>) {
        eprintln!("warning: {text}");
    } else {
        tracing::warn!("{text}");
    }
}
