//! The child, before evcxr takes it over: its output goes to the engine.

use std::io::{IoSlice, stdout};
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use antiphon_channel::{CHANNEL, Hello, Role, write_frame};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
use rustix::pipe::PipeFlags;

use crate::process::{self, EVCXR_IS_RUNTIME};

/// Process id of the host; only its own children are cell runners, not what cells start in turn.
pub(crate) const HOST_PID: &str = "ANTIPHON_HOST_PID";

/// Whether evcxr started this process to run cells.
pub(crate) fn is_child() -> bool {
    let parent = rustix::process::getppid().map(|pid| pid.as_raw_nonzero().to_string());
    std::env::var_os(EVCXR_IS_RUNTIME).is_some() && std::env::var(HOST_PID).ok().is_none_or(|host| Some(host) == parent)
}

/// Replaces standard output and error by pipes that the engine reads, and hands it the output that evcxr reads.
///
/// The engine holds the pipes' other ends, so what was written before a crash is not lost.
pub(crate) fn prepare() {
    let Some(path) = std::env::var_os(CHANNEL) else {
        return;
    };
    process::end_with_parent();
    let connected = UnixStream::connect(path)
        .map_err(|error| rustix_error(&error))
        .and_then(|stream| redirect(&stream).map(|()| stream));
    match connected {
        // Held until the process ends: its end is how the engine learns of it.
        Ok(stream) => std::mem::forget(stream),
        // Without an engine nobody would see what cells print.
        Err(_) => process::exit(98),
    }
}

fn redirect(mut stream: &UnixStream) -> rustix::io::Result<()> {
    write_frame(&mut stream, &Hello::new(Role::Child)).map_err(|_| rustix::io::Errno::PIPE)?;
    let (stdout_read, stdout_write) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
    let (stderr_read, stderr_write) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
    let to_evcxr = rustix::io::fcntl_dupfd_cloexec(stdout(), 3)?;
    let descriptors = [stdout_read.as_fd(), stderr_read.as_fd(), to_evcxr.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    ancillary.push(SendAncillaryMessage::ScmRights(&descriptors));
    rustix::net::sendmsg(stream, &[IoSlice::new(&[0])], &mut ancillary, SendFlags::empty())?;
    rustix::stdio::dup2_stdout(stdout_write)?;
    rustix::stdio::dup2_stderr(stderr_write)
}

fn rustix_error(error: &std::io::Error) -> rustix::io::Errno {
    rustix::io::Errno::from_io_error(error).unwrap_or(rustix::io::Errno::IO)
}
