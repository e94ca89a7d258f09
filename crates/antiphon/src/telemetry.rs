//! Spans of calls, in OpenTelemetry's words for generative AI
//! (<https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/>). They hold no prompts and no answers.

use std::time::Duration;

use serde_json::Number;
use tracing::field::Empty;
use tracing::{Span, info_span};

use crate::error::Error;
use crate::json::Json;
use crate::provider::Plan;
use crate::result::LlmResult;

/// A span for one call; the counts are recorded when it ends.
pub(crate) fn span(plan: &Plan, is_stream: bool) -> Span {
    let endpoint = plan.endpoint.as_ref();
    let operation = plan.wire.operation();
    let span = info_span!(
        "gen_ai",
        otel.name = format!("{operation} {}", plan.model),
        otel.kind = "client",
        otel.status_code = Empty,
        gen_ai.operation.name = operation,
        gen_ai.provider.name = endpoint.map_or("", |it| it.provider.as_str()),
        gen_ai.request.model = plan.model,
        gen_ai.request.stream = is_stream,
        gen_ai.request.max_tokens = Empty,
        gen_ai.request.temperature = Empty,
        gen_ai.response.model = Empty,
        gen_ai.response.finish_reasons = Empty,
        gen_ai.response.time_to_first_chunk = Empty,
        gen_ai.usage.input_tokens = Empty,
        gen_ai.usage.output_tokens = Empty,
        server.address = endpoint.and_then(|it| it.base_url.host_str()),
        server.port = endpoint.and_then(|it| it.base_url.port_or_known_default()),
        error.type = Empty,
        antiphon.prompts = plan.prompts.len(),
        antiphon.retries = Empty,
    );
    // All requests of a call ask for the same.
    if !span.is_disabled()
        && let Some(job) = plan.jobs.first()
        && let Ok(body) = Json::parse(&job.body.text)
    {
        let (max_tokens, temperature) = asked(&body);
        span.record("gen_ai.request.max_tokens", max_tokens);
        span.record("gen_ai.request.temperature", temperature);
    }
    span
}

/// The output tokens and the temperature that a request asks for, under whatever names.
fn asked(body: &Json<'_>) -> (Option<u64>, Option<f64>) {
    let nested = ["generationConfig", "inferenceConfig", "options"].iter().find_map(|name| body.get(name));
    let number = |name: &&str| match nested.unwrap_or(body).get(name) {
        Some(Json::Number(number)) => Some(number),
        _ => None,
    };
    let max_tokens = ["max_completion_tokens", "max_tokens", "maxOutputTokens", "maxTokens", "num_predict"];
    (max_tokens.iter().find_map(number).and_then(Number::as_u64), number(&"temperature").and_then(Number::as_f64))
}

/// Records how a call ended.
pub(crate) fn end(span: &Span, result: Result<&LlmResult, &Error>) {
    if span.is_disabled() {
        return;
    }
    match result {
        Ok(result) => {
            let usage = result.llm_output.token_usage;
            span.record("gen_ai.usage.input_tokens", usage.input_tokens);
            span.record("gen_ai.usage.output_tokens", usage.output_tokens);
            let infos = || result.generations.iter().flatten().map(|it| &it.generation_info);
            let text = |key: &str| -> Vec<&str> { infos().filter_map(|info| info.get(key)?.as_str()).collect() };
            span.record("gen_ai.response.finish_reasons", text("finish_reason").join(","));
            if let Some(model) = text("response_model").first() {
                span.record("gen_ai.response.model", *model);
            }
            let retries: u64 = infos().filter_map(|info| info.get("retries")?.as_u64()).sum();
            span.record("antiphon.retries", retries);
        }
        Err(error) => {
            span.record("otel.status_code", "ERROR");
            span.record("error.type", error_type(error));
            span.record("antiphon.retries", error.retries());
        }
    }
}

/// Records when a stream's first event came.
pub(crate) fn first_chunk(span: &Span, after: Duration) {
    span.record("gen_ai.response.time_to_first_chunk", after.as_secs_f64());
}

/// A status if there is one, else the kind.
fn error_type(error: &Error) -> String {
    error.status().map_or_else(|| format!("{:?}", error.kind()), |status| status.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_requests_ask_for() {
        for body in [
            r#"{"max_tokens": 5, "temperature": 0.5}"#,
            r#"{"max_completion_tokens": 5, "temperature": 0.5}"#,
            r#"{"generationConfig": {"maxOutputTokens": 5, "temperature": 0.5}}"#,
            r#"{"inferenceConfig": {"maxTokens": 5, "temperature": 0.5}}"#,
            r#"{"options": {"num_predict": 5, "temperature": 0.5}}"#,
        ] {
            assert_eq!(asked(&Json::parse(body.as_bytes()).unwrap()), (Some(5), Some(0.5)), "{body}");
        }
        assert_eq!(asked(&Json::parse(br#"{"prompt": "a"}"#).unwrap()), (None, None));
    }
}
