//! Standard input of cells.
//!
//! evcxr sends its commands on descriptor 0. While a cell runs, that descriptor is a pipe of ours, so that nothing in a
//! cell takes evcxr's commands. A thread looks for other threads of this process that wait in a `read` of it, which
//! Linux tells in `/proc`, and has the engine ask the user for a line. Processes that a cell starts find their standard
//! input at its end. Where `/proc` does not tell, descriptor 0 is `/dev/null` while a cell runs.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use antiphon_channel::FromCell;
use rustix::pipe::PipeFlags;

use crate::channel;

/// How long a thread may wait in a `read` before the user is asked.
const INTERVAL: Duration = Duration::from_millis(30);
/// The search takes at most this part of one core.
const SHARE: u32 = 50;
/// How `/proc/<pid>/syscall` (proc(5)) begins for a `read` of descriptor 0.
const READ_OF_STDIN: Option<&str> = if cfg!(not(target_os = "linux")) {
    None
} else if cfg!(target_arch = "x86_64") {
    Some("0 0x0 ")
} else if cfg!(any(target_arch = "aarch64", target_arch = "riscv64")) {
    Some("63 0x0 ")
} else {
    None
};

static STDIN: Mutex<Option<Stdin>> = Mutex::new(None);

struct Stdin {
    /// Where evcxr's commands come from.
    commands: OwnedFd,
    input: Input,
    cell_runs: bool,
    /// The user was asked for a line that has not come yet.
    asked: bool,
    /// Lines that were given so far.
    given: u64,
}

/// What descriptor 0 is while a cell runs.
enum Input {
    Null(File),
    Pipe(Pipe),
}

struct Pipe {
    reader: OwnedFd,
    writer: Arc<File>,
    /// As `/proc/<pid>/fd/0` names it.
    name: PathBuf,
}

fn state() -> MutexGuard<'static, Option<Stdin>> {
    STDIN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A cell begins: descriptor 0 is its own. Where that fails, for want of descriptors, it stays as it is.
pub(crate) fn begin_cell() {
    if !channel::is_connected() {
        return;
    }
    let mut state = state();
    if state.is_none() {
        *state = Stdin::new().ok();
    }
    if let Some(stdin) = &mut *state {
        stdin.cell_runs = true;
        stdin.asked = false;
        stdin.use_input();
    }
}

/// A cell is over: evcxr reads its next command. A thread that still waits for a line finds the end of its input.
pub(crate) fn end_cell() {
    if let Some(stdin) = &mut *state() {
        stdin.cell_runs = false;
        let _ = rustix::stdio::dup2_stdin(&stdin.commands);
        if stdin.asked {
            stdin.end_input();
        }
    }
}

/// Gives a line to who reads, or with `None` the end of input.
pub(crate) fn give(line: Option<String>) {
    let mut state = state();
    let Some(stdin) = &mut *state else { return };
    let Input::Pipe(pipe) = &stdin.input else { return };
    let Some(line) = line else {
        stdin.line_given();
        stdin.end_input();
        return;
    };
    let writer = Arc::clone(&pipe.writer);
    // A line may be longer than the pipe holds, and its reader may have gone.
    let written = std::thread::Builder::new().name("antiphon-line".to_owned()).spawn(move || {
        let _ = writer.as_ref().write_all(format!("{line}\n").as_bytes());
        if let Some(stdin) = &mut *self::state() {
            stdin.line_given();
        }
    });
    drop(written);
}

/// Starts the thread that looks for readers.
pub(crate) fn start_watcher() {
    if !channel::is_connected() || !can_watch() {
        return;
    }
    let watcher = std::thread::Builder::new().name("antiphon-stdin".to_owned()).spawn(|| {
        loop {
            let start = Instant::now();
            if let Some(stdin) = &mut *state()
                && stdin.cell_runs
            {
                stdin.watch();
            }
            std::thread::sleep(INTERVAL.max(start.elapsed() * SHARE));
        }
    });
    // Without the thread a reader waits until its cell is interrupted.
    drop(watcher);
}

/// Whether `/proc` tells what threads wait for, and which processes they started.
fn can_watch() -> bool {
    let this = Path::new("/proc/thread-self");
    READ_OF_STDIN.is_some()
        && this.join("syscall").is_file()
        && fs::read(this.join("children")).is_ok()
        && fs::read(this.join("syscall")).is_ok()
}

impl Stdin {
    fn new() -> io::Result<Self> {
        let commands = rustix::io::fcntl_dupfd_cloexec(io::stdin(), 3)?;
        let input = if can_watch() { Input::Pipe(Pipe::new()?) } else { Input::Null(File::open("/dev/null")?) };
        Ok(Self { commands, input, cell_runs: false, asked: false, given: 0 })
    }

    fn use_input(&self) {
        let _ = match &self.input {
            Input::Null(null) => rustix::stdio::dup2_stdin(null),
            Input::Pipe(pipe) => rustix::stdio::dup2_stdin(&pipe.reader),
        };
    }

    fn line_given(&mut self) {
        self.asked = false;
        self.given += 1;
    }

    /// Whoever reads now, or holds what is read now, finds its end; the next reader finds a new pipe.
    fn end_input(&mut self) {
        self.asked = false;
        if let Ok(pipe) = Pipe::new() {
            self.input = Input::Pipe(pipe);
            if self.cell_runs {
                self.use_input();
            }
        }
    }

    fn watch(&mut self) {
        let Input::Pipe(pipe) = &self.input else { return };
        let (reader, is_inherited) = look_around(&pipe.name);
        match reader {
            Some(thread) if !self.asked => {
                self.asked = true;
                let on_cells_thread = thread == std::process::id().to_string();
                channel::send(&FromCell::StdinRead { given: self.given, on_cells_thread });
            }
            None if is_inherited && !self.asked => self.end_input(),
            _ => {}
        }
    }
}

impl Pipe {
    fn new() -> io::Result<Self> {
        let (reader, writer) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
        let name = fs::read_link(format!("/proc/self/fd/{}", reader.as_raw_fd()))?;
        Ok(Self { reader, writer: Arc::new(File::from(writer)), name })
    }
}

/// A thread of this process that waits in a `read` of descriptor 0, and whether a process that this one started has the
/// pipe as its standard input.
fn look_around(pipe: &Path) -> (Option<String>, bool) {
    let mut reader = None;
    let mut is_inherited = false;
    let Ok(threads) = fs::read_dir("/proc/self/task") else {
        return (None, false);
    };
    for thread in threads.flatten() {
        let read = |file: &str| fs::read_to_string(thread.path().join(file)).unwrap_or_default();
        if READ_OF_STDIN.is_some_and(|call| read("syscall").starts_with(call)) {
            reader = Some(thread.file_name().to_string_lossy().into_owned());
        }
        let children = read("children");
        let has_pipe = |pid: &str| fs::read_link(format!("/proc/{pid}/fd/0")).is_ok_and(|name| name == pipe);
        is_inherited |= children.split_whitespace().any(has_pipe);
    }
    (reader, is_inherited)
}
