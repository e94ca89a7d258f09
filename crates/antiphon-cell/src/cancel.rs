//! The interrupt: a request from the engine to cut the running cell at its `.await`.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

/// What unwinds a cancelled cell. evcxr catches it as a panic and keeps the older variables; no panic hook runs.
pub(crate) struct Cancelled;

/// Number of the cell that is to be cut, 0 for none.
static REQUESTED: AtomicU64 = AtomicU64::new(0);
static WAKE: Notify = Notify::const_new();

/// Asks for the cell with this number to be cut.
pub(crate) fn request(sequence: u64) {
    REQUESTED.store(sequence, Ordering::SeqCst);
    WAKE.notify_waiters();
}

/// Completes when the cell with this number is to be cut.
pub(crate) async fn requested(sequence: u64) {
    loop {
        let woken = WAKE.notified();
        if REQUESTED.load(Ordering::SeqCst) == sequence {
            return;
        }
        woken.await;
    }
}

/// Leaves the cell.
pub(crate) fn unwind() -> ! {
    std::panic::resume_unwind(Box::new(Cancelled))
}
