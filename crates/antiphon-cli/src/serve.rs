//! `antiphon sim`, and the simulator of the other commands.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};

use antiphon_notebook::ExitCode;
use antiphon_sim::Sim;
use anyhow::Context;

use crate::args::{SimArgs, SimFlags};
use crate::failure::Failure;
use crate::signals::Shutdown;

/// Serves until a signal comes.
pub(crate) async fn serve(args: &SimArgs, shutdown: &Shutdown) -> Result<u8, Failure> {
    let sim = Sim::builder()
        .bind(SocketAddr::from((Ipv4Addr::LOCALHOST, args.port)))
        .latency(args.latency)
        .seed(args.seed)
        .require_key(args.require_key)
        .start()
        .await
        .with_context(|| format!("cannot listen on 127.0.0.1:{}", args.port))?;
    {
        let mut stdout = anstream::stdout().lock();
        let _ = writeln!(stdout, "# simulated answers at {}; Ctrl-C ends", sim.base_url());
        for (name, value) in sim.env() {
            let _ = writeln!(stdout, "export {name}={value}");
        }
        let _ = stdout.flush();
    }
    shutdown.requested().await;
    sim.shutdown().await;
    Ok(ExitCode::OK)
}

/// Starts the simulator that `--sim` asks for.
pub(crate) async fn start(flags: &SimFlags) -> Result<Option<Sim>, Failure> {
    if !flags.sim {
        return Ok(None);
    }
    let sim = Sim::builder().latency(flags.sim_latency).seed(flags.sim_seed).start().await;
    Ok(Some(sim.context("cannot start the simulator")?))
}

/// The variables that point cells at it.
pub(crate) fn env(sim: Option<&Sim>) -> Vec<(String, String)> {
    sim.map(Sim::env).unwrap_or_default().into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
