//! Every environment variable by which the processes find each other.

/// Path of the engine's Unix socket. Set for the host, its children and cargo; without it the cell library works
/// alone (as under the stock server) and writes displays in evcxr's own form.
pub const CHANNEL: &str = "ANTIPHON_CHANNEL";

/// What this process is to be: `host` or `child`; see the engine's `process_hook`.
pub const ROLE: &str = "ANTIPHON_ROLE";

/// The session folder.
pub const SESSION: &str = "ANTIPHON_SESSION";

/// Number of worker threads of the shared runtime; default: the number of cores, at least 2.
pub const CELL_THREADS: &str = "ANTIPHON_WORKER_THREADS";
