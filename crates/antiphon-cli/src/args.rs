//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use antiphon_sim::Latency;
use clap::{Parser, Subcommand};

/// Rust notebooks in which a cell can `.await` a language model.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Execute notebooks
    Run(RunArgs),
    /// Run cells that are typed, or that come from a pipe
    Repl(SimFlags),
    /// Make the kernel known to Jupyter, and build what notebooks preload
    Install(InstallArgs),
    /// Remove the kernel from Jupyter
    Uninstall(UninstallArgs),
    /// Serve a Jupyter kernel; Jupyter starts this
    Kernel(KernelArgs),
    /// Serve the simulator of language models on this machine
    Sim(SimArgs),
    /// Build what notebooks preload, so that the first one starts at once
    Prebuild,
    /// Check the toolchain, the preload, the kernelspecs and the keys
    Doctor,
}

/// Exit codes: 0 all cells succeeded, 3 a cell failed, 4 an input is not a Rust notebook, 5 an output cannot be
/// written, 6 the engine cannot start, 7 a cell timed out, 130 interrupted, 1 anything else.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit codes: 0 all cells succeeded, 2 wrong arguments, 3 a cell failed, 4 an input is not a \
    Rust notebook,\n5 an output cannot be written, 6 the engine cannot start, 7 a cell timed out, 130 interrupted, \
    1 anything else")]
pub(crate) struct RunArgs {
    /// Notebooks, of nbformat 4
    #[arg(required = true, value_name = "NOTEBOOK")]
    pub(crate) notebooks: Vec<PathBuf>,
    /// Write the executed notebooks to this folder
    #[arg(long, value_name = "DIR", conflicts_with = "in_place")]
    pub(crate) output_dir: Option<PathBuf>,
    /// Write the executed notebooks over the originals
    #[arg(long)]
    pub(crate) in_place: bool,
    /// How long one cell may take, in seconds; default: as long as it likes
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) timeout: Option<Duration>,
    /// Go on after a cell that fails, and count it as fine
    #[arg(long)]
    pub(crate) allow_errors: bool,
    /// Print where the time of each cell went
    #[arg(long)]
    pub(crate) timings: bool,
    #[command(flatten)]
    pub(crate) sim: SimFlags,
}

#[derive(Debug, clap::Args)]
pub(crate) struct KernelArgs {
    /// Where to listen, as Jupyter writes it
    #[arg(short = 'f', long, value_name = "FILE")]
    pub(crate) connection_file: PathBuf,
    #[command(flatten)]
    pub(crate) sim: SimFlags,
}

#[derive(Debug, clap::Args)]
pub(crate) struct PlaceArgs {
    /// For the current user; the default
    #[arg(long, conflicts_with_all = ["sys_prefix", "prefix"])]
    pub(crate) user: bool,
    /// Below the prefix of the `python3` on PATH, as in an active virtual environment
    #[arg(long, conflicts_with = "prefix")]
    pub(crate) sys_prefix: bool,
    /// Below DIR/share/jupyter
    #[arg(long, value_name = "DIR")]
    pub(crate) prefix: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct InstallArgs {
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    /// Name of the kernelspec, by which tools choose the kernel; default: `antiphon`, with --sim `antiphon-sim`
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// What front ends show
    #[arg(long, value_name = "TEXT")]
    pub(crate) display_name: Option<String>,
    /// Leave the preload to the first notebook
    #[arg(long)]
    pub(crate) no_prebuild: bool,
    /// A kernel that answers the calls to language models from a simulator: no key, no network
    #[command(flatten)]
    pub(crate) sim: SimFlags,
}

#[derive(Debug, clap::Args)]
pub(crate) struct UninstallArgs {
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    /// Name of the kernelspec
    #[arg(long, value_name = "NAME", default_value = "antiphon")]
    pub(crate) name: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct SimFlags {
    /// Answer the calls to language models from a simulator in this process: no key, no network
    #[arg(long)]
    pub(crate) sim: bool,
    /// How long simulated calls take: `lognormal:MEAN[:SIGMA]`, `constant:TIME` or `none`
    #[arg(long, value_name = "LATENCY", default_value_t, requires = "sim")]
    pub(crate) sim_latency: Latency,
    /// Seed of the simulator's answers and latencies
    #[arg(long, value_name = "SEED", default_value_t = 0, requires = "sim")]
    pub(crate) sim_seed: u64,
}

#[derive(Debug, clap::Args)]
pub(crate) struct SimArgs {
    /// Port on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    pub(crate) port: u16,
    /// How long calls take: `lognormal:MEAN[:SIGMA]`, `constant:TIME` or `none`
    #[arg(long, value_name = "LATENCY", default_value_t)]
    pub(crate) latency: Latency,
    /// Seed of the answers and latencies
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// Refuse calls without a key
    #[arg(long)]
    pub(crate) require_key: bool,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| format!("`{text}` is not a number of seconds"))?;
    if seconds > 0.0 {
        return Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string());
    }
    Err("a timeout must be more than 0 seconds".to_owned())
}
