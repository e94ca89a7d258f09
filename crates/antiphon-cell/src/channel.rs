//! The connection to the engine, if there is one.

use std::os::unix::net::UnixStream;
use std::sync::{Mutex, PoisonError};

use antiphon_channel::{CHANNEL, FromCell, Hello, Role, ToCell, read_frame, write_frame};
use once_cell::sync::Lazy;

use crate::{cancel, input, parent, stdin};

static ENGINE: Lazy<Option<Mutex<UnixStream>>> = Lazy::new(connect);

fn connect() -> Option<Mutex<UnixStream>> {
    let mut stream = UnixStream::connect(std::env::var_os(CHANNEL)?).ok()?;
    write_frame(&mut stream, &Hello::new(Role::Cell)).ok()?;
    let mut reader = stream.try_clone().ok()?;
    // Without this the engine could see the end of the first cell before it knows of this connection.
    if let ToCell::Welcome { route_background: true } = read_frame(&mut reader).ok()?? {
        parent::route();
    }
    std::thread::Builder::new()
        .name("antiphon-channel".to_owned())
        .spawn(move || {
            // The end of the connection is the end of the engine, and so of this process: nothing to do here.
            while let Ok(Some(frame)) = read_frame(&mut reader) {
                match frame {
                    ToCell::Interrupt { sequence } => cancel::request(sequence),
                    ToCell::RouteBackground => parent::route(),
                    ToCell::InputReply { id, answer } => input::answer(id, answer),
                    ToCell::StdinLine { line } => stdin::give(line),
                    ToCell::Welcome { .. } => {}
                }
            }
        })
        .ok()?;
    Some(Mutex::new(stream))
}

/// Whether an engine listens.
pub(crate) fn is_connected() -> bool {
    ENGINE.is_some()
}

/// Sends a frame. Without an engine, or with one that is gone, it is dropped: this process is then about to end.
pub(crate) fn send(frame: &FromCell) {
    if let Some(stream) = &*ENGINE {
        let mut stream = stream.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = write_frame(&mut *stream, frame);
    }
}
