//! `!COMMAND` at the head of a cell.

use std::fmt;
use std::process::{ExitStatus, Stdio};

use rustix::process::{Pid, Signal};

/// A shell's command did not succeed.
pub struct ShellError {
    command: String,
    status: Result<ExitStatus, std::io::Error>,
}

impl fmt::Display for ShellError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.status {
            Ok(status) => write!(f, "`{}` ended with {status}", self.command),
            Err(error) => write!(f, "`{}` cannot be run: {error}", self.command),
        }
    }
}

impl fmt::Debug for ShellError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for ShellError {}

/// Runs `sh -c COMMAND`, whose output is the cell's.
///
/// # Errors
/// It cannot be started, or ends with another status than 0.
///
/// # Cancel safety
/// Dropping the future kills the command and what it started in its process group.
#[doc(hidden)]
pub async fn __shell(command: &str) -> Result<(), ShellError> {
    let fails = |status| ShellError { command: command.to_owned(), status };
    let mut shell = tokio::process::Command::new("sh");
    // Standard input is evcxr's, and what evcxr tells its children is not for others.
    shell.arg("-c").arg(command).stdin(Stdio::null()).env_remove("EVCXR_IS_RUNTIME");
    let mut child = shell.process_group(0).spawn().map_err(|error| fails(Err(error)))?;
    let group = Group(child.id().and_then(|id| Pid::from_raw(id.cast_signed())));
    let status = child.wait().await;
    // It has ended; what it left in the background lives on.
    std::mem::forget(group);
    match status {
        Ok(status) if status.success() => Ok(()),
        status => Err(fails(status)),
    }
}

/// A process group that is killed on drop.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            let _ = rustix::process::kill_process_group(group, Signal::KILL);
        }
    }
}
