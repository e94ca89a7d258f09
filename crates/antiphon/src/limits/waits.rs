//! How long a call has waited for its turn, for those who measure it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

tokio::task_local! {
    /// Whoever measures the call, the outermost first.
    static WATCHED: Vec<Arc<Waits>>;
}

/// The waits of a call's requests. Time counts once, however many of them wait.
#[derive(Debug, Default)]
pub(crate) struct Waits {
    state: Mutex<State>,
    over: Notify,
}

#[derive(Debug, Default)]
struct State {
    waiting: usize,
    since: Option<Instant>,
    ended: Duration,
}

impl State {
    fn total(&self) -> Duration {
        self.ended + self.since.map_or(Duration::ZERO, |since| since.elapsed())
    }
}

impl Waits {
    /// `call`, whose waits are noted here.
    pub(crate) fn watch<F: Future>(self: &Arc<Self>, call: F) -> impl Future<Output = F::Output> {
        let mut watched = WATCHED.try_with(Vec::clone).unwrap_or_default();
        watched.push(Arc::clone(self));
        WATCHED.scope(watched, call)
    }

    /// The time in which a request of the call waited.
    pub(crate) fn total(&self) -> Duration {
        self.state().total()
    }

    /// Waits until no request does.
    pub(crate) async fn over(&self) {
        while self.state().waiting > 0 {
            self.over.notified().await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that waits, until it is dropped.
pub(super) struct Wait(Vec<Arc<Waits>>);

impl Wait {
    pub(super) fn begin() -> Self {
        let watched = WATCHED.try_with(Vec::clone).unwrap_or_default();
        for waits in &watched {
            let mut state = waits.state();
            state.waiting += 1;
            state.since.get_or_insert_with(Instant::now);
        }
        Self(watched)
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        for waits in &self.0 {
            let mut state = waits.state();
            state.waiting -= 1;
            if state.waiting == 0 {
                state.ended = state.total();
                state.since = None;
                waits.over.notify_one();
            }
        }
    }
}
