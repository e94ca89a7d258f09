//! A TCP listener whose connections are counted and can all be closed at once.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::watch,
};

use crate::activity::{ActivityCounter, Guard};

/// Connections that wait to be accepted: as many clients as a test starts at once.
const BACKLOG: u32 = 4096;

/// Before another try to accept a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// A listener that counts its connections in an [`ActivityCounter`] and closes them when told to
/// stop.
#[derive(Debug)]
pub(crate) struct CountedListener {
    listener: TcpListener,
    activity: ActivityCounter,
    stop: watch::Receiver<bool>,
}

impl CountedListener {
    /// Binds to `addr`. Connections break as soon as `stop` is true or has lost its sender.
    pub(crate) fn bind(addr: SocketAddr, activity: ActivityCounter, stop: watch::Receiver<bool>) -> io::Result<Self> {
        let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        // A restart on the same port must not wait for the kernel to forget the old connections.
        #[cfg(unix)]
        socket.set_reuseaddr(true)?;
        socket.bind(addr)?;
        Ok(Self { listener: socket.listen(BACKLOG)?, activity, stop })
    }
}

impl CountedListener {
    /// The next connection. Failures to accept (no file descriptors left) are waited out.
    pub(crate) async fn accept(&self) -> CountedStream {
        let stream = loop {
            match self.listener.accept().await {
                Ok((stream, _)) => break stream,
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            }
        };
        // Without it Nagle's algorithm holds back the chunks of a stream. A failure only costs
        // speed.
        let _ = stream.set_nodelay(true);
        let mut stop = self.stop.clone();
        let stopped = Box::pin(async move {
            // Either way the server is gone.
            let _ = stop.wait_for(|stop| *stop).await;
        });
        let guard = self.activity.open_connection();
        CountedStream { stream, stopped, abort: AbortSwitch::default(), _guard: guard }
    }

    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// Makes a connection end with a reset instead of a farewell.
#[derive(Debug, Clone, Default)]
pub(crate) struct AbortSwitch(Arc<AtomicBool>);

impl AbortSwitch {
    pub(crate) fn flip(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// One connection. When the server stops, reading fails as if the client had gone, so that whoever
/// serves it lets go.
pub(crate) struct CountedStream {
    stream: TcpStream,
    stopped: Pin<Box<dyn Future<Output = ()> + Send>>,
    abort: AbortSwitch,
    _guard: Guard,
}

impl CountedStream {
    pub(crate) fn abort_switch(&self) -> AbortSwitch {
        self.abort.clone()
    }
}

impl Drop for CountedStream {
    fn drop(&mut self) {
        if self.abort.0.load(Ordering::Relaxed) {
            // A failure makes an ordinary end of it.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for CountedStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.stopped.as_mut().poll(cx).is_ready() {
            // A finished future must not be polled again, and hyper may read once more while it
            // closes.
            self.stopped = Box::pin(std::future::ready(()));
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for CountedStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
