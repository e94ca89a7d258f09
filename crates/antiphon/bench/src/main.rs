//! `cargo xtask bench llm`: many calls at once, by this crate and by others, against one loopback server.
//!
//! The server is a process of its own, and so is each client: the CPU time and the memory of a row are the client's
//! alone. Rows run one after another, on one machine in one run.

mod case;
mod clients;
mod measure;
mod server;
mod table;

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::Context as _;

use crate::case::{Case, REPEATS};
use crate::clients::Client;
use crate::measure::Figures;
use crate::server::Server;
use crate::table::Row;

/// Hands a client the certificate that it is to trust, in PEM format.
const CERTIFICATE: &str = "ANTIPHON_BENCH_CERTIFICATE";

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["serve", latency, protocol] => server::serve(latency.parse()?, protocol.parse()?),
        ["client", client, protocol, calls, latency, url] => {
            let case = Case { protocol: protocol.parse()?, calls: calls.parse()?, latency: latency.parse()? };
            let certificate = std::env::var(CERTIFICATE).unwrap_or_default();
            println!("{}", measure::run(client.parse()?, case, url, &certificate)?.to_line());
            Ok(())
        }
        ["compare", words @ ..] => {
            compare(words);
            Ok(())
        }
        _ => anyhow::bail!("usage: antiphon-bench compare [WORD ..]; only rows with all the words are measured"),
    }
}

/// Prints the tables. A client that is not there or fails is said to have failed, and the others go on.
fn compare(words: &[&str]) {
    let mut serial = Vec::new();
    println!("{}", table::HEAD);
    for case in Case::all() {
        let clients: Vec<Client> = Client::ALL.into_iter().filter(|client| case.suits(*client)).collect();
        let clients: Vec<Client> = clients
            .into_iter()
            .filter(|client| {
                let row = format!("{case}, {}", client.name());
                words.iter().all(|word| row.split(", ").any(|field| field == *word))
            })
            .collect();
        let mut runs = vec![Vec::new(); clients.len()];
        // In turns, so that what else the machine does meets all alike.
        for turn in 0..REPEATS {
            for (client, runs) in clients.iter().zip(&mut runs).filter(|(client, _)| turn < case.repeats(**client)) {
                match run(*client, case) {
                    Ok(figures) => runs.push(figures),
                    Err(error) => eprintln!("{}: {case}: {error:#}", client.name()),
                }
            }
        }
        for (client, runs) in clients.into_iter().zip(runs) {
            let row = Row { client, case, figures: Figures::median(&runs) };
            println!("{row}");
            serial.extend(row.serial());
        }
    }
    if !serial.is_empty() {
        println!("\n{}\n{}", table::SERIAL_HEAD, serial.join("\n"));
    }
}

/// One client in a process of its own, against a server of its own.
fn run(client: Client, case: Case) -> anyhow::Result<Figures> {
    let server = Server::start(case)?;
    let mut command = match client.python() {
        Some(variable) => {
            let python = std::env::var_os(variable).with_context(|| format!("no Python in {variable}"))?;
            let mut command = Command::new(python);
            command.arg(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("python/client.py"));
            command.arg(case.ideal().as_secs_f64().to_string());
            command
        }
        None => {
            let mut command = Command::new(std::env::current_exe()?);
            command.args(["client", client.name()]);
            command
        }
    };
    command.args([case.protocol.name(), &case.calls.to_string(), &case.latency.to_string(), &server.url]);
    command.env(CERTIFICATE, &server.certificate).stderr(Stdio::inherit());
    let output = command.output().context("cannot start the client")?;
    anyhow::ensure!(output.status.success(), "the client ended with {}", output.status);
    Figures::from_line(&String::from_utf8(output.stdout)?)
}
