//! [`tokio::runtime`], with the runtime that all cells share in place of [`Runtime::new`].

use std::future::Future;
use std::io;
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::cell;
use crate::parent::{InCell, in_cell};
use crate::shared::RUNTIME;

pub use tokio::runtime::*;

/// The runtime of all cells, or one that a [`Builder`] made.
///
/// As [`tokio::runtime::Runtime`], but `block_on` also works inside a cell.
#[derive(Debug)]
pub struct Runtime {
    /// `None` for the shared one.
    own: Option<tokio::runtime::Runtime>,
}

impl Runtime {
    /// The runtime that all cells share.
    ///
    /// # Errors
    /// None; the signature is tokio's.
    pub fn new() -> io::Result<Self> {
        Ok(Self { own: None })
    }

    fn inner(&self) -> &tokio::runtime::Runtime {
        self.own.as_ref().unwrap_or(&RUNTIME)
    }

    /// Runs a future to its end on this thread. Called by evcxr with the whole cell, and by users inside one.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        // Generic code is compiled again in every cell, so this is all there is of it.
        let mut output = None;
        {
            let future = std::pin::pin!(async { output = Some(future.await) });
            if Handle::try_current().is_err() {
                cell::run(future);
            } else if let Some(own) = &self.own {
                tokio::task::block_in_place(|| own.block_on(future));
            } else {
                cell::block_in_cell(future);
            }
        }
        output.expect("a future that was run to its end has given its output")
    }

    /// As [`tokio::runtime::Runtime::spawn`].
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.inner().spawn(InCell::new(Box::pin(future)))
    }

    /// As [`tokio::runtime::Runtime::spawn_blocking`].
    pub fn spawn_blocking<F, R>(&self, function: F) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.inner().spawn_blocking(in_cell(Box::new(function)))
    }

    /// As [`tokio::runtime::Runtime::handle`].
    pub fn handle(&self) -> &Handle {
        self.inner().handle()
    }

    /// As [`tokio::runtime::Runtime::enter`].
    pub fn enter(&self) -> EnterGuard<'_> {
        self.inner().enter()
    }

    /// As [`tokio::runtime::Runtime::metrics`].
    pub fn metrics(&self) -> RuntimeMetrics {
        self.inner().metrics()
    }

    /// As [`tokio::runtime::Runtime::shutdown_timeout`]; the shared runtime stays.
    pub fn shutdown_timeout(mut self, duration: Duration) {
        if let Some(own) = self.own.take() {
            tokio::task::block_in_place(|| own.shutdown_timeout(duration));
        }
    }

    /// As [`tokio::runtime::Runtime::shutdown_background`]; the shared runtime stays.
    pub fn shutdown_background(mut self) {
        if let Some(own) = self.own.take() {
            own.shutdown_background();
        }
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        // tokio refuses to drop a runtime, which waits for its threads, inside another one.
        if let Some(own) = self.own.take() {
            own.shutdown_background();
        }
    }
}

/// As [`tokio::runtime::Builder`], for a runtime whose `block_on` also works inside a cell (`#[tokio::main]` uses it).
#[derive(Debug)]
pub struct Builder(tokio::runtime::Builder);

macro_rules! settings {
    ($($name:ident($($argument:ident: $type:ty),*);)*) => {
        $(
            #[doc = concat!("As [`tokio::runtime::Builder::", stringify!($name), "`].")]
            pub fn $name(&mut self $(, $argument: $type)*) -> &mut Self {
                self.0.$name($($argument),*);
                self
            }
        )*
    };
}

impl Builder {
    /// As [`tokio::runtime::Builder::new_multi_thread`].
    pub fn new_multi_thread() -> Self {
        Self(tokio::runtime::Builder::new_multi_thread())
    }

    /// As [`tokio::runtime::Builder::new_current_thread`].
    pub fn new_current_thread() -> Self {
        Self(tokio::runtime::Builder::new_current_thread())
    }

    settings! {
        enable_all();
        enable_io();
        enable_time();
        event_interval(value: u32);
        global_queue_interval(value: u32);
        max_blocking_threads(value: usize);
        on_thread_park(function: impl Fn() + Send + Sync + 'static);
        on_thread_start(function: impl Fn() + Send + Sync + 'static);
        on_thread_stop(function: impl Fn() + Send + Sync + 'static);
        on_thread_unpark(function: impl Fn() + Send + Sync + 'static);
        thread_keep_alive(duration: Duration);
        thread_name(name: impl Into<String>);
        thread_name_fn(function: impl Fn() -> String + Send + Sync + 'static);
        thread_stack_size(value: usize);
        worker_threads(value: usize);
    }

    /// As [`tokio::runtime::Builder::build`].
    ///
    /// # Errors
    /// Those of tokio: the operating system refuses a thread or a poller.
    pub fn build(&mut self) -> io::Result<Runtime> {
        Ok(Runtime { own: Some(self.0.build()?) })
    }
}
