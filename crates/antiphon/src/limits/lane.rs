//! One line of calls.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use http::header::HeaderMap;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::SetLimits;
use super::headers::{self, Reported};
use super::window::Window;
use crate::error::Error;
use crate::retry::pause;

/// After a pause so many may be under way at most before the pause counts as over.
const UNLIMITED: usize = 4_096;

/// Retries that a lane may make on top of a fifth of its calls, and how fast they come back: a provider that is down
/// is not asked three times as often.
const SPARE_RETRIES: f64 = 100.0;
const RETRIES_PER_CALL: f64 = 0.2;
const RETRIES_PER_SECOND: f64 = 1.0;

/// One line of calls of the same server, key and model.
#[derive(Debug, Default)]
pub(crate) struct Lane {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Those who wait, by the number of their ticket.
    waiting: BTreeMap<u64, Arc<Notify>>,
    next_ticket: u64,
    next_admission: u64,
    paused_until: Option<Instant>,
    /// For a while after a pause.
    ramp: Option<Ramp>,
    in_flight: usize,
    tokens_in_flight: u64,
    set: SetLimits,
    requests: Window,
    tokens: Window,
    reported_requests: Option<Bucket>,
    reported_tokens: Option<Bucket>,
    retries: f64,
    retries_at: Instant,
}

/// How many may be under way of those that were let through since a pause. Those from before, such as streams that take
/// long, hold up nobody.
#[derive(Debug, Clone, Copy)]
struct Ramp {
    limit: usize,
    in_flight: usize,
    /// The first admission that counts.
    since: u64,
}

impl Default for State {
    fn default() -> Self {
        Self {
            waiting: BTreeMap::new(),
            next_ticket: 0,
            next_admission: 0,
            paused_until: None,
            ramp: None,
            in_flight: 0,
            tokens_in_flight: 0,
            set: SetLimits::default(),
            requests: Window::default(),
            tokens: Window::default(),
            reported_requests: None,
            reported_tokens: None,
            retries: SPARE_RETRIES,
            retries_at: Instant::now(),
        }
    }
}

/// A limit as the provider keeps it: full at first, and refilled evenly.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    limit: f64,
    level: f64,
    at: Instant,
    per_second: f64,
}

impl Bucket {
    /// `under_way` is what the provider may not have counted yet.
    fn new(reported: Reported, under_way: f64, now: Instant) -> Self {
        let used = reported.limit - reported.remaining;
        let per_second = if used > 0.0 && !reported.reset.is_zero() {
            used / reported.reset.as_secs_f64()
        } else {
            reported.limit / 60.0
        };
        Self { limit: reported.limit, level: reported.remaining - under_way, at: now, per_second }
    }

    fn ready_at(&self, now: Instant, amount: f64) -> Option<Instant> {
        let filled = self.level + now.duration_since(self.at).as_secs_f64() * self.per_second;
        let missing = amount.min(self.limit) - filled.min(self.limit);
        // Rounding must not make a sleeper wake a moment too early, again and again.
        let wait = Duration::try_from_secs_f64(missing / self.per_second).ok().filter(|wait| !wait.is_zero())?;
        Some(now + wait + Duration::from_millis(1))
    }

    fn spend(&mut self, now: Instant, amount: f64) {
        let filled = self.level + now.duration_since(self.at).as_secs_f64() * self.per_second;
        self.level = filled.min(self.limit) - amount;
        self.at = now;
    }
}

/// Whether a call may go.
enum Turn {
    Now,
    At(Instant),
    /// When somebody before it has gone, or an answer has come.
    Later,
}

impl State {
    fn turn(&mut self, ticket: u64, tokens: u64, now: Instant, patience: Duration) -> Turn {
        if self.waiting.first_key_value().is_some_and(|(first, _)| *first < ticket) {
            return Turn::Later;
        }
        if self.ramp.is_some_and(|ramp| ramp.in_flight >= ramp.limit) {
            return Turn::Later;
        }
        #[expect(clippy::cast_precision_loss, reason = "no call has so many tokens")]
        let amount = tokens as f64;
        let reported = [
            self.reported_requests.as_ref().and_then(|bucket| bucket.ready_at(now, 1.0)),
            self.reported_tokens.as_ref().and_then(|bucket| bucket.ready_at(now, amount)),
        ];
        // A limit by the day is the provider's to enforce: its answer says more than a wait of hours.
        let reported = reported.into_iter().flatten().max().filter(|time| *time <= now + patience);
        let paused = self.paused_until.filter(|time| *time > now);
        let set = self.requests.ready_at(now, 1).max(self.tokens.ready_at(now, tokens));
        reported.max(paused).max(set).map_or(Turn::Now, Turn::At)
    }

    fn admit(&mut self, tokens: u64, now: Instant) -> u64 {
        let admission = self.next_admission;
        self.next_admission += 1;
        self.in_flight += 1;
        self.tokens_in_flight += tokens;
        if let Some(ramp) = &mut self.ramp {
            ramp.in_flight += 1;
        }
        self.requests.spend(now, 1, admission);
        self.tokens.spend(now, tokens, admission);
        if let Some(bucket) = &mut self.reported_requests {
            bucket.spend(now, 1.0);
        }
        #[expect(clippy::cast_precision_loss, reason = "no call has so many tokens")]
        if let Some(bucket) = &mut self.reported_tokens {
            bucket.spend(now, tokens as f64);
        }
        admission
    }

