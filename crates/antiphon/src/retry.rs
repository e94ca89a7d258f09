//! When to send a request again, and after how long.
//!
//! The rules are those of the providers' own Python clients
//! (<https://github.com/openai/openai-python>, `_base_client.py`), except that a used-up quota is
//! never retried, that a 429 holds back all calls of its [lane](crate::limits), and that there is a budget.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::header::HeaderMap;
use tokio::runtime::Handle;
use tokio::time::Sleep;

use crate::error::{Error, ErrorKind};
use crate::limits::{Admission, Lane, Ticket};
use crate::transport::background;

/// First and longest wait of the crate's own backoff.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(8);

/// How one provider's requests are retried.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RetryPolicy {
    /// Requests sent after the first.
    pub(crate) max_retries: u32,
    /// A provider that asks to wait longer than this is not asked again.
    pub(crate) longest_retry_after: Duration,
    /// Yields numbers in `0.0..1.0`; tests pass a constant.
    pub(crate) random: fn() -> f64,
}

impl RetryPolicy {
    /// The wait before retry number `retries` (counted from 0), or `None` to give up.
    fn wait(&self, error: &Error, retries: u32) -> Option<Duration> {
        if retries >= self.max_retries || !error.is_retryable() {
            return None;
        }
        match error.retry_after() {
            Some(wait) if wait > self.longest_retry_after => None,
            Some(wait) => Some(wait),
            None => Some(self.backoff(retries)),
        }
    }

    /// Doubles up to a limit; up to a quarter is taken off so that callers spread out.
    fn backoff(&self, retries: u32) -> Duration {
        let doubled = FIRST_WAIT.saturating_mul(1 << retries.min(16)).min(LONGEST_WAIT);
        doubled.mul_f64(1.0 - 0.25 * (self.random)())
    }
}

/// The requests of one call: their place in line, and how often it has asked again.
#[derive(Debug)]
pub(crate) struct Attempts {
    policy: RetryPolicy,
    lane: Arc<Lane>,
    ticket: Ticket,
    retries: u32,
}

impl Attempts {
    pub(crate) fn new(policy: RetryPolicy, lane: Arc<Lane>) -> Self {
        let ticket = lane.ticket();
        Self { policy, lane, ticket, retries: 0 }
    }

    pub(crate) fn lane(&self) -> Arc<Lane> {
        Arc::clone(&self.lane)
    }

    /// How often it has asked again.
    pub(crate) fn retries(&self) -> u32 {
        self.retries
    }

    /// Calls `attempt` until it succeeds or the policy gives up, whenever it is this call's turn in its lane. Also yields
    /// the admission of the attempt that succeeded.
    ///
    /// Dropping the future drops the attempt or the wait it is in.
    pub(crate) async fn run<T, F>(
        &mut self,
        tokens: u64,
        mut attempt: impl FnMut() -> F,
    ) -> Result<(T, Admission), Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        loop {
            let admission = self.ticket.admission(tokens, self.policy.longest_retry_after).await;
            let admission = admission.map_err(|error| error.with_retries(self.retries))?;
            match attempt().await {
                Ok(value) => {
                    admission.succeed();
                    return Ok((value, admission));
                }
                Err(error) => {
                    if error.kind() != ErrorKind::RateLimited {
                        admission.succeed();
                    }
                    self.again(error, admission).await?;
                }
            }
        }
    }

    /// Gives the call's next failure back as it is.
    pub(crate) fn end(&mut self) {
        self.policy.max_retries = 0;
    }

    /// Waits until this call may ask again after its attempt with this `admission` failed; gives `error` back if it may
    /// not.
    ///
    /// A 429 pauses the whole lane instead of this call alone, even if this call gives up. Other retries count against
    /// the lane's budget: a hundred, and one more for every five calls and every second.
    pub(crate) async fn again(&mut self, error: Error, admission: Admission) -> Result<(), Error> {
        let wait = self.policy.wait(&error, self.retries);
        let is_limited = error.kind() == ErrorKind::RateLimited;
        if is_limited {
            let asked = wait.or(error.retry_after());
            self.lane.pause(asked.unwrap_or_else(|| self.policy.backoff(self.retries)), &error);
        }
        drop(admission);
        match wait {
            Some(_) if is_limited => {}
            Some(wait) if self.lane.may_retry() => pause(wait)?.await,
            _ => return Err(error.with_retries(self.retries)),
        }
        self.retries += 1;
        tracing::debug!(retries = self.retries, error.r#type = ?error.kind(), status = error.status(), "asks again");
        Ok(())
    }
}

/// Waits by the caller's clock, if it has one.
pub(crate) fn pause(wait: Duration) -> Result<Sleep, Error> {
    if Handle::try_current().is_ok() { Ok(tokio::time::sleep(wait)) } else { background::sleep(wait) }
}

/// What `retry-after-ms` or `retry-after` (seconds or an HTTP date) asks for. Zero, the past and
/// nonsense count as absent.
pub(crate) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let seconds = |text: &str, unit: f64| {
        let number: f64 = text.parse().ok()?;
        Duration::try_from_secs_f64(number * unit).ok()
    };
    let wait = text("retry-after-ms").and_then(|ms| seconds(ms, 0.001)).or_else(|| {
        let value = text("retry-after")?;
        seconds(value, 1.0).or_else(|| httpdate::parse_http_date(value).ok()?.duration_since(now).ok())
    });
    wait.filter(|wait| !wait.is_zero())
}

