//! An HTTP answer that reports an error, read leniently.
//!
//! Shapes seen: OpenAI's and Anthropic's nested `error`, vLLM's and Mistral's flat object, Ollama's
//! `error` string, Gemini's array of one, `FastAPI`'s `detail`, a proxy's HTML page, nothing at all.

use std::fmt;
use std::time::Duration;

use serde_json::Value;

use super::ErrorKind;
use crate::json::Json;

/// Longest provider message that is kept, in characters.
const LONGEST_MESSAGE: usize = 2_000;

/// Longest part of it that is shown.
const LONGEST_SHOWN: usize = 300;

/// Codes of a prompt that the provider's filter refuses.
const FILTERED: &[&str] = &["content_filter", "content_policy_violation"];

/// Codes of a used-up account; OpenAI's newer ones still come with type `insufficient_quota`.
const QUOTA: &[&str] = &["insufficient_quota", "credit_balance_exhausted", "billing_error"];

/// How AWS calls, with status 403, a token that is none or has expired.
const BAD_TOKEN: &[&str] = &[
    "UnrecognizedClientException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "ExpiredTokenException",
    "MissingAuthenticationTokenException",
];

/// How it begins to say so where it calls that `AccessDeniedException`, as it does a model that may not be used.
const BAD_TOKEN_WORDS: &[&str] =
    &["Authentication failed", "Bearer Token has expired", "The security token included in the request is"];

/// What the provider said.
#[derive(Debug, Clone, Default)]
pub(crate) struct ApiError {
    pub(crate) status: u16,
    pub(crate) error_type: Option<String>,
    pub(crate) code: Option<String>,
    pub(crate) param: Option<String>,
    pub(crate) message: Option<String>,
    pub(crate) request_id: Option<String>,
    /// From the headers (see the `retry` module) or from Google's `RetryInfo`.
    pub(crate) retry_after: Option<Duration>,
    /// Whether more than a wait of minutes is needed: what a day allows is used up.
    pub(crate) is_daily: bool,
    pub(crate) should_retry: Option<bool>,
}

impl ApiError {
    pub(crate) fn decode(status: u16, body: &[u8]) -> Self {
        let body = body.trim_ascii();
        match serde_json::from_slice::<Value>(body) {
            Ok(value) => Self::from_json(status, &value),
            Err(_) => Self { status, message: from_text(body), ..Self::default() },
        }
    }

    pub(crate) fn from_json(status: u16, value: &Value) -> Self {
        // Gemini's compatible endpoint sends an array of one.
        let value = value.get(0).unwrap_or(value);
        let error = value.get("error").filter(|error| !error.is_null()).unwrap_or(value);
        let message = match error {
            Value::String(text) => Some(text.clone()),
            _ => ["message", "msg", "Message"].into_iter().find_map(|key| text(error, key)).or_else(|| detail(value)),
        };
        Self {
            retry_after: retry_delay(error),
            is_daily: is_daily(error),
            status,
            // Gemini calls it `status`.
            error_type: text(error, "type").or_else(|| text(error, "status")),
            code: details(error).find_map(|detail| text(detail, "reason")).or_else(|| text(error, "code")),
            param: text(error, "param"),
            message,
            request_id: text(value, "request_id"),
            ..Self::default()
        }
    }

    /// The error that an event of a stream reports, if it does. Its status is the one that the answer would have had if
    /// the provider had known before.
    pub(crate) fn in_stream(event: &Json<'_>) -> Option<Self> {
        let status = status_in(reported(event)?);
        let mut error = Self::from_json(500, &event.into());
        let named = [&error.error_type, &error.code].into_iter().flatten().find_map(|name| status_of(name));
        error.status = status.or(named).unwrap_or(500);
        Some(error)
    }

    /// `OpenRouter` and others report errors with status 200; a numeric code is then the status.
    pub(crate) fn embedded(status: u16, body: &Json<'_>) -> Option<Self> {
        let status = status_in(reported(body)?).unwrap_or(status);
        Some(Self::from_json(status, &body.into()))
    }

