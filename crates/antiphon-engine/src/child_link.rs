//! The engine's ends of one child: read without waiting, so that "all there is by now" has a meaning.

use std::fs::File;
use std::io::{self, Write};

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
    /// `None` once all writers are gone.
    stdout: Option<pipe::Receiver>,
    stderr: Option<pipe::Receiver>,
    to_evcxr: File,
    cell: Option<CellLink>,
    scanner: Scanner,
}

#[derive(Debug)]
struct CellLink {
    stream: UnixStream,
    buffer: Vec<u8>,
}

impl ChildLink {
    pub(crate) fn new(ends: ChildEnds) -> io::Result<Self> {
        Ok(Self {
            pid: ends.pid,
            alive: ends.alive,
            stdout: Some(pipe::Receiver::from_owned_fd(ends.stdout)?),
            stderr: Some(pipe::Receiver::from_owned_fd(ends.stderr)?),
            to_evcxr: ends.to_evcxr.into(),
            cell: None,
            scanner: Scanner::default(),
        })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// The cell library of this child connected.
    pub(crate) fn attach(&mut self, stream: UnixStream) {
        self.cell = Some(CellLink { stream, buffer: Vec::new() });
    }

    /// Whether the preload is loaded in it.
    pub(crate) fn has_preload(&self) -> bool {
        self.cell.is_some()
    }

    /// Waits for anything. Cancel safe: it only waits.
    pub(crate) async fn wake(&self) -> ChildWake {
        tokio::select! {
            biased;
            () = readable(self.stdout.as_ref()) => ChildWake::Stdout,
            () = readable(self.stderr.as_ref()) => ChildWake::Stderr,
            () = cell_readable(self.cell.as_ref()) => ChildWake::Cell,
            _ = self.alive.readable() => ChildWake::Gone,
        }
    }

    /// What the child printed. True when that is all for now.
    pub(crate) fn read_stdout(&mut self, tokens: &mut Vec<Token>) -> bool {
        let mut bytes = Vec::new();
        let all = read_pipe(&mut self.stdout, &mut bytes);
        self.scanner.feed(&bytes, tokens);
        if all {
            self.scanner.settle(tokens);
        }
        all
    }

    /// What the child wrote to standard error. True when that is all for now.
    pub(crate) fn read_stderr(&mut self, bytes: &mut Vec<u8>) -> bool {
        read_pipe(&mut self.stderr, bytes)
    }

    /// Frames of the cell library.
    pub(crate) fn read_cell(&mut self) -> Vec<FromCell> {
        let Some(cell) = &mut self.cell else { return Vec::new() };
        let open = cell.fill();
        let frames = cell.frames();
        if !open {
            self.cell = None;
        }
        frames
    }

    /// Gives evcxr one of its lines.
    pub(crate) fn forward(&mut self, line: &[u8]) {
        // evcxr is reading whenever its child runs; when it is gone, so is everything.
        let _ = self.to_evcxr.write_all(line);
    }

    pub(crate) fn interrupt(&mut self, sequence: u64) {
        if let Some(cell) = &self.cell {
            let mut frame = Vec::new();
            // A small frame to a process that reads nothing else: it fits, or the process is about to end.
            if write_frame(&mut frame, &ToCell::Interrupt { sequence }).is_ok() {
                let _ = cell.stream.try_write(&frame);
            }
        }
    }

    pub(crate) fn kill(&self) {
        if let Some(pid) = i32::try_from(self.pid).ok().and_then(Pid::from_raw) {
            let _ = rustix::process::kill_process(pid, Signal::KILL);
        }
    }
}

impl CellLink {
    /// Reads all there is; false at the end of the connection.
    fn fill(&mut self) -> bool {
        let mut chunk = vec![0; 64 << 10];
        loop {
            match self.stream.try_read(&mut chunk) {
                Ok(0) => return false,
                Ok(read) => self.buffer.extend_from_slice(&chunk[..read]),
                Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
            }
        }
    }

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

fn read_pipe(pipe: &mut Option<pipe::Receiver>, bytes: &mut Vec<u8>) -> bool {
    let mut chunk = vec![0; 64 << 10];
    while let Some(receiver) = pipe {
        match receiver.try_read(&mut chunk) {
            Ok(0) => *pipe = None,
            Ok(read) => bytes.extend_from_slice(&chunk[..read]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
            Err(_) => *pipe = None,
        }
        if bytes.len() >= BATCH_BYTES {
            return false;
        }
    }
    true
}

async fn readable(pipe: Option<&pipe::Receiver>) {
    match pipe {
        Some(pipe) => drop(pipe.readable().await),
        None => std::future::pending().await,
    }
}

async fn cell_readable(cell: Option<&CellLink>) {
    match cell {
        Some(cell) => drop(cell.stream.readable().await),
        None => std::future::pending().await,
    }
}
