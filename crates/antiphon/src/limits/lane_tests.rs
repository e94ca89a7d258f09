//! Simulated days under tokio's paused clock.

use std::sync::atomic::{AtomicUsize, Ordering};

use http::{HeaderName, HeaderValue};
use tokio::task::JoinSet;

use super::*;
use crate::error::ApiError;
use crate::retry::{Attempts, RetryPolicy};

const DAY: Duration = Duration::from_hours(24);
/// A day less what the last, incomplete minutes may lack.
const NEARLY_A_DAY: Duration = Duration::from_mins(24 * 60 - 15);
const PATIENCE: Duration = Duration::from_mins(2);

fn lane(requests: Option<u32>, tokens: Option<u32>) -> Arc<Lane> {
    let lane = Arc::<Lane>::default();
    lane.set(SetLimits { requests_per_minute: requests, tokens_per_minute: tokens });
    lane
}

/// A 429.
fn limited(retry_after: Option<Duration>) -> Error {
    Error::api(ApiError { status: 429, retry_after, ..ApiError::default() })
}

/// Checks that no minute has more than `limit`, and that at most a twentieth of what the limit allows is unused.
fn check_use(spent: &[(Instant, u64)], limit: u64) {
    let (first, last) = (spent.first().unwrap().0, spent.last().unwrap().0);
    let (mut start, mut sum) = (0, 0);
    for (time, amount) in spent {
        sum += amount;
        while *time - spent[start].0 >= Duration::from_mins(1) {
            sum -= spent[start].1;
            start += 1;
        }
        assert!(sum <= limit, "{sum} in a minute");
    }
    let minutes = (last - first).as_secs_f64() / 60.0;
    let total: u64 = spent.iter().map(|(_, amount)| amount).sum();
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let share = total as f64 / (limit as f64 * minutes);
    assert!(share > 0.95, "{share}");
}

#[tokio::test(start_paused = true)]
async fn a_day_of_requests() {
    let lane = lane(Some(20), None);
    let calls = 20 * 60 * 24;
    let admitted = Arc::new(Mutex::new(Vec::new()));
    let mut running = JoinSet::new();
    for number in 0..calls {
        let (ticket, admitted) = (lane.ticket(), Arc::clone(&admitted));
        running.spawn(async move {
            let admission = ticket.admission(0, PATIENCE).await.unwrap();
            admitted.lock().unwrap().push((Instant::now(), number));
            tokio::time::sleep(Duration::from_secs(number % 7)).await;
            admission.settle(0);
        });
    }
    running.join_all().await;
    let admitted = admitted.lock().unwrap();
    let order: Vec<_> = admitted.iter().map(|(_, number)| *number).collect();
    assert_eq!(order, (0..calls).collect::<Vec<_>>());
    let spent: Vec<_> = admitted.iter().map(|(time, _)| (*time, 1)).collect();
    check_use(&spent, 20);
    assert!(spent.last().unwrap().0 - spent[0].0 > NEARLY_A_DAY);
}

