//! `cargo xtask test clients`: the providers' own clients, of today and of 2023, ask the simulator.

use crate::cargo;
use crate::venv::{self, Venv};

const TESTS: &str = "crates/antiphon-sim/tests/clients";
/// A folder of tests each, with the packages that it needs: those of 2023 do not go with those of today.
const GENERATIONS: [&str; 2] = ["today", "langchain_2023"];

/// Runs the tests, those of both generations even where the first fail.
pub(crate) fn clients() -> anyhow::Result<()> {
    cargo::run("cargo", &["build", "--release", "--quiet", "-p", "antiphon-sim", "--example", "serve"])?;
    let [today, then] = GENERATIONS.map(ask);
    today.and(then)
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