/// What `x-should-retry` says.
pub(crate) fn should_retry(headers: &HeaderMap) -> Option<bool> {
    match headers.get("x-should-retry")?.as_bytes() {
        b"true" => Some(true),
        b"false" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use http::header::{HeaderName, HeaderValue};
    use tokio::time::Instant;

    use super::*;
    use crate::error::ApiError;

    const POLICY: RetryPolicy =
        RetryPolicy { max_retries: 2, longest_retry_after: Duration::from_mins(2), random: || 0.0 };

    fn api_error(status: u16, retry_after: Option<Duration>) -> Error {
        Error::api(ApiError { status, retry_after, ..ApiError::default() })
    }

    fn attempts(policy: RetryPolicy, lane: &Arc<Lane>) -> Attempts {
        Attempts::new(policy, Arc::clone(lane))
    }

    /// Runs attempts that all fail as told; yields the retries made and the time they took.
    async fn failing(policy: RetryPolicy, failure: impl Fn() -> Error) -> (u32, Duration) {
        let start = Instant::now();
        let error = attempts(policy, &Arc::default()).run::<(), _>(0, || ready(Err(failure()))).await.unwrap_err();
        (error.retries(), start.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn backoff_doubles_and_stops_at_its_limit() {
        let slow = |policy| failing(policy, || api_error(503, None));
        assert_eq!(slow(POLICY).await, (2, Duration::from_millis(1_500)));
        let patient = RetryPolicy { max_retries: 6, ..POLICY };
        // 0.5 + 1 + 2 + 4 + 8 + 8
        assert_eq!(slow(patient).await, (6, Duration::from_millis(23_500)));
        let jittered = RetryPolicy { max_retries: 1, random: || 1.0, ..POLICY };
        assert_eq!(slow(jittered).await, (1, Duration::from_millis(375)));
        let never = RetryPolicy { max_retries: 0, ..POLICY };
        assert_eq!(slow(never).await, (0, Duration::ZERO));
        assert_eq!(POLICY.backoff(u32::MAX), LONGEST_WAIT);
    }

    #[tokio::test(start_paused = true)]
    async fn the_providers_wait_is_kept_unless_too_long() {
        let asking = |seconds| failing(POLICY, move || api_error(429, Some(Duration::from_secs(seconds))));
        assert_eq!(asking(1).await, (2, Duration::from_secs(2)));
        assert_eq!(asking(120).await, (2, Duration::from_mins(4)));
        assert_eq!(asking(121).await, (0, Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn only_some_statuses_are_retried() {
        for (status, retries) in
            [(400, 0), (401, 0), (402, 0), (404, 0), (408, 2), (409, 2), (422, 0), (429, 2), (529, 2)]
        {
            assert_eq!(failing(POLICY, || api_error(status, None)).await.0, retries, "{status}");
        }
        let told = |status, should_retry| {
            failing(POLICY, move || {
                Error::api(ApiError { status, should_retry: Some(should_retry), ..ApiError::default() })
            })
        };
        assert_eq!(told(500, false).await.0, 0);
        assert_eq!(told(400, true).await.0, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_success_ends_the_retries() {
        let mut calls = 0;
        let mut attempts = attempts(POLICY, &Arc::default());
        let result = attempts.run(0, || {
            calls += 1;
            ready(if calls < 3 { Err(api_error(503, None)) } else { Ok(calls) })
        });
        let (value, _) = result.await.unwrap();
        assert_eq!((value, attempts.retries()), (3, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_that_is_no_rate_limit_is_the_calls_own() {
        let busy = |seconds| api_error(503, Some(Duration::from_secs(seconds)));
        assert_eq!(failing(POLICY, || busy(3)).await, (2, Duration::from_secs(6)));
        assert_eq!(failing(POLICY, || busy(121)).await, (0, Duration::ZERO));
        let (lane, start) = (Arc::default(), Instant::now());
        let other = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            attempts(POLICY, &lane).run(0, || ready(Ok(()))).await.unwrap();
            start.elapsed()
        };
        let mut waiting = attempts(POLICY, &lane);
        let (_, other) = futures::join!(waiting.run::<(), _>(0, || ready(Err(busy(60)))), other);
        assert_eq!(other, Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn retries_have_a_budget() {
        let policy = RetryPolicy { max_retries: 1, random: || 1.0, ..POLICY };
        for asked in [None, Some(Duration::from_secs(9))] {
            let lane = Arc::default();
            let call = async || attempts(policy, &lane).run::<(), _>(0, || ready(Err(api_error(503, asked)))).await;
            let retried =
                futures::future::join_all((0..1_000).map(|_| call())).await.into_iter().filter_map(Result::err);
            let retried: u32 = retried.map(|error| error.retries()).sum();
            // A hundred, and one for every five calls.
            assert!((290..=300).contains(&retried), "{retried}");
            // It comes back with time.
            tokio::time::sleep(Duration::from_mins(1)).await;
            assert_eq!(call().await.unwrap_err().retries(), 1);
        }
    }

    #[test]
    fn retry_after_headers() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        let check = |headers: &[(&'static str, &'static str)], expected: Option<u64>| {
            let headers: HeaderMap = headers
                .iter()
                .map(|&(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
                .collect();
            let wait = retry_after(&headers, now);
            assert_eq!(wait, expected.map(Duration::from_millis), "{headers:?}");
        };
        check(&[("retry-after-ms", "30")], Some(30));
        check(&[("retry-after-ms", "30"), ("retry-after", "9")], Some(30));
        check(&[("retry-after-ms", "soon"), ("retry-after", "9")], Some(9_000));
        check(&[("retry-after", "1.5")], Some(1_500));
        check(&[("retry-after", "Sun, 06 Nov 1994 08:49:47 GMT")], Some(10_000));
        check(&[("retry-after", "Sun, 06 Nov 1994 08:49:27 GMT")], None);
        for nonsense in ["0", "-1", "NaN", "inf", "1e300", "soon", ""] {
            check(&[("retry-after", nonsense)], None);
        }
        check(&[], None);
    }
}
