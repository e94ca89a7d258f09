//! The shim that stands before each run of cargo.
//!
//! evcxr finds cargo by `rustup which cargo`. In a session `rustup` and `cargo` on `PATH` are links to this program,
//! so each run of cargo passes here. That makes things possible that evcxr has no hook for:
//!
//! - evcxr checks every `:dep` in a manifest of its own, and cargo then rewrites the lock file for that manifest alone.
//!   The versions of everything else would be chosen anew, and all of it compiled anew. The shim puts the lock back.
//! - Progress reaches the front end, and an interrupt reaches the compilers.
//! - When the cell library itself was compiled anew, the child that holds the old one is stopped before it would
//!   load the new one.
//! - A result that a trait of another crate shows is shown by that trait.

mod results;

use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use antiphon_channel::{CHANNEL, FrameError, FromCargo, Hello, Role, SESSION, ToCargo, read_frame, write_frame};
use serde_json::Value;

use crate::{crate_graph, dependencies, process};

/// Path of the real cargo, for the shim.
pub(crate) const REAL_CARGO: &str = "ANTIPHON_CARGO";
/// Path of the real rustc, for the shim.
pub(crate) const REAL_RUSTC: &str = "ANTIPHON_RUSTC";

/// `CARGO_HOME` as the user has it; rust-analyzer looks for tools there first, so the session's own folder stands in.
pub(crate) const USER_CARGO_HOME: &str = "ANTIPHON_CARGO_HOME";

/// The crate that evcxr writes to check a `:dep`.
const VALIDATION_CRATE: &str = "evcxr_dummy_validate_dep";
/// The preload's package.
const CELL_PACKAGE: &str = "antiphon-cell";
/// Exit code of a run that an interrupt ended, as a shell's for SIGINT.
const INTERRUPTED: i32 = 130;

/// The tools that the shim stands for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Tool {
    Cargo,
    Rustc,
    Rustup,
}

impl Tool {
    pub(crate) const ALL: [(Self, &'static str); 3] =
        [(Self::Cargo, "cargo"), (Self::Rustc, "rustc"), (Self::Rustup, "rustup")];
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
        Tool::Rustc => rustc(&arguments),
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
            drop(real_command(folder.join("rustup").as_os_str()).args(arguments).exec());
        }
    }
    process::exit(127)
}

/// rust-analyzer asks for the sysroot. evcxr evaluates `42` before anything can be set up; rust-analyzer need not load
/// the standard library for that, and load it once more with the preload. Without an answer it does without.
fn rustc(arguments: &[OsString]) -> ! {
    if let Some(session) = env::var_os(SESSION)
        && arguments == ["--print", "sysroot"]
        && !manifest(&session).contains(CELL_PACKAGE)
    {
        process::exit(1);
    }
    if let Some(real) = env::var_os(REAL_RUSTC) {
        // Returns only when it fails.
        drop(real_command(&real).args(arguments).exec());
    }
    process::exit(127)
}

/// A command for a real tool, with the user's own cargo home.
fn real_command(program: &OsStr) -> Command {
    let mut command = Command::new(program);
    match env::var_os(USER_CARGO_HOME) {
        Some(home) => command.env("CARGO_HOME", home),
        None => command.env_remove("CARGO_HOME"),
    };
    command
}

/// The manifest of evcxr's crate.
fn manifest(session: &OsString) -> String {
    fs::read_to_string(Path::new(session).join("ctx/Cargo.toml")).unwrap_or_default()
}

fn cargo(arguments: &[OsString]) -> Option<i32> {
    let real = env::var_os(REAL_CARGO)?;
    let mut command = real_command(&real);
    command.args(arguments);
    let subcommand = arguments.iter().filter_map(|argument| argument.to_str()).find(|text| !text.starts_with('-'));
    let session = env::var_os(SESSION)?;
    let context_dir = Path::new(&session).join("ctx");
    if env::current_dir().ok()? != context_dir {
        drop(command.exec());
        return None;
    }
    let manifest = manifest(&session);
    if manifest.contains(VALIDATION_CRATE) && dependencies::is_preloaded(&manifest) {
        return Some(0);
    }
    // For a manifest without the preload cargo would drop the preload's versions from the lock file: before the
    // preload is added, after `:clear`, and for the manifest in which evcxr checks a `:dep`.
    let lock = if manifest.contains(CELL_PACKAGE) { None } else { fs::read("Cargo.lock").ok() };
    let code = match subcommand {
        Some("build") => build(command, "build"),
        // evcxr checks a cell whose types it cannot infer. The preload holds what a build needs; a check would go
        // through all crates first, and has nothing to say that a build does not say.
        Some("check") => {
            let mut command = real_command(&real);
            command.args(
                arguments.iter().map(|argument| if argument == "check" { OsStr::new("build") } else { argument }),
            );
            build(command, "check")
        }
        // Only rust-analyzer filters by platform.
        Some("metadata") if arguments.iter().any(|argument| argument == "--filter-platform") => metadata(command),
        _ => command.status().ok().and_then(|status| status.code()),
    };
    if let Some(lock) = lock {
        fs::write("Cargo.lock", lock).ok()?;
    }
    code
}

