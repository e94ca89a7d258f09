//! Which cell a piece of code belongs to.
//!
//! A task carries the cell that spawned it: its output belongs to that cell, also after the cell's end.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};

use futures::future::BoxFuture;

thread_local! {
    /// Number of the cell that the code on this thread belongs to, 0 for none: a thread that no cell's task runs on.
    static PARENT: Cell<u64> = const { Cell::new(0) };
}

/// Number of the cell whose code runs, 0 between cells. Changed only under the locks of both standard streams.
static FOREGROUND: AtomicU64 = AtomicU64::new(0);
/// The engine wants output of tasks apart whose cell is over. Without that it goes the way of all output.
static ROUTED: AtomicBool = AtomicBool::new(false);

/// From now on output of tasks whose cell is over is sent to the engine with the cell's number.
pub(crate) fn route() {
    ROUTED.store(true, Ordering::SeqCst);
}

/// The cell of the code on this thread, 0 if it belongs to none.
pub(crate) fn current() -> u64 {
    PARENT.get()
}

/// The cell of the code on this thread if it is one that is over, and its output must be sent apart. The answer is
/// final only under the lock of the stream that is written to.
pub(crate) fn cell_that_is_over() -> Option<u64> {
    let parent = PARENT.get();
    (parent != 0 && parent != FOREGROUND.load(Ordering::SeqCst) && ROUTED.load(Ordering::SeqCst)).then_some(parent)
}

/// A cell begins, or with 0 is over.
pub(crate) fn set_foreground(sequence: u64) {
    FOREGROUND.store(sequence, Ordering::SeqCst);
}

/// Code on this thread belongs to a cell until the guard is dropped.
pub(crate) fn enter(sequence: u64) -> Entered {
    Entered { before: PARENT.replace(sequence) }
}

pub(crate) struct Entered {
    before: u64,
}

impl Drop for Entered {
    fn drop(&mut self) {
        PARENT.set(self.before);
    }
}

/// A future whose code belongs to the cell that made it. Boxed, so that a cell compiles it once for each output and
/// not once for each future.
pub(crate) struct InCell<T> {
    cell: u64,
    future: BoxFuture<'static, T>,
}

impl<T> InCell<T> {
    /// Belongs to the cell of the code that calls this.
    pub(crate) fn new(future: BoxFuture<'static, T>) -> Self {
        Self { cell: current(), future }
    }
}

impl<T> Future for InCell<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let _entered = enter(self.cell);
        self.future.as_mut().poll(context)
    }
}

/// A function whose code belongs to the cell that calls this.
pub(crate) fn in_cell<R>(function: Box<dyn FnOnce() -> R + Send>) -> impl FnOnce() -> R + Send {
    let cell = current();
    move || {
        let _entered = enter(cell);
        function()
    }
}
