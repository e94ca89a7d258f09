//! The host as the engine sees it: a process and a connection.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use antiphon_channel::{CHANNEL, FromHost, ROLE, ToHost, decode, encode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

use crate::error::Error;
use crate::guarded::CAUGHT;
use crate::host::{PRELOAD_SOURCES, USER_PATH, WORKING_DIR};
use crate::process::{EVCXR_IS_RUNTIME, HOST};
use crate::session::Session;
use crate::toolchain::Toolchain;

/// How long a host may take to end by itself.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(2);
/// Larger than any frame of ours that is sane.
const MAX_FRAME_BYTES: u32 = 512 << 20;

/// How a host is started.
#[derive(Debug)]
pub(crate) struct HostCommand {
    pub(crate) program: PathBuf,
    pub(crate) session: Session,
    pub(crate) toolchain: Toolchain,
    pub(crate) working_dir: PathBuf,
    pub(crate) preload_sources: PathBuf,
    pub(crate) env: Vec<(String, String)>,
}

impl HostCommand {
    fn spawn(&self) -> Result<Child, Error> {
        // A process that is started in no folder says of neither which is missing.
        self.working_dir.metadata().map_err(Error::file("find the folder", &self.working_dir))?;
        let mut command = Command::new(&self.program);
        for (name, _) in std::env::vars_os().filter(|(name, _)| is_of_a_build(name)) {
            command.env_remove(name);
        }
        command
            .envs(self.session.env(&self.toolchain))
            .env(USER_PATH, std::env::var_os("PATH").unwrap_or_default())
            .env(CHANNEL, self.session.socket())
            .env(ROLE, HOST)
            .env(WORKING_DIR, &self.working_dir)
            .env(PRELOAD_SOURCES, &self.preload_sources)
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .env_remove(EVCXR_IS_RUNTIME)
            .current_dir(&self.working_dir)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            // Ctrl-C in a terminal is the front end's to interpret.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(Error::system("start the evaluator's process"))
    }
}

/// Whether a variable is one that `cargo run` and `cargo test` set for their programs. Build scripts in the preload (ring's
/// is one) ask to run again when such a variable changes, and everything above them would be compiled anew.
fn is_of_a_build(name: &OsStr) -> bool {
    const FAMILIES: [&str; 5] = ["CARGO_BIN_", "CARGO_CFG_", "CARGO_MANIFEST_", "CARGO_PKG_", "CARGO_FEATURE_"];
    const NAMES: [&str; 4] = ["CARGO_CRATE_NAME", "CARGO_PRIMARY_PACKAGE", "CARGO_TARGET_TMPDIR", "OUT_DIR"];
    name.to_str().is_some_and(|name| FAMILIES.iter().any(|family| name.starts_with(family)) || NAMES.contains(&name))
}

/// A host process.
#[derive(Debug)]
pub(crate) struct HostProcess {
    command: HostCommand,
    child: Child,
    /// Last words on its standard error.
    stderr: tokio::task::JoinHandle<String>,
    connection: Option<(FrameWriter, mpsc::Receiver<Option<FromHost>>)>,
    /// Why it was killed, if it was.
    killed: Option<String>,
}

impl HostProcess {
    pub(crate) fn spawn(command: HostCommand) -> Result<Self, Error> {
        let mut child = command.spawn()?;
        let stderr = collect_stderr(&mut child);
        Ok(Self { command, child, stderr, connection: None, killed: None })
    }

    pub(crate) fn session(&self) -> &Session {
        &self.command.session
    }

    /// Folder in which cells run.
    pub(crate) fn working_dir(&self) -> &Path {
        &self.command.working_dir
    }

    /// Sets environment variables for hosts that come after this one.
    pub(crate) fn remember(&mut self, env: &[(String, String)]) {
        self.command.env.extend_from_slice(env);
    }

    pub(crate) fn restart(&mut self) -> Result<(), Error> {
        self.connection = None;
        self.child = self.command.spawn()?;
        self.stderr = collect_stderr(&mut self.child);
        Ok(())
    }

    pub(crate) fn attach(&mut self, stream: UnixStream) {
        let (frames_tx, frames) = mpsc::channel(64);
        let writer = FrameWriter::spawn(stream, |frame| frame, frames_tx);
        self.connection = Some((writer, frames));
    }

