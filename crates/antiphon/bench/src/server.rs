//! The simulated provider, in a process of its own.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use antiphon_sim::{Latency, Sim};
use anyhow::Context as _;

use crate::case::{CHUNK_GAP, Case, Protocol, TOKENS};

/// Serves until its standard input ends; says where, and then whom to trust.
pub(crate) fn serve(latency: u64, protocol: Protocol) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let latency = Latency::Constant(Duration::from_millis(latency));
        // Careful clients would obey the limits, and wait.
        let mut sim = Sim::builder().latency(latency).chunk_gap(CHUNK_GAP).max_streams(100).report_limits(false);
        if protocol == Protocol::Stream {
            sim = sim.reply_tokens(TOKENS as usize);
        }
        if protocol == Protocol::Tls {
            sim = sim.tls(true).context("no certificate")?;
        }
        let sim = sim.start().await?;
        println!("{}\n{}", sim.base_url(), sim.certificate_pem().unwrap_or_default());
        tokio::task::spawn_blocking(|| std::io::stdin().lines().count()).await?;
        Ok(())
    })
}

/// A server, ended when dropped.
pub(crate) struct Server {
    child: Child,
    /// Open as long as the server may print.
    _output: BufReader<ChildStdout>,
    pub(crate) url: String,
    /// Whom to trust, in PEM format; empty without TLS.
    pub(crate) certificate: String,
}

impl Server {
    pub(crate) fn start(case: Case) -> anyhow::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["serve", &case.latency.to_string(), case.protocol.name()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the server")?;
        let mut output = BufReader::new(child.stdout.take().context("the server has no output")?);
        let mut url = String::new();
        output.read_line(&mut url)?;
        let mut certificate = String::new();
        while output.read_line(&mut certificate)? > 0 {
            if certificate.trim().is_empty() || certificate.ends_with("-----END CERTIFICATE-----\n") {
                break;
            }
        }
        anyhow::ensure!(!url.is_empty(), "the server did not start");
        Ok(Self { child, _output: output, url: url.trim().to_owned(), certificate: certificate.trim().to_owned() })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
