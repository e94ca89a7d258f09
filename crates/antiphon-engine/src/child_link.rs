//! The engine's ends of one child: read without waiting, so that "all there is by now" has a meaning.

use std::collections::{BTreeSet, VecDeque};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};

use antiphon_channel::{FromCell, ToCell, decode, write_frame};
use rustix::process::{Pid, Signal};
use tokio::net::UnixStream;
use tokio::net::unix::pipe;

use crate::handshake::ChildEnds;
use crate::scanner::{Scanner, Token};

/// Read at most this much at a time, so that a flood on one stream does not starve the rest.
const BATCH_BYTES: usize = 256 << 10;

/// What a child has for us.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ChildWake {
    Stdout,
    Stderr,
    Cell,
    Gone,
}

/// A child that runs cells.
#[derive(Debug)]
pub(crate) struct ChildLink {
    pid: u32,
    alive: UnixStream,
    stdout: Source,
    stderr: Source,
    to_evcxr: File,
    cell: Option<CellLink>,
    scanner: Scanner,
    /// Frames of the cell library that were read. One may need the others to be dealt with before it is done.
    frames: VecDeque<FromCell>,
    /// Of commands that the cells started, in groups of their own.
    process_groups: BTreeSet<i32>,
}

#[derive(Debug)]
struct CellLink {
    source: Source,
    buffer: Vec<u8>,
}

/// A descriptor that is read to the last byte that is there.
///
/// tokio's own `try_read` asks its cache of readiness first, and so may miss what was written a moment ago; the order
/// of output rests on not missing it.
#[derive(Debug)]
struct Source {
    /// `None` once all writers are gone.
    stream: Option<Stream>,
    /// More is there than was read, and nothing will announce it again.
    more: bool,
}

#[derive(Debug)]
enum Stream {
    Pipe(pipe::Receiver),
    Socket(UnixStream),
}

impl Stream {
    fn descriptor(&self) -> BorrowedFd<'_> {
        match self {
            Self::Pipe(pipe) => pipe.as_fd(),
            Self::Socket(socket) => socket.as_fd(),
        }
    }

    async fn readable(&self) -> io::Result<()> {
        match self {
            Self::Pipe(pipe) => pipe.readable().await,
            Self::Socket(socket) => socket.readable().await,
        }
    }

    fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Pipe(pipe) => pipe.try_read(buffer),
            Self::Socket(socket) => socket.try_read(buffer),
        }
    }
}

impl Source {
    fn new(stream: Stream) -> Self {
        Self { stream: Some(stream), more: false }
    }

    /// Waits until there is something to read, or the end. Cancel safe.
    async fn readable(&self) {
        match &self.stream {
            Some(_) if self.more => {}
            Some(stream) => drop(stream.readable().await),
            None => std::future::pending().await,
        }
    }

