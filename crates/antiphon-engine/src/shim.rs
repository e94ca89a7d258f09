//! The shim that stands before each run of cargo.
//!
//! evcxr finds cargo by `rustup which cargo`. In a session `rustup` and `cargo` on `PATH` are links to this program,
//! so each run of cargo passes here. That makes three things possible that evcxr has no hook for:
//!
//! - evcxr checks every `:dep` in a manifest of its own, and cargo then rewrites the lock file for that manifest alone.
//!   The versions of everything else would be chosen anew, and all of it compiled anew. The shim puts the lock back.
//! - Progress reaches the front end, and an interrupt reaches the compilers.
//! - When the cell library itself was compiled anew, the child that holds the old one is stopped before it would
//!   load the new one.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use antiphon_channel::{CHANNEL, FromCargo, Hello, Role, SESSION, ToCargo, read_frame, write_frame};
use serde_json::Value;

use crate::dependencies;
use crate::process;

/// Path of the real cargo, for the shim.
pub(crate) const REAL_CARGO: &str = "ANTIPHON_CARGO";
/// Path of the real rustc, for the shim.
pub(crate) const REAL_RUSTC: &str = "ANTIPHON_RUSTC";

/// The crate that evcxr writes to check a `:dep`.
const VALIDATION_CRATE: &str = "evcxr_dummy_validate_dep";
/// Exit code of a run that an interrupt ended, as a shell's for SIGINT.
const INTERRUPTED: i32 = 130;

/// The tools that the shim stands for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Tool {
    Cargo,
    Rustup,
}

