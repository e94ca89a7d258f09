//! How the blocking `generate` waits, and how a host can make that wait interruptible.
//!
//! | called | waits |
//! |---|---|
//! | outside any tokio runtime | on the runtime of this crate that drives connections |
//! | inside a multi-thread runtime | on that runtime, whose other tasks go on |
//! | inside a current-thread runtime | on a thread of its own; the runtime's other tasks stand still |
//! | inside any runtime, with an executor set | as the executor decides |
//!
//! # Panics
//!
//! Inside a [`tokio::task::LocalSet`] of a multi-thread runtime tokio forbids blocking, by a panic, and lets nobody ask
//! first; there, await [`agenerate`](crate::OpenAI::agenerate), or call by [`tokio::task::spawn_blocking`].

use std::panic;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use futures::future::BoxFuture;
use futures::{Stream, StreamExt as _};
use once_cell::sync::OnceCell;
use tokio::runtime::{Handle, RuntimeFlavor};

use crate::batch::{Batch, BatchItem, BatchProgress};
use crate::error::Error;
use crate::stream::{LlmStream, StreamEvent};
use crate::transport::background;

/// Drives a future to its end, or drops it.
type Executor = fn(BoxFuture<'static, ()>);

static EXECUTOR: OnceCell<Executor> = OnceCell::new();

/// Lets `f` drive the blocking calls that are made inside a runtime.
///
/// A notebook runtime uses this so that its stop button reaches a cell that blocks in `generate`:
/// `f` blocks until the future has finished, or drops it (which closes its connections) and
/// returns or unwinds. If it returns without having finished the future, `generate` fails with
/// [`ErrorKind::Interrupted`](crate::ErrorKind::Interrupted).
///
/// The first call wins; later ones change nothing. Calls made outside any runtime do not use it.
///
/// ```
/// antiphon::blocking::set_blocking_executor(|future| {
///     tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(future));
/// });
/// ```
pub fn set_blocking_executor(f: fn(BoxFuture<'static, ()>)) {
    // A second host in one process is as good as the first.
    let _ = EXECUTOR.set(f);
}

/// The blocking twin of a stream: an iterator that waits for each item, in or outside of a runtime.
///
/// ```
/// # let sim = antiphon_sim::for_example();
/// use antiphon::{ChatOpenAI, StreamEvent};
///
/// for event in ChatOpenAI::new().stream("Tell me a story.")? {
///     if let StreamEvent::Text(text) = event? {
///         print!("{text}");
///     }
/// }
///
/// for answer in ChatOpenAI::new().batch(["Is 7 prime?", "Is 8 prime?"]).max_concurrency(2) {
///     println!("{}: {}", answer.index, answer.result?);
/// }
/// # assert_eq!(sim.requests().len(), 3);
/// # Ok::<(), antiphon::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "iterators are lazy"]
pub struct Blocking<S> {
    /// `None` once it has ended or a wait was interrupted.
    stream: Option<S>,
}

impl<S> Blocking<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream: Some(stream) }
    }
}

impl<S: Stream + Send + Unpin + 'static> Blocking<S>
where
    S::Item: Send,
{
    fn wait_for_next(&mut self) -> Result<Option<S::Item>, Error> {
        let Some(mut stream) = self.stream.take() else {
            return Ok(None);
        };
        let (stream, item) = wait(Box::pin(async move {
            let item = stream.next().await;
            Ok((stream, item))
        }))?;
        self.stream = item.is_some().then_some(stream);
        Ok(item)
    }
}

impl Iterator for Blocking<LlmStream> {
    type Item = Result<StreamEvent, Error>;

    /// Blocks until the next event is there; `None` after the last, and after an error. A wait that is interrupted is an
    /// error of the kind [`ErrorKind::Interrupted`](crate::ErrorKind::Interrupted).
    ///
    /// # Panics
    ///
    /// As [the module](self) says.
    fn next(&mut self) -> Option<Self::Item> {
        self.wait_for_next().unwrap_or_else(|error| Some(Err(error)))
    }
}

impl Iterator for Blocking<Batch> {
    type Item = BatchItem;

    /// Blocks until the next answer is there; `None` after the last. Calls begin when it is first asked.
    ///
    /// A wait that is interrupted drops the calls that run. It yields an error of the kind
    /// [`ErrorKind::Interrupted`](crate::ErrorKind::Interrupted), for the first prompt whose answer has not been yielded,
    /// and then `None`.
    ///
    /// # Panics
    ///
    /// As [the module](self) says.
    fn next(&mut self) -> Option<Self::Item> {
        let index = self.stream.as_ref().map_or(0, Batch::next_index);
        self.wait_for_next().unwrap_or_else(|error| Some(BatchItem { index, result: Err(error) }))
    }
}

impl Blocking<Batch> {
    /// As [`Batch::max_concurrency`].
    pub fn max_concurrency(self, calls: usize) -> Self {
        self.map(|batch| batch.max_concurrency(calls))
    }

    /// As [`Batch::as_completed`].
    pub fn as_completed(self) -> Self {
        self.map(Batch::as_completed)
    }

    /// As [`Batch::on_progress`].
    pub fn on_progress(self, report: impl FnMut(&BatchProgress) + Send + 'static) -> Self {
        self.map(|batch| batch.on_progress(report))
    }

    fn map(self, change: impl FnOnce(Batch) -> Batch) -> Self {
        Self { stream: self.stream.map(change) }
    }
}

/// Waits for `future` in the way the calling thread allows.
pub(crate) fn wait<T: Send + 'static>(future: BoxFuture<'static, Result<T, Error>>) -> Result<T, Error> {
    let Ok(handle) = Handle::try_current() else {
        return background::own()?.block_on(future);
    };
    if let Some(executor) = EXECUTOR.get() {
        return wait_with(*executor, future);
    }
    if handle.runtime_flavor() == RuntimeFlavor::MultiThread {
        return tokio::task::block_in_place(|| handle.block_on(future));
    }
    // A current-thread runtime cannot be entered again from its own thread.
    let runtime = background::own()?;
    let waiter = thread::Builder::new()
        .name("antiphon-generate".to_owned())
        .spawn(move || runtime.block_on(future))
        .map_err(Error::no_runtime)?;
    waiter.join().unwrap_or_else(|payload| panic::resume_unwind(payload))
}

fn wait_with<T: Send + 'static>(executor: Executor, future: BoxFuture<'static, Result<T, Error>>) -> Result<T, Error> {
    let slot = Arc::new(Mutex::new(None));
    let filled = Arc::clone(&slot);
    executor(Box::pin(async move {
        let result = future.await;
        *filled.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
    }));
    let result = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
    result.unwrap_or_else(|| Err(Error::interrupted()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn an_executor_that_drops_the_future_interrupts() {
        let dropper: Executor = drop;
        let error = wait_with::<()>(dropper, Box::pin(std::future::pending())).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Interrupted);
    }

    #[test]
    fn an_executor_that_finishes_the_future_yields_its_result() {
        let executor: Executor = futures::executor::block_on;
        assert_eq!(wait_with(executor, Box::pin(async { Ok(7) })).unwrap(), 7);
    }
}
