//! `cargo xtask bench`: a warm session, cell by cell, beside stock evcxr in the same run.

use std::io::Write;

use crate::cargo;

/// Runs the benchmark of the engine; it prints a table.
pub(crate) fn bench() -> anyhow::Result<()> {
    std::io::stderr().flush()?;
    cargo::run("cargo", &["run", "--release", "--quiet", "-p", "antiphon-engine", "--example", "bench"])
}
