//! The frames, one enum for each direction of each connection.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Version of the frames. Both ends come from one build, so any difference is an error.
pub const VERSION: u32 = 2;

/// Line on the child's standard output that says: here belongs the next [`FromCell::Shown`].
/// The payload travels over the socket, the short line keeps its place among the bytes
/// (a write of at most `PIPE_BUF` bytes is never torn, POSIX `write`).
pub const DISPLAY_MARKER: &str = "EVCXR_ANTIPHON_DISPLAY";
/// Line on the child's standard output behind all that a cell's code printed: what stands before it and reads like
/// evcxr's own marker of the end was printed by the cell.
pub const CODE_END_MARKER: &str = "EVCXR_ANTIPHON_CODE_END";

/// First frame of every connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`VERSION`] of the sender.
    pub version: u32,
    /// What the sender is.
    pub role: Role,
    /// The sender's process id.
    pub pid: u32,
}

impl Hello {
    /// A greeting from this process.
    pub fn new(role: Role) -> Self {
        Self { version: VERSION, role, pid: std::process::id() }
    }
}

/// What a connecting process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// Owns evcxr.
    Host,
    /// Runs cells. After its greeting it passes three descriptors: the read ends of its new stdout and stderr, and
    /// the stdout that evcxr reads.
    Child,
    /// The cell library inside a child.
    Cell,
    /// A run of cargo.
    Cargo,
}

/// Engine to host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ToHost {
    /// Evaluate a cell's source.
    Execute {
        /// Returned in [`FromHost::Executed`].
        id: u64,
        /// Rust code and evcxr commands.
        code: String,
        /// Environment variables to set before: name and value.
        env: Vec<(String, String)>,
        /// Where the lines of `code` come from, in their order; the first part begins with line 1.
        parts: Vec<Part>,
    },
    /// Complete at a position.
    Complete {
        /// Returned in the reply.
        id: u64,
        /// The cell's source.
        code: String,
        /// Offset in UTF-8 bytes.
        position: usize,
    },
    /// Describe what stands before a position.
    Inspect {
        /// Returned in the reply.
        id: u64,
        /// The cell's source.
        code: String,
        /// Offset in UTF-8 bytes.
        position: usize,
    },
}

/// Host to engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum FromHost {
    /// Start-up is over: cells can run.
    Ready,
    /// Start-up failed; the host exits.
    StartFailed {
        /// What evcxr said.
        message: String,
    },
    /// A cell was evaluated.
    Executed {
        /// From the request.
        id: u64,
        /// How it ended.
        result: Result<Executed, ExecuteError>,
    },
    /// Completions.
    Completed {
        /// From the request.
        id: u64,
        /// Empty when there are none.
        completions: Completions,
    },
    /// A description.
    Inspected {
        /// From the request.
        id: u64,
        /// Plain text and HTML, if anything is known.
        text: Option<(String, String)>,
    },
    /// A remark for the user, e.g. that a preloaded crate serves a `:dep`.
    Note {
        /// One line or more.
        text: String,
    },
}

/// Lines of a cell's source that come from one text, up to the next part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Its first line in the source, counted from 1.
    pub start: usize,
    /// The text: `cell`, or a file's name.
    pub path: String,
    /// That line's number in the text.
    pub line: usize,
}

/// What a successful evaluation left, beyond what the child wrote itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Executed {
    /// Output of evcxr commands (`:vars`, `:help`, `!shell`), by MIME type.
    pub content: Map<String, Value>,
}

/// Why an evaluation did not succeed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ExecuteError {
    /// The cell does not compile.
    Compile {
        /// One line.
        message: String,
        /// Reports with the user's own lines, in ANSI colours, one per diagnostic.
        rendered: Vec<String>,
        /// rustc's diagnostics as JSON, where they came from rustc.
        diagnostics: Vec<Value>,
    },
    /// The child ended.
    ChildDied {
        /// evcxr's words, with the exit status.
        message: String,
        /// Variables that are lost.
        lost_variables: Vec<String>,
    },
    /// A command at the head of the cell cannot be followed.
    Command {
        /// What happened.
        message: String,
    },
    /// Anything else: evcxr's own trouble.
    Other {
        /// What happened.
        message: String,
    },
    /// evcxr or rust-analyzer panicked; the state before the cell is kept.
    EvaluatorPanicked {
        /// The panic's message.
        message: String,
    },
}

/// Completions at a position.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Completions {
    /// What can be inserted.
    pub items: Vec<Completion>,
    /// Start of the text they replace, in UTF-8 bytes.
    pub start: usize,
    /// End of the text they replace, in UTF-8 bytes.
    pub end: usize,
}

/// One completion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Completion {
    /// Text to insert.
    pub code: String,
    /// Text to show, often with the type.
    pub label: String,
    /// rust-analyzer's kind, e.g. `method`.
    pub kind: String,
}

