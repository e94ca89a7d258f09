//! One line of calls.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use http::header::HeaderMap;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::SetLimits;
use super::bucket::Bucket;
use super::headers;
use super::waits::Wait;
use super::window::Window;
use crate::error::Error;
use crate::retry::pause;

/// After a pause so many may be under way at most before the pause counts as over.
const UNLIMITED: usize = 4_096;

/// Longer than any pause; what a provider asks for may be nonsense.
const A_YEAR: Duration = Duration::from_hours(24 * 365);

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
    pause: Option<Pause>,
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

/// What a provider asks for with a 429.
#[derive(Debug)]
struct Pause {
    since: Instant,
    until: Instant,
    error: Error,
}

impl Pause {
    /// The answer to a call that would have to wait for longer than `patience`. Such times are not always meant: when
    /// this long nobody has asked, somebody may.
    fn refusal(&self, now: Instant, patience: Duration) -> Option<Error> {
        let left = self.until.saturating_duration_since(now);
        let is_refused = left > patience && now < self.since + patience;
        is_refused.then(|| self.error.clone().for_another_call(left))
    }
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
            pause: None,
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

/// Whether a call may go.
enum Turn {
    Now,
    At(Instant),
    /// When somebody before it has gone, or an answer has come.
    Later,
    /// Not as long as it would wait.
    Never(Error),
}

impl State {
    fn turn(&mut self, ticket: u64, tokens: u64, now: Instant, patience: Duration) -> Turn {
        if let Some(error) = self.pause.as_ref().and_then(|pause| pause.refusal(now, patience)) {
            return Turn::Never(error);
        }
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
        let paused = self.pause.as_ref().map(|pause| pause.until);
        let paused = paused.filter(|time| *time > now && *time <= now + patience);
        let set = self.requests.ready_at(now, 1).max(self.tokens.ready_at(now, tokens));
        reported.max(paused).max(set).map_or(Turn::Now, Turn::At)
    }

    fn admit(&mut self, tokens: u64, now: Instant) -> u64 {
        let admission = self.next_admission;
        self.next_admission += 1;
        self.pause = None;
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
        if !headers::has_any(headers) {
            return;
        }
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

    /// The provider answered 429, with this `error`: nobody sends for `wait`.
    pub(crate) fn pause(&self, wait: Duration, error: &Error) {
        let mut state = self.state();
        let since = Instant::now();
        let until = since + wait.min(A_YEAR);
        if state.pause.as_ref().is_none_or(|pause| pause.until < until) {
            state.pause = Some(Pause { since, until, error: error.clone() });
        }
        state.ramp = Some(Ramp { limit: 1, in_flight: 0, since: state.next_admission });
        // It may not want to wait for so long.
        state.wake_first();
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
    /// # Errors
    ///
    /// That of the 429 whose pause is longer than `patience`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the ticket lets those behind it move up.
    pub(crate) async fn admission(&self, tokens: u64, patience: Duration) -> Result<Admission, Error> {
        let mut wait = None;
        loop {
            let (time, notify) = {
                let now = Instant::now();
                let mut state = self.lane.state();
                let time = match state.turn(self.number, tokens, now, patience) {
                    Turn::Now => {
                        state.waiting.remove(&self.number);
                        let number = state.admit(tokens, now);
                        state.wake_first();
                        return Ok(Admission { lane: Arc::clone(&self.lane), number, tokens });
                    }
                    Turn::Never(error) => {
                        state.waiting.remove(&self.number);
                        state.wake_first();
                        return Err(error);
                    }
                    Turn::At(time) => Some(time),
                    Turn::Later => None,
                };
                (time, Arc::clone(state.waiting.entry(self.number).or_default()))
            };
            wait.get_or_insert_with(Wait::begin);
            match time {
                Some(time) => tokio::select! {
                    () = pause(time.saturating_duration_since(Instant::now()))? => {}
                    () = notify.notified() => {}
                },
                None => notify.notified().await,
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

    /// The provider takes requests: after a pause, more of them. One from before it says nothing about that.
    pub(crate) fn succeed(&self) {
        let mut state = self.lane.state();
        if let Some(ramp) = state.ramp.as_mut().filter(|ramp| self.number >= ramp.since) {
            ramp.limit *= 2;
        }
        state.ramp = state.ramp.filter(|ramp| ramp.limit < UNLIMITED);
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
#[path = "lane_days.rs"]
mod days;
#[cfg(test)]
#[path = "lane_tests.rs"]
mod tests;
