//! The `antiphon` command: the helpers' hook first, then arguments. No logic of its own.

mod args;
mod doctor;
mod failure;
mod install;
mod kernel;
mod prebuild;
mod progress;
mod repl;
mod run;
mod serve;
mod signals;

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;

use crate::args::{Args, Command};
use crate::failure::Failure;
use crate::signals::Shutdown;

fn main() -> ExitCode {
    // Before anything else: an engine starts this program again for its helper processes.
    antiphon_engine::process_hook();
    let started = Instant::now();
    let args = Args::parse();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            return Failure::from(anyhow::Error::new(error).context("cannot start")).report();
        }
    };
    let result = runtime.block_on(async {
        let shutdown = Shutdown::on_signals().map_err(anyhow::Error::new)?;
        match args.command {
            Command::Run(args) => run::run(args, started, &shutdown).await,
            Command::Repl(sim) => repl::repl(&sim, &shutdown).await,
            Command::Kernel(args) => kernel::kernel(args).await,
            Command::Install(args) => install::install(&args, &shutdown).await,
            Command::Uninstall(args) => install::uninstall(&args),
            Command::Sim(args) => serve::serve(&args, &shutdown).await,
            Command::Prebuild => prebuild::prebuild(&shutdown).await,
            Command::Doctor => doctor::doctor(),
        }
    });
    // What a signal left half-started is dropped here: its processes end and its folders go.
    drop(runtime);
    match result {
        Ok(code) => ExitCode::from(code),
        Err(failure) => failure.report(),
    }
}
