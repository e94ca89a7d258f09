//! One run of a cell: started, raced with the interrupt, ended, reported.

use std::any::Any;
use std::cell::Cell;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, ThreadId};
use std::time::Instant;

use antiphon_channel::{FromCell, Outcome};
use futures::future::BoxFuture;

use crate::cancel::{self, Cancelled};
use crate::shared::RUNTIME;
use crate::{channel, error_report, panic_report, parent, stdin, stdout};

static LAST_SEQUENCE: AtomicU64 = AtomicU64::new(0);
/// The thread that runs cells: the one that runs the first.
static CELLS_THREAD: OnceLock<ThreadId> = OnceLock::new();

thread_local! {
    /// Number of the cell that runs on this thread, 0 for none.
    static RUNNING: Cell<u64> = const { Cell::new(0) };
}

/// Whether a cell runs on this thread.
pub(crate) fn runs_here() -> bool {
    RUNNING.get() != 0
}

/// Runs a cell to its end.
///
/// # Panics
/// With the cell's own panic, or with [`Cancelled`]: evcxr catches both and keeps the older variables.
pub(crate) fn run(cell: Pin<&mut dyn Future<Output = ()>>) {
    let thread = thread::current().id();
    if *CELLS_THREAD.get_or_init(|| thread) != thread {
        // A runtime that a thread of a cell's blocks on is no cell.
        RUNTIME.block_on(cell);
        return;
    }
    let sequence = LAST_SEQUENCE.fetch_add(1, Ordering::SeqCst) + 1;
    let runtime = &*RUNTIME;
    channel::send(&FromCell::Started { sequence });
    let start = Instant::now();
    RUNNING.set(sequence);
    let entered = parent::enter(sequence);
    stdout::begin_cell(sequence);
    stdin::begin_cell();
    let end = catch_unwind(AssertUnwindSafe(|| runtime.block_on(race(sequence, cell))));
    RUNNING.set(0);
    let run_time_us = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
    let outcome = outcome(&end);
    panic_report::print_caught();
    drop(entered);
    stdin::end_cell();
    stdout::end_cell();
    channel::send(&FromCell::Finished { sequence, outcome, run_time_us });
    if let Err(payload) = end {
        resume_unwind(payload);
    }
}

/// Blocks inside a runtime until a future is done; on the cell's own thread it can be interrupted.
pub(crate) fn block_until_done(future: BoxFuture<'static, ()>) {
    block_in_cell(future);
}

/// The same for any future.
pub(crate) fn block_in_cell(future: impl Future<Output = ()>) {
    let sequence = RUNNING.get();
    tokio::task::block_in_place(|| {
        let handle = tokio::runtime::Handle::current();
        if sequence == 0 {
            handle.block_on(future);
        } else {
            handle.block_on(race(sequence, std::pin::pin!(future)));
        }
    });
}

async fn race(sequence: u64, cell: Pin<&mut dyn Future<Output = ()>>) {
    tokio::select! {
        biased;
        () = cancel::requested(sequence) => cancel::unwind(),
        () = cell => {}
    }
}

fn outcome(end: &Result<(), Box<dyn Any + Send>>) -> Outcome {
    let failure = error_report::take();
    match end {
        Ok(()) => failure.unwrap_or(Outcome::Finished),
        Err(payload) if payload.is::<Cancelled>() => Outcome::Cancelled,
        Err(payload) => Outcome::Panicked(panic_report::take(payload.as_ref())),
    }
}
