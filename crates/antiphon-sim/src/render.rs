//! A plan as bytes: headers, JSON bodies, streams and error bodies.

use axum::{
    body::{Body, Bytes},
    http::{HeaderName, HeaderValue, header::CONTENT_TYPE},
    response::Response,
};
use serde_json::{Value, json};

use crate::{
    activity::Guard,
    azure, faulty, gemini,
    plan::{Payload, Plan},
    refusal::Refusal,
    route::Provider,
    server::Hangup,
    service::Exchange,
    timestamp,
};

/// One event of OpenAI's streams, which have no names.
pub(crate) fn data_event(data: &Value) -> String {
    format!("data: {data}\n\n")
}

/// One event of Anthropic's streams, which have the name in both places.
pub(crate) fn named_event(data: &Value) -> String {
    format!("event: {}\ndata: {data}\n\n", data["type"].as_str().unwrap_or("message"))
}

/// The body of an error answer, in the provider's shape.
fn error_body(refusal: &Refusal, exchange: &Exchange) -> Value {
    let Refusal { kind, message, param, code, .. } = refusal;
    match exchange.provider {
        Provider::OpenAi => {
            json!({"error": {"message": message, "type": kind, "param": param, "code": code}})
        }
        Provider::Azure => azure::error_body(refusal),
        Provider::Gemini => gemini::error_body(refusal),
        Provider::Bedrock => json!({ "message": message }),
        Provider::Anthropic => json!({
            "type": "error",
            "error": {"type": kind, "message": message},
            "request_id": exchange.request_id,
        }),
        Provider::Ollama => json!({"error": message}),
        Provider::PromptLayer => json!({"success": false, "message": message}),
    }
}

/// Renders `plan`. A stream holds `in_flight` until its last event is handed over, or until the
/// client leaves.
pub(crate) fn render(
    plan: Plan,
    exchange: &Exchange,
    load: Option<usize>,
    in_flight: Guard,
    hangup: Hangup,
) -> Response {
    let mut headers = headers(&plan, exchange, load);
    let plan = faulty::apply(plan, &mut headers);
    let texts = |texts: Vec<String>| texts.into_iter().map(Bytes::from).collect::<Vec<_>>();
    let (content_type, events) = match plan.payload {
        Payload::Json(body) => ("application/json", texts(vec![body.to_string()])),
        Payload::Refused(refusal) => {
            if exchange.provider == Provider::Bedrock
                && let Ok(kind) = HeaderValue::from_str(&format!("{}:http://simulated/", refusal.kind))
            {
                headers.push((HeaderName::from_static("x-amzn-errortype"), kind));
            }
            ("application/json", texts(vec![error_body(&refusal, exchange).to_string()]))
        }
        Payload::Page(page) => ("text/html; charset=utf-8", texts(vec![page])),
        Payload::Events(events) => ("text/event-stream; charset=utf-8", texts(events)),
        Payload::Lines(lines) => ("application/x-ndjson", texts(lines)),
        Payload::Array(parts) => ("application/json; charset=UTF-8", texts(parts)),
        Payload::Frames(frames) => {
            ("application/vnd.amazon.eventstream", frames.into_iter().map(Bytes::from).collect())
        }
    };
    let body = match (&plan.fault, events.as_slice()) {
        (None, [whole]) => Body::from(whole.clone()),
        _ => faulty::body(events, plan.chunk_gap, plan.fault.as_ref(), in_flight, hangup),
    };
    let mut response = Response::new(body);
    *response.status_mut() = plan.status;
    response.headers_mut().extend(headers);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// The providers' headers. `load` is how many requests are in flight, which is what the rate limits
/// are charged with; without it none are reported.
fn headers(plan: &Plan, exchange: &Exchange, load: Option<usize>) -> Vec<(HeaderName, HeaderValue)> {
    let mut headers = Vec::with_capacity(16);
    let mut set = |name: &'static str, value: String| {
        // None of them can fail: they are made of digits, letters and punctuation.
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.push((HeaderName::from_static(name), value));
        }
    };
    set("x-antiphon-simulated", "true".to_owned());
    match exchange.provider {
        Provider::OpenAi => {
            const REQUESTS: u64 = 10_000;
            const TOKENS: u64 = 2_000_000;
            let tokens = plan.tokens.total();
            set("x-request-id", exchange.request_id.clone());
            set("openai-processing-ms", plan.latency.as_millis().to_string());
            set("openai-version", "2020-10-01".to_owned());
            set("openai-organization", "antiphon-sim".to_owned());
            let Some(load) = load.map(|it| it as u64) else {
                return headers;
            };
            set("x-ratelimit-limit-requests", REQUESTS.to_string());
            set("x-ratelimit-remaining-requests", REQUESTS.saturating_sub(load).to_string());
            set("x-ratelimit-reset-requests", format!("{}ms", (60_000 * load).div_ceil(REQUESTS)));
            set("x-ratelimit-limit-tokens", TOKENS.to_string());
            set("x-ratelimit-remaining-tokens", TOKENS.saturating_sub(tokens).to_string());
            set("x-ratelimit-reset-tokens", format!("{}ms", (60_000 * tokens).div_ceil(TOKENS)));
        }
        Provider::Anthropic => {
            let reset = timestamp::rfc3339(timestamp::unix_seconds() + 1);
            set("request-id", exchange.request_id.clone());
            let Some(load) = load.map(|it| it as u64) else {
                return headers;
            };
            let mut limit = |names: [&'static str; 3], limit: u64, used: u64| {
                set(names[0], limit.to_string());
                set(names[1], limit.saturating_sub(used).to_string());
                set(names[2], reset.clone());
            };
            limit(REQUESTS, 4_000, load);
            limit(TOKENS, 480_000, plan.tokens.total());
            limit(INPUT_TOKENS, 400_000, plan.tokens.input);
            limit(OUTPUT_TOKENS, 80_000, plan.tokens.output);
        }
        Provider::Azure => {
            set("apim-request-id", exchange.request_id.clone());
            set("x-ms-region", "Simulated".to_owned());
            // It says what is left, and not of how much.
            let Some(load) = load.map(|it| it as u64) else {
                return headers;
            };
            set("x-ratelimit-remaining-requests", 1_000_u64.saturating_sub(load).to_string());
            set("x-ratelimit-remaining-tokens", 100_000_u64.saturating_sub(plan.tokens.total()).to_string());
        }
        Provider::Bedrock => set("x-amzn-requestid", exchange.request_id.clone()),
        Provider::Gemini | Provider::Ollama | Provider::PromptLayer => {}
    }
    headers
}

/// The names of Anthropic's rate limit headers: limit, remaining, reset.
const REQUESTS: [&str; 3] = [
    "anthropic-ratelimit-requests-limit",
    "anthropic-ratelimit-requests-remaining",
    "anthropic-ratelimit-requests-reset",
];
const TOKENS: [&str; 3] =
    ["anthropic-ratelimit-tokens-limit", "anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset"];
const INPUT_TOKENS: [&str; 3] = [
    "anthropic-ratelimit-input-tokens-limit",
    "anthropic-ratelimit-input-tokens-remaining",
    "anthropic-ratelimit-input-tokens-reset",
];
const OUTPUT_TOKENS: [&str; 3] = [
    "anthropic-ratelimit-output-tokens-limit",
    "anthropic-ratelimit-output-tokens-remaining",
    "anthropic-ratelimit-output-tokens-reset",
];