fn build(mut command: Command, subcommand: &str) -> Option<i32> {
    // The compilers get a process group of their own, so that an interrupt finds them all.
    let _ = rustix::process::setpgid(None, None);
    // The stock server has no engine to speak to.
    let mut engine = match env::var_os(CHANNEL).map(|path| Engine::connect(&path)) {
        Some(Ok(engine)) => Some(engine),
        // Its engine is gone, and nobody waits for what would be built.
        Some(Err(_)) => return Some(INTERRUPTED),
        None => None,
    };
    if let Some(engine) = &mut engine {
        let _ = write_frame(&mut engine.stream, &FromCargo::Starting { subcommand: subcommand.to_owned() });
        if engine.wait() == ToCargo::Abort {
            return Some(INTERRUPTED);
        }
    }
    let (mut code, mut messages) = run(&mut command, subcommand, engine.as_mut())?;
    if code != 0 && results::give_way(&messages) {
        (code, messages) = run(&mut command, subcommand, engine.as_mut())?;
    }
    std::io::stdout().write_all(&messages).ok()?;
    Some(code)
}

/// Runs cargo; gives its exit code and what it has to say to evcxr, which takes it as a whole.
fn run(command: &mut Command, subcommand: &str, mut engine: Option<&mut Engine>) -> Option<(i32, Vec<u8>)> {
    let mut cargo = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().ok()?;
    let stderr = cargo.stderr.take()?;
    let reporter = engine.as_ref().and_then(|engine| engine.stream.try_clone().ok());
    let progress = std::thread::spawn(move || report_progress(stderr, reporter));
    let mut messages = Vec::new();
    for line in BufReader::new(cargo.stdout.take()?).split(b'\n').map_while(Result::ok) {
        if let Some(engine) = &mut engine
            && subcommand == "build"
            && rebuilt_preload(&line)
        {
            let _ = write_frame(&mut engine.stream, &FromCargo::PreloadRebuilt);
            engine.wait();
        }
        messages.extend_from_slice(&line);
        messages.push(b'\n');
    }
    let _ = progress.join();
    Some((cargo.wait().ok()?.code()?, messages))
}

/// Shows rust-analyzer the crates that matter to it.
fn metadata(mut command: Command) -> Option<i32> {
    let output = command.stderr(Stdio::inherit()).output().ok()?;
    let pruned = crate_graph::prune(&output.stdout);
    std::io::stdout().write_all(pruned.as_deref().unwrap_or(&output.stdout)).ok()?;
    output.status.code()
}

/// Passes cargo's standard error on, and its status lines to the engine.
#[expect(clippy::print_stderr, reason = "it speaks for cargo")]
fn report_progress(stderr: std::process::ChildStderr, mut engine: Option<UnixStream>) {
    for line in BufReader::new(stderr).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        eprintln!("{line}");
        let status = line.trim();
        let of_interest = ["Compiling ", "Downloaded ", "Downloading ", "Updating "];
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
    memchr::memmem::find(line, CELL_PACKAGE.as_bytes()).is_some()
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
    fn connect(path: &OsStr) -> Result<Self, FrameError> {
        let mut stream = UnixStream::connect(path)?;
        write_frame(&mut stream, &Hello::new(Role::Cargo))?;
        let mut reader = stream.try_clone()?;
        let (sender, answers) = std::sync::mpsc::sync_channel(1);
        std::thread::spawn(move || {
            while let Ok(Some(ToCargo::Proceed)) = read_frame(&mut reader) {
                if sender.send(ToCargo::Proceed).is_err() {
                    return;
                }
            }
            let _ = rustix::process::kill_current_process_group(rustix::process::Signal::KILL);
        });
        Ok(Self { stream, answers })
    }

    fn wait(&self) -> ToCargo {
        self.answers.recv().unwrap_or(ToCargo::Abort)
    }
}