impl Tool {
    pub(crate) const ALL: [(Self, &'static str); 2] = [(Self::Cargo, "cargo"), (Self::Rustup, "rustup")];
}

/// The tool under whose name this process was started in a session.
pub(crate) fn requested() -> Option<Tool> {
    env::var_os(SESSION)?;
    let name = env::args_os().next()?;
    let name = Path::new(&name).file_name()?.to_owned();
    Tool::ALL.into_iter().find(|(_, tool)| name == *tool).map(|(tool, _)| tool)
}

/// Runs as a tool; does not return.
pub(crate) fn main(tool: Tool) -> ! {
    let arguments: Vec<OsString> = env::args_os().skip(1).collect();
    match tool {
        Tool::Rustup => rustup(&arguments),
        Tool::Cargo => process::exit(cargo(&arguments).unwrap_or(101)),
    }
}

/// Answers `rustup which cargo|rustc`; anything else is the real rustup's.
#[expect(clippy::print_stdout, reason = "it answers as rustup does")]
fn rustup(arguments: &[OsString]) -> ! {
    if let [which, tool] = arguments
        && which == "which"
    {
        let path = match tool.to_str() {
            Some("cargo") => env::var_os(SESSION).map(|session| Path::new(&session).join("bin/cargo")),
            Some("rustc") => env::var_os(REAL_RUSTC).map(PathBuf::from),
            _ => None,
        };
        if let Some(path) = path {
            println!("{}", path.display());
            process::exit(0);
        }
    }
    let own = env::var_os(SESSION).map(|session| Path::new(&session).join("bin"));
    let paths = env::var_os("PATH").unwrap_or_default();
    for folder in env::split_paths(&paths).filter(|folder| Some(folder) != own.as_ref()) {
        if folder.join("rustup").is_file() {
            // Returns only when it fails.
            drop(Command::new(folder.join("rustup")).args(arguments).exec());
        }
    }
    process::exit(127)
}

fn cargo(arguments: &[OsString]) -> Option<i32> {
    let real = env::var_os(REAL_CARGO)?;
    let mut command = Command::new(real);
    command.args(arguments);
    let subcommand = arguments.iter().filter_map(|argument| argument.to_str()).find(|text| !text.starts_with('-'));
    let manifest = fs::read_to_string("Cargo.toml").unwrap_or_default();
    let in_session = env::var_os(SESSION).is_some_and(|session| {
        env::current_dir().is_ok_and(|folder| folder.parent() == Some(Path::new(&session)))
    });
    match subcommand {
        Some("metadata") if in_session && manifest.contains(VALIDATION_CRATE) => validate(command, &manifest),
        Some(subcommand @ ("build" | "check")) if in_session => build(command, subcommand),
        _ => {
            drop(command.exec());
            None
        }
    }
}

/// Checks a `:dep` and leaves the lock file as it was.
fn validate(mut command: Command, manifest: &str) -> Option<i32> {
    if dependencies::is_preloaded(manifest) {
        return Some(0);
    }
    let lock = fs::read("Cargo.lock").ok();
    let status = command.status().ok()?;
    match lock {
        Some(lock) => fs::write("Cargo.lock", lock).ok()?,
        None => drop(fs::remove_file("Cargo.lock")),
    }
    status.code()
}

fn build(mut command: Command, subcommand: &str) -> Option<i32> {
    // The compilers get a process group of their own, so that an interrupt finds them all.
    let _ = rustix::process::setpgid(None, None);
    let mut engine = Engine::connect();
    if let Some(engine) = &mut engine {
        let _ = write_frame(&mut engine.stream, &FromCargo::Starting { subcommand: subcommand.to_owned() });
        if engine.wait() == ToCargo::Abort {
            return Some(INTERRUPTED);
        }
    }
    let mut cargo = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().ok()?;
    let stderr = cargo.stderr.take()?;
    let reporter = engine.as_ref().and_then(|engine| engine.stream.try_clone().ok());
    let progress = std::thread::spawn(move || report_progress(stderr, reporter));
    let mut stdout = std::io::stdout().lock();
    for line in BufReader::new(cargo.stdout.take()?).split(b'\n').map_while(Result::ok) {
        if let Some(engine) = &mut engine
            && rebuilt_preload(&line)
        {
            let _ = write_frame(&mut engine.stream, &FromCargo::PreloadRebuilt);
            engine.wait();
        }
        stdout.write_all(&line).and_then(|()| stdout.write_all(b"\n")).ok()?;
    }
    stdout.flush().ok()?;
    let _ = progress.join();
    cargo.wait().ok()?.code()
}

/// Passes cargo's standard error on, and its status lines to the engine.
#[expect(clippy::print_stderr, reason = "it speaks for cargo")]
fn report_progress(stderr: std::process::ChildStderr, mut engine: Option<UnixStream>) {
    for line in BufReader::new(stderr).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        eprintln!("{line}");
        let status = line.trim();
        let of_interest = ["Compiling ", "Downloaded ", "Downloading ", "Blocking ", "Updating "];
        if let Some(engine) = &mut engine
            && of_interest.iter().any(|verb| status.starts_with(verb))
            && !status.starts_with("Compiling ctx ")
        {
            let _ = write_frame(engine, &FromCargo::Progress { line: status.to_owned() });
        }
    }
}

/// Whether a line of cargo's JSON says that the cell library was just compiled.
fn rebuilt_preload(line: &[u8]) -> bool {
    // Looking for the name first saves parsing the lines of all other crates.
    memchr::memmem::find(line, b"antiphon-cell").is_some()
        && serde_json::from_slice::<Value>(line).is_ok_and(|message| {
            message["reason"] == "compiler-artifact"
                && message["target"]["name"] == "antiphon_cell"
                && message["fresh"] == false
        })
}

/// The connection to the engine.
struct Engine {
    stream: UnixStream,
    answers: std::sync::mpsc::Receiver<ToCargo>,
}

impl Engine {
    /// Connects, and from then on ends with everything it started when the engine says so or is gone.
    fn connect() -> Option<Self> {
        let mut stream = UnixStream::connect(env::var_os(CHANNEL)?).ok()?;
        write_frame(&mut stream, &Hello::new(Role::Cargo)).ok()?;
        let mut reader = stream.try_clone().ok()?;
        let (sender, answers) = std::sync::mpsc::sync_channel(1);
        std::thread::spawn(move || {
            while let Ok(Some(ToCargo::Proceed)) = read_frame(&mut reader) {
                if sender.send(ToCargo::Proceed).is_err() {
                    return;
                }
            }
            let _ = rustix::process::kill_current_process_group(rustix::process::Signal::KILL);
        });
        Some(Self { stream, answers })
    }

    fn wait(&self) -> ToCargo {
        self.answers.recv().unwrap_or(ToCargo::Abort)
    }
}
