//! The engine's socket: who connects, and what they bring.

use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdStream;
use std::time::Duration;

use antiphon_channel::{FrameError, Hello, Role, VERSION, read_frame};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;

/// How long a process may take to say who it is.
const LIMIT: Duration = Duration::from_secs(10);

/// A process that connected.
#[derive(Debug)]
pub(crate) enum Connection {
    Host(UnixStream),
    Child(ChildEnds),
    Cell { pid: u32, stream: UnixStream },
    Cargo(UnixStream),
}

/// What a child brings.
#[derive(Debug)]
pub(crate) struct ChildEnds {
    pub(crate) pid: u32,
    /// Open for as long as the child lives.
    pub(crate) alive: UnixStream,
    pub(crate) stdout: OwnedFd,
    pub(crate) stderr: OwnedFd,
    /// Where evcxr reads its own lines.
    pub(crate) to_evcxr: OwnedFd,
}

/// Accepts connections for as long as the future is polled.
pub(crate) async fn accept(listener: UnixListener, connections: mpsc::Sender<Connection>) {
    while let Ok((stream, _)) = listener.accept().await {
        let connections = connections.clone();
        // A stranger that says nothing must not keep the others waiting, hence a thread for each.
        tokio::task::spawn_blocking(move || {
            if let Ok(connection) = greet(stream) {
                let _ = connections.blocking_send(connection);
            }
        });
    }
}

fn greet(stream: UnixStream) -> Result<Connection, FrameError> {
    let mut stream = stream.into_std()?;
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(LIMIT))?;
    let hello: Hello = read_frame(&mut stream)?.ok_or(std::io::Error::from(std::io::ErrorKind::UnexpectedEof))?;
    if hello.version != VERSION {
        return Err(std::io::Error::from(std::io::ErrorKind::Unsupported).into());
    }
    let descriptors = if hello.role == Role::Child { Some(receive_descriptors(&stream)?) } else { None };
    stream.set_read_timeout(None)?;
    stream.set_nonblocking(true)?;
    let stream = UnixStream::from_std(stream)?;
    Ok(match (hello.role, descriptors) {
        (Role::Child, Some([stdout, stderr, to_evcxr])) => {
            Connection::Child(ChildEnds { pid: hello.pid, alive: stream, stdout, stderr, to_evcxr })
        }
        (Role::Cell, _) => Connection::Cell { pid: hello.pid, stream },
        (Role::Cargo, _) => Connection::Cargo(stream),
        (Role::Host | Role::Child, _) => Connection::Host(stream),
    })
}

fn receive_descriptors(stream: &StdStream) -> std::io::Result<[OwnedFd; 3]> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    rustix::net::recvmsg(stream, &mut [IoSliceMut::new(&mut byte)], &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
    let mut descriptors = Vec::new();
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(received) = message {
            descriptors.extend(received);
        }
    }
    descriptors.try_into().map_err(|_| std::io::Error::from(std::io::ErrorKind::InvalidData))
}
