//! Makes a reqwest client: TLS by rustls, trusting what the platform trusts, and the process's options.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::{Client, Proxy, redirect};
use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, RootCertStore};

use super::Origin;
use crate::connections::{self, Options};
use crate::error::Error;

/// HTTP/2's usual window: one slow reader holds back this much.
const STREAM_WINDOW: u32 = 65_535;

/// A hundred slow readers together do not stop the others.
const CONNECTION_WINDOW: u32 = 16 << 20;

/// How often an HTTP/2 connection is asked whether it is still there, and how long it has to answer.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// The last configuration and the options it was made of: reading the platform's roots takes some tens of
/// milliseconds, and sessions are resumed only within one configuration.
static CONFIG: Mutex<Option<(Arc<Options>, ClientConfig)>> = Mutex::new(None);

/// What a client is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// All HTTP/1.1 requests to a server.
    Http1,
    /// One connection, HTTP/2 unless TLS chooses otherwise.
    Shard,
}

/// # Errors
///
/// Roots that cannot be read, a proxy that is none.
pub(super) fn build(origin: &Origin, purpose: Purpose, options: &Arc<Options>) -> Result<Client, Error> {
    let mut tls = if origin.is_direct && !origin.is_tls {
        // A server on this machine is reached even where the platform has no roots.
        config_with_roots(None)
    } else {
        tls_config(options)
    }
    .map_err(|error| Error::connect(origin.authority(), error))?;
    let protocols: &[&[u8]] = if purpose == Purpose::Http1 { &[b"http/1.1"] } else { &[b"h2", b"http/1.1"] };
    tls.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();

    let builder = Client::builder()
        .tls_backend_preconfigured(tls)
        .user_agent(concat!("antiphon/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(options.connect_timeout)
        .tcp_nodelay(true)
        .tcp_keepalive(Duration::from_mins(1))
        .referer(false)
        // A redirect would carry `x-api-key` to another host.
        .redirect(redirect::Policy::none());
    let builder = match purpose {
        Purpose::Http1 => builder.http1_only().pool_idle_timeout(options.keep_idle),
        Purpose::Shard => {
            let builder = builder
                // Shards are dropped as a whole: a connection whose streams take long is not idle.
                .pool_idle_timeout(None)
                .http2_initial_stream_window_size(STREAM_WINDOW)
                .http2_initial_connection_window_size(CONNECTION_WINDOW)
                .http2_keep_alive_interval(KEEP_ALIVE)
                .http2_keep_alive_timeout(KEEP_ALIVE)
                .http2_keep_alive_while_idle(true);
            if origin.is_tls { builder } else { builder.http2_prior_knowledge() }
        }
    };
    let builder = match &options.proxy {
        _ if origin.is_direct => builder.no_proxy(),
        connections::Proxy::Environment => builder,
        connections::Proxy::None => builder.no_proxy(),
        connections::Proxy::Url(url) => {
            let proxy =
                Proxy::all(url.expose()).map_err(|_| Error::invalid_setting("proxy", "is not a proxy's URL"))?;
            builder.proxy(proxy)
        }
    };
    builder.build().map_err(|error| Error::connect(origin.authority(), error.without_url()))
}

/// # Errors
///
/// The platform's roots cannot be read.
pub(super) fn tls_config(options: &Arc<Options>) -> Result<ClientConfig, rustls::Error> {
    let mut kept = CONFIG.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((made_of, config)) = kept.as_ref()
        && Arc::ptr_eq(made_of, options)
    {
        return Ok(config.clone());
    }
    let config = config_with_roots(Some(options))?;
    *kept = Some((Arc::clone(options), config.clone()));
    Ok(config)
}

/// Trusts the platform's roots and those of the options, or nobody.
fn config_with_roots(options: Option<&Options>) -> Result<ClientConfig, rustls::Error> {
    // A program's own choice stands.
    let provider = CryptoProvider::get_default().cloned();
    let provider = provider.unwrap_or_else(|| Arc::new(rustls::crypto::ring::default_provider()));
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let Some(options) = options else {
        return Ok(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth());
    };
    let verifier = rustls_platform_verifier::Verifier::new_with_extra_roots(options.roots.iter().cloned(), provider)?;
    Ok(builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth())
}
