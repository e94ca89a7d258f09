//! What goes on in the server right now, as counts that a test can read and wait for.

use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use tokio::sync::{Notify, watch};

/// What goes on in a [`Sim`](crate::Sim) right now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Activity {
    /// TCP connections that are open, whether in use or idle.
    pub open_connections: usize,
    /// Requests whose head has arrived and whose answer is not yet handed to the connection or
    /// given up.
    pub in_flight: usize,
    /// Requests received in full since the start; it only grows.
    pub received: u64,
}

/// The one place where [`Activity`] changes. Clones share their counts.
#[derive(Debug, Clone, Default)]
pub(crate) struct ActivityCounter(watch::Sender<Activity>);

impl ActivityCounter {
    pub(crate) fn now(&self) -> Activity {
        *self.0.borrow()
    }

    /// Waits until `condition` holds; the counts of that moment if it does not within `limit`.
    pub(crate) async fn wait_until(
        &self,
        mut condition: impl FnMut(&Activity) -> bool,
        limit: Duration,
    ) -> Result<(), Activity> {
        let mut activity = self.0.subscribe();
        if condition(&activity.borrow_and_update()) {
            return Ok(());
        }
        // Not by tokio's clock: where that is paused, it leaps ahead whenever everyone waits for the network.
        let too_late = Arc::new(Notify::new());
        let alarm = Arc::clone(&too_late);
        let (_waiting, is_waiting) = mpsc::channel::<()>();
        thread::spawn(move || {
            if is_waiting.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
                alarm.notify_one();
            }
        });
        tokio::select! {
            // It cannot fail: `self` holds a sender.
            _ = activity.wait_for(|activity| condition(activity)) => Ok(()),
            () = too_late.notified() => Err(self.now()),
        }
    }

    pub(crate) fn request_received(&self) {
        self.0.send_modify(|activity| activity.received += 1);
    }

    pub(crate) fn open_connection(&self) -> Guard {
        Guard::new(self, |activity| &mut activity.open_connections)
    }

    pub(crate) fn begin_request(&self) -> Guard {
        Guard::new(self, |activity| &mut activity.in_flight)
    }
}

/// Counts one connection or request for as long as it lives.
#[derive(Debug)]
pub(crate) struct Guard {
    counter: ActivityCounter,
    field: fn(&mut Activity) -> &mut usize,
}

impl Guard {
    fn new(counter: &ActivityCounter, field: fn(&mut Activity) -> &mut usize) -> Self {
        counter.0.send_modify(|activity| *field(activity) += 1);
        Self { counter: counter.clone(), field }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.counter.0.send_modify(|activity| *(self.field)(activity) -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As quick under a paused clock as under another.
    #[tokio::test(start_paused = true)]
    async fn waiting_has_a_limit() {
        let counter = ActivityCounter::default();
        let limit = Duration::from_millis(20);
        assert_eq!(counter.wait_until(|it| it.received == 0, limit).await, Ok(()));
        counter.request_received();
        let begun = std::time::Instant::now();
        let late = counter.wait_until(|it| it.received == 0, limit).await;
        assert_eq!(late, Err(Activity { received: 1, ..Activity::default() }));
        assert!(begun.elapsed() >= limit);
    }
}
