//! What an engine is started with.

use std::path::PathBuf;
use std::time::Duration;

/// Settings of an engine.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// Folder in which cells run; default: this process's.
    pub working_dir: Option<PathBuf>,
    /// Variables set for the cells' process, besides those of this process.
    pub env: Vec<(String, String)>,
    /// Where preloads and sessions live; default: [`cache_dir`](crate::cache_dir).
    pub cache_dir: Option<PathBuf>,
    /// How long blocking code may go on after an interrupt before its process is replaced; default 2 s.
    pub interrupt_grace: Duration,
    /// How long rust-analyzer may think about a completion or an inspection, and how long about a cell that was
    /// interrupted; then the evaluator is replaced, for a completion once a cell waits for it, at the price of all
    /// variables and definitions. Default 60 s.
    pub evaluator_grace: Duration,
    /// How long start-up may take once everything is compiled; default 120 s.
    pub startup_timeout: Duration,
    /// Program whose `main` starts with [`process_hook`](crate::process_hook); default: this one.
    pub program: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            working_dir: None,
            env: Vec::new(),
            cache_dir: None,
            interrupt_grace: Duration::from_secs(2),
            evaluator_grace: Duration::from_secs(60),
            startup_timeout: Duration::from_secs(120),
            program: None,
        }
    }
}

/// A step of start-up.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress {
    /// Another process builds the preload; this one waits for it.
    WaitingForPreload,
    /// The preload must be built first, for this reason.
    BuildingPreload {
        /// E.g. `first use`.
        reason: String,
    },
    /// Cargo compiles: its own line, and how far it is.
    Compiling {
        /// E.g. `Compiling serde v1.0.228`.
        line: String,
        /// Crates begun.
        done: usize,
        /// Crates in all, an upper bound.
        total: usize,
    },
    /// Processes start.
    Starting,
}

/// Receives the steps of start-up.
pub type ProgressFn<'a> = &'a mut (dyn FnMut(Progress) + Send);
