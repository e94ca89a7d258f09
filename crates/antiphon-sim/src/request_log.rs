//! What clients asked, for tests. Keys are never kept.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Mutex, PoisonError},
};

use axum::http::{HeaderMap, Method, Uri};
use serde_json::Value;

/// How many requests are kept.
const CAPACITY: usize = 1_000;
/// How many bytes of bodies are kept, counted as they came in.
const BODY_BUDGET: usize = 64 << 20;
/// How many requests a message shows, and how many characters of their bodies.
const SHOWN: usize = 10;
const SHOWN_OF_BODY: usize = 200;
/// The headers that are kept. Headers that can hold a key are not among them.
const KEPT_HEADERS: [&str; 9] = [
    "accept",
    "anthropic-beta",
    "anthropic-version",
    "content-type",
    "idempotency-key",
    "openai-organization",
    "openai-project",
    "user-agent",
    "x-client-request-id",
];
/// The headers that carry a key.
const KEY_HEADERS: [&str; 4] = ["authorization", "x-api-key", "api-key", "x-goog-api-key"];
/// The parts of a query that are kept.
const KEPT_QUERY: [&str; 2] = ["alt", "api-version"];
/// What stands in a recorded body in place of a key.
const REDACTED: &str = "[redacted]";

/// A request as [`Sim::requests`](crate::Sim::requests) reports it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RecordedRequest {
    /// The method, in capitals.
    pub method: String,
    /// The path without the query, which may hold a key.
    pub path: String,
    /// The parts of the query that say something about the call, as they came.
    pub query: Vec<String>,
    /// The JSON body, with the value of a top-level `api_key` replaced; `Null` if there was none or
    /// it was not JSON.
    pub body: Value,
    /// Where keys came along: the lower-case names of headers, `body` for a top-level `api_key`, and `query` for `key`. The keys themselves are not kept.
    pub key_in: Vec<&'static str>,
    /// The headers that say something about the call and cannot hold a key, by lower-case name.
    pub headers: Vec<(&'static str, String)>,
}

impl RecordedRequest {
    /// Records a request, and takes the key out of `body`.
    pub(crate) fn new(method: &Method, uri: &Uri, headers: &HeaderMap, mut body: Value) -> Self {
        let body_key = body.get_mut("api_key").map(std::mem::take);
        let body_has_key = matches!(&body_key, Some(Value::String(key)) if !key.is_empty());
        if body_key.is_some() {
            body["api_key"] = Value::from(REDACTED);
        }
        let mut key_in: Vec<_> = KEY_HEADERS.into_iter().filter(|name| holds_key(headers, name)).collect();
        if body_has_key {
            key_in.push("body");
        }
        let query = || uri.query().unwrap_or_default().split('&');
        if query().any(|part| part.strip_prefix("key=").is_some_and(|key| !key.is_empty())) {
            key_in.push("query");
        }
        let kept = KEPT_HEADERS.iter().filter_map(|name| {
            let value = headers.get(*name)?.to_str().ok()?;
            Some((*name, value.to_owned()))
        });
        let is_kept = |part: &&str| part.split_once('=').is_some_and(|(name, _)| KEPT_QUERY.contains(&name));
        Self {
            method: method.to_string(),
            path: uri.path().to_owned(),
            query: query().filter(is_kept).map(str::to_owned).collect(),
            body,
            key_in,
            headers: kept.collect(),
        }
    }
}

/// Whether the header `name` holds a key: more than nothing, and more than the bare word `Bearer`.
fn holds_key(headers: &HeaderMap, name: &str) -> bool {
    headers.get(name).is_some_and(|value| {
        let value = value.as_bytes().trim_ascii();
        !value.is_empty() && !value.eq_ignore_ascii_case(b"bearer")
    })
}

/// The last requests, within two bounds: their number and the size of their bodies.
#[derive(Debug, Default)]
pub(crate) struct RequestLog(Mutex<Ring>);

#[derive(Debug, Default)]
struct Ring {
    requests: VecDeque<(RecordedRequest, usize)>,
    body_bytes: usize,
}

impl RequestLog {
    pub(crate) fn push(&self, request: RecordedRequest, body_len: usize) {
        let mut ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ring.requests.push_back((request, body_len));
        ring.body_bytes += body_len;
        while ring.requests.len() > CAPACITY || (ring.body_bytes > BODY_BUDGET && ring.requests.len() > 1) {
            if let Some((_, body_len)) = ring.requests.pop_front() {
                ring.body_bytes -= body_len;
            }
        }
    }

    pub(crate) fn to_vec(&self) -> Vec<RecordedRequest> {
        let ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ring.requests.iter().map(|(request, _)| request.clone()).collect()
    }
}

/// The last requests as a message shows them, each in a line that is cut.
impl fmt::Display for RequestLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        write!(f, "{} requests", ring.requests.len())?;
        let skipped = ring.requests.len().saturating_sub(SHOWN);
        for (RecordedRequest { method, path, body, .. }, _) in ring.requests.iter().skip(skipped) {
            let body: String = body.to_string().chars().take(SHOWN_OF_BODY).collect();
            write!(f, "\n{method} {path} {body}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue, Method, Uri};
    use serde_json::{Value, json};

    use super::{BODY_BUDGET, CAPACITY, RecordedRequest, RequestLog};

    fn uri(text: &str) -> Uri {
        text.parse().unwrap()
    }

    #[test]
    fn the_log_is_bounded_in_number_and_size() {
        let log = RequestLog::default();
        let request =
            |path: usize| RecordedRequest::new(&Method::GET, &uri(&format!("/{path}")), &HeaderMap::new(), Value::Null);
        for path in 0..CAPACITY + 5 {
            log.push(request(path), 1);
        }
        assert_eq!(log.to_vec().len(), CAPACITY);
        assert_eq!(log.to_vec()[0].path, "/5");
        let shown = log.to_string();
        assert!(
            shown.starts_with(
                "1000 requests
GET /995 null
"
            ),
            "{shown}"
        );
        log.push(request(7), BODY_BUDGET + 1);
        assert_eq!(log.to_vec().len(), 1);
    }

    #[test]
    fn keys_are_noticed_and_not_kept() {
        let check = |name: &'static str, value: &'static str, body: Value, expected: &[&str]| {
            let headers = HeaderMap::from_iter([(name.parse().unwrap(), HeaderValue::from_static(value))]);
            let request = RecordedRequest::new(&Method::POST, &uri("/?key=&alt=sse"), &headers, body);
            assert_eq!(request.query, ["alt=sse"]);
            assert_eq!(request.key_in, expected, "{name}: {value}");
            assert!(!format!("{request:?}").contains("secret"), "{request:?}");
        };
        check("authorization", "Bearer secret", Value::Null, &["authorization"]);
        check("authorization", "Bearer ", Value::Null, &[]);
        check("x-api-key", "secret", json!({}), &["x-api-key"]);
        check("x-api-key", "", json!([1]), &[]);
        check("accept", "*/*", json!({"api_key": "secret"}), &["body"]);
        check("accept", "*/*", json!({"api_key": ""}), &[]);
        check("accept", "*/*", json!({"api_key": ["secret"]}), &[]);
        check("x-goog-api-key", "secret", Value::Null, &["x-goog-api-key"]);
        let request = RecordedRequest::new(&Method::POST, &uri("/?alt=sse&key=secret"), &HeaderMap::new(), Value::Null);
        assert_eq!((&request.key_in, &request.query), (&vec!["query"], &vec!["alt=sse".to_owned()]));
    }
}