    /// Reads what is there. True when that is all for now.
    fn read(&mut self, bytes: &mut Vec<u8>) -> bool {
        let limit = bytes.len() + BATCH_BYTES;
        let mut chunk = [0; 16 << 10];
        self.more = false;
        while let Some(stream) = &self.stream {
            let read = match rustix::io::read(stream.descriptor(), &mut chunk) {
                // tokio learns that there is no more; it may have a byte that came in between.
                Err(rustix::io::Errno::AGAIN) => stream.try_read(&mut chunk),
                read => read.map_err(io::Error::from),
            };
            match read {
                Ok(0) => self.stream = None,
                Ok(read) => bytes.extend_from_slice(&chunk[..read]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
                Err(_) => self.stream = None,
            }
            if bytes.len() >= limit {
                self.more = true;
                return false;
            }
        }
        true
    }
}

impl ChildLink {
    pub(crate) fn new(ends: ChildEnds) -> io::Result<Self> {
        Ok(Self {
            pid: ends.pid,
            alive: ends.alive,
            stdout: Source::new(Stream::Pipe(pipe::Receiver::from_owned_fd(ends.stdout)?)),
            stderr: Source::new(Stream::Pipe(pipe::Receiver::from_owned_fd(ends.stderr)?)),
            to_evcxr: ends.to_evcxr.into(),
            cell: None,
            scanner: Scanner::default(),
            frames: VecDeque::new(),
            process_groups: BTreeSet::new(),
        })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// The cell library of this child connected.
    pub(crate) fn attach(&mut self, stream: UnixStream, route_background: bool) {
        self.cell = Some(CellLink { source: Source::new(Stream::Socket(stream)), buffer: Vec::new() });
        self.tell_cell(&ToCell::Welcome { route_background });
    }

    /// Whether the preload is loaded in it.
    pub(crate) fn has_preload(&self) -> bool {
        self.cell.is_some()
    }

    /// Waits for anything. Cancel safe: it only waits.
    pub(crate) async fn wake(&self) -> ChildWake {
        tokio::select! {
            biased;
            () = self.stdout.readable() => ChildWake::Stdout,
            () = self.stderr.readable() => ChildWake::Stderr,
            () = cell_readable(self.cell.as_ref()) => ChildWake::Cell,
            _ = self.alive.readable() => ChildWake::Gone,
        }
    }

    /// What the child printed. True when that is all for now.
    pub(crate) fn read_stdout(&mut self, tokens: &mut Vec<Token>) -> bool {
        let mut bytes = Vec::new();
        let all = self.stdout.read(&mut bytes);
        self.scanner.feed(&bytes, tokens);
        if self.stdout.stream.is_none() {
            self.scanner.end(tokens);
        } else if all {
            self.scanner.settle(tokens);
        }
        all
    }

    /// What the child wrote to standard error. True when that is all for now.
    pub(crate) fn read_stderr(&mut self, bytes: &mut Vec<u8>) -> bool {
        self.stderr.read(bytes)
    }

    /// Reads what the cell library has sent by now.
    pub(crate) fn read_cell(&mut self) {
        if let Some(cell) = &mut self.cell {
            while !cell.source.read(&mut cell.buffer) {}
            for frame in cell.frames() {
                match frame {
                    FromCell::ProcessGroup { id, is_alive: true } => drop(self.process_groups.insert(id)),
                    FromCell::ProcessGroup { id, is_alive: false } => drop(self.process_groups.remove(&id)),
                    frame => self.frames.push_back(frame),
                }
            }
        }
    }

    /// The next frame that was read.
    pub(crate) fn next_frame(&mut self) -> Option<FromCell> {
        self.frames.pop_front()
    }

    /// Gives evcxr one of its lines.
    pub(crate) fn forward(&mut self, line: &[u8]) {
        // evcxr is reading whenever its child runs; when it is gone, so is everything.
        let _ = self.to_evcxr.write_all(line);
    }

    pub(crate) fn route_background(&self) {
        self.tell_cell(&ToCell::RouteBackground);
    }

    pub(crate) fn interrupt(&mut self, sequence: u64) {
        self.tell_cell(&ToCell::Interrupt { sequence });
    }

    /// Sends a frame of any size.
    pub(crate) async fn answer(&self, message: &ToCell) {
        let Some(Stream::Socket(socket)) = self.cell.as_ref().and_then(|cell| cell.source.stream.as_ref()) else {
            return;
        };
        let mut frame = Vec::new();
        if write_frame(&mut frame, message).is_err() {
            return;
        }
        let mut rest = frame.as_slice();
        while !rest.is_empty() {
            match socket.try_write(rest) {
                Ok(written) => rest = &rest[written..],
                // The child has a thread that does nothing but read.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => drop(socket.writable().await),
                Err(_) => return,
            }
        }
    }

    pub(crate) fn refuse_input(&self, id: u64, reason: &str) {
        self.tell_cell(&ToCell::InputReply { id, answer: Err(reason.to_owned()) });
    }

    fn tell_cell(&self, message: &ToCell) {
        let stream = self.cell.as_ref().and_then(|cell| cell.source.stream.as_ref());
        let mut frame = Vec::new();
        if let Some(stream) = stream
            && write_frame(&mut frame, message).is_ok()
        {
            // A small frame to a process that reads nothing else: it fits, or the process is about to end.
            let _ = rustix::io::write(stream.descriptor(), &frame);
        }
    }

    pub(crate) fn kill(&self) {
        if let Some(pid) = i32::try_from(self.pid).ok().and_then(Pid::from_raw) {
            let _ = rustix::process::kill_process(pid, Signal::KILL);
        }
    }
}

impl Drop for ChildLink {
    fn drop(&mut self) {
        // The child is dead, or about to be killed, and cannot end them itself.
        self.read_cell();
        for group in self.process_groups.iter().filter_map(|&id| Pid::from_raw(id)) {
            let _ = rustix::process::kill_process_group(group, Signal::KILL);
        }
    }
}

impl CellLink {
    fn frames(&mut self) -> Vec<FromCell> {
        let mut frames = Vec::new();
        let mut rest = self.buffer.as_slice();
        while let Some((length, body)) = rest.split_first_chunk::<4>() {
            let length = u32::from_le_bytes(*length) as usize;
            if body.len() < length {
                break;
            }
            // A frame that does not parse comes from another build's library; what it says is lost, not the session.
            frames.extend(decode(&body[..length]).ok());
            rest = &body[length..];
        }
        let used = self.buffer.len() - rest.len();
        self.buffer.drain(..used);
        frames
    }
}

async fn cell_readable(cell: Option<&CellLink>) {
    match cell {
        Some(cell) => cell.source.readable().await,
        None => std::future::pending().await,
    }
}
