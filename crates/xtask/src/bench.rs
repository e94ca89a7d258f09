//! `cargo xtask bench`: a warm session, cell by cell, beside stock evcxr in the same run; `bench llm`: the LLM crate
//! beside other clients.

use std::io::Write;
use std::path::PathBuf;

use anyhow::bail;

use crate::cargo;
use crate::venv::{self, Venv};

const LLM: &str = "crates/antiphon/bench";

/// Runs the benchmark of the engine; it prints a table.
pub(crate) fn bench() -> anyhow::Result<()> {
    std::io::stderr().flush()?;
    cargo::run("cargo", &["run", "--release", "--quiet", "-p", "antiphon-engine", "--example", "bench"])
}

/// Runs the benchmark of the LLM crate; it prints tables. With words only the rows that have all of them. Its package
/// is outside the workspace, because what it compares with would make every build slower.
pub(crate) fn llm(words: &[String]) -> anyhow::Result<()> {
    let target = cargo::target()?.join("bench");
    let manifest = format!("{LLM}/Cargo.toml");
    let mut arguments = vec!["run", "--release", "--quiet", "--locked", "--manifest-path", &manifest];
    arguments.extend(["--target-dir", venv::path(&target)?, "--", "compare"]);
    arguments.extend(words.iter().map(String::as_str));
    let mut command = cargo::command("cargo", &arguments);
    for (variable, name) in [("ANTIPHON_BENCH_PYTHON_OLD", "old"), ("ANTIPHON_BENCH_PYTHON_NEW", "new")] {
        if let Some(python) = langchain(name, target.join("langchain").join(name)) {
            command.env(variable, python);
        }
    }
    std::io::stderr().flush()?;
    if !command.status()?.success() {
        bail!("the benchmark failed");
    }
    Ok(())
}

/// The Python of an environment with `LangChain` in it. Without one the others are measured all the same.
#[expect(clippy::print_stderr, reason = "a command line")]
fn langchain(name: &str, folder: PathBuf) -> Option<PathBuf> {
    match Venv::open(folder, &format!("{LLM}/python/langchain-{name}.txt")) {
        Ok(venv) => Some(venv.folder().join("bin/python")),
        Err(error) => {
            eprintln!("no LangChain ({name}): {error:#}");
            None
        }
    }
}
