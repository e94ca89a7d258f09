//! Standard output of cells: flushed on time, and markers that keep their place in it.

use std::io::{self, Write};
use std::time::Duration;

use antiphon_channel::{DISPLAY_MARKER, FromCell};

use crate::channel;

/// How long a partial line may wait before the front end sees it.
const FLUSH_INTERVAL: Duration = Duration::from_millis(30);

/// Writes a partial line out. The stock server misses its own markers behind one and would wait for ever, so there
/// partial lines wait for their end.
pub(crate) fn flush() {
    if channel::is_connected() {
        // An empty buffer costs no system call; a closed pipe means that the process is about to end.
        let _ = io::stdout().flush();
    }
}

/// Starts the thread that flushes partial lines.
pub(crate) fn start_flusher() {
    if !channel::is_connected() {
        return;
    }
    let flusher = std::thread::Builder::new().name("antiphon-flush".to_owned()).spawn(|| {
        loop {
            std::thread::sleep(FLUSH_INTERVAL);
            flush();
        }
    });
    // Without the thread only partial lines come late, at the end of their cell.
    drop(flusher);
}

/// Sends a frame and marks its place in standard output.
pub(crate) fn send_in_place(frame: &FromCell) {
    // The lock is held over both writes, so that the n-th marker belongs to the n-th frame.
    let mut stdout = io::stdout().lock();
    let _ = stdout.flush();
    channel::send(frame);
    let _ = writeln!(stdout, "{DISPLAY_MARKER}");
    let _ = stdout.flush();
}

/// Writes content in evcxr's own form, for a process without an engine.
pub(crate) fn write_content(mime_type: &str, content: &str) {
    let mut stdout = io::stdout().lock();
    let _ = writeln!(stdout, "EVCXR_BEGIN_CONTENT {mime_type}\n{content}\nEVCXR_END_CONTENT");
    let _ = stdout.flush();
}
