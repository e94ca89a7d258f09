//! How many requests at once a server takes on an HTTP/2 connection (RFC 9113, section 6.5.2), which reqwest does not
//! tell.

use std::env;
use std::io;
use std::pin::pin;
use std::sync::Arc;

use h2::{Ping, client as h2_client};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::{Origin, client};
use crate::connections::{self, Options, Proxy};
use crate::transport::background;

/// What servers are recommended to allow at least.
const USUAL: usize = 100;

/// More on one connection gain nothing and share one's fate.
const MOST: usize = 256;

/// Asks the server, on a connection of its own that is closed thereafter; a guess if that does not work.
pub(super) async fn ask(origin: &Origin) -> usize {
    let options = connections::options();
    if !origin.is_direct && may_have_proxy(&options) {
        return USUAL;
    }
    let asked = background::within(options.connect_timeout, pin!(connect(origin, &options))).await;
    match asked {
        Ok(Some(Ok(streams))) => streams.clamp(1, MOST),
        _ => USUAL,
    }
}

/// Whether this server may be reached through a proxy only. `NO_PROXY` is not looked at: at worst nobody asks.
fn may_have_proxy(options: &Options) -> bool {
    match options.proxy {
        Proxy::Environment => {
            let names = ["http_proxy", "https_proxy", "all_proxy"];
            names.iter().any(|name| env::var_os(name).or_else(|| env::var_os(name.to_uppercase())).is_some())
        }
        Proxy::None => false,
        Proxy::Url(_) => true,
    }
}

async fn connect(origin: &Origin, options: &Arc<Options>) -> io::Result<usize> {
    // An address of IPv6 stands in brackets.
    let host = origin.host.trim_matches(['[', ']']);
    let socket = TcpStream::connect((host, origin.port)).await?;
    if !origin.is_tls {
        return settings(socket).await;
    }
    let mut tls = client::tls_config(options).map_err(io::Error::other)?;
    tls.alpn_protocols = vec![b"h2".to_vec()];
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    settings(TlsConnector::from(Arc::new(tls)).connect(name, socket).await?).await
}

async fn settings(socket: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<usize> {
    // Without a handle for requests the connection would end.
    let (_requests, mut connection) = h2_client::handshake(socket).await.map_err(io::Error::other)?;
    let mut pings = connection.ping_pong().ok_or(io::ErrorKind::Unsupported)?;
    // Its settings are the first that a server sends: they are there when it answers.
    tokio::select! {
        pong = pings.ping(Ping::opaque()) => pong.map_err(io::Error::other)?,
        end = &mut connection => return Err(end.map_or_else(io::Error::other, |()| io::ErrorKind::UnexpectedEof.into())),
    };
    Ok(connection.max_concurrent_send_streams())
}
