//! `antiphon repl`, from a pipe and at a terminal.

use std::fs;
use std::os::unix::net::UnixStream;

use crate::run::Running;
use crate::workspace::Workspace;

const CTRL_C: char = '\u{3}';
const CTRL_D: char = '\u{4}';

#[test]
fn a_pipe_is_run_to_its_end() {
    let workspace = Workspace::new();
    let cells = "let x = 40;\nfn more(by: i32) -> i32 {\n    by\n}\nlet llm = OpenAI::new();\n\
        llm.agenerate([\"Hello\"]).await?.generations.len()\nx + more(2)";
    let run = workspace.antiphon(["repl", "--sim", "--sim-latency", "none"]).stdin(cells).run().code(0);
    assert_eq!(run.stdout, "1\n42\n");
    assert!(run.stderr.ends_with("answers are simulated (--sim)\n"), "{}", run.stderr);
}

#[test]
fn a_failure_ends_a_pipe() {
    let workspace = Workspace::new();
    let run = workspace.antiphon(["repl"]).stdin("println!(\"one\");\n\"x\".parse::<i32>()?\nprintln!(\"two\");\n");
    let run = run.run().code(3);
    assert_eq!(run.stdout, "one\n");
    assert!(run.stderr.contains("ParseIntError: invalid digit found in string"), "{}", run.stderr);
}

/// The prompt, as the line editor draws it.
const PROMPT: &str = "\u{1b}[1;32m>>\u{1b}[0m ";
/// A line was taken: what is pasted from now on is not marked.
const TAKEN: &str = "\u{1b}[?2004l";
/// Where Rust has no terminal, Python has one.
const TERMINAL: &str = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";

/// A person at a terminal, who reads on from where they stopped.
struct Person {
    running: Running,
    read: usize,
}

impl Person {
    fn types(&mut self, line: &str) {
        self.running.write(&format!("{line}\r"));
    }

    fn presses(&mut self, key: char) {
        self.running.write(&String::from(key));
    }

    /// Waits for a text; gives what came before it.
    #[track_caller]
    fn sees(&mut self, text: &str) -> String {
        let end = self.running.until_stdout_from(self.read, text);
        let before = self.running.stdout()[self.read..end - text.len()].to_owned();
        self.read = end;
        before
    }

    /// Types the last line of what is asked for, and waits until it was taken.
    #[track_caller]
    fn enters(&mut self, line: &str) {
        self.types(line);
        self.sees(TAKEN);
    }

    /// Types a cell that shows a text; gives what came between the two.
    #[track_caller]
    fn runs(&mut self, cell: &str, shows: &str) -> String {
        self.enters(cell);
        let before = self.sees(shows);
        self.sees(PROMPT);
        before
    }
}

#[test]
fn a_person_at_a_terminal() {
    let workspace = Workspace::new();
    let state = workspace.folder().join("state");
    let antiphon = workspace.antiphon(["repl", "--sim", "--sim-latency", "none"]);
    let antiphon = antiphon.env("XDG_STATE_HOME", &state).env("TERM", "xterm-256color");
    let running = antiphon.below("python3", &["-c", TERMINAL]).stdin_pipe().start();
    let mut person = Person { running, read: 0 };
    person.sees("answers are simulated");
    person.sees(PROMPT);
    person.runs("let who = 6 * 7;", "");
    // A cell of several lines is one cell.
    person.types("fn twice(by: i32) -> i32 {");
    person.types("by * 2");
    person.runs("}", "");
    person.runs("twice(who)", "84");
    person.runs("OpenAI::new().agenerate([\"Hello\"]).await?.generations[0][0].text", "This is a simulated answer");
    // What cells ask is typed at the same place, and a password is not seen.
    person.enters("let name = input(\"who? \").unwrap(); println!(\"<{name}>\");");
    person.sees("who? ");
    person.runs("Ada", "<Ada>");
    person.enters("password(\"secret: \").unwrap().len()");
    person.sees("secret: ");
    person.types("hunter2hunter2");
    let echo = person.sees(TAKEN);
    assert!(echo.contains("**************") && !echo.contains("hunter"), "{echo:?}");
    person.sees("14");
    person.sees(PROMPT);
    // Ctrl-C stops the cell and nothing else.
    person.enters("println!(\"begun\"); std::future::pending::<()>().await;");
    person.sees("begun");
    person.presses(CTRL_C);
    person.sees("Cancelled");
    person.sees(PROMPT);
    // What is typed ahead is not lost.
    person.types("who + 1\rwho + 2");
    person.sees("43");
    person.sees("44");
    person.sees(PROMPT);
    // Nor is what a task prints at the prompt, without a line end: it waits for a connection, which is made then.
    person.enters("let gate = tokio::net::UnixListener::bind(\"gate\")?;");
    person.sees(PROMPT);
    person.enters("tokio::spawn(async move { gate.accept().await.unwrap(); print!(\"by a task\") });");
    person.sees(PROMPT);
    UnixStream::connect(workspace.folder().join("gate")).unwrap();
    person.sees("by a task");
    person.runs("who", "42");
    person.runs("\"x\".parse::<i32>()?", "ParseIntError");
    person.runs(":build_env SOME_API_KEY=never-in-the-history", "");
    person.presses(CTRL_D);
    person.running.finish().code(0);
    let history = fs::read_to_string(state.join("antiphon/repl-history")).unwrap();
    assert!(history.contains("twice(who)\n"), "{history}");
    assert!(!history.contains("never-in-the-history") && !history.contains("hunter2"), "{history}");
}
