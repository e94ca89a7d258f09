//! The one tokio runtime of this crate: it drives all connections, so that they outlive the caller's runtimes.
//!
//! A connection is driven by a task on the runtime that opened it and dies with that runtime
//! (<https://github.com/seanmonstar/reqwest/issues/1148>). Requests are built and answers read where the caller polls;
//! only sockets and the clocks of time limits belong here. A caller's clock may be paused, as in tests; a network's
//! never is.

use std::pin::{Pin, pin};
use std::time::Duration;

use once_cell::sync::OnceCell;
use tokio::runtime::{Builder, Runtime};
use tokio::time::Sleep;

use crate::error::Error;

static RUNTIME: OnceCell<Runtime> = OnceCell::new();

/// The runtime, started when first needed. It lives as long as the process.
///
/// # Errors
///
/// The operating system gives no thread for it.
pub(crate) fn runtime() -> Result<&'static Runtime, Error> {
    RUNTIME.get_or_try_init(|| {
        Builder::new_multi_thread()
            // It moves bytes; what costs time, reading JSON, happens where the caller is.
            .worker_threads(1)
            .thread_name("antiphon")
            .enable_all()
            .build()
            .map_err(Error::no_runtime)
    })
}

/// A sleep by this runtime's clock, which can be awaited anywhere.
pub(crate) fn sleep(duration: Duration) -> Result<Sleep, Error> {
    let _entered = runtime()?.enter();
    Ok(tokio::time::sleep(duration))
}

/// The future's output, or `None` if it takes longer than `limit`. It is pinned by the caller, as a future that is handed
/// over is stored twice.
pub(crate) async fn within<F: Future>(limit: Duration, future: Pin<&mut F>) -> Result<Option<F::Output>, Error> {
    let sleep = pin!(sleep(limit)?);
    tokio::select! {
        biased;
        output = future => Ok(Some(output)),
        () = sleep => Ok(None),
    }
}