    fn wake_first(&self) {
        if let Some((_, first)) = self.waiting.first_key_value() {
            first.notify_one();
        }
    }
}

impl Lane {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set(&self, limits: SetLimits) {
        let mut state = self.state();
        if limits == state.set || limits == SetLimits::default() {
            return;
        }
        state.set = limits;
        if let Some(limit) = limits.requests_per_minute {
            state.requests.set(limit);
        }
        if let Some(limit) = limits.tokens_per_minute {
            state.tokens.set(limit);
        }
        state.wake_first();
    }

    /// A place in line, for a call and all its retries.
    pub(crate) fn ticket(self: &Arc<Self>) -> Ticket {
        let mut state = self.state();
        let number = state.next_ticket;
        state.next_ticket += 1;
        state.retries = (state.retries + RETRIES_PER_CALL).min(SPARE_RETRIES);
        Ticket { lane: Arc::clone(self), number }
    }

    /// Reads what an answer reports. It counts as over for these limits: its own admission is no longer under way.
    pub(crate) fn observe(&self, headers: &HeaderMap) {
        let (now, clock) = (Instant::now(), SystemTime::now());
        let (requests, tokens) = (headers::requests(headers, clock), headers::tokens(headers, clock));
        if requests.is_none() && tokens.is_none() {
            return;
        }
        let mut state = self.state();
        #[expect(clippy::cast_precision_loss, reason = "no lane has so many calls")]
        let (calls, in_flight) = (state.in_flight.saturating_sub(1) as f64, state.tokens_in_flight as f64);
        // The answer's own tokens are among the provider's already; what they were is not known here.
        let others = if state.in_flight == 0 { 0.0 } else { in_flight * calls / (calls + 1.0) };
        state.reported_requests = requests.map(|it| Bucket::new(it, calls, now)).or(state.reported_requests);
        state.reported_tokens = tokens.map(|it| Bucket::new(it, others, now)).or(state.reported_tokens);
        state.wake_first();
    }

    /// The provider answered 429: nobody sends for `wait`.
    pub(crate) fn pause(&self, wait: Duration) {
        let mut state = self.state();
        let until = Instant::now() + wait;
        state.paused_until = state.paused_until.max(Some(until));
        state.ramp = Some(Ramp { limit: 1, in_flight: 0, since: state.next_admission });
    }

    /// Whether one more retry is within the budget; counts it if so.
    pub(crate) fn may_retry(&self) -> bool {
        let mut state = self.state();
        let now = Instant::now();
        let refilled = now.duration_since(state.retries_at).as_secs_f64() * RETRIES_PER_SECOND;
        state.retries = (state.retries + refilled).min(SPARE_RETRIES);
        state.retries_at = now;
        let is_within = state.retries >= 1.0;
        if is_within {
            state.retries -= 1.0;
        }
        is_within
    }
}

/// A place in line.
#[derive(Debug)]
pub(crate) struct Ticket {
    lane: Arc<Lane>,
    number: u64,
}

impl Ticket {
    /// Waits until this call may send a request that will use about `tokens` tokens. A provider's own limits are waited
    /// for up to `patience`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the ticket lets those behind it move up.
    pub(crate) async fn admission(&self, tokens: u64, patience: Duration) -> Result<Admission, Error> {
        let notify = Arc::new(Notify::new());
        loop {
            let turn = {
                let now = Instant::now();
                let mut state = self.lane.state();
                let turn = state.turn(self.number, tokens, now, patience);
                if matches!(turn, Turn::Now) {
                    state.waiting.remove(&self.number);
                    let number = state.admit(tokens, now);
                    state.wake_first();
                    return Ok(Admission { lane: Arc::clone(&self.lane), number, tokens });
                }
                state.waiting.entry(self.number).or_insert_with(|| Arc::clone(&notify));
                turn
            };
            match turn {
                Turn::At(time) => tokio::select! {
                    result = pause(time.saturating_duration_since(Instant::now())) => result?,
                    () = notify.notified() => {}
                },
                _ => notify.notified().await,
            }
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut state = self.lane.state();
        if state.waiting.remove(&self.number).is_some() {
            state.wake_first();
        }
    }
}

/// A request that is under way.
pub(crate) struct Admission {
    lane: Arc<Lane>,
    number: u64,
    tokens: u64,
}

impl Admission {
    /// The request succeeded and used so many tokens; 0 if nobody said.
    pub(crate) fn settle(self, tokens: u64) {
        let mut state = self.lane.state();
        if tokens > 0 {
            state.tokens.correct(self.number, tokens);
        }
    }

    /// The provider takes requests: after a pause, more of them.
    pub(crate) fn succeed(&self) {
        let mut state = self.lane.state();
        let wider = |ramp: Ramp| Ramp { limit: ramp.limit.saturating_mul(2), ..ramp };
        state.ramp = state.ramp.map(wider).filter(|ramp| ramp.limit < UNLIMITED);
        state.wake_first();
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        let mut state = self.lane.state();
        state.in_flight -= 1;
        state.tokens_in_flight -= self.tokens;
        if let Some(ramp) = state.ramp.as_mut().filter(|ramp| self.number >= ramp.since) {
            ramp.in_flight -= 1;
        }
        state.wake_first();
    }
}

impl fmt::Debug for Admission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admission").field("number", &self.number).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "lane_tests.rs"]
mod tests;
