//! Output of tasks whose cell is over: sent with the cell's number, as it has no place in the standard streams.

use std::sync::{Mutex, PoisonError};

use antiphon_channel::{Background, FromCell, Shown, Stream};

use crate::channel;

/// Partial lines up to this length wait for their end, at most until the next flush.
const MAX_PENDING_BYTES: usize = 8 << 10;

/// Text that was not sent yet: of one cell and one stream.
struct Pending {
    cell: u64,
    stream: Stream,
    text: String,
}

static PENDING: Mutex<Option<Pending>> = Mutex::new(None);

/// Prints for a cell that is over.
pub(crate) fn write(cell: u64, stream: Stream, text: &str) {
    let mut pending = PENDING.lock().unwrap_or_else(PoisonError::into_inner);
    if pending.as_ref().is_some_and(|pending| (pending.cell, pending.stream) != (cell, stream)) {
        send(pending.take());
    }
    let waiting = pending.get_or_insert_with(|| Pending { cell, stream, text: String::new() });
    waiting.text.push_str(text);
    if text.contains('\n') || waiting.text.len() > MAX_PENDING_BYTES {
        send(pending.take());
    }
}

/// Shows something for a cell that is over, behind what it printed.
pub(crate) fn show(cell: u64, shown: Shown) {
    let mut pending = PENDING.lock().unwrap_or_else(PoisonError::into_inner);
    send(pending.take());
    channel::send(&FromCell::Background { sequence: cell, output: Background::Shown(shown) });
}

/// Sends partial lines.
pub(crate) fn flush() {
    send(PENDING.lock().unwrap_or_else(PoisonError::into_inner).take());
}

fn send(pending: Option<Pending>) {
    if let Some(Pending { cell, stream, text }) = pending
        && !text.is_empty()
    {
        channel::send(&FromCell::Background { sequence: cell, output: Background::Text { stream, text } });
    }
}
