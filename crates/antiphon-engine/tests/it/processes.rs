//! An engine's processes, as the operating system sees them.

use std::fs;
use std::path::PathBuf;

use rustix::process::{Pid, Signal};

/// Variable that marks the processes of one engine.
const VARIABLE: &str = "ANTIPHON_TEST_ENGINE";

/// The mark of one engine: everything it starts inherits it, also what outlives its parent.
#[derive(Clone, Debug)]
pub(crate) struct Tag(String);

/// A process that bears a tag.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    pub(crate) command: String,
    environment: Vec<String>,
}

impl Tag {
    pub(crate) fn new(number: usize) -> Self {
        Self(format!("{}-{number}", std::process::id()))
    }

    pub(crate) fn variable(&self) -> (String, String) {
        (VARIABLE.to_owned(), self.0.clone())
    }

    /// What runs now.
    pub(crate) fn processes(&self) -> Vec<Process> {
        let mark = format!("{VARIABLE}={}", self.0);
        let entries = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let processes = pids.filter_map(Process::read);
        processes.filter(|process| process.environment.contains(&mark)).collect()
    }

    /// The process that owns evcxr.
    pub(crate) fn host(&self) -> Process {
        let hosts = self.hosts();
        assert_eq!(hosts.len(), 1, "{hosts:#?}");
        hosts.into_iter().next().unwrap()
    }

    /// The processes that own evcxr: one, but for a moment.
    pub(crate) fn hosts(&self) -> Vec<Process> {
        let is_host = |process: &Process| process.variable("ANTIPHON_ROLE") == Some("host");
        // Tools that the host runs inherit the role, but have arguments.
        self.processes().into_iter().filter(|process| is_host(process) && process.has_no_arguments()).collect()
    }

    /// Cargo and compilers.
    pub(crate) fn compilers(&self) -> Vec<Process> {
        let is_tool = |process: &Process| {
            let program = process.command.split(' ').next().unwrap_or_default();
            ["cargo", "rustc", "ld", "cc", "rust-lld"].iter().any(|tool| program.rsplit('/').next() == Some(tool))
        };
        self.processes().into_iter().filter(is_tool).collect()
    }

    /// Whether rustc compiles a cell.
    pub(crate) fn compiles_a_cell(&self) -> bool {
        self.compilers().iter().any(|process| process.command.contains("--crate-name ctx"))
    }
}

impl Process {
    fn read(pid: i32) -> Option<Self> {
        let folder = PathBuf::from(format!("/proc/{pid}"));
        let environment = fs::read(folder.join("environ")).ok()?;
        let command = fs::read(folder.join("cmdline")).ok()?;
        let strings = |bytes: &[u8]| -> Vec<String> {
            let parts = bytes.split(|&byte| byte == 0).filter(|part| !part.is_empty());
            parts.map(|part| String::from_utf8_lossy(part).into_owned()).collect()
        };
        Some(Self { pid, command: strings(&command).join(" "), environment: strings(&environment) })
    }

    fn has_no_arguments(&self) -> bool {
        !self.command.contains(' ')
    }

    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        let values = self.environment.iter().filter_map(|variable| variable.split_once('='));
        values.filter(|(variable, _)| *variable == name).map(|(_, value)| value).next()
    }

    pub(crate) fn kill(&self) {
        self.signal(Signal::KILL);
    }

    /// Lets it do nothing any more.
    pub(crate) fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    pub(crate) fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        rustix::process::kill_process(Pid::from_raw(self.pid).unwrap(), signal).unwrap();
    }
}
