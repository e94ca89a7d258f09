//! What a kernel is started with.

use std::path::PathBuf;

use tokio::sync::watch;

/// Settings of a kernel.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// Version of the compiler, for `kernel_info_reply`, which waits for it a moment while it is `None`.
    pub rustc_version: watch::Receiver<Option<String>>,
    /// Shown by consoles.
    pub banner: String,
    /// Said once, on standard error of the first cell; e.g. that answers are simulated.
    pub notice: Option<String>,
    /// Below it lie sockets (`transport: ipc`) whose paths are relative; default: this process's folder.
    pub working_dir: PathBuf,
}

impl Default for Options {
    fn default() -> Self {
        // Without a sender nobody waits.
        Self { rustc_version: watch::channel(None).1, banner: String::new(), notice: None, working_dir: PathBuf::new() }
    }
}