#[tokio::test(start_paused = true)]
async fn a_day_of_tokens() {
    let lane = lane(None, Some(30_000));
    let spent = Arc::new(Mutex::new(Vec::new()));
    let mut running = JoinSet::new();
    // Estimates are three times what is used.
    for number in 0..123_000_u64 {
        let (ticket, spent) = (lane.ticket(), Arc::clone(&spent));
        running.spawn(async move {
            let used = 100 + number % 500;
            let admission = ticket.admission(used * 3, PATIENCE).await.unwrap();
            spent.lock().unwrap().push((Instant::now(), used));
            tokio::time::sleep(Duration::from_millis(200)).await;
            admission.settle(used);
        });
    }
    running.join_all().await;
    let spent = spent.lock().unwrap();
    assert_eq!(spent.len(), 123_000);
    check_use(&spent, 30_000);
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

#[tokio::test(start_paused = true)]
async fn one_429_pauses_all_and_one_call_tries_first() {
    let lane = Arc::<Lane>::default();
    let start = Instant::now();
    lane.pause(Duration::from_secs(10), &limited(None));
    let admitted = Arc::new(Mutex::new(Vec::new()));
    let mut running = JoinSet::new();
    for number in 0..100 {
        let (ticket, admitted) = (lane.ticket(), Arc::clone(&admitted));
        running.spawn(async move {
            let admission = ticket.admission(0, PATIENCE).await.unwrap();
            admitted.lock().unwrap().push((start.elapsed().as_secs(), number));
            tokio::time::sleep(Duration::from_secs(1)).await;
            admission.succeed();
        });
    }
    running.join_all().await;
    let admitted = admitted.lock().unwrap();
    assert!(admitted.is_sorted(), "{admitted:?}");
    let at = |second| admitted.iter().filter(|(time, _)| *time == second).count();
    assert_eq!((at(9), at(10)), (0, 1));
    assert!((2..=4).contains(&at(11)), "{admitted:?}");
    assert!(admitted.last().unwrap().0 < 20, "{admitted:?}");
}

#[tokio::test(start_paused = true)]
async fn those_from_before_a_pause_hold_up_nobody() {
    let lane = Arc::<Lane>::default();
    let long_stream = lane.ticket().admission(0, PATIENCE).await.unwrap();
    lane.pause(Duration::from_secs(10), &limited(None));
    let start = Instant::now();
    let next = lane.ticket().admission(0, PATIENCE).await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(11), "{:?}", start.elapsed());
    // It is the one that goes first: another waits for it, whatever becomes of those from before.
    long_stream.succeed();
    let ticket = lane.ticket();
    assert!(tokio::time::timeout(Duration::from_mins(1), ticket.admission(0, PATIENCE)).await.is_err());
    drop(long_stream);
    assert!(tokio::time::timeout(Duration::from_mins(1), ticket.admission(0, PATIENCE)).await.is_err());
    next.succeed();
    ticket.admission(0, PATIENCE).await.unwrap();
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

#[tokio::test(start_paused = true)]
async fn a_call_that_is_given_up_lets_the_others_pass() {
    let lane = lane(Some(1), None);
    let first = lane.ticket();
    let second = lane.ticket();
    let third = lane.ticket();
    drop(first.admission(0, PATIENCE).await.unwrap());
    let waiting = tokio::spawn(async move { second.admission(0, PATIENCE).await.map(drop) });
    tokio::time::sleep(Duration::from_secs(1)).await;
    let start = Instant::now();
    let last = tokio::spawn(async move { third.admission(0, PATIENCE).await.map(drop) });
    tokio::time::sleep(Duration::from_secs(1)).await;
    waiting.abort();
    last.await.unwrap().unwrap();
    assert!(start.elapsed() < Duration::from_secs(61), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_limit_by_the_day_is_the_providers_to_enforce() {
    let lane = Arc::<Lane>::default();
    let headers = [
        ("x-ratelimit-limit-requests", "1000"),
        ("x-ratelimit-remaining-requests", "0"),
        ("x-ratelimit-reset-requests", "24h0m0s"),
    ];
    let headers = headers.map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
    lane.observe(&headers.into_iter().collect());
    let start = Instant::now();
    lane.ticket().admission(0, Duration::from_secs(1)).await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn more_tokens_than_the_limit_go_alone() {
    let lane = lane(None, Some(100));
    let start = Instant::now();
    for _ in 0..2 {
        lane.ticket().admission(5_000, PATIENCE).await.unwrap();
    }
    assert!(start.elapsed() >= Duration::from_mins(1));
}

/// A call that is refused for an hour whenever it asks, a second later; what came of it and when.
async fn refused(lane: &Arc<Lane>, asked: &AtomicUsize) -> Option<Duration> {
    let policy = RetryPolicy { max_retries: 9, longest_retry_after: PATIENCE, random: || 0.5 };
    let attempt = || async {
        asked.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_secs(1)).await;
        Err::<(), _>(limited(Some(Duration::from_hours(1))))
    };
    Attempts::new(policy, Arc::clone(lane)).run(0, attempt).await.unwrap_err().retry_after()
}

#[tokio::test(start_paused = true)]
async fn nobody_asks_in_vain_during_a_pause_that_is_too_long_to_wait_for() {
    let (lane, asked) = (Arc::<Lane>::default(), AtomicUsize::new(0));
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    assert_eq!(refused(&lane, &asked).await, seconds(3_600));
    let start = Instant::now();
    for second in [0, 1, 119] {
        tokio::time::sleep_until(start + Duration::from_secs(second)).await;
        assert_eq!(refused(&lane, &asked).await, seconds(3_600 - second));
        assert_eq!(start.elapsed(), Duration::from_secs(second), "at once");
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    // One asks all the same in a while; those beside it wait for its answer.
    tokio::time::sleep_until(start + PATIENCE).await;
    let answers = futures::future::join_all((0..10).map(|_| refused(&lane, &asked))).await;
    assert!(answers.iter().all(|it| *it == seconds(3_600)), "{answers:?}");
    assert_eq!((asked.load(Ordering::Relaxed), start.elapsed()), (2, PATIENCE + Duration::from_secs(1)));
    // An answer opens the lane, whatever was asked for.
    tokio::time::sleep(PATIENCE).await;
    lane.ticket().admission(0, PATIENCE).await.unwrap().succeed();
    futures::future::join_all((0..10).map(|_| refused(&lane, &asked))).await;
    assert!(asked.load(Ordering::Relaxed) > 2);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_long_pause_is_waited_for() {
    let lane = Arc::<Lane>::default();
    let start = Instant::now();
    lane.pause(Duration::from_mins(3), &limited(None));
    tokio::time::sleep(Duration::from_secs(59)).await;
    let error = lane.ticket().admission(0, PATIENCE).await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(121)));
    tokio::time::sleep(Duration::from_secs(1)).await;
    lane.ticket().admission(0, PATIENCE).await.unwrap();
    assert_eq!(start.elapsed(), Duration::from_mins(3));
    // Nonsense is no trouble.
    lane.pause(Duration::MAX, &limited(None));
    lane.ticket().admission(0, PATIENCE).await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn those_in_line_learn_of_a_long_pause() {
    let lane = lane(Some(1), None);
    lane.ticket().admission(0, PATIENCE).await.unwrap().settle(0);
    let tickets: Vec<_> = (0..10).map(|_| lane.ticket()).collect();
    let waiting = futures::future::join_all(tickets.iter().map(|ticket| ticket.admission(0, PATIENCE)));
    let start = Instant::now();
    let answers = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        lane.pause(Duration::from_hours(1), &limited(None));
    };
    let (answers, ()) = futures::join!(waiting, answers);
    assert!(answers.iter().all(Result::is_err));
    assert_eq!(start.elapsed(), Duration::from_secs(1));
}
