//! Virtual environments of Python below the target folder.

use std::fs;
use std::path::Path;

use anyhow::Context;

use crate::cargo;
use crate::skipped::Skipped;

/// Makes `folder` a virtual environment with the packages of `requirements`, which names all of them; anew only when
/// these or the Python have changed.
///
/// # Errors
/// No fit Python, or packages that cannot be installed.
#[expect(clippy::print_stderr, reason = "a command line")]
pub(crate) fn make(folder: &Path, requirements: &Path) -> anyhow::Result<()> {
    // Not the link of an active virtual environment, which may be this one.
    let script = "import os, sys; print(os.path.realpath(sys.executable))";
    let Ok(python) = cargo::output("python3", &["-c", script]) else {
        return Err(Skipped::new("there is no python3 on PATH; install Python 3.11 or later, with venv").into());
    };
    let interpreter = python.trim();
    let named = || format!("cannot read {}", requirements.display());
    let wanted = python.clone() + &fs::read_to_string(requirements).with_context(named)?;
    let stamp = folder.join("made-from.txt");
    if fs::read_to_string(&stamp).is_ok_and(|made| made == wanted) {
        return Ok(());
    }
    eprintln!("making a virtual environment in {}", folder.display());
    if folder.exists() {
        fs::remove_dir_all(folder).context("cannot remove the old environment")?;
    }
    cargo::run(interpreter, &["-m", "venv", path(folder)?]).context("Debian has `venv` in a package of its own")?;
    let python = folder.join("bin/python");
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--requirement"];
    cargo::run(path(&python)?, &[&install[..], &[path(requirements)?]].concat())?;
    cargo::run(path(&python)?, &["-m", "pip", "check"])?;
    fs::write(stamp, wanted).context("cannot write to the environment")
}

pub(crate) fn path(path: &Path) -> anyhow::Result<&str> {
    path.to_str().with_context(|| format!("`{}` is not valid UTF-8", path.display()))
}
