//! What stands between the network and a ZeroMQ socket.
//!
//! zeromq 0.7 trusts its peers: it reserves what a frame's length announces, so that one header can end the process;
//! its XPUB waits for each subscriber in turn, so that one which does not read holds up all; and a socket that is
//! dropped says nothing of whether its last message has reached the network. So the sockets listen in a private folder,
//! and a gate accepts on the real address and passes bytes in both directions: it cuts a connection that announces an
//! absurd message, keeps what a slow client has not read yet, cuts one that does not read at all once much waits for
//! it, and on shutdown waits until what the sockets sent is on its way.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::unix::OwnedReadHalf;
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::frame_meter::FrameMeter;

/// A message of a client may have so many bytes.
const MAX_MESSAGE_BYTES: u64 = 256 << 20;
/// What may wait for a client before the kernel waits for it too.
const MAX_BACKLOG_BYTES: usize = 64 << 20;
/// How long the kernel waits for a client that has so much before it and reads none of it.
const STALL_LIMIT: Duration = Duration::from_secs(5);
const CHUNK_BYTES: usize = 64 << 10;

/// Where clients connect.
#[derive(Debug)]
pub(crate) enum Listener {
    Tcp(TcpListener),
    /// A path's listener; the path is removed on drop.
    Unix(UnixListener, #[expect(dead_code, reason = "removes the path on drop")] RemovedPath),
}

/// A socket's path, removed on drop.
#[derive(Debug)]
pub(crate) struct RemovedPath(pub(crate) PathBuf);

impl Drop for RemovedPath {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Listener {
    async fn accept(&self) -> io::Result<Box<dyn Stream>> {
        match self {
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                // Without it a small message waits for the acknowledgement of the one before.
                stream.set_nodelay(true)?;
                Ok(Box::new(stream))
            }
            Self::Unix(listener, _) => Ok(Box::new(listener.accept().await?.0)),
        }
    }
}

/// The connections of clients, which outlive their gate until what was sent to them has left.
#[derive(Clone, Debug, Default)]
pub(crate) struct Connections {
    tasks: TaskTracker,
    /// The sockets have sent all they will send.
    closing: CancellationToken,
}

impl Connections {
    /// Waits until everything that sockets without a queue have sent has left. They send nothing any more.
    ///
    /// A socket that is dropped should close its connections; zeromq's XPUB does not (its streams and their wakers
    /// hold each other), but what it has sent stands in the connection when `send` returns.
    pub(crate) async fn drained(self) {
        self.closing.cancel();
        self.ended().await;
    }

    /// Waits until the sockets have closed them, which those with a queue do once it is sent.
    pub(crate) async fn ended(self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// Accepts clients and connects each to the socket behind the gate, for as long as the future is polled.
pub(crate) async fn keep(listener: Listener, socket: PathBuf, name: &'static str, connections: Connections) {
    loop {
        match listener.accept().await {
            Ok(client) => {
                let socket = socket.clone();
                let closing = connections.closing.clone();
                connections.tasks.spawn(async move {
                    match pass(client, socket, closing).await {
                        Err(error) if matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::TimedOut) => {
                            tracing::warn!(channel = name, %error, "a client was cut off");
                        }
                        // It left, politely or not.
                        Ok(()) | Err(_) => {}
                    }
                });
            }
            Err(error) => {
                // No descriptors are left, most likely: the next one may come when others are gone.
                tracing::warn!(channel = name, %error, "a client could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn pass(client: Box<dyn Stream>, socket: PathBuf, closing: CancellationToken) -> io::Result<()> {
    let socket = UnixStream::connect(&socket).await.map_err(|error| {
        let text = format!("the kernel's own socket `{}` is gone: {error}", socket.display());
        io::Error::new(ErrorKind::InvalidData, text)
    })?;
    let (from_client, to_client) = tokio::io::split(client);
    let (from_socket, to_socket) = socket.into_split();
    tokio::select! {
        // Either end may close first. What the socket has sent is delivered when it closes, see `outward`.
        result = inward(from_client, to_socket) => result,
        result = outward(from_socket, to_client, closing) => result,
    }
}

/// From a client to the socket: metered.
async fn inward(mut client: impl AsyncRead + Unpin, mut socket: impl AsyncWrite + Unpin) -> io::Result<()> {
    let mut meter = FrameMeter::new(MAX_MESSAGE_BYTES);
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let read = client.read(&mut chunk).await?;
        if read == 0 {
            return Ok(());
        }
        if !meter.feed(&chunk[..read]) {
            let text = format!("it announced a message of more than {MAX_MESSAGE_BYTES} bytes");
            return Err(io::Error::new(ErrorKind::InvalidData, text));
        }
        socket.write_all(&chunk[..read]).await?;
    }
}

/// From the socket to a client: kept for a client that is slow, to its end when the socket closes.
async fn outward(
    mut socket: OwnedReadHalf,
    mut client: impl AsyncWrite + Unpin,
    closing: CancellationToken,
) -> io::Result<()> {
    let mut backlog = VecDeque::<Bytes>::new();
    let mut backlog_bytes = 0;
    let mut fresh = BytesMut::with_capacity(CHUNK_BYTES);
    let mut is_open = true;
    let mut last_progress = Instant::now();
    while is_open || !backlog.is_empty() {
        let is_full = backlog_bytes >= MAX_BACKLOG_BYTES;
        tokio::select! {
            biased;
            written = client.write(backlog.front().map_or(&[], |bytes| bytes)), if !backlog.is_empty() => {
                let written = written?;
                let Some(front) = backlog.front_mut().filter(|_| written > 0) else {
                    return Err(ErrorKind::WriteZero.into());
                };
                front.advance(written);
                if front.is_empty() {
                    backlog.pop_front();
                }
                backlog_bytes -= written;
                last_progress = Instant::now();
            }
            read = socket.read_buf(&mut fresh), if is_open && !is_full => {
                is_open = read? > 0;
                if is_open {
                    if backlog.is_empty() {
                        last_progress = Instant::now();
                    }
                    backlog_bytes += fresh.len();
                    // A copy of its own size: a part of the buffer would keep all of it.
                    backlog.push_back(Bytes::copy_from_slice(&fresh));
                    fresh.clear();
                    if backlog_bytes >= MAX_BACKLOG_BYTES {
                        // From now on the kernel waits.
                        last_progress = Instant::now();
                    }
                }
            }
            () = closing.cancelled(), if is_open && backlog.is_empty() => {
                // Asked of the system: what tokio knows of a socket may be old.
                is_open = rustix::io::ioctl_fionread(socket.as_ref())? > 0;
                if is_open {
                    socket.readable().await?;
                }
            }
            () = tokio::time::sleep_until(last_progress + STALL_LIMIT), if is_full || !is_open => {
                let waited = STALL_LIMIT.as_secs();
                let text = format!("it has not read for {waited} s, and {backlog_bytes} bytes wait for it");
                return Err(io::Error::new(ErrorKind::TimedOut, text));
            }
        }
    }
    client.shutdown().await
}
