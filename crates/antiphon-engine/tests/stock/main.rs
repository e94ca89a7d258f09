//! What stock evcxr does with the cells for which this project exists. The same cells pass in `tests/it`.
//!
//! When one of these fails, evcxr has become better: rejoice, and look at what of ours is no longer needed.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::process::Command;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use evcxr::{CommandContext, EvalContext};

/// Long enough for anything that answers at all.
const LIMIT: Duration = Duration::from_secs(20);

#[test]
fn a_client_of_an_earlier_cell_panics_and_an_earlier_task_hangs() {
    let child = Command::new(env!("CARGO_BIN_EXE_antiphon-process"));
    let (context, outputs) = EvalContext::with_subprocess_command(child).unwrap();
    std::thread::spawn(move || outputs.stdout.iter().for_each(drop));
    let stderr = outputs.stderr;
    let mut stock = CommandContext::with_eval_context(context);
    stock.execute(":opt 0").unwrap();
    stock
        .execute(
            ":dep tokio = { version = \"1\", features = [\"full\"] }\n\
             :dep reqwest = { version = \"0.13\", default-features = false }\n\
             let c = reqwest::Client::new();\n\
             async {}.await;",
        )
        .unwrap();
    while stderr.try_recv().is_ok() {}

    // The reply says success.
    let server = answering_server();
    stock.execute(&format!("let r = c.get(\"http://{server}/\").send().await;")).unwrap();
    let mut said = Vec::new();
    while let Ok(line) = stderr.recv_timeout(LIMIT) {
        said.push(line);
        if said.last().is_some_and(|line| line.contains("no reactor running")) {
            break;
        }
    }
    assert!(said.last().is_some_and(|line| line.contains("no reactor running")), "{said:#?}");

    stock.execute("let h = tokio::spawn(async { 1 });").unwrap();
    let process = stock.process_handle();
    let (done_tx, done) = std::sync::mpsc::channel();
    let waiting = std::thread::spawn(move || {
        let result = stock.execute("h.await.unwrap()");
        let _ = done_tx.send(result.is_ok());
    });
    assert_eq!(done.recv_timeout(LIMIT), Err(RecvTimeoutError::Timeout), "the task of an earlier cell was awaited");
    process.lock().unwrap().kill().unwrap();
    waiting.join().unwrap();
}

/// Answers every connection once. A connection that opens is what makes the client start a task.
fn answering_server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
        }
    });
    address
}
