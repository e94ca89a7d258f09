//! One program, several processes: what this one is to be.

use antiphon_channel::ROLE;

use crate::{child, host, shim};

/// Set by evcxr for the child that runs cells.
pub(crate) const EVCXR_IS_RUNTIME: &str = "EVCXR_IS_RUNTIME";
/// Set by evcxr for a program that wraps rustc.
const EVCXR_RUSTC_WRAPPER: &str = "EVCXR_RUSTC_WRAPPER";

/// [`ROLE`] of the process that owns evcxr.
pub(crate) const HOST: &str = "host";

/// Turns this process into one of an engine's helpers, if it was started as one.
///
/// Every program that starts an engine calls this first in `main`, before it reads arguments or starts a thread. In a
/// helper it does not return.
pub fn process_hook() {
    // The shims inherit what makes this program evcxr's wrapper, so they come first.
    if let Some(tool) = shim::requested() {
        shim::main(tool);
    }
    if std::env::var_os(EVCXR_RUSTC_WRAPPER).is_some() {
        evcxr::runtime_hook();
    }
    if child::is_child() {
        child::prepare();
        evcxr::runtime_hook();
    }
    if std::env::var_os(ROLE).is_some_and(|role| role == HOST) {
        host::main();
    }
}

/// Ends this process. The helpers' only way out, as their `main` belongs to a front end.
#[expect(clippy::exit, reason = "a helper process ends here, not in the front end's main")]
pub(crate) fn exit(code: i32) -> ! {
    std::process::exit(code)
}

/// Has this process end when the one that started it ends, however that happens. Linux only.
pub fn end_with_parent() {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
}
