//! The rate limits that answers report.
//!
//! Anthropic's `anthropic-ratelimit-tokens-*` are those of the most restrictive limit in effect, so that those of input and
//! of output tokens need not be read. Azure says what remains and neither of how much nor until when: nothing follows from
//! that, and it is not read; a 429 tells.
//!
//! References: <https://platform.openai.com/docs/guides/rate-limits>, <https://docs.anthropic.com/en/api/rate-limits>,
//! <https://console.groq.com/docs/rate-limits>

use std::time::{Duration, SystemTime};

use http::header::HeaderMap;

/// What is left of one limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Reported {
    pub(super) limit: f64,
    pub(super) remaining: f64,
    /// Until nothing counts any more.
    pub(super) reset: Duration,
}

/// Whether there may be any: most servers report none, and looking for each name takes longer.
pub(super) fn has_any(headers: &HeaderMap) -> bool {
    let is_limit = |name: &str| name.starts_with("x-ratelimit") || name.starts_with("anthropic-ratelimit");
    headers.keys().any(|name| is_limit(name.as_str()))
}

/// What is left of requests.
pub(super) fn requests(headers: &HeaderMap, now: SystemTime) -> Option<Reported> {
    let openai = ["x-ratelimit-reset-requests", "x-ratelimit-limit-requests", "x-ratelimit-remaining-requests"];
    let anthropic = [
        "anthropic-ratelimit-requests-reset",
        "anthropic-ratelimit-requests-limit",
        "anthropic-ratelimit-requests-remaining",
    ];
    reported(headers, openai, duration).or_else(|| reported(headers, anthropic, |text| until(text, now)))
}

/// What is left of tokens.
pub(super) fn tokens(headers: &HeaderMap, now: SystemTime) -> Option<Reported> {
    let openai = ["x-ratelimit-reset-tokens", "x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens"];
    let anthropic = [
        "anthropic-ratelimit-tokens-reset",
        "anthropic-ratelimit-tokens-limit",
        "anthropic-ratelimit-tokens-remaining",
    ];
    reported(headers, openai, duration).or_else(|| reported(headers, anthropic, |text| until(text, now)))
}

/// A limit's three headers. Azure's -1 means that it does not know.
fn reported(
    headers: &HeaderMap,
    [reset, limit, remaining]: [&str; 3],
    duration: impl Fn(&str) -> Option<Duration>,
) -> Option<Reported> {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    let reset = duration(text(reset)?)?;
    let number = |name: &str| text(name)?.trim().parse::<f64>().ok();
    let (limit, remaining) = (number(limit)?, number(remaining)?);
    let is_known = limit.is_finite() && limit >= 1.0 && (0.0..=limit).contains(&remaining);
    is_known.then_some(Reported { limit, remaining, reset })
}

/// Go's way to write a duration (`6m0s`, `12ms`, `1h2m3.5s`), or a number of seconds.
fn duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let mut rest = text;
    let mut total = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|it: char| !it.is_ascii_digit() && it != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let unit = rest.find(|it: char| it.is_ascii_digit()).unwrap_or(rest.len());
        total += number
            * match &rest[..unit] {
                "h" => 3_600.0,
                "m" => 60.0,
                "s" => 1.0,
                "ms" => 1e-3,
                "us" | "\u{b5}s" => 1e-6,
                "ns" => 1e-9,
                _ => return None,
            };
        rest = &rest[unit..];
    }
    Duration::try_from_secs_f64(total).ok()
}

/// From `now` to a time that may have passed.
fn until(text: &str, now: SystemTime) -> Option<Duration> {
    Some(timestamp(text)?.duration_since(now).unwrap_or_default())
}

/// RFC 3339 in UTC, to the second.
fn timestamp(text: &str) -> Option<SystemTime> {
    let (date, time) = text.trim().strip_suffix('Z')?.split_once('T')?;
    let mut date = date.splitn(3, '-').map(|it| it.parse::<i64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let mut time = time.splitn(3, ':').map(|it| it.split('.').next()?.parse::<i64>().ok());
    let (hour, minute, second) = (time.next()??, time.next()??, time.next()??);
    if !(1_970..=9_999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Days since 1970 in the Gregorian calendar, whose years begin in March here
    // (<https://howardhinnant.github.io/date_algorithms.html>, `days_from_civil`).
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year / 400, year % 400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468;
    let seconds = ((days * 24 + hour) * 60 + minute) * 60 + second;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(u64::try_from(seconds).ok()?))
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|&(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn durations_of_every_form() {
        for (text, millis) in [("12ms", 12), ("1s", 1_000), ("6m0s", 360_000), ("1h2m3.5s", 3_723_500), ("7", 7_000)] {
            assert_eq!(duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "s", "1x", "soon", "-1s"] {
            assert!(duration(text).is_none_or(|it| it.is_zero()), "{text}");
        }
    }

    #[test]
    fn timestamps() {
        let seconds =
            |text: &str| timestamp(text).map(|it| it.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs());
        assert_eq!(seconds("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(seconds("2000-02-29T12:00:00Z"), Some(951_825_600));
        assert_eq!(seconds("2026-11-24T05:47:40.123Z"), Some(1_795_499_260));
        for text in ["", "2026-11-24", "2026-13-01T00:00:00Z", "2026-11-24T05:47:40+01:00"] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }

    #[test]
    fn each_family() {
        let now = timestamp("2026-01-01T00:00:00Z").unwrap();
        let openai = headers(&[
            ("x-ratelimit-limit-requests", "60"),
            ("x-ratelimit-remaining-requests", "59"),
            ("x-ratelimit-reset-requests", "1s"),
            ("x-ratelimit-limit-tokens", "-1"),
            ("x-ratelimit-remaining-tokens", "-1"),
            ("x-ratelimit-reset-tokens", "0"),
        ]);
        let expected = Reported { limit: 60.0, remaining: 59.0, reset: Duration::from_secs(1) };
        assert_eq!(requests(&openai, now), Some(expected));
        assert_eq!(tokens(&openai, now), None);
        let anthropic = headers(&[
            ("anthropic-ratelimit-tokens-limit", "1000"),
            ("anthropic-ratelimit-tokens-remaining", "0"),
            ("anthropic-ratelimit-tokens-reset", "2026-01-01T00:01:00Z"),
        ]);
        let expected = Reported { limit: 1_000.0, remaining: 0.0, reset: Duration::from_mins(1) };
        assert_eq!(tokens(&anthropic, now), Some(expected));
        let azure = headers(&[("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-remaining-tokens", "0")]);
        assert_eq!((requests(&azure, now), tokens(&azure, now)), (None, None));
        assert_eq!(requests(&HeaderMap::new(), now), None);
    }
}
