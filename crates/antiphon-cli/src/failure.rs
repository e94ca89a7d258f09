//! Errors as the user sees them, and the exit codes of a run.

use std::error::Error;
use std::io::Write;
use std::process;

use antiphon_notebook::ExitCode;

/// Why a command ended without doing its work.
#[derive(Debug)]
pub(crate) enum Failure {
    Notebook(antiphon_notebook::Error),
    Engine(antiphon_engine::Error),
    Kernel(antiphon_kernel::Error),
    Repl(antiphon_repl::Error),
    Interrupted,
    Other(anyhow::Error),
}

impl Failure {
    /// Prints the error, its causes and what to do; gives the exit code.
    pub(crate) fn report(&self) -> process::ExitCode {
        let (error, hint): (Option<&dyn Error>, Option<String>) = match self {
            Self::Notebook(error) => (Some(error), error.hint()),
            Self::Engine(error) => (Some(error), error.hint()),
            Self::Kernel(error) => (Some(error), error.hint()),
            Self::Repl(error) => (Some(error), None),
            Self::Other(error) => (Some(error.as_ref()), None),
            Self::Interrupted => (None, None),
        };
        let mut stderr = anstream::stderr().lock();
        match error {
            Some(error) => {
                let _ = write!(stderr, "\u{1b}[1;31merror\u{1b}[0m: {error}");
                let mut cause = error.source();
                while let Some(error) = cause {
                    let _ = write!(stderr, ": {error}");
                    cause = error.source();
                }
                let _ = writeln!(stderr);
            }
            None => drop(writeln!(stderr, "interrupted")),
        }
        if let Some(hint) = hint {
            let _ = writeln!(stderr, "\u{1b}[1;36mhint\u{1b}[0m: {hint}");
        }
        process::ExitCode::from(self.exit_code())
    }

    fn exit_code(&self) -> u8 {
        match self {
            Self::Notebook(error) => error.exit_code(),
            Self::Engine(_) => ExitCode::ENGINE,
            Self::Interrupted => ExitCode::INTERRUPTED,
            Self::Kernel(_) | Self::Repl(_) | Self::Other(_) => ExitCode::UNEXPECTED,
        }
    }
}

impl From<antiphon_notebook::Error> for Failure {
    fn from(error: antiphon_notebook::Error) -> Self {
        Self::Notebook(error)
    }
}

impl From<antiphon_engine::Error> for Failure {
    fn from(error: antiphon_engine::Error) -> Self {
        Self::Engine(error)
    }
}

impl From<antiphon_kernel::Error> for Failure {
    fn from(error: antiphon_kernel::Error) -> Self {
        Self::Kernel(error)
    }
}

impl From<antiphon_repl::Error> for Failure {
    fn from(error: antiphon_repl::Error) -> Self {
        Self::Repl(error)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Other(error)
    }
}
