//! The binary: started, watched, signalled, and checked for what it leaves.

use std::collections::BTreeSet;
use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{Read, Seek, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use crate::processes::{self, MARK, eventually};
use crate::workspace::Workspace;

/// No run may take longer than this.
const LIMIT: Duration = Duration::from_secs(180);
/// What a run has started must be gone so soon after its end.
const CLEAN_UP_LIMIT: Duration = Duration::from_secs(5);
/// Variables that a run inherits; keys, proxies and settings of cargo's are not among them.
const INHERITED: [&str; 8] =
    ["PATH", "HOME", "USER", "LANG", "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN", "XDG_CACHE_HOME"];

/// The command, before it runs.
#[derive(Debug)]
pub(crate) struct Antiphon {
    command: Command,
    temporary: PathBuf,
    cache: PathBuf,
}

impl Antiphon {
    pub(crate) fn new<S: AsRef<OsStr>>(workspace: &Workspace, arguments: impl IntoIterator<Item = S>) -> Self {
        // Cargo also says it at run time, for binaries that were built elsewhere.
        let program = env::var_os("CARGO_BIN_EXE_antiphon");
        let mut command = Command::new(program.unwrap_or_else(|| env!("CARGO_BIN_EXE_antiphon").into()));
        command.args(arguments).current_dir(workspace.folder()).env_clear();
        command.envs(INHERITED.iter().filter_map(|name| Some((name, env::var_os(name)?))));
        command.env("TMPDIR", workspace.temporary()).env(MARK, workspace.temporary());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self { command, temporary: workspace.temporary().to_owned(), cache: default_cache() }
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Only these folders are searched for tools.
    pub(crate) fn path(self, folders: &[&Path]) -> Self {
        self.env("PATH", env::join_paths(folders).unwrap())
    }

    /// With a cache of its own.
    pub(crate) fn cache(mut self, folder: &Path) -> Self {
        folder.clone_into(&mut self.cache);
        self.env("ANTIPHON_CACHE_DIR", folder)
    }

    pub(crate) fn current_dir(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// With this on standard input.
    pub(crate) fn stdin(mut self, text: &str) -> Self {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file.rewind().unwrap();
        self.command.stdin(file);
        self
    }

    /// With a standard input for [`Running::write`].
    pub(crate) fn stdin_pipe(mut self) -> Self {
        self.command.stdin(Stdio::piped());
        self
    }

    /// Started by another program, which gets the command behind its own arguments.
    pub(crate) fn below(mut self, program: &str, arguments: &[&str]) -> Self {
        let inner = std::mem::replace(&mut self.command, Command::new(program));
        self.command.args(arguments).arg(inner.get_program()).args(inner.get_args()).env_clear();
        self.command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
        self.command.current_dir(inner.get_current_dir().unwrap()).stdout(Stdio::piped()).stderr(Stdio::piped());
        self
    }

    /// Starts it.
    pub(crate) fn start(mut self) -> Running {
        let sessions = processes::sessions(&self.cache);
        let mut child = self.command.spawn().unwrap();
        let (sender, chunks) = channel();
        forward(child.stdout.take().unwrap(), Chunk::Stdout, sender.clone());
        forward(child.stderr.take().unwrap(), Chunk::Stderr, sender);
        Running {
            deadline: Instant::now() + LIMIT,
            child,
            chunks,
            stdout: Vec::new(),
            stderr: Vec::new(),
            temporary: self.temporary,
            cache: self.cache,
            sessions,
        }
    }

    /// Runs it to its end.
    #[track_caller]
    pub(crate) fn run(self) -> Finished {
        self.start().finish()
    }
}

/// Where preloads lie unless a variable says otherwise.
pub(crate) fn default_cache() -> PathBuf {
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    cache.unwrap_or_else(|| PathBuf::from(env::var_os("HOME").unwrap()).join(".cache")).join("antiphon")
}

#[derive(Debug)]
enum Chunk {
    Stdout(Vec<u8>),
    Stderr(Vec<u8>),
}

fn forward(mut from: impl Read + Send + 'static, label: fn(Vec<u8>) -> Chunk, to: Sender<Chunk>) {
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            if to.send(label(buffer[..read].to_vec())).is_err() {
                return;
            }
        }
    });
}

/// A run under way. Killed on drop.
#[derive(Debug)]
pub(crate) struct Running {
    deadline: Instant,
    child: Child,
    chunks: Receiver<Chunk>,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    temporary: PathBuf,
    cache: PathBuf,
    sessions: BTreeSet<PathBuf>,
}

impl Running {
    /// Waits for a text on standard output.
    #[track_caller]
    pub(crate) fn until_stdout(&mut self, text: &str) {
        self.until(text, |running| &running.stdout);
    }

    /// Waits for a text on standard output behind a position; gives where it ends.
    #[track_caller]
    pub(crate) fn until_stdout_from(&mut self, start: usize, text: &str) -> usize {
        loop {
            if let Some(at) = self.stdout().get(start..).and_then(|rest| rest.find(text)) {
                return start + at + text.len();
            }
            assert!(self.read(), "it ended without {text:?} behind {start}\n{}", self.shown());
        }
    }

