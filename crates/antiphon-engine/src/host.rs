//! The host: the process that owns evcxr and rust-analyzer.
//!
//! It is a process of its own so that a panic, a leak or a `set_var` in there costs the front end nothing, and so that
//! the front end can answer while rust-analyzer thinks. It decides nothing: it evaluates what the engine sends.

use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::{env, thread};

use antiphon_channel::{
    CHANNEL, Completion, Completions, FrameError, FromHost, Hello, Part, ROLE, Role, SESSION, ToHost, read_frame,
    write_frame,
};
use evcxr::{CommandContext, EvalContext, EvalContextOutputs};

use crate::child::HOST_PID;
use crate::guarded::guarded;
use crate::magics::{self, MAGICS};
use crate::{completeness, dependencies, process, shim, tree};

mod evaluation;

/// Folder in which cells run.
pub(crate) const WORKING_DIR: &str = "ANTIPHON_WORKING_DIR";
/// `PATH` as cells see it, without the shims.
pub(crate) const USER_PATH: &str = "ANTIPHON_USER_PATH";
/// `TMPDIR` as cells see it. What compilers and rust-analyzer leave when they are killed goes with the session.
pub(crate) const USER_TMPDIR: &str = "ANTIPHON_USER_TMPDIR";
/// Folder with the preload's sources.
pub(crate) const PRELOAD_SOURCES: &str = "ANTIPHON_PRELOAD_SOURCES";

/// rust-analyzer recurses deeply.
const STACK_BYTES: usize = 512 << 20;
/// Exit code of a host without a working evcxr; the engine learns the reason from a frame before, or from standard error.
const EVALUATOR_FAILED: i32 = 1;
/// How long nobody must have asked for anything before the host spends time on warming rust-analyzer up.
const IDLE_BEFORE_WARM_UP: Duration = Duration::from_millis(300);
/// What every cell can name without a `use`, and a line that switches evcxr's async and question-mark modes on: each
/// would otherwise cost a failed compilation in the first cell that needs it.
pub(crate) const PRELUDE: &str = "use tokio::prelude::*;\nuse tokio::EvcxrDisplay;\n\
    use tokio::{eprint, eprintln, print, println};\n\
    { async {}.await; let _ = \"0\".parse::<u8>()?; };\n";

/// Runs the host; does not return.
///
/// It lives until the engine hangs up, or until evcxr cannot go on. Only this thread ends the process, so that nothing
/// cuts the removal of the session short.
pub(crate) fn main() -> ! {
    let code = match connect() {
        Ok(engine) => attend(engine),
        // Killed before this process came to listen.
        Err(_) => leave_no_session(),
    };
    process::exit(code)
}

fn connect() -> Result<UnixStream, FrameError> {
    let mut stream = UnixStream::connect(env::var_os(CHANNEL).unwrap_or_default())?;
    write_frame(&mut stream, &Hello::new(Role::Host))?;
    Ok(stream)
}

/// Serves the engine to its end; gives the exit code.
fn attend(stream: UnixStream) -> i32 {
    let Ok(reader) = stream.try_clone() else {
        return EVALUATOR_FAILED;
    };
    let engine = Arc::new(Mutex::new(stream));
    let (requests_tx, requests) = channel();
    let process = Arc::new(Mutex::new(None));
    let failed = Arc::new(AtomicBool::new(false));
    let evaluator = thread::Builder::new().name("evaluator".to_owned()).stack_size(STACK_BYTES).spawn({
        let process = Arc::clone(&process);
        let failed = Arc::clone(&failed);
        move || {
            let evaluated = catch_unwind(AssertUnwindSafe(|| evaluate(&engine, &requests, &process)));
            if !matches!(evaluated, Ok(Ok(()))) {
                failed.store(true, Ordering::SeqCst);
                // Wakes `listen`.
                let _ = engine.lock().unwrap_or_else(PoisonError::into_inner).shutdown(Shutdown::Both);
            }
        }
    });
    if evaluator.is_err() {
        return EVALUATOR_FAILED;
    }
    listen(reader, &requests_tx);
    if failed.load(Ordering::SeqCst) {
        // The session is the engine's still: it may start another host in it.
        return EVALUATOR_FAILED;
    }
    // While evcxr waits for the child to end, it holds the handle. The child ends with this process all the same.
    if let Some(process) = &*process.lock().unwrap_or_else(PoisonError::into_inner)
        && let Ok(mut child) = process.try_lock()
    {
        let _ = child.kill();
    }
    leave_no_session()
}

