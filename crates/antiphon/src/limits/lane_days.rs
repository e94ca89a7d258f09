//! Simulated days under tokio's paused clock.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::{HeaderName, HeaderValue};
use tokio::task::JoinSet;

use super::tests::{PATIENCE, lane, limited};
use super::*;
use crate::error::ApiError;
use crate::retry::{Attempts, RetryPolicy};

const DAY: Duration = Duration::from_hours(24);
/// A day less what the last, incomplete minutes may lack.
const NEARLY_A_DAY: Duration = Duration::from_mins(24 * 60 - 15);

/// Checks that no minute has more than `limit`.
fn check_limit(spent: &[(Instant, u64)], limit: u64) {
    let (mut start, mut sum) = (0, 0);
    for (time, amount) in spent {
        sum += amount;
        while *time - spent[start].0 >= Duration::from_mins(1) {
            sum -= spent[start].1;
            start += 1;
        }
        assert!(sum <= limit, "{sum} in a minute");
    }
}

/// Checks that no minute has more than `limit`, and that at most a twentieth of what the limit allows is unused.
fn check_use(spent: &[(Instant, u64)], limit: u64) {
    check_limit(spent, limit);
    check_minutes(spent, spent.iter().map(|(_, amount)| share(*amount, limit)).sum());
}

/// Checks that what was spent took hardly longer than the `minutes` that it had to take.
fn check_minutes(spent: &[(Instant, u64)], minutes: f64) {
    let (first, last) = (spent.first().unwrap().0, spent.last().unwrap().0);
    let share = minutes / ((last - first).as_secs_f64() / 60.0);
    assert!(share > 0.95, "{share}");
}

/// The part of a minute that an amount takes.
#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn share(amount: u64, limit: u64) -> f64 {
    amount as f64 / limit as f64
}

/// A call as the lane sees it.
struct Call {
    estimate: u64,
    used: u64,
    time: Duration,
}