    /// The next frame, or how the process ended. Cancel safe.
    pub(crate) async fn recv(&mut self) -> Result<Option<FromHost>, String> {
        if let Some((_, frames)) = &mut self.connection {
            // Frames come before the end of the process, whose last words may be among them.
            if let Some(Some(frame)) = frames.recv().await {
                return Ok(Some(frame));
            }
            self.connection = None;
        }
        let status = self.child.wait().await;
        let words = tokio::time::timeout(SHUTDOWN_LIMIT, &mut self.stderr).await;
        let words = words.ok().and_then(Result::ok).unwrap_or_default();
        Err(self.killed.take().unwrap_or_else(|| describe(status, &words)))
    }

    /// Sends a frame to a host that has said that it is ready.
    pub(crate) async fn send(&mut self, frame: &ToHost) {
        if let Some((writer, _)) = &mut self.connection {
            writer.send(frame).await;
        }
    }

    /// Kills the process, whose end is then told with this reason.
    pub(crate) fn kill(&mut self, reason: String) {
        self.killed = Some(reason);
        // It may have ended by itself.
        let _ = self.child.start_kill();
    }

    /// Ends the process, by force if it must be.
    pub(crate) async fn shut_down(&mut self) {
        // The end of the connection is the host's signal to end.
        self.connection = None;
        if tokio::time::timeout(SHUTDOWN_LIMIT, self.child.wait()).await.is_err() {
            let _ = self.child.kill().await;
        }
    }
}

fn describe(status: std::io::Result<ExitStatus>, words: &str) -> String {
    let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
    let words = words.rsplit(CAUGHT).next().unwrap_or_default();
    let words: Vec<&str> = words.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = &words[words.len().saturating_sub(5)..];
    if last.is_empty() { status } else { format!("{status}: {}", last.join(" / ")) }
}

/// Keeps the end of what the host says on standard error.
fn collect_stderr(child: &mut Child) -> tokio::task::JoinHandle<String> {
    const KEPT_BYTES: usize = 16 << 10;
    let stderr = child.stderr.take();
    tokio::spawn(async move {
        let mut kept = Vec::new();
        let mut chunk = vec![0; 4096];
        if let Some(mut stderr) = stderr {
            while let Ok(read @ 1..) = stderr.read(&mut chunk).await {
                kept.extend_from_slice(&chunk[..read]);
                kept.drain(..kept.len().saturating_sub(KEPT_BYTES));
            }
        }
        String::from_utf8_lossy(&kept).into_owned()
    })
}

/// The sending half of a connection, whose frames a task reads.
#[derive(Debug)]
pub(crate) struct FrameWriter {
    writer: OwnedWriteHalf,
}

impl FrameWriter {
    /// Reads frames into a channel, `None` at their end.
    pub(crate) fn spawn<F, T, M>(stream: UnixStream, label: M, frames: mpsc::Sender<T>) -> Self
    where
        F: DeserializeOwned + Send + 'static,
        T: Send + 'static,
        M: Fn(Option<F>) -> T + Send + Sync + 'static,
    {
        let (mut reader, writer) = stream.into_split();
        tokio::spawn(async move {
            while let Some(frame) = read(&mut reader).await {
                if frames.send(label(Some(frame))).await.is_err() {
                    return;
                }
            }
            let _ = frames.send(label(None)).await;
        });
        Self { writer }
    }

    /// Sends a frame; a peer that is gone shows on the reading side.
    pub(crate) async fn send(&mut self, frame: &impl Serialize) {
        let Ok(body) = encode(frame) else { return };
        let Ok(length) = u32::try_from(body.len()) else {
            return;
        };
        let mut bytes = length.to_le_bytes().to_vec();
        bytes.extend(body);
        let _ = self.writer.write_all(&bytes).await;
    }
}

async fn read<F: DeserializeOwned>(reader: &mut OwnedReadHalf) -> Option<F> {
    let length = reader.read_u32_le().await.ok().filter(|&length| length <= MAX_FRAME_BYTES)?;
    let mut body = vec![0; length as usize];
    reader.read_exact(&mut body).await.ok()?;
    decode(&body).ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;

    #[test]
    fn what_was_said_before_a_panic_that_was_caught_is_not_the_reason() {
        let words = format!("<STATE>\n{{ build_envs: \"s3cr3t\" }}\n{CAUGHT}\n\nstack overflow\n");
        assert_eq!(describe(Ok(ExitStatus::from_raw(6)), &words), "signal: 6 (SIGABRT): stack overflow");
        assert_eq!(describe(Ok(ExitStatus::from_raw(6)), CAUGHT), "signal: 6 (SIGABRT)");
    }
}
