//! What goes on in the server right now, as counts that a test can read and wait for.

use tokio::sync::watch;

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

    pub(crate) async fn wait_until(&self, mut condition: impl FnMut(&Activity) -> bool) {
        // It cannot fail: `self` holds a sender.
        let _ = self.0.subscribe().wait_for(|activity| condition(activity)).await;
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
