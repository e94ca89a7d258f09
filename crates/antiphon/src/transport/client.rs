//! HTTP clients, one set for each tokio runtime.
//!
//! A connection is driven by a task on the runtime that opened it and dies with that runtime, so a
//! client must not be carried from one runtime to another
//! (<https://github.com/seanmonstar/reqwest/issues/1148>). Clients are kept per runtime, and a task
//! on each runtime removes that runtime's clients when it is shut down.

use std::future;
use std::sync::{Mutex, PoisonError};

use reqwest::{Client, Url, redirect};
use tokio::runtime::{Handle, Id};

use super::TimeLimits;
use super::base_url::{host, is_loopback};
use crate::error::Error;

struct Entry {
    runtime: Id,
    route: Route,
    client: Client,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Route {
    /// As the system's proxy settings say.
    System,
    /// Past any proxy.
    Direct,
}

static CLIENTS: Mutex<Vec<Entry>> = Mutex::new(Vec::new());

/// A client whose connections belong to the current runtime.
pub(super) fn for_current_runtime(url: &Url) -> Result<Client, Error> {
    let handle = Handle::try_current().map_err(Error::no_runtime)?;
    let runtime = handle.id();
    let route = if is_loopback(url) { Route::Direct } else { Route::System };

    let mut clients = CLIENTS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(entry) = clients.iter().find(|it| it.runtime == runtime && it.route == route) {
        return Ok(entry.client.clone());
    }
    // Built under the lock, so that a burst of first calls builds one client, not one each.
    let client = build(route).map_err(|error| Error::no_client(error, host(url)))?;
    if !clients.iter().any(|it| it.runtime == runtime) {
        let eviction = Eviction(runtime);
        handle.spawn(async move {
            let _eviction = eviction;
            future::pending::<()>().await;
        });
    }
    clients.push(Entry { runtime, route, client: client.clone() });
    Ok(client)
}

/// Time limits need a runtime even before a client does.
pub(super) fn check_runtime() -> Result<(), Error> {
    Handle::try_current().map(drop).map_err(Error::no_runtime)
}

fn build(route: Route) -> reqwest::Result<Client> {
    install_tls_provider();
    let builder = Client::builder()
        .user_agent(concat!("antiphon/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(TimeLimits::CONNECT)
        // A redirect would carry `x-api-key` to another host.
        .redirect(redirect::Policy::none());
    match route {
        Route::System => builder,
        Route::Direct => builder.no_proxy(),
    }
    .build()
}

/// reqwest without a built-in provider takes the process's; a program's own choice stands.
fn install_tls_provider() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // An error means that another thread was faster.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
}

/// Lives in a task of its runtime and is dropped with it.
struct Eviction(Id);

impl Drop for Eviction {
    fn drop(&mut self) {
        let mut clients = CLIENTS.lock().unwrap_or_else(PoisonError::into_inner);
        let evicted: Vec<_> = clients.extract_if(.., |it| it.runtime == self.0).collect();
        // Clients run foreign code when dropped.
        drop(clients);
        drop(evicted);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(runtime: Id) -> usize {
        CLIENTS.lock().unwrap().iter().filter(|it| it.runtime == runtime).count()
    }

    #[test]
    fn clients_live_as_long_as_their_runtime() {
        let tokio_runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let id = tokio_runtime.handle().id();
        tokio_runtime.block_on(async {
            for url in ["http://127.0.0.1:1", "http://127.0.0.1:2", "https://host", "https://host"] {
                for_current_runtime(&Url::parse(url).unwrap()).unwrap();
            }
        });
        assert_eq!(kept(id), 2);
        drop(tokio_runtime);
        assert_eq!(kept(id), 0);
    }

    #[test]
    fn outside_a_runtime_is_an_error() {
        let error = for_current_runtime(&Url::parse("http://127.0.0.1:1").unwrap()).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Runtime);
    }
}
