//! At most so much in every minute.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// A minute, and a little more: requests that leave a minute apart may arrive with less between them.
const MINUTE: Duration = Duration::from_millis(60_100);

/// What was spent in the last minute.
#[derive(Debug, Default)]
pub(super) struct Window {
    limit: Option<u64>,
    /// When, how much and by whom, in order.
    spent: VecDeque<(Instant, u64, u64)>,
    sum: u64,
}

impl Window {
    pub(super) fn set(&mut self, limit: u32) {
        self.limit = Some(u64::from(limit));
    }

    /// When `amount` may be spent; `None` is now. More than the limit counts as all of it.
    pub(super) fn ready_at(&mut self, now: Instant, amount: u64) -> Option<Instant> {
        let limit = self.limit?;
        while let Some((time, spent, _)) = self.spent.front()
            && *time + MINUTE <= now
        {
            self.sum -= spent;
            self.spent.pop_front();
        }
        let mut excess = (self.sum + amount.min(limit)).checked_sub(limit).filter(|excess| *excess > 0)?;
        for (time, spent, _) in &self.spent {
            match excess.checked_sub(*spent) {
                Some(rest) if rest > 0 => excess = rest,
                _ => return Some(*time + MINUTE),
            }
        }
        None
    }

    pub(super) fn spend(&mut self, now: Instant, amount: u64, admission: u64) {
        if self.limit.is_some() {
            self.sum += amount;
            self.spent.push_back((now, amount, admission));
        }
    }

    /// Replaces an estimate by what it was.
    pub(super) fn correct(&mut self, admission: u64, amount: u64) {
        // They are admitted in the order of their numbers.
        if let Ok(place) = self.spent.binary_search_by_key(&admission, |(_, _, it)| *it) {
            let spent = &mut self.spent[place].1;
            self.sum = self.sum - *spent + amount;
            *spent = amount;
        }
    }
}
