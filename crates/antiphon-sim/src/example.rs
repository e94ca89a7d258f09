//! Examples of documentation that run as they stand: with keys and base URLs from the environment.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Command, ExitStatus};
use std::sync::mpsc;
use std::time::Duration;
use std::{env, io, process, thread};

use crate::latency::Latency;
use crate::sim::Sim;

/// Set in the child: the port its simulator listens on.
const PORT: &str = "ANTIPHON_SIM_EXAMPLE_PORT";

/// What a child ends with when somebody else has taken that port meanwhile.
const TAKEN: i32 = 75;

/// How long an example may run.
const LIMIT: Duration = Duration::from_mins(1);

/// A simulator for an example in documentation that takes keys and base URLs from the environment, as its readers' do.
///
/// Variables can be set without `unsafe` only before a program starts. So this runs the program once more, with those of
/// [`Sim::env`], and ends as that run ends; it returns only there. Put it into a hidden line before all others:
///
/// ```
/// # let sim = antiphon_sim::for_example();
/// let base_url = std::env::var("OPENAI_BASE_URL")?;
/// println!("Asking {base_url}.");
/// # assert_eq!(base_url, format!("{}/v1", sim.base_url()));
/// # Ok::<(), std::env::VarError>(())
/// ```
///
/// It answers at once ([`Latency::None`]). An example that takes longer than a minute fails.
///
/// # Panics
///
/// The system gives no port, process or thread.
pub fn for_example() -> Sim {
    match env::var(PORT) {
        Ok(port) => serve(port.parse().expect("the variable holds a port")),
        Err(_) => run_again(),
    }
}

/// The child's part.
#[expect(clippy::exit, clippy::print_stderr, reason = "this is the end of an example, whoever runs it")]
fn serve(port: u16) -> Sim {
    thread::spawn(|| {
        thread::sleep(LIMIT);
        eprintln!("the example takes longer than {LIMIT:?}");
        process::exit(1);
    });
    let (started, when_started) = mpsc::channel();
    // A runtime of its own: the example may have none, or end it.
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            // The receiver is there until it has come.
            let _ = started.send(Sim::builder().latency(Latency::None).bind(addr).start().await);
            std::future::pending::<()>().await;
        });
    });
    match when_started.recv().expect("the thread starts it") {
        Err(error) if error.kind() == ErrorKind::AddrInUse => process::exit(TAKEN),
        started => started.expect("a simulator"),
    }
}

/// The part of the first run.
#[expect(clippy::exit, reason = "the program has run, in the child")]
fn run_again() -> ! {
    for _ in 0..10 {
        let status = run_child().expect("the program runs once more");
        if status.code() != Some(TAKEN) {
            process::exit(status.code().unwrap_or(1));
        }
    }
    panic!("each free port was taken the moment after");
}

fn run_child() -> io::Result<ExitStatus> {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
    Command::new(env::current_exe()?)
        .args(env::args_os().skip(1))
        .env(PORT, port.to_string())
        .envs(Sim::env_at(format!("http://127.0.0.1:{port}")))
        .status()
}
