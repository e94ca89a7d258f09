//! Who goes when, under tokio's paused clock.

use std::sync::atomic::{AtomicUsize, Ordering};

use http::{HeaderName, HeaderValue};
use tokio::task::JoinSet;

use super::*;
use crate::error::ApiError;
use crate::retry::{Attempts, RetryPolicy};

pub(super) const PATIENCE: Duration = Duration::from_mins(2);

pub(super) fn lane(requests: Option<u32>, tokens: Option<u32>) -> Arc<Lane> {
    let lane = Arc::<Lane>::default();
    lane.set(SetLimits { requests_per_minute: requests, tokens_per_minute: tokens });
    lane
}

/// A 429.
pub(super) fn limited(retry_after: Option<Duration>) -> Error {
    Error::api(ApiError { status: 429, retry_after, ..ApiError::default() })
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