    pub(super) fn kind(&self) -> ErrorKind {
        if self.is_quota() {
            return ErrorKind::QuotaExceeded;
        }
        if self.code.as_deref().is_some_and(|code| FILTERED.contains(&code)) {
            return ErrorKind::ContentFilter;
        }
        match self.status {
            401 => ErrorKind::Authentication,
            400 if self.code.as_deref() == Some("API_KEY_INVALID") => ErrorKind::Authentication,
            403 if self.is_bad_token() => ErrorKind::Authentication,
            403 => ErrorKind::PermissionDenied,
            404 => ErrorKind::NotFound,
            // 424 is Bedrock's: the model failed. 498 is Groq's: no capacity in its flex tier.
            408 | 409 | 424 | 498 | 500.. => ErrorKind::Server,
            429 => ErrorKind::RateLimited,
            400..=499 => ErrorKind::BadRequest,
            _ => ErrorKind::UnexpectedResponse,
        }
    }

    pub(super) fn is_retryable(&self) -> bool {
        if self.is_quota() {
            return false;
        }
        self.should_retry.unwrap_or(matches!(self.status, 408 | 409 | 424 | 429 | 498 | 500..))
    }

    fn is_bad_token(&self) -> bool {
        let says = |message: &str| BAD_TOKEN_WORDS.iter().any(|words| message.starts_with(words));
        self.error_type.as_deref().is_some_and(|it| BAD_TOKEN.contains(&it))
            || self.message.as_deref().is_some_and(says)
    }

    fn is_quota(&self) -> bool {
        let named = |field: &Option<String>| field.as_deref().is_some_and(|it| QUOTA.contains(&it));
        self.status == 402 || self.is_daily || named(&self.error_type) || named(&self.code)
    }

    /// Removes what must not be repeated from the provider's words, then shortens them; the other
    /// way round could leave half a secret.
    pub(crate) fn tidy(mut self, scrub: impl Fn(&mut String)) -> Self {
        for text in self.texts_mut() {
            scrub(text);
            *text = shorten(text, LONGEST_MESSAGE);
        }
        self
    }

    fn texts_mut(&mut self) -> impl Iterator<Item = &mut String> {
        let Self { error_type, code, param, message, request_id, .. } = self;
        [error_type, code, param, message, request_id].into_iter().flatten()
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "status {}", self.status)?;
        let mut names: Vec<&str> = [&self.error_type, &self.code]
            .into_iter()
            .flatten()
            .map(String::as_str)
            // Compatible servers repeat the status as the code.
            .filter(|name| *name != self.status.to_string())
            .collect();
        names.dedup();
        if !names.is_empty() {
            write!(f, " ({})", names.join(", "))?;
        }
        match &self.message {
            Some(message) => write!(f, ": {}", shorten(message, LONGEST_SHOWN)),
            None => f.write_str(" without an explanation"),
        }
    }
}

/// The error in what looks like a success.
fn reported<'a>(body: &'a Json<'_>) -> Option<&'a Json<'a>> {
    body.get("error").filter(|error| error.is_object() || error.as_str().is_some())
}

/// The status that such an error names by its code: a number, or Azure's text of one.
fn status_in(error: &Json<'_>) -> Option<u16> {
    let code = match &error["code"] {
        Json::String(text) => text.parse().ok(),
        code => code.as_u64().and_then(|code| u16::try_from(code).ok()),
    };
    code.filter(|code| (400..600).contains(code))
}

/// The status that goes with a type or code, in the words of OpenAI and Anthropic.
fn status_of(name: &str) -> Option<u16> {
    Some(match name {
        "invalid_request_error" | "invalid_prompt" | "context_length_exceeded" | "content_filter" => 400,
        "authentication_error" | "invalid_api_key" => 401,
        "billing_error" => 402,
        "permission_error" => 403,
        "not_found_error" | "model_not_found" => 404,
        "rate_limit_error" | "rate_limit_exceeded" | "insufficient_quota" | "requests" | "tokens" => 429,
        "server_is_overloaded" | "slow_down" | "unavailable_error" => 503,
        "timeout_error" => 504,
        "overloaded_error" => 529,
        _ => return None,
    })
}

