//! Accepts connections and serves each on a task of its own, over HTTP/1.1 or HTTP/2 as the client begins.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;

use crate::listener::{CountedListener, CountedStream};
use crate::service::{self, Service};

/// Ends the connection that a request came on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hangup {
    /// The client sees a reset.
    now: Arc<Notify>,
}

impl Hangup {
    pub(crate) fn reset(&self) {
        self.now.notify_one();
    }
}

/// Serves until it is dropped.
pub(crate) async fn serve(listener: CountedListener, service: Arc<Service>) {
    loop {
        let stream = listener.accept().await;
        let service = Arc::clone(&service);
        tokio::spawn(async move {
            let abort = stream.abort_switch();
            let hangup = Hangup::default();
            tokio::select! {
                () = serve_connection(stream, service, hangup.clone()) => {}
                // Flipped before the connection is dropped, not after.
                () = async { hangup.now.notified().await; abort.flip() } => {}
            }
        });
    }
}

async fn serve_connection(stream: CountedStream, service: Arc<Service>, hangup: Hangup) {
    #[cfg(feature = "tls")]
    if let Some(tls) = service.tls() {
        // A client that does not trust the certificate hangs up.
        if let Ok(stream) = tls.acceptor.accept(stream).await {
            exchange(stream, service, hangup).await;
        }
        return;
    }
    exchange(stream, service, hangup).await;
}

async fn exchange<T>(io: T, service: Arc<Service>, hangup: Hangup)
where
    T: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let max_streams = service.max_streams();
    let answer = service_fn(move |request: Request<Incoming>| {
        let (service, hangup) = (Arc::clone(&service), hangup.clone());
        async move {
            let response: Response<Body> = service::answer(service, request.map(Body::new), hangup).await;
            Ok::<_, Infallible>(response)
        }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).keep_alive(true);
    builder.http2().max_concurrent_streams(max_streams).timer(TokioTimer::new());
    // A client that hangs up is no error of ours.
    let _ = builder.serve_connection(TokioIo::new(io), answer).await;
}