/// Starts evcxr and evaluates what is asked for, until the engine hangs up.
fn evaluate(
    engine: &Arc<Mutex<UnixStream>>,
    requests: &Receiver<ToHost>,
    process: &Mutex<Option<ProcessHandle>>,
) -> Result<(), ()> {
    let host = Host::start(Arc::clone(engine)).map_err(|message| send(engine, &FromHost::StartFailed { message }))?;
    *process.lock().unwrap_or_else(PoisonError::into_inner) = Some(host.context.process_handle());
    host.serve(requests);
    Ok(())
}

type ProcessHandle = Arc<Mutex<std::process::Child>>;

/// Sorts the engine's frames to their end.
fn listen(mut reader: UnixStream, requests: &Sender<ToHost>) {
    while let Ok(Some(request)) = read_frame(&mut reader) {
        // Without an evaluator they fail; it shuts the connection down when it ends.
        let _ = requests.send(request);
    }
}

/// Usually the engine has removed its session; killed, it could not.
fn leave_no_session() -> i32 {
    if let Some(session) = env::var_os(SESSION) {
        tree::remove(Path::new(&session));
    }
    0
}

fn send(engine: &Mutex<UnixStream>, frame: &FromHost) {
    let mut stream = engine.lock().unwrap_or_else(PoisonError::into_inner);
    // A lost engine ends this process by way of `listen`.
    let _ = write_frame(&mut *stream, frame);
}

struct Host {
    context: CommandContext,
    engine: Arc<Mutex<UnixStream>>,
    sources: PathBuf,
    /// `:fmt` or `:types` are in force.
    plain_results: bool,
    /// The last child that was to be started could not be.
    is_childless: bool,
    types: bool,
    /// Where the lines of the cell come from.
    parts: Vec<Part>,
}

impl Host {
    fn start(engine: Arc<Mutex<UnixStream>>) -> Result<Self, String> {
        let variable = |name: &str| env::var_os(name).ok_or_else(|| format!("{name} is not set"));
        let session = PathBuf::from(variable(SESSION)?);
        let working_dir = PathBuf::from(variable(WORKING_DIR)?);
        let sources = PathBuf::from(variable(PRELOAD_SOURCES)?);
        let mut child = Command::new(env::current_exe().map_err(|error| error.to_string())?);
        child.current_dir(&working_dir).env_remove(ROLE).env(HOST_PID, std::process::id().to_string());
        if let Some(path) = env::var_os(USER_PATH) {
            child.env("PATH", path);
        }
        for name in ["CARGO", "RUSTC", "CARGO_HOME", USER_PATH, WORKING_DIR, PRELOAD_SOURCES] {
            child.env_remove(name);
        }
        for name in [shim::REAL_CARGO, shim::REAL_RUSTC, shim::USER_CARGO_HOME] {
            child.env_remove(name);
        }
        if let Some(home) = env::var_os(shim::USER_CARGO_HOME) {
            child.env("CARGO_HOME", home);
        }
        match env::var_os(USER_TMPDIR) {
            Some(folder) => child.env("TMPDIR", folder).env_remove(USER_TMPDIR),
            None => child.env_remove("TMPDIR"),
        };
        // evcxr reads `evcxr.toml` from the current folder: ours, not one that happens to lie beside the notebook.
        env::set_current_dir(&session).map_err(|error| error.to_string())?;
        let (context, outputs) = EvalContext::with_subprocess_command(child).map_err(|error| error.to_string())?;
        drain(outputs);
        // Relative paths in `:dep` are the user's.
        env::set_current_dir(&working_dir).map_err(|error| error.to_string())?;
        let context = CommandContext::with_eval_context(context);
        let mut host = Self {
            context,
            engine,
            sources,
            plain_results: false,
            is_childless: false,
            types: false,
            parts: Vec::new(),
        };
        host.prepare()?;
        Ok(host)
    }

