//! `cargo xtask test`: all that a change must pass, and what it needs for that.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, bail};

use crate::skipped::Skipped;
use crate::{browser, cargo, clients, jupyter, tidy};

/// Crates that do not know the engine.
const APART: [&str; 5] = ["antiphon", "antiphon-cell", "antiphon-channel", "antiphon-sim", "xtask"];
/// Crates that link the engine, and whose tests start none.
const FRONT_ENDS: [&str; 4] = ["antiphon-kernel", "antiphon-notebook", "antiphon-repl", "antiphon-terminal"];
/// The selections of packages in which rust-analyzer is built, here and by `cargo run`.
pub(crate) const SELECTIONS: [&[&str]; 3] = [&["antiphon-cli"], &FRONT_ENDS, &["antiphon-engine"]];

type Step = (&'static str, fn() -> anyhow::Result<()>);

const STEPS: [Step; 12] = [
    ("toolchain", toolchain),
    ("format", || cargo::run("cargo", &["fmt", "--all", "--check"])),
    ("tidy", tidy::tidy),
    ("lint", lint),
    ("units", units),
    ("package", package),
    ("clients", clients::clients),
    ("stock", || engine(&["--test", "stock"])),
    ("engine", || engine(&["--lib", "--test", "it"])),
    ("cli", cli),
    ("jupyter", jupyter::jupyter),
    ("browser", browser::browser),
];

/// Runs all steps, or those with these names. One that fails does not keep the others from being tried: who waits for
/// an hour wants to hear of all failures.
#[expect(clippy::print_stderr, reason = "a command line")]
pub(crate) fn test(names: &[String]) -> anyhow::Result<()> {
    if let Some(unknown) = names.iter().find(|name| !STEPS.iter().any(|(step, _)| step == name)) {
        let known: Vec<&str> = STEPS.iter().map(|(name, _)| *name).collect();
        bail!("there is no step `{unknown}`; the steps are {}", known.join(", "));
    }
    let mut times = Vec::new();
    let mut skipped = Vec::new();
    let mut failed = Vec::new();
    for (name, step) in STEPS {
        if !names.is_empty() && !names.iter().any(|chosen| chosen == name) {
            continue;
        }
        eprintln!("\n== {name}");
        let start = Instant::now();
        match step() {
            Err(error) if error.is::<Skipped>() => {
                eprintln!("{error}");
                skipped.push(format!("{name} {error}"));
            }
            Err(error) => {
                eprintln!("error: step `{name}`: {error:#}");
                failed.push(name);
            }
            Ok(()) => times.push(format!("{name} {:.0} s", start.elapsed().as_secs_f64())),
        }
    }
    eprintln!();
    for step in &skipped {
        eprintln!("{step}");
    }
    if !failed.is_empty() {
        bail!("failed: {}; passed: {}", failed.join(", "), times.join(", "));
    }
    let all = if skipped.is_empty() { "all passed" } else { "passed" };
    eprintln!("{all}: {}", times.join(", "));
    Ok(())
}

/// Cells need the standard library's sources.
#[expect(clippy::print_stderr, reason = "a command line")]
fn toolchain() -> anyhow::Result<()> {
    eprint!("{}", cargo::output("rustc", &["--version"])?);
    let sysroot = cargo::output("rustc", &["--print", "sysroot"])?;
    if Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library").is_dir() {
        return Ok(());
    }
    eprintln!("rust-src is missing; adding it");
    cargo::run("rustup", &["component", "add", "rust-src"])
        .context("install the standard library's sources (rust-src) the way you installed rustc")
}

fn lint() -> anyhow::Result<()> {
    if cargo::output("cargo", &["clippy", "--version"]).is_err() {
        bail!("clippy is missing: run `rustup component add clippy`");
    }
    cargo::run("cargo", &["clippy", "--release", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"])?;
    // Together with the others the simulator always has its feature.
    for features in ["", "tls"] {
        let simulator = ["clippy", "--release", "-p", "antiphon-sim", "--features", features, "--quiet"];
        cargo::run("cargo", &[&simulator[..], &["--", "-D", "warnings"]].concat())?;
    }
    // On top of what was checked already.
    let documentation = ["doc", "--release", "--workspace", "--no-deps", "--quiet"];
    let status = cargo::command("cargo", &documentation).env("RUSTDOCFLAGS", "-D warnings").status()?;
    if status.success() { Ok(()) } else { bail!("the documentation has faults") }
}

fn units() -> anyhow::Result<()> {
    // Apart: together they would give rust-analyzer other features than it has elsewhere, and have it compiled again.
    let results = [&APART[..], &FRONT_ENDS].map(|packages| {
        let mut arguments = vec!["test", "--release", "--no-fail-fast"];
        arguments.extend(packages.iter().flat_map(|name| ["-p", name]));
        cargo::run("cargo", &arguments)
    });
    results.into_iter().collect()
}

/// Builds what crates.io would get: the client without its tests, the simulator and the rest of the workspace.
fn package() -> anyhow::Result<()> {
    let arguments = ["package", "-p", "antiphon", "--allow-dirty", "--locked", "--quiet"];
    let status = cargo::command("cargo", &arguments)
        // What it needs is compiled once, and not anew for each package.
        .env("CARGO_TARGET_DIR", cargo::target()?)
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .status()?;
    if status.success() { Ok(()) } else { bail!("antiphon does not build without the workspace") }
}

/// The engine's tests share one warm engine, so they run in one process, one after the other.
fn engine(targets: &[&str]) -> anyhow::Result<()> {
    let mut arguments = vec!["test", "--release", "--no-fail-fast", "-p", "antiphon-engine"];
    arguments.extend(targets);
    arguments.extend(["--", "--test-threads=1"]);
    cargo::run("cargo", &arguments)
}

fn cli() -> anyhow::Result<()> {
    cargo::run("cargo", &["test", "--release", "--no-fail-fast", "-p", "antiphon-cli", "--", "--test-threads=1"])
}
