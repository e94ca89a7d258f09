//! What a run leaves behind: processes and session folders.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

/// Variable that marks a run's processes: everything that it starts inherits it, also what outlives its parent.
pub(crate) const MARK: &str = "ANTIPHON_CLI_TEST";

/// A process that bears a mark.
#[derive(Debug)]
pub(crate) struct Process {
    pid: i32,
    pub(crate) command: String,
    environment: Vec<String>,
}

impl Process {
    fn read(pid: i32) -> Option<Self> {
        let folder = PathBuf::from(format!("/proc/{pid}"));
        let strings = |name: &str| -> Option<Vec<String>> {
            let bytes = fs::read(folder.join(name)).ok()?;
            let parts = bytes.split(|&byte| byte == 0);
            Some(parts.map(|part| String::from_utf8_lossy(part).into_owned()).collect())
        };
        Some(Self { pid, command: strings("cmdline")?.join(" "), environment: strings("environ")? })
    }

    pub(crate) fn kill(&self) {
        rustix::process::kill_process(Pid::from_raw(self.pid).unwrap(), Signal::KILL).unwrap();
    }

    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        let mut variables = self.environment.iter().filter_map(|variable| variable.split_once('='));
        variables.find(|(variable, _)| *variable == name).map(|(_, value)| value)
    }
}

/// The processes that bear a mark and run now.
pub(crate) fn marked(mark: &str) -> Vec<Process> {
    let entries = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let processes = pids.filter_map(Process::read);
    processes.filter(|process| process.variable(MARK) == Some(mark)).collect()
}

/// The folders of sessions in a cache.
pub(crate) fn sessions(cache: &Path) -> BTreeSet<PathBuf> {
    let entries = fs::read_dir(cache.join("sessions")).into_iter().flatten();
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// Whether nobody uses a session any more. Those of other programs that run at the same time are locked.
pub(crate) fn is_abandoned(session: &Path) -> bool {
    match File::open(session.join("alive")) {
        Ok(alive) => alive.try_lock().is_ok(),
        Err(_) => session.exists(),
    }
}

/// Waits for a condition that nothing announces; `describe` says what is the matter.
#[track_caller]
pub(crate) fn eventually(limit: Duration, mut describe: impl FnMut() -> Option<String>) {
    let deadline = Instant::now() + limit;
    while let Some(problem) = describe() {
        assert!(Instant::now() < deadline, "after {limit:?} still: {problem}");
        thread::sleep(Duration::from_millis(10));
    }
}
