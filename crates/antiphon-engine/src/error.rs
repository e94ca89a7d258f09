//! Why an engine could not start or go on. Failures of cells are [`End`](crate::End)s, not errors.

use std::fmt;
use std::path::PathBuf;

/// An engine's failure.
///
/// Its text says what happened and where, [`Error::hint`] what to do, and `source` why.
#[derive(Debug)]
pub struct Error(Box<ErrorKind>);

/// The kinds of [`Error`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// No `rustc` or no `cargo`.
    #[error("`{tool}` was not found")]
    ToolMissing {
        /// `rustc` or `cargo`.
        tool: &'static str,
        /// From starting it.
        source: std::io::Error,
    },
    /// The compiler does not say what it is.
    #[error("`{command}` failed: {message}")]
    ToolFailed {
        /// The command line.
        command: String,
        /// What it printed.
        message: String,
    },
    /// The compiler is older than evcxr and we need.
    #[error("rustc {found} is too old: {needed} or later is needed")]
    RustcTooOld {
        /// Its version.
        found: semver::Version,
        /// Ours.
        needed: semver::Version,
    },
    /// Type inference needs the standard library's sources.
    #[error("the Rust standard library's sources are missing from `{}`", sysroot.display())]
    RustSrcMissing {
        /// The compiler's sysroot.
        sysroot: PathBuf,
        /// The toolchain's name, when rustup has it.
        toolchain: Option<String>,
    },
    /// A file or folder of ours.
    #[error("cannot {action} `{}`", path.display())]
    File {
        /// Fits "cannot ...".
        action: &'static str,
        /// Which one.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// evcxr cannot load cells from such a path.
    #[error("the path `{}` has a space in it", path.display())]
    SpaceInPath {
        /// The path.
        path: PathBuf,
    },
    /// The preload does not build.
    #[error("the preload cannot be built in `{}`: {message}", path.display())]
    PreloadFailed {
        /// Its folder.
        path: PathBuf,
        /// What cargo said last.
        message: String,
    },
    /// evcxr does not start.
    #[error("the evaluator did not start: {message}")]
    StartFailed {
        /// What it said.
        message: String,
    },
    /// A limit ran out.
    #[error("{what} took longer than {seconds} s")]
    Timeout {
        /// What was waited for.
        what: &'static str,
        /// The limit.
        seconds: u64,
    },
    /// The host process ended.
    #[error("the evaluator's process ended: {message}")]
    HostDied {
        /// Its exit status and last words.
        message: String,
    },
    /// The operating system refused a process or a socket.
    #[error("cannot {action}")]
    System {
        /// Fits "cannot ...".
        action: &'static str,
        /// Why.
        source: std::io::Error,
    },
}

impl Error {
    /// The kind, to tell failures apart.
    pub fn kind(&self) -> &ErrorKind {
        &self.0
    }

    /// What to do about it, if there is one thing to do.
    pub fn hint(&self) -> Option<String> {
        match &*self.0 {
            ErrorKind::ToolMissing { .. } => {
                Some("install Rust from https://rustup.rs, or put `rustc` and `cargo` on PATH".to_owned())
            }
            ErrorKind::RustcTooOld { .. } => Some("run `rustup update stable`".to_owned()),
            ErrorKind::RustSrcMissing { toolchain: Some(toolchain), .. } => {
                Some(format!("run `rustup component add rust-src --toolchain {toolchain}`"))
            }
            ErrorKind::RustSrcMissing { .. } => {
                Some("run `rustup component add rust-src`, or install your distribution's rust-src package".to_owned())
            }
            ErrorKind::File { source, .. } | ErrorKind::System { source, .. }
                if source.kind() == std::io::ErrorKind::StorageFull =>
            {
                Some("free some space, or set ANTIPHON_CACHE_DIR to a folder on another disk".to_owned())
            }
            ErrorKind::SpaceInPath { .. } => Some("set ANTIPHON_CACHE_DIR to a folder without spaces".to_owned()),
            ErrorKind::File { .. } => Some("check the folder, or set ANTIPHON_CACHE_DIR to another one".to_owned()),
            ErrorKind::PreloadFailed { message, .. } if message.contains("No space left") => Some(
                "free some space (1 GB is enough), or set ANTIPHON_CACHE_DIR to a folder on another disk".to_owned(),
            ),
            ErrorKind::PreloadFailed { .. } => {
                Some("the preload's folder was removed; run the command again to build it anew".to_owned())
            }
            _ => None,
        }
    }

    pub(crate) fn file(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| ErrorKind::File { action, path, source }.into()
    }

    pub(crate) fn system(action: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |source| ErrorKind::System { action, source }.into()
    }
}

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Self {
        Self(Box::new(kind))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}
