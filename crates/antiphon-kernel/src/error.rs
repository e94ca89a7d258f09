//! Why a kernel could not serve. What goes wrong in a cell or in a message is an answer, not an error.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// A kernel's failure.
#[derive(Debug)]
pub struct Error(Box<ErrorKind>);

/// The kinds of [`Error`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The connection file cannot be read.
    #[error("cannot read the connection file `{}`", path.display())]
    ConnectionFile {
        /// Its path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The connection file is not one.
    #[error("`{}` is not a connection file", path.display())]
    NotAConnectionFile {
        /// Its path.
        path: PathBuf,
        /// Where its JSON is wrong.
        source: serde_json::Error,
    },
    /// The connection file asks for another signature than HMAC-SHA256.
    #[error("`{}` asks for the signature scheme `{scheme}`, and only `hmac-sha256` is known", path.display())]
    SignatureScheme {
        /// Its path.
        path: PathBuf,
        /// What it asks for.
        scheme: String,
    },
    /// An address of the connection file cannot be listened on.
    #[error("cannot listen on {address} for the {channel} channel")]
    Listen {
        /// `shell`, `iopub`, ...
        channel: &'static str,
        /// E.g. `tcp://127.0.0.1:5555`.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// A folder for the kernel's sockets cannot be made.
    #[error("cannot make a folder for sockets in `{}`", path.display())]
    SocketFolder {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A ZeroMQ socket cannot be bound.
    #[error("cannot bind the {channel} socket")]
    Socket {
        /// `shell`, `iopub`, ...
        channel: &'static str,
        /// Why.
        source: zeromq::ZmqError,
    },
    /// The thread of the sockets cannot be started, or has panicked.
    #[error("the thread of the sockets failed")]
    SocketThread(#[source] io::Error),
    /// The kernelspec cannot be written or removed.
    #[error("cannot {action} `{}`", path.display())]
    Kernelspec {
        /// Fits "cannot ...".
        action: &'static str,
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A kernelspec's name that Jupyter does not take.
    #[error("`{name}` is no name for a kernelspec: only ASCII letters, digits, `-`, `.` and `_` are allowed")]
    KernelspecName {
        /// As it was given.
        name: String,
    },
    /// A kernelspec of this name is another kernel's.
    #[error("the kernelspec `{}` is another kernel's", folder.display())]
    ForeignKernelspec {
        /// Its folder.
        folder: PathBuf,
    },
    /// A path that JSON cannot hold.
    #[error("the path `{}` is not valid UTF-8", path.display())]
    PathNotUnicode {
        /// The program's.
        path: PathBuf,
    },
    /// There is no kernelspec of this name where one was to be removed.
    #[error("there is no kernelspec `{name}` in `{}`", folder.display())]
    NoKernelspec {
        /// Its name.
        name: String,
        /// Where it was looked for.
        folder: PathBuf,
    },
    /// A variable or a folder by which a place is found is missing.
    #[error("{what} is not known")]
    UnknownPlace {
        /// What was looked for.
        what: &'static str,
        /// How to say it.
        hint: &'static str,
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
            ErrorKind::ConnectionFile { .. } | ErrorKind::NotAConnectionFile { .. } => Some(
                "Jupyter writes this file when it starts the kernel; `antiphon install` makes the kernel known to it"
                    .to_owned(),
            ),
            ErrorKind::Listen { source, .. } if source.kind() == io::ErrorKind::AddrInUse => {
                Some("another process has taken the port; start the kernel again".to_owned())
            }
            ErrorKind::Kernelspec { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                Some("use `--user`, or `--prefix` with a folder of yours".to_owned())
            }
            ErrorKind::ForeignKernelspec { .. } => Some("choose another name with `--name`".to_owned()),
            ErrorKind::NoKernelspec { .. } => {
                Some("`jupyter kernelspec list` names those that are installed".to_owned())
            }
            ErrorKind::UnknownPlace { hint, .. } => Some((*hint).to_owned()),
            _ => None,
        }
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