/// A field's text; numbers count (llama.cpp and `OpenRouter` send numeric codes).
fn text(value: &Value, key: &str) -> Option<String> {
    match value.get(key)? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Google's `RetryInfo`: a number of seconds with an `s`.
fn retry_delay(error: &Value) -> Option<Duration> {
    let delay = details(error).find_map(|detail| detail["retryDelay"].as_str())?;
    let seconds = delay.strip_suffix('s')?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok().filter(|wait| !wait.is_zero())
}

/// Whether one of the quotas that Google's `QuotaFailure` names is that of a day.
fn is_daily(error: &Value) -> bool {
    let violations = details(error).filter_map(|detail| detail["violations"].as_array()).flatten();
    violations.filter_map(|it| it["quotaId"].as_str()).any(|quota| quota.contains("PerDay"))
}

fn details(error: &Value) -> impl Iterator<Item = &Value> {
    error.get("details").and_then(Value::as_array).into_iter().flatten()
}

/// `FastAPI`'s `detail`: a text, or a list of problems. Its `input` repeats the request: left out.
fn detail(value: &Value) -> Option<String> {
    match value.get("detail")? {
        Value::String(text) => Some(text.clone()),
        Value::Array(problems) => {
            let texts: Vec<_> = problems.iter().filter_map(|problem| text(problem, "msg")).collect();
            (!texts.is_empty()).then(|| texts.join("; "))
        }
        _ => None,
    }
}

fn from_text(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    if text.is_empty() {
        None
    } else if text.starts_with('<') {
        let title = text.split_once("<title>").and_then(|(_, rest)| rest.split_once("</title>"));
        Some(match title {
            Some((title, _)) => format!("an HTML page, \"{}\"", shorten(title, 100)),
            None => "an HTML page".to_owned(),
        })
    } else {
        Some(text.into_owned())
    }
}

/// One line of at most `longest` characters.
pub(super) fn shorten(text: &str, longest: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(longest) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str, expected: &str) {
        assert_eq!(ApiError::decode(400, body.as_bytes()).to_string(), expected, "{body}");
    }

    #[test]
    fn bodies_of_every_shape() {
        check(
            r#"{"error":{"message":"no","type":"invalid_request_error","param":null,"code":"x"}}"#,
            "status 400 (invalid_request_error, x): no",
        );
        check(
            r#"{"type":"error","error":{"type":"api_error","message":"no"},"request_id":"r"}"#,
            "status 400 (api_error): no",
        );
        check(
            r#"{"object":"error","message":"no","type":"BadRequestError","param":null,"code":400}"#,
            "status 400 (BadRequestError): no",
        );
        check(r#"{"error":"model 'x' not found"}"#, "status 400: model 'x' not found");
        check(
            r#"[{"error":{"code":400,"message":"no","status":"INVALID_ARGUMENT"}}]"#,
            "status 400 (INVALID_ARGUMENT): no",
        );
        check(
            r#"{"detail":[{"loc":["body"],"msg":"field required","input":"private"}]}"#,
            "status 400: field required",
        );
        check(r#"{"detail":"Not Found"}"#, "status 400: Not Found");
        check("  upstream\n  gone ", "status 400: upstream gone");
        check(
            "<html><head><title>502 Bad Gateway</title></head></html>",
            "status 400: an HTML page, \"502 Bad Gateway\"",
        );
        check("", "status 400 without an explanation");
        check("null", "status 400 without an explanation");
        check(r#"{"error":{"code":503,"message":"m"}}"#, "status 400 (503): m");
    }

    #[test]
    fn a_success_that_names_a_status() {
        let check = |body: &str, expected: Option<(u16, u16)>| {
            let body = Json::parse(body.as_bytes()).unwrap();
            let status = |error: Option<ApiError>| error.map(|error| error.status);
            let statuses = status(ApiError::embedded(200, &body)).zip(status(ApiError::in_stream(&body)));
            assert_eq!(statuses, expected, "{body:?}");
        };
        check(r#"{"error":{"code":502}}"#, Some((502, 502)));
        check(r#"{"error":{"code":"429"}}"#, Some((429, 429)));
        check(r#"{"error":{"code":"rate_limit_exceeded"}}"#, Some((200, 429)));
        check(r#"{"error":{"code":70000}}"#, Some((200, 500)));
        check(r#"{"error":"no"}"#, Some((200, 500)));
        check(r#"{"error":null}"#, None);
        check("[]", None);
    }

    #[test]
    fn googles_details() {
        let error = |details: &str| {
            let body = format!(r#"{{"error":{{"code":429,"status":"RESOURCE_EXHAUSTED","details":[{details}]}}}}"#);
            ApiError::decode(429, body.as_bytes())
        };
        let quota =
            |id: &str| format!(r#"{{"@type":"x/google.rpc.QuotaFailure","violations":[{{"quotaId":"{id}"}}]}}"#);
        let wait = r#"{"@type":"x/google.rpc.RetryInfo","retryDelay":"34.4s"}"#;
        let minute = error(&format!("{},{wait}", quota("RequestsPerMinutePerProject")));
        assert_eq!(minute.retry_after, Some(Duration::from_millis(34_400)));
        assert_eq!((minute.kind(), minute.is_retryable()), (ErrorKind::RateLimited, true));
        let day = error(&format!("{},{wait}", quota("RequestsPerDayPerProject")));
        assert_eq!((day.kind(), day.is_retryable()), (ErrorKind::QuotaExceeded, false));
        for odd in ["7", "null", r#"{"retryDelay":"soon"}"#, r#"{"retryDelay":"-1s"}"#, r#"{"violations":{}}"#] {
            assert_eq!((error(odd).retry_after, error(odd).is_daily), (None, false), "{odd}");
        }
    }

    #[test]
    fn filtered_prompts_have_a_kind() {
        let body = br#"{"error":{"message":"The response was filtered","type":null,"param":"prompt","code":"content_filter","status":400}}"#;
        let error = ApiError::decode(400, body);
        assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::ContentFilter, false));
    }

    #[test]
    fn a_bad_token_is_not_a_missing_right() {
        let check = |name: &str, message: &str, expected| {
            let error = ApiError {
                status: 403,
                error_type: Some(name.to_owned()),
                message: Some(message.to_owned()),
                ..ApiError::default()
            };
            assert_eq!(error.kind(), expected, "{name}: {message}");
        };
        check("UnrecognizedClientException", "", ErrorKind::Authentication);
        check("ExpiredTokenException", "", ErrorKind::Authentication);
        let denied = |message, expected| check("AccessDeniedException", message, expected);
        denied("Authentication failed: Please make sure your API Key is valid.", ErrorKind::Authentication);
        denied("Bearer Token has expired", ErrorKind::Authentication);
        denied("The security token included in the request is invalid.", ErrorKind::Authentication);
        denied("You don't have access to the model with the specified model ID.", ErrorKind::PermissionDenied);
        denied("User: arn:aws:iam::1:user/u is not authorized to perform: x", ErrorKind::PermissionDenied);
    }

    #[test]
    fn quota_is_not_a_rate_limit() {
        let quota = ApiError {
            status: 429,
            code: Some("insufficient_quota".to_owned()),
            should_retry: Some(true),
            ..ApiError::default()
        };
        assert_eq!(quota.kind(), ErrorKind::QuotaExceeded);
        assert!(!quota.is_retryable());
        let limit = ApiError { status: 429, ..ApiError::default() };
        assert_eq!(limit.kind(), ErrorKind::RateLimited);
        assert!(limit.is_retryable());
    }

    #[test]
    fn long_messages_are_cut_between_characters() {
        assert_eq!(shorten("äöü", 2), "äö...");
        assert_eq!(shorten("äöü", 3), "äöü");
    }
}