    /// Writes to its standard input.
    pub(crate) fn write(&mut self, text: &str) {
        self.child.stdin.as_mut().unwrap().write_all(text.as_bytes()).unwrap();
    }

    /// Waits for a text on standard error.
    #[track_caller]
    pub(crate) fn until_stderr(&mut self, text: &str) {
        self.until(text, |running| &running.stderr);
    }

    #[track_caller]
    fn until(&mut self, text: &str, output: fn(&Self) -> &Vec<u8>) {
        while !String::from_utf8_lossy(output(self)).contains(text) {
            assert!(self.read(), "it ended without {text:?}\n{}", self.shown());
        }
    }

    /// Waits for a process of the run; gives it.
    #[track_caller]
    pub(crate) fn until_process(&self, is_it: impl Fn(&processes::Process) -> bool) -> processes::Process {
        let mut found = None;
        eventually(LIMIT, || {
            found = processes::marked(&self.mark()).into_iter().find(&is_it);
            found.is_none().then(|| "the process does not start".to_owned())
        });
        found.unwrap()
    }

    pub(crate) fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Sends a signal that must end it within a time.
    #[track_caller]
    pub(crate) fn end_by(self, signal: Signal, limit: Duration) -> Finished {
        self.signal(signal);
        self.finish_within(limit)
    }

    /// As [`Running::finish`], with a limit of its own.
    #[track_caller]
    pub(crate) fn finish_within(mut self, limit: Duration) -> Finished {
        self.deadline = Instant::now() + limit;
        self.finish()
    }

    /// Waits for its end, and checks that nothing is left.
    #[track_caller]
    pub(crate) fn finish(mut self) -> Finished {
        while self.read() {}
        let status = self.child.wait().unwrap();
        let finished = Finished {
            status,
            stdout: String::from_utf8_lossy(&self.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&self.stderr).into_owned(),
        };
        self.assert_nothing_left(&finished);
        finished
    }

    /// Reads what comes next; false at the end.
    #[track_caller]
    fn read(&mut self) -> bool {
        let left = self.deadline.saturating_duration_since(Instant::now());
        match self.chunks.recv_timeout(left) {
            Ok(Chunk::Stdout(bytes)) => self.stdout.extend(bytes),
            Ok(Chunk::Stderr(bytes)) => self.stderr.extend(bytes),
            Err(RecvTimeoutError::Disconnected) => return false,
            Err(RecvTimeoutError::Timeout) => panic!("it did not end in time\n{}", self.shown()),
        }
        true
    }

    fn shown(&self) -> String {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        format!("--- stdout\n{}\n--- stderr\n{}", text(&self.stdout), text(&self.stderr))
    }

    fn mark(&self) -> String {
        self.temporary.display().to_string()
    }

    #[track_caller]
    fn assert_nothing_left(&self, finished: &Finished) {
        eventually(CLEAN_UP_LIMIT, || {
            let processes = processes::marked(&self.mark());
            (!processes.is_empty()).then(|| format!("processes are left: {processes:#?}\n{finished:?}"))
        });
        eventually(CLEAN_UP_LIMIT, || {
            let mut new = processes::sessions(&self.cache);
            new.retain(|session| !self.sessions.contains(session) && processes::is_abandoned(session));
            (!new.is_empty()).then(|| format!("sessions are left: {new:?}\n{finished:?}"))
        });
        let left: Vec<OsString> =
            fs::read_dir(&self.temporary).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(left.is_empty(), "temporary files are left: {left:?}\n{finished:?}");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A run that ended.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Finished {
    /// Checks the exit code.
    #[track_caller]
    pub(crate) fn code(self, expected: i32) -> Self {
        let Self { status, stdout, stderr, .. } = &self;
        assert_eq!(status.code(), Some(expected), "{status}\n--- stdout\n{stdout}\n--- stderr\n{stderr}");
        self
    }

    /// Checks that a signal ended it.
    #[track_caller]
    pub(crate) fn killed_by(self, signal: Signal) -> Self {
        assert_eq!(self.status.signal(), Some(signal.as_raw()), "{self:?}");
        self
    }

    /// Checks for exactly one error, with all of these words in it, and gives the hint below it.
    #[track_caller]
    pub(crate) fn one_error(&self, words: &[&str]) -> Option<&str> {
        let of_kind =
            |kind: &str| -> Vec<&str> { self.stderr.lines().filter_map(|line| line.strip_prefix(kind)).collect() };
        let (errors, hints) = (of_kind("error: "), of_kind("hint: "));
        let [error] = errors.as_slice() else { panic!("{} errors: {self:?}", errors.len()) };
        for word in words {
            assert!(error.contains(word), "{word:?} is not in {error:?}");
        }
        assert!(hints.len() <= 1, "{hints:?}");
        assert!(!self.stderr.contains("panicked at"), "{self:?}");
        hints.first().copied()
    }
}
