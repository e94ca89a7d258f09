//! `antiphon sim`.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use rustix::process::Signal;
use serde_json::Value;

use crate::workspace::Workspace;

/// Asks for a completion; gives the reply's head and body.
fn complete(address: &str) -> (String, Value) {
    let mut stream = TcpStream::connect(address).unwrap();
    let body = r#"{"model": "gpt-3.5-turbo-instruct", "prompt": ["Hello, how are you?"]}"#;
    write!(
        stream,
        "POST /v1/completions HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer x\r\nconnection: close\r\n\
        content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    let (head, body) = reply.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), serde_json::from_str(body).unwrap())
}

#[test]
fn serves_until_a_signal() {
    for signal in [Signal::TERM, Signal::INT] {
        let workspace = Workspace::new();
        let mut sim = workspace.antiphon(["sim", "--latency", "none"]).start();
        sim.until_stdout("export PROMPTLAYER_API_KEY=simulated\n");
        let stdout = sim.stdout();
        let base_url = stdout.lines().find_map(|line| line.strip_prefix("export OPENAI_BASE_URL=")).unwrap();
        let address = base_url.strip_prefix("http://").unwrap().strip_suffix("/v1").unwrap();
        for name in ["OPENAI_API_BASE", "OPENAI_API_KEY", "ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY"] {
            assert!(stdout.contains(&format!("\nexport {name}=")), "{stdout}");
        }
        assert!(stdout.starts_with("# simulated answers at http://127.0.0.1:"), "{stdout}");
        let (head, body) = complete(address);
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        assert!(!body["choices"][0]["text"].as_str().unwrap().is_empty(), "{body}");
        // A client that keeps its connection open does not keep the server.
        let _idle = TcpStream::connect(address).unwrap();
        sim.signal(signal);
        let finished = sim.finish().code(0);
        assert_eq!(finished.stderr, "");
    }
}

#[test]
fn a_port_in_use_is_one_clear_error() {
    let workspace = Workspace::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let run = workspace.antiphon(["sim", "--port", &port]).run().code(1);
    run.one_error(&[&format!("127.0.0.1:{port}"), "in use"]);
    assert_eq!(run.stdout, "");
}