    /// Code that adds the preload to a fresh evcxr state.
    fn preload_code(&mut self) -> String {
        self.plain_results = false;
        self.types = false;
        // `lld` would need other flags than those that the preload was built with; rustc's own default stays.
        let linker = if on_path("mold") { "" } else { ":linker system\n" };
        format!("{linker}{}{PRELUDE}", dependencies::commands(&self.sources.join("crates")))
    }

    fn prepare(&mut self) -> Result<(), String> {
        let code = self.preload_code();
        self.context.execute(&code).map(drop).map_err(|error| match error {
            // One line: the rest follows from the first.
            evcxr::Error::CompilationErrors(errors) => {
                errors.first().map_or_else(|| "it does not compile".to_owned(), evcxr::CompilationError::message)
            }
            error => error.to_string(),
        })
    }

    fn serve(mut self, requests: &Receiver<ToHost>) {
        send(&self.engine, &FromHost::Ready);
        let mut first = match requests.recv_timeout(IDLE_BEFORE_WARM_UP) {
            Err(RecvTimeoutError::Timeout) => {
                // The first inference loads the preload's sources, seconds that the user should not see.
                let _ = self.complete("let warm = OpenAI::new(); warm.", 31);
                None
            }
            request => request.ok(),
        };
        while let Some(request) = first.take().or_else(|| requests.recv().ok()) {
            let reply = self.answer(request);
            send(&self.engine, &reply);
        }
    }

    fn answer(&mut self, request: ToHost) -> FromHost {
        match request {
            ToHost::Execute { id, code, env, parts } => {
                self.parts = parts;
                let result = self.set_variables(&env).and_then(|()| self.execute(&code));
                FromHost::Executed { id, result }
            }
            // rust-analyzer would think for hours, and cells would wait for it.
            ToHost::Complete { id, code, .. } if completeness::too_deep(&code).is_some() => {
                FromHost::Completed { id, completions: Completions::default() }
            }
            ToHost::Inspect { id, code, .. } if completeness::too_deep(&code).is_some() => {
                FromHost::Inspected { id, text: None }
            }
            ToHost::Complete { id, code, position } => {
                let code = magics::without_env(&code);
                FromHost::Completed { id, completions: self.complete(&code, position).unwrap_or_default() }
            }
            ToHost::Inspect { id, code, position } => {
                let code = magics::without_env(&code);
                let end = end_of_name(&code, position);
                let text = guarded(|| self.context.hover_at(&code, end).ok()).ok().flatten();
                FromHost::Inspected { id, text: text.filter(|(text, _)| text != "No documentation found") }
            }
        }
    }

    fn complete(&mut self, code: &str, position: usize) -> Option<Completions> {
        let found = guarded(|| self.context.completions(code, position).ok()).ok()??;
        let items = found.completions.into_iter().map(|item| Completion {
            code: item.code,
            label: item.label,
            kind: item.kind.to_owned(),
        });
        let mut items: Vec<Completion> = items.collect();
        let typed = code.get(found.start_offset..found.end_offset).filter(|typed| typed.starts_with(':'));
        for (name, _) in MAGICS {
            if typed.is_some_and(|typed| name.starts_with(typed)) && !items.iter().any(|item| item.code == name) {
                items.push(Completion { code: name.to_owned(), label: name.to_owned(), kind: "magic".to_owned() });
            }
        }
        Some(Completions { items, start: found.start_offset, end: found.end_offset })
    }
}

/// The end of the name in which a position lies: evcxr describes what ends at a position.
fn end_of_name(code: &str, position: usize) -> usize {
    let rest = code.get(position..).unwrap_or_default();
    let name = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    position.min(code.len()) + name
}

fn on_path(tool: &str) -> bool {
    let paths = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&paths).any(|folder: PathBuf| Path::new(&folder).join(tool).is_file())
}

/// evcxr's own line channels; the engine reads the pipes themselves, so only stray lines come here.
fn drain(outputs: EvalContextOutputs) {
    for lines in [outputs.stdout, outputs.stderr] {
        thread::spawn(move || lines.iter().for_each(drop));
    }
}