/// Cell library to engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum FromCell {
    /// A cell's code starts to run.
    Started {
        /// Counts the cells of this child, from 1.
        sequence: u64,
    },
    /// A cell's code ended; on standard output evcxr's own marker follows.
    Finished {
        /// From [`FromCell::Started`].
        sequence: u64,
        /// How.
        outcome: Outcome,
        /// From start to end, in microseconds.
        run_time_us: u64,
    },
    /// Its place is the next [`DISPLAY_MARKER`].
    Shown(Shown),
    /// Code waits for a line; answered by [`ToCell::InputReply`].
    InputRequest {
        /// Returned in the reply.
        id: u64,
        /// Shown to the user.
        prompt: String,
        /// The answer must not be echoed.
        password: bool,
    },
    /// A thread waits in a `read` of standard input; answered by [`ToCell::StdinLine`].
    StdinRead {
        /// Lines that came before.
        given: u64,
        /// It is the thread that runs cells.
        on_cells_thread: bool,
    },
    /// A process group of a `!command`, which is to end with the child.
    ProcessGroup {
        /// As the system names it.
        id: i32,
        /// It began, or it has ended.
        is_alive: bool,
    },
    /// Output of a task whose cell is over. Only after [`ToCell::RouteBackground`]; it has no place in the streams.
    Background {
        /// The cell that the task belongs to, from [`FromCell::Started`].
        sequence: u64,
        /// What it shows.
        output: Background,
    },
}

/// What is shown at a place in the output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Shown {
    /// Rich output.
    Display(Display),
    /// Remove the cell's outputs.
    ClearOutput {
        /// Wait for the next output before clearing.
        wait: bool,
    },
}

/// Output of a task whose cell is over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Background {
    /// Printed.
    Text {
        /// To which stream.
        stream: Stream,
        /// As it was printed: perhaps half a line.
        text: String,
    },
    /// Displayed.
    Shown(Shown),
}

/// A standard stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// How a cell's code ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// To its end.
    Finished,
    /// By a `?`.
    Failed {
        /// The error's type, shortened, e.g. `ParseIntError`; empty when it is not known.
        type_name: String,
        /// The error's `Display` text.
        message: String,
    },
    /// By a panic.
    Panicked(PanicInfo),
    /// By an interrupt at an `.await`.
    Cancelled,
}

/// A panic, as its hook saw it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PanicInfo {
    /// The payload's text.
    pub message: String,
    /// `file:line:column`; the file is `src/lib.rs` for the cell itself.
    pub location: String,
    /// Frames of the user's code and crates, innermost first; empty unless `RUST_BACKTRACE` is set for it.
    pub backtrace: Vec<String>,
}

/// Rich output: Jupyter's `display_data`, `update_display_data` or `execute_result`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Display {
    /// MIME bundle: MIME type to a string, or to JSON for `application/json` and `*+json`.
    pub data: Map<String, Value>,
    /// Metadata by MIME type.
    pub metadata: Map<String, Value>,
    /// Name by which it can be updated.
    pub display_id: Option<String>,
    /// Replaces what was shown under `display_id` before.
    pub update: bool,
    /// It is the value of the cell's last expression.
    pub result: bool,
}

/// Engine to cell library.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToCell {
    /// The greeting was read: what is sent from now on keeps its place in the output.
    Welcome {
        /// As [`ToCell::RouteBackground`].
        route_background: bool,
    },
    /// From now on send [`FromCell::Background`]; until then such output goes the way of all output.
    RouteBackground,
    /// The answer to [`FromCell::InputRequest`].
    InputReply {
        /// From the request.
        id: u64,
        /// One line without its line end, or why there is none.
        answer: Result<String, String>,
    },
    /// A line for standard input.
    StdinLine {
        /// Without its line end; `None` is the end of input.
        line: Option<String>,
    },
    /// Cut the cell at its next `.await`. Ignored when another cell runs by now.
    Interrupt {
        /// From [`FromCell::Started`].
        sequence: u64,
    },
}

/// A run of cargo to the engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromCargo {
    /// Asks for leave to start; answered by [`ToCargo`].
    Starting {
        /// `build`, `check` or `metadata`.
        subcommand: String,
    },
    /// A line of cargo's own progress, e.g. `Compiling serde v1.0.228`.
    Progress {
        /// Without its line end.
        line: String,
    },
    /// The cell library was compiled anew: a child that holds the old one must not load the new one. Answered by
    /// [`ToCargo`] when no such child is left.
    PreloadRebuilt,
}

/// Engine to a run of cargo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToCargo {
    /// Go on.
    Proceed,
    /// The cell was interrupted: fail at once.
    Abort,
}
