//! Why a notebook cannot be read or written. Failures of cells are [`Outcome`](crate::Outcome)s, not errors.

use std::fmt;
use std::path::PathBuf;

/// A failure around a notebook's file.
///
/// Its text says what happened and where, [`Error::hint`] what to do, and `source` why.
#[derive(Debug)]
pub struct Error(Box<ErrorKind>);

/// The kinds of [`Error`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The file is missing, or may not be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The input.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A folder where a file was expected.
    #[error("`{}` is a directory, not a notebook", path.display())]
    IsDirectory {
        /// The input.
        path: PathBuf,
    },
    /// The bytes are no text.
    #[error("`{}` is not a notebook: not UTF-8 at byte {offset}", path.display())]
    NotUtf8 {
        /// The input.
        path: PathBuf,
        /// Bytes before the first invalid one.
        offset: usize,
    },
    /// The text is no JSON.
    #[error("`{}` is not a notebook: not JSON", path.display())]
    NotJson {
        /// The input.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
    /// JSON, but no notebook, or one with parts missing.
    #[error("`{}` is not a notebook: {problem}", path.display())]
    Invalid {
        /// The input.
        path: PathBuf,
        /// Which part, and what is the matter with it.
        problem: String,
    },
    /// A notebook of another version of the format.
    #[error("`{}` is a notebook of nbformat {version}, not of 4.0 to 4.5", path.display())]
    UnsupportedVersion {
        /// The input.
        path: PathBuf,
        /// Its version.
        version: String,
    },
    /// A notebook in another language.
    #[error("`{}` is a notebook in {language}, not in Rust", path.display())]
    OtherLanguage {
        /// The input.
        path: PathBuf,
        /// The language its metadata names.
        language: String,
    },
    /// Two inputs, one output.
    #[error("`{}` and `{}` would both be written to `{}`", first.display(), second.display(), output.display())]
    SameOutput {
        /// An input.
        first: PathBuf,
        /// A later input.
        second: PathBuf,
        /// The output of both.
        output: PathBuf,
    },
    /// The output folder cannot be made.
    #[error("cannot create the directory `{}`", path.display())]
    CreateDir {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The output cannot be written.
    #[error("cannot write `{}`", path.display())]
    Write {
        /// The output.
        path: PathBuf,
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
            ErrorKind::Read { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                Some("check the path; it is relative to the current directory".to_owned())
            }
            ErrorKind::IsDirectory { path } => {
                Some(format!("name its notebooks: `{}`", path.join("*.ipynb").display()))
            }
            ErrorKind::UnsupportedVersion { .. } => {
                Some("convert it with `jupyter nbconvert --to notebook --nbformat 4`".to_owned())
            }
            ErrorKind::OtherLanguage { .. } => {
                Some("if its cells are Rust, choose a Rust kernel for it in Jupyter and save it".to_owned())
            }
            ErrorKind::SameOutput { .. } => {
                Some("rename one, or run them with different output directories".to_owned())
            }
            ErrorKind::Write { source, .. } if source.kind() == std::io::ErrorKind::StorageFull => {
                Some("free some space; what was there before is unchanged".to_owned())
            }
            ErrorKind::Read { .. }
            | ErrorKind::NotUtf8 { .. }
            | ErrorKind::NotJson { .. }
            | ErrorKind::Invalid { .. }
            | ErrorKind::CreateDir { .. }
            | ErrorKind::Write { .. } => None,
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
