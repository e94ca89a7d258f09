//! `cargo xtask test clients`: the providers' own clients, of today and of 2023, ask the simulator.

use crate::cargo;
use crate::venv::{self, Venv};

const TESTS: &str = "crates/antiphon-sim/tests/clients";
/// A folder of tests each, with the packages that it needs: those of different years do not go together.
const GENERATIONS: [&str; 3] = ["today", "anthropic_0", "langchain_2023"];

/// Runs the tests, those of all generations even where the first fail.
pub(crate) fn clients() -> anyhow::Result<()> {
    cargo::run("cargo", &["build", "--release", "--quiet", "-p", "antiphon-sim", "--example", "serve"])?;
    // All of them first: the errors are looked at after.
    GENERATIONS.map(ask).into_iter().collect()
}

fn ask(generation: &str) -> anyhow::Result<()> {
    let target = cargo::target()?;
    let tests = format!("{TESTS}/{generation}");
    let folder = target.join("clients").join(generation);
    let environment = Venv::open(folder, &format!("{tests}/requirements.txt"))?;
    let arguments = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--durations=3", "--rootdir", TESTS, &tests];
    let mut command = environment.command("python", &arguments)?;
    command.env("ANTIPHON_SIM", target.join("release/examples/serve"));
    venv::finish(command)
}
