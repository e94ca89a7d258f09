//! A limit that answers report, as it goes on without them.

use std::time::Duration;

use tokio::time::Instant;

use super::headers::Reported;

/// A limit as the provider keeps it: full at first, and refilled evenly.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bucket {
    limit: f64,
    level: f64,
    at: Instant,
    per_second: f64,
}

impl Bucket {
    /// `under_way` is what the provider may not have counted yet.
    pub(super) fn new(reported: Reported, under_way: f64, now: Instant) -> Self {
        let used = reported.limit - reported.remaining;
        let per_second = if used > 0.0 && !reported.reset.is_zero() {
            used / reported.reset.as_secs_f64()
        } else {
            reported.limit / 60.0
        };
        Self { limit: reported.limit, level: reported.remaining - under_way, at: now, per_second }
    }

    pub(super) fn ready_at(&self, now: Instant, amount: f64) -> Option<Instant> {
        let filled = self.level + now.duration_since(self.at).as_secs_f64() * self.per_second;
        let missing = amount.min(self.limit) - filled.min(self.limit);
        // Rounding must not make a sleeper wake a moment too early, again and again.
        let wait = Duration::try_from_secs_f64(missing / self.per_second).ok().filter(|wait| !wait.is_zero())?;
        Some(now + wait + Duration::from_millis(1))
    }

    pub(super) fn spend(&mut self, now: Instant, amount: f64) {
        let filled = self.level + now.duration_since(self.at).as_secs_f64() * self.per_second;
        self.level = filled.min(self.limit) - amount;
        self.at = now;
    }
}
