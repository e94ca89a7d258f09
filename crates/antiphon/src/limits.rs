//! Who may send when: limits that were set, limits that the provider reports, and pauses it asks for.
//!
//! Calls of the same server, key and model share a [`Lane`], whichever class or value they come from. They are let
//! through in the order of their arrival; the first in line sleeps until the moment it may go, nobody polls.
//!
//! - **Set limits** (`requests_per_minute`, `tokens_per_minute`) hold in every 60 seconds, not on average.
//! - **Reported limits** are read from the rate limit headers of each answer as a bucket that refills evenly, which is
//!   how OpenAI, Anthropic and Groq describe theirs.
//! - **A 429** pauses the lane, for as long as the provider asks. After it one request goes first; with each success
//!   twice as many may be under way. Calls that would not wait for so long fail at once with the same error, without a
//!   request; when nobody has asked for as long as they would wait, one asks all the same, so that no provider can lock
//!   a lane.

mod bucket;
mod headers;
mod lane;
mod waits;
mod window;

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

use once_cell::sync::Lazy;

pub(crate) use self::lane::{Admission, Lane, Ticket};
pub(crate) use self::waits::Waits;
use crate::secret::Secret;

/// Lanes remembered at most, against programs that make up models.
const REMEMBERED: usize = 1_024;

static LANES: Lazy<Mutex<HashMap<Key, Arc<Lane>>>> = Lazy::new(Mutex::default);
static HASHER: Lazy<RandomState> = Lazy::new(RandomState::new);

/// Server, a hash of the keys, model.
type Key = (String, u64, String);

/// The limits that a class has set; none unless set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct SetLimits {
    pub(crate) requests_per_minute: Option<u32>,
    pub(crate) tokens_per_minute: Option<u32>,
}

/// The lane of these calls. Limits that are set replace those that other values have set for the same lane.
pub(crate) fn lane(base_url: &str, keys: &[Secret], model: &str, limits: SetLimits) -> Arc<Lane> {
    let keys: Vec<&str> = keys.iter().map(Secret::expose).collect();
    let key = (base_url.to_owned(), HASHER.hash_one(keys), model.to_owned());
    let mut lanes = LANES.lock().unwrap_or_else(PoisonError::into_inner);
    if lanes.len() >= REMEMBERED && !lanes.contains_key(&key) {
        lanes.retain(|_, lane| Arc::strong_count(lane) > 1);
    }
    let lane = Arc::clone(lanes.entry(key).or_default());
    drop(lanes);
    lane.set(limits);
    lane
}
