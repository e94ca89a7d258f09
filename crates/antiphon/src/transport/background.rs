//! The tokio runtime that drives connections: this crate's own, or one that the program lends.
//!
//! A connection is driven by a task on the runtime that opened it and dies with that runtime
//! (<https://github.com/seanmonstar/reqwest/issues/1148>). Requests are built and answers read where the caller polls;
//! only sockets and the clocks of time limits belong here. A caller's clock may be paused, as in tests; a network's
//! never is.

use std::future::ready;
use std::panic::resume_unwind;
use std::pin::{Pin, pin};
use std::sync::{PoisonError, RwLock};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::Either;
use once_cell::sync::OnceCell;
use tokio::runtime::{Builder, Handle, Runtime, RuntimeFlavor};
use tokio::task::JoinHandle;
use tokio::time::Sleep;

use crate::error::Error;

static OWN: OnceCell<Runtime> = OnceCell::new();
static LENT: RwLock<Option<Handle>> = RwLock::new(None);

/// This crate's own runtime, started when first needed. It lives as long as the process.
///
/// # Errors
///
/// The operating system gives no thread for it.
pub(crate) fn own() -> Result<&'static Runtime, Error> {
    OWN.get_or_try_init(|| {
        Builder::new_multi_thread()
            // It moves bytes; what costs time, reading JSON, happens where the caller is.
            .worker_threads(1)
            .thread_name("antiphon")
            .enable_all()
            .build()
            .map_err(Error::no_runtime)
    })
}

/// The runtime that drives connections now.
///
/// # Errors
///
/// As [`own`].
pub(crate) fn handle() -> Result<Handle, Error> {
    if let Some(lent) = &*LENT.read().unwrap_or_else(PoisonError::into_inner) {
        return Ok(lent.clone());
    }
    Ok(own()?.handle().clone())
}

/// Takes `runtime` instead of the crate's own, until it ends.
///
/// # Errors
///
/// A runtime that runs only while somebody blocks on it.
pub(crate) fn lend(runtime: &Handle) -> Result<(), Error> {
    if runtime.runtime_flavor() == RuntimeFlavor::CurrentThread {
        let problem = "must have threads of its own: connections stand still while nobody blocks on this one";
        return Err(Error::invalid_setting("runtime", problem));
    }
    let mut lent = LENT.write().unwrap_or_else(PoisonError::into_inner);
    if lent.as_ref().is_some_and(|lent| lent.id() == runtime.id()) {
        return Ok(());
    }
    *lent = Some(runtime.clone());
    drop(lent);
    let end = End(runtime.id());
    // Dropped with the runtime, or at once if that has ended.
    runtime.spawn(async move {
        let _end = end;
        std::future::pending::<()>().await;
    });
    Ok(())
}

/// Takes a lent runtime's place when it ends.
struct End(tokio::runtime::Id);

impl Drop for End {
    fn drop(&mut self) {
        LENT.write().unwrap_or_else(PoisonError::into_inner).take_if(|lent| lent.id() == self.0);
    }
}

/// Runs `future` on the runtime of the connections: right here if the caller, who is to poll it, is on that one already,
/// or as a task.
///
/// # Cancel safety
///
/// Dropping the future drops what it runs.
pub(crate) fn run<T, F>(future: F) -> impl Future<Output = Result<T, Error>>
where
    T: Send + 'static,
    F: Future<Output = Result<T, Error>> + Send + 'static,
{
    match handle() {
        Err(error) => Either::Left(ready(Err(error)).boxed()),
        Ok(runtime) if Handle::try_current().is_ok_and(|it| it.id() == runtime.id()) => Either::Left(future.boxed()),
        Ok(runtime) => Either::Right(Task(runtime.spawn(future))),
    }
}

/// A task that ends when nobody wants its result any more.
struct Task<T>(JoinHandle<Result<T, Error>>);

impl<T> Future for Task<T> {
    type Output = Result<T, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll_unpin(context).map(|result| {
            result.unwrap_or_else(|error| match error.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                Err(_) => Err(Error::runtime_ended()),
            })
        })
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A sleep by the clock of the connections' runtime, which can be awaited anywhere: off a lent runtime it is by this
/// crate's own, as nobody may wait by the clock of a runtime that has ended.
pub(crate) fn sleep(duration: Duration) -> Result<Sleep, Error> {
    let lent = LENT.read().unwrap_or_else(PoisonError::into_inner).as_ref().map(Handle::id);
    let is_here = lent.is_some() && Handle::try_current().is_ok_and(|here| Some(here.id()) == lent);
    let _entered = if is_here { None } else { Some(own()?.enter()) };
    Ok(tokio::time::sleep(duration))
}

/// The future's output, or `None` if it takes longer than `limit`. It is pinned by the caller, as a future that is handed
/// over is stored twice.
pub(crate) async fn within<F: Future>(limit: Duration, future: Pin<&mut F>) -> Result<Option<F::Output>, Error> {
    Ok(until(pin!(sleep(limit)?), future).await)
}

/// The future's output, or `None` if it takes longer than `sleep`.
pub(crate) async fn until<F: Future>(sleep: Pin<&mut Sleep>, future: Pin<&mut F>) -> Option<F::Output> {
    tokio::select! {
        biased;
        output = future => Some(output),
        () = sleep => None,
    }
}
