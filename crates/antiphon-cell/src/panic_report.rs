//! What a panic said, kept for the cell's outcome instead of printed.

use std::any::Any;
use std::cell::RefCell;
use std::panic::PanicHookInfo;

use antiphon_channel::PanicInfo;

use crate::{__print_error_line, cell, channel};

thread_local! {
    static PANICS: RefCell<Vec<PanicInfo>> = const { RefCell::new(Vec::new()) };
}

/// Replaces the panic hook. Cells share one `std`, so it serves them all.
pub(crate) fn install_hook() {
    if !channel::is_connected() {
        return;
    }
    std::panic::set_hook(Box::new(|info| {
        let panic = describe(info);
        if cell::runs_here() {
            PANICS.with_borrow_mut(|panics| panics.push(panic));
        } else {
            print(&panic);
        }
    }));
}

/// The panic that ended the cell on this thread.
pub(crate) fn take(payload: &(dyn Any + Send)) -> PanicInfo {
    // A payload that came by `resume_unwind`, e.g. from a joined task, passed no hook on this thread.
    let message = message(payload);
    let last = PANICS.with_borrow_mut(|panics| panics.pop_if(|panic| panic.message == message));
    last.unwrap_or(PanicInfo { message, ..PanicInfo::default() })
}

/// Prints the panics of this thread that the cell caught itself.
pub(crate) fn print_caught() {
    for panic in PANICS.take() {
        print(&panic);
    }
}

fn print(panic: &PanicInfo) {
    let thread = std::thread::current();
    let name = thread.name().unwrap_or("<unnamed>");
    __print_error_line(format_args!("thread '{name}' panicked at {}:\n{}", panic.location, panic.message));
}

fn describe(info: &PanicHookInfo<'_>) -> PanicInfo {
    PanicInfo {
        message: message(info.payload()),
        location: info.location().map(ToString::to_string).unwrap_or_default(),
        backtrace: Vec::new(),
    }
}

fn message(payload: &(dyn Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&'static str>() {
        (*text).to_owned()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "a panic whose payload is not text".to_owned()
    }
}
