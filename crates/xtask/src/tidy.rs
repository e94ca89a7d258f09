//! `cargo xtask tidy`: the rules of the architecture page that a machine can check.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde_json::Value;

use crate::{cargo, features};

/// Which crates of ours a crate may depend on; tests may also use the simulator.
const ARROWS: [(&str, &[&str]); 12] = [
    ("antiphon", &[]),
    ("antiphon-channel", &[]),
    ("antiphon-sim", &[]),
    ("antiphon-cell", &["antiphon", "antiphon-channel"]),
    ("antiphon-engine", &["antiphon-channel"]),
    ("antiphon-kernel", &["antiphon-engine"]),
    ("antiphon-terminal", &["antiphon-engine"]),
    ("antiphon-notebook", &["antiphon-engine", "antiphon-terminal"]),
    ("antiphon-repl", &["antiphon-engine", "antiphon-terminal"]),
    ("antiphon-evcxr-jupyter", &["antiphon-engine"]),
    (
        "antiphon-cli",
        &[
            "antiphon-engine",
            "antiphon-kernel",
            "antiphon-notebook",
            "antiphon-repl",
            "antiphon-sim",
            "antiphon-terminal",
        ],
    ),
    ("xtask", &[]),
];

/// A file with more lines does two things.
const MAX_LINES: usize = 400;

pub(crate) fn tidy() -> anyhow::Result<()> {
    let mut faults = arrows()?;
    faults.extend(features::differences()?);
    let architecture = fs::read_to_string(cargo::root().join("crates/README.md")).context("crates/README.md")?;
    for (name, _) in ARROWS {
        if !architecture.contains(&format!("`{name}`")) {
            faults.push(format!("crates/README.md does not speak of `{name}`"));
        }
    }
    let mut files = Vec::new();
    rust_files(&cargo::root().join("crates"), &mut files)?;
    for file in files {
        let text = fs::read_to_string(&file)?;
        let name = file.strip_prefix(cargo::root())?.display().to_string();
        let is_test = name.contains("/tests/");
        if !is_test && text.lines().count() > MAX_LINES {
            faults.push(format!("{name} has more than {MAX_LINES} lines"));
        }
        // Everyone can run those of the clients: the simulator answers.
        let runs = ["crates/antiphon/src", "crates/antiphon-sim/src"].iter().any(|folder| name.starts_with(folder));
        if runs && has_idle_example(&text) {
            faults.push(format!("{name} has an example that does not run"));
        }
        let documented_by_parent = name.ends_with("antiphon-cell/src/prelude.rs");
        if !text.starts_with("//!") && !documented_by_parent {
            faults.push(format!("{name} does not begin with what it is for (`//!`)"));
        }
    }
    if faults.is_empty() {
        return Ok(());
    }
    bail!("{}", faults.join("\n"))
}

/// Whether an example says behind its fence, as one word of several or alone, that it is not to be run.
fn has_idle_example(text: &str) -> bool {
    let idle = |info: &str| ["no_run", "ignore", "compile_fail"].iter().any(|word| info.contains(word));
    text.lines().filter_map(|line| line.split_once("```")).any(|(_, info)| idle(info))
}

/// Dependencies that the architecture does not have.
fn arrows() -> anyhow::Result<Vec<String>> {
    let metadata = cargo::output("cargo", &["metadata", "--no-deps", "--format-version=1"])?;
    let metadata: Value = serde_json::from_str(&metadata)?;
    let packages = metadata["packages"].as_array().context("cargo metadata names no packages")?;
    let ours: BTreeSet<&str> = packages.iter().filter_map(|package| package["name"].as_str()).collect();
    let mut faults = Vec::new();
    for package in packages {
        let name = package["name"].as_str().unwrap_or_default();
        let Some((_, allowed)) = ARROWS.iter().find(|(known, _)| *known == name) else {
            faults.push(format!("xtask/src/tidy.rs does not know `{name}`"));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let target = dependency["name"].as_str().unwrap_or_default();
            let for_tests = dependency["kind"] == "dev";
            if ours.contains(target) && !allowed.contains(&target) && !(for_tests && target == "antiphon-sim") {
                faults.push(format!("`{name}` must not depend on `{target}`"));
            }
        }
    }
    Ok(faults)
}

fn rust_files(folder: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            rust_files(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_that_do_not_run() {
        for info in ["no_run", "rust,no_run", "rust, ignore", "ignore-windows", "compile_fail,E0308"] {
            assert!(has_idle_example(&format!("/// Ignored.\n///\n/// ```{info}\n/// x();\n/// ```\n")), "{info}");
        }
        for info in ["", "rust", "text", "should_panic"] {
            assert!(!has_idle_example(&format!("/// no_run\n/// ```{info}\n/// ignore();\n/// ```\n")), "{info}");
        }
    }
}
