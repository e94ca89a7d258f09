//! Keys of the environment: used, never shown.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::thread;

use crate::notebook::cell;
use crate::run::Finished;
use crate::workspace::Workspace;

const KEY: &str = "sk-secret-1234567890abcdef";
const KEYS: [&str; 3] = ["OPENAI_API_KEY", "ANTHROPIC_API_KEY", "PROMPTLAYER_API_KEY"];

#[track_caller]
fn assert_secret(workspace: &Workspace, run: &Finished) {
    assert!(!run.stdout.contains(KEY), "{}", run.stdout);
    assert!(!run.stderr.contains(KEY), "{}", run.stderr);
    for (path, content) in workspace.snapshot() {
        let content = String::from_utf8_lossy(&content.unwrap_or_default()).into_owned();
        assert!(!content.contains(KEY), "{}: {content}", path.display());
    }
}

#[test]
fn doctor_says_that_keys_are_set_and_not_what_they_are() {
    let workspace = Workspace::new();
    let run = workspace.antiphon(["doctor"]).env(KEYS[0], KEY).env(KEYS[1], "").run().code(0);
    assert_secret(&workspace, &run);
    let line = |start: &str| run.stdout.lines().find(|line| line.starts_with(start)).unwrap();
    assert!(line("OPENAI_API_KEY").contains(" set "), "{}", run.stdout);
    for name in &KEYS[1..] {
        assert!(line(name).contains("not set"), "{}", run.stdout);
    }
    assert!(line("rustc").contains("1."), "{}", run.stdout);
    assert!(line("rust-src").contains("found"), "{}", run.stdout);
    line("preload");
}

#[test]
fn simulated_runs_do_not_hand_the_key_to_cells() {
    let workspace = Workspace::new();
    workspace.notebook(
        "sim.ipynb",
        [
            cell("println!(\"{:?}\", std::env::vars().collect::<Vec<_>>());"),
            cell("println!(\"{:?}\", OpenAI::new()); OpenAI::new()"),
            cell("println!(\"{}\", OpenAI::new().agenerate([\"Hello\"]).await?.generations[0][0].text);"),
            cell("panic!(\"{:?}\", std::env::var(\"OPENAI_API_KEY\"));"),
        ],
    );
    let arguments = ["run", "--sim", "--sim-latency", "none", "--output-dir", "out", "sim.ipynb"];
    let run = KEYS.iter().fold(workspace.antiphon(arguments), |run, name| run.env(name, KEY)).run().code(3);
    assert_secret(&workspace, &run);
    assert_eq!(workspace.executed("out/sim.ipynb").error(3).0, "Panic");
}

/// A provider that refuses each key, and says which one.
fn refusing_provider() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            let head: Vec<String> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
            let key = head.iter().find(|line| line.to_lowercase().starts_with("authorization:")).unwrap();
            let body = format!(
                "{{\"error\": {{\"message\": \"Incorrect API key provided: {key}\", \
                \"type\": \"invalid_request_error\", \"code\": \"invalid_api_key\"}}}}"
            );
            let length = body.len();
            let _ = write!(
                stream,
                "HTTP/1.1 401 Unauthorized\r\ncontent-type: application/json\r\n\
                content-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
        }
    });
    format!("http://{address}/v1")
}

#[test]
fn a_refused_key_is_not_in_the_error() {
    let workspace = Workspace::new();
    workspace.notebook("real.ipynb", [cell("OpenAI::new().agenerate([\"Hello\"]).await?;")]);
    let run = workspace
        .antiphon(["run", "--output-dir", "out", "real.ipynb"])
        .env("OPENAI_API_KEY", KEY)
        .env("OPENAI_BASE_URL", refusing_provider())
        .run()
        .code(3);
    assert_secret(&workspace, &run);
    let (_, traceback) = workspace.executed("out/real.ipynb").error(0);
    assert!(traceback.contains("401"), "{traceback}");
    assert!(!run.stderr.contains("simulated"), "{}", run.stderr);
}
