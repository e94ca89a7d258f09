//! The one tokio runtime of this process.

use once_cell::sync::Lazy;

use crate::{cell, panic_report, stdin, stdout};

/// The runtime on which every cell and every task runs. It lives as long as the process.
pub(crate) static RUNTIME: Lazy<tokio::runtime::Runtime> = Lazy::new(|| {
    // The crates in the preload are built without a default TLS provider; an error means that one is set already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    panic_report::install_hook();
    stdout::start_flusher();
    stdin::start_watcher();
    antiphon::blocking::set_blocking_executor(cell::block_until_done);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(worker_threads())
        .thread_name("antiphon-worker")
        .enable_all()
        .build()
        .expect("the operating system gives this process its threads");
    // While the session starts nobody waits for this; in the first call somebody would.
    drop(runtime.spawn_blocking(antiphon::warm_up));
    runtime
});

fn worker_threads() -> usize {
    std::env::var(antiphon_channel::CELL_THREADS)
        .ok()
        .and_then(|value| value.parse().ok())
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(2, usize::from))
        .clamp(2, 512)
}
