//! Standard output of cells: flushed on time, and markers that keep their place in it.

use std::io::{self, Write};
use std::time::Duration;

use antiphon_channel::{CODE_END_MARKER, DISPLAY_MARKER, FromCell, Shown};

use crate::{background, channel, parent};

/// How long a partial line may wait before the front end sees it.
const FLUSH_INTERVAL: Duration = Duration::from_millis(30);

/// Writes a partial line out. The stock server misses its own markers behind one and would wait for ever, so there
/// partial lines wait for their end.
fn flush() {
    if channel::is_connected() {
        // An empty buffer costs no system call; a closed pipe means that the process is about to end.
        let _ = io::stdout().flush();
    }
}

/// A cell begins: what it and its tasks print has its place in the standard streams.
pub(crate) fn begin_cell(sequence: u64) {
    let _stdout = io::stdout().lock();
    let _stderr = io::stderr().lock();
    parent::set_foreground(sequence);
}

/// A cell is over: all that it printed is written out, and what its tasks print from now on is sent apart.
pub(crate) fn end_cell() {
    let mut stdout = io::stdout().lock();
    let _stderr = io::stderr().lock();
    parent::set_foreground(0);
    if channel::is_connected() {
        let _ = writeln!(stdout, "{CODE_END_MARKER}");
        let _ = stdout.flush();
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
            background::flush();
        }
    });
    // Without the thread only partial lines come late, at the end of their cell.
    drop(flusher);
}

/// Sends output and marks its place in standard output; that of a cell that is over has none.
pub(crate) fn send_in_place(shown: Shown) {
    // The lock is held over both writes, so that the n-th marker belongs to the n-th frame.
    let mut stdout = io::stdout().lock();
    if let Some(cell) = parent::cell_that_is_over() {
        drop(stdout);
        background::show(cell, shown);
        return;
    }
    let _ = stdout.flush();
    channel::send(&FromCell::Shown(shown));
    let _ = writeln!(stdout, "{DISPLAY_MARKER}");
    let _ = stdout.flush();
}

/// Writes content in evcxr's own form, for a process without an engine.
pub(crate) fn write_content(mime_type: &str, content: &str) {
    let mut stdout = io::stdout().lock();
    let _ = writeln!(stdout, "EVCXR_BEGIN_CONTENT {mime_type}\n{content}\nEVCXR_END_CONTENT");
    let _ = stdout.flush();
}