/// Has all calls ask at once; yields when they went and what they used. They go in order, and nobody polls.
async fn spend(lane: &Arc<Lane>, calls: impl Iterator<Item = Call>) -> Vec<(Instant, u64)> {
    let spent = Arc::<Mutex<Vec<_>>>::default();
    let polls = Arc::<AtomicUsize>::default();
    let mut running = JoinSet::new();
    for (number, Call { estimate, used, time }) in calls.enumerate() {
        let (ticket, spent, polls) = (lane.ticket(), Arc::clone(&spent), Arc::clone(&polls));
        running.spawn(async move {
            let admission = {
                let mut asking = pin!(ticket.admission(estimate, PATIENCE));
                let counted = poll_fn(|context| {
                    polls.fetch_add(1, Ordering::Relaxed);
                    asking.as_mut().poll(context)
                });
                counted.await.unwrap()
            };
            spent.lock().unwrap().push((number, Instant::now(), used));
            tokio::time::sleep(time).await;
            admission.settle(used);
        });
    }
    let calls = running.len();
    running.join_all().await;
    let spent = spent.lock().unwrap();
    assert!(spent.iter().map(|(number, ..)| *number).eq(0..calls), "not in order");
    // At first, as the next in line, when the time has come; and the next in line once more for each call that ends.
    let polls = polls.load(Ordering::Relaxed);
    assert!(polls <= 4 * calls, "{polls} for {calls}");
    spent.iter().map(|(_, time, used)| (*time, *used)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_day_of_requests() {
    let lane = lane(Some(20), None);
    let calls = (0..20 * 60 * 24).map(|number| Call { estimate: 0, used: 1, time: Duration::from_secs(number % 7) });
    let spent = spend(&lane, calls).await;
    check_use(&spent, 20);
    assert!(spent.last().unwrap().0 - spent[0].0 > NEARLY_A_DAY);
}

#[tokio::test(start_paused = true)]
async fn a_day_of_tokens() {
    let lane = lane(None, Some(30_000));
    // Estimates are three times what is used.
    let calls = (0..123_000).map(|number| {
        let used = 100 + number % 500;
        Call { estimate: used * 3, used, time: Duration::from_millis(200) }
    });
    let spent = spend(&lane, calls).await;
    check_use(&spent, 30_000);
    assert!(spent.last().unwrap().0 - spent[0].0 > NEARLY_A_DAY);
}

/// For an hour or two the requests are what is short, then the tokens, and so on.
#[tokio::test(start_paused = true)]
async fn a_day_of_both() {
    const REQUESTS: u64 = 60;
    const TOKENS: u64 = 90_000;
    let lane = lane(Some(60), Some(90_000));
    let calls = (0..75_000).map(|number| {
        let used = if number / 5_000 % 2 == 0 { 100 + number % 500 } else { 1_800 + number % 400 };
        Call { estimate: used + used / 10, used, time: Duration::from_millis(200) }
    });
    let spent = spend(&lane, calls).await;
    let requests: Vec<_> = spent.iter().map(|(time, _)| (*time, 1)).collect();
    check_limit(&requests, REQUESTS);
    check_limit(&spent, TOKENS);
    // Whichever is short is used.
    check_minutes(&spent, spent.iter().map(|(_, used)| share(1, REQUESTS).max(share(*used, TOKENS))).sum());
    assert!(spent.last().unwrap().0 - spent[0].0 > NEARLY_A_DAY);
}

/// A provider that keeps a bucket, reports it, and refuses what does not fit.
struct Provider {
    bucket: Mutex<(f64, Instant)>,
    per_second: f64,
    limit: f64,
    refused: AtomicUsize,
    taken: AtomicUsize,
}

impl Provider {
    fn new(limit: f64) -> Arc<Self> {
        let bucket = Mutex::new((limit, Instant::now()));
        Arc::new(Self {
            bucket,
            per_second: limit / 60.0,
            limit,
            refused: AtomicUsize::new(0),
            taken: AtomicUsize::new(0),
        })
    }

    /// The headers of its answer; `false` is a 429.
    fn ask(&self) -> (bool, HeaderMap) {
        let mut bucket = self.bucket.lock().unwrap();
        let now = Instant::now();
        bucket.0 = (bucket.0 + (now - bucket.1).as_secs_f64() * self.per_second).min(self.limit);
        bucket.1 = now;
        let is_taken = bucket.0 >= 1.0;
        if is_taken {
            bucket.0 -= 1.0;
            self.taken.fetch_add(1, Ordering::Relaxed);
        } else {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
        let reset = (self.limit - bucket.0) / self.per_second;
        let headers = [
            ("x-ratelimit-limit-requests", self.limit.to_string()),
            ("x-ratelimit-remaining-requests", bucket.0.floor().to_string()),
            ("x-ratelimit-reset-requests", format!("{}ms", (reset * 1_000.0).ceil())),
        ];
        let headers = headers
            .into_iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::try_from(value).unwrap()));
        (is_taken, headers.collect())
    }
}

/// Fifty callers who ask without end, through a lane that knows no limit but what it is told.
async fn ask_for(time: Duration, provider: Arc<Provider>) {
    let lane = Arc::<Lane>::default();
    let end = Instant::now() + time;
    let mut callers = JoinSet::new();
    for caller in 0..50_u64 {
        let (lane, provider) = (Arc::clone(&lane), Arc::clone(&provider));
        callers.spawn(async move {
            while Instant::now() < end {
                let ticket = lane.ticket();
                loop {
                    let admission = ticket.admission(0, PATIENCE).await.unwrap();
                    let (is_taken, headers) = provider.ask();
                    tokio::time::sleep(Duration::from_millis(500 + caller * 37)).await;
                    lane.observe(&headers);
                    if is_taken {
                        admission.succeed();
                        break;
                    }
                    lane.pause(Duration::from_secs(1), &limited(None));
                }
            }
        });
    }
    callers.join_all().await;
}

#[tokio::test(start_paused = true)]
async fn a_day_of_reported_limits() {
    let provider = Provider::new(120.0);
    ask_for(DAY, Arc::clone(&provider)).await;
    let (taken, refused) = (provider.taken.load(Ordering::Relaxed), provider.refused.load(Ordering::Relaxed));
    assert!(taken > 120 * 60 * 24 * 95 / 100, "{taken}");
    assert!(refused * 1_000 < taken, "{refused} of {taken}");
}

/// Every tenth request fails, some of them with a 429; retries count against the limit like any other request.
#[tokio::test(start_paused = true)]
async fn a_day_of_retries() {
    const LIMIT: u32 = 20;
    let lane = lane(Some(LIMIT), None);
    let calls = u64::from(LIMIT) * 60 * 24 * 9 / 10;
    let policy = RetryPolicy { max_retries: 9, longest_retry_after: PATIENCE, random: || 0.5 };
    let requests = Arc::new(Mutex::new(Vec::new()));
    let answered = Arc::new(Mutex::new(Vec::new()));
    let mut running = JoinSet::new();
    for number in 0..calls {
        let (lane, requests, answered) = (Arc::clone(&lane), Arc::clone(&requests), Arc::clone(&answered));
        running.spawn(async move {
            let attempt = || {
                let count = {
                    let mut requests = requests.lock().unwrap();
                    requests.push((Instant::now(), 1));
                    requests.len()
                };
                async move {
                    tokio::time::sleep(Duration::from_millis(300)).await;
                    let status = if count % 50 == 0 { 429 } else { 503 };
                    let retry_after = (status == 429).then_some(Duration::from_millis(500));
                    let error = ApiError { status, retry_after, ..ApiError::default() };
                    if count % 10 == 0 { Err(Error::api(error)) } else { Ok(()) }
                }
            };
            Attempts::new(policy, lane).run(0, attempt).await.unwrap();
            answered.lock().unwrap().push(number);
        });
        // They come in this order.
        tokio::task::yield_now().await;
    }
    running.join_all().await;
    let requests = requests.lock().unwrap();
    check_use(&requests, u64::from(LIMIT));
    assert!(requests.last().unwrap().0 - requests[0].0 > NEARLY_A_DAY);
    // In order, but for those that had to ask again.
    let answered = answered.lock().unwrap();
    let late = answered.iter().enumerate().filter(|(place, number)| (*place as u64).abs_diff(**number) > 20).count();
    assert_eq!((answered.len() as u64, late), (calls, 0));
}
