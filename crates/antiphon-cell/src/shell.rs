//! `!COMMAND` at the head of a cell.

use std::fmt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use antiphon_channel::FromCell;
use rustix::process::{Pid, Signal};
use tokio::io::AsyncWriteExt;

use crate::{channel, shared};

/// Begins once the engine knows of it, and not at all if this process is killed before. Its own standard input is empty.
const GATE: &str = "read -r begin && exec sh -c \"$1\" </dev/null";
/// How long an interrupted command may take to end by itself.
const PATIENCE: Duration = Duration::from_secs(1);

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
/// Dropping the future interrupts the command's process group as Ctrl-C does, and kills it a second later.
#[doc(hidden)]
pub async fn __shell(command: &str) -> Result<(), ShellError> {
    let fails = |status| ShellError { command: command.to_owned(), status };
    let mut shell = tokio::process::Command::new("sh");
    // What evcxr tells its children is not for others.
    shell.args(["-c", GATE, "sh", command]).stdin(Stdio::piped()).env_remove("EVCXR_IS_RUNTIME");
    let mut child = shell.process_group(0).spawn().map_err(|error| fails(Err(error)))?;
    let mut group = Group::new(child.id());
    if let Some(mut gate) = child.stdin.take() {
        // An error means that the shell has ended, which its status says.
        let _ = gate.write_all(b"\n").await;
    }
    let status = child.wait().await;
    // What it left in the background lives on.
    group.has_ended = true;
    match status {
        Ok(status) if status.success() => Ok(()),
        status => Err(fails(status)),
    }
}

/// The process group of a command. The engine knows of it too: this process may be killed.
struct Group {
    id: Option<Pid>,
    has_ended: bool,
}

impl Group {
    fn new(leader: Option<u32>) -> Self {
        let id = leader.and_then(|id| Pid::from_raw(id.cast_signed()));
        tell(id, true);
        Self { id, has_ended: false }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let Some(id) = self.id.filter(|_| !self.has_ended) else {
            return tell(self.id, false);
        };
        let _ = rustix::process::kill_process_group(id, Signal::INT);
        shared::RUNTIME.spawn(async move {
            tokio::time::sleep(PATIENCE).await;
            let _ = rustix::process::kill_process_group(id, Signal::KILL);
            tell(Some(id), false);
        });
    }
}

fn tell(group: Option<Pid>, is_alive: bool) {
    if let Some(id) = group.filter(|_| channel::is_connected()) {
        channel::send(&FromCell::ProcessGroup { id: id.as_raw_nonzero().get(), is_alive });
    }
}
