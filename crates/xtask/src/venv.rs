//! Virtual environments for tests that need Python packages, below the target folder.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use crate::cargo;
use crate::skipped::Skipped;

/// Variables of the developer's own environment that would reach into the one of the tests.
const FOREIGN: [&str; 2] = ["PYTHONPATH", "PYTHONHOME"];

/// A virtual environment with the packages of some tests.
#[derive(Debug)]
pub(crate) struct Venv {
    folder: PathBuf,
}

impl Venv {
    /// The environment in `folder` with all that `requirements` names and nothing else; made anew only when these or
    /// the Python have changed. The path of `requirements` begins at the workspace's root.
    ///
    /// # Errors
    /// No fit Python, or packages that cannot be installed.
    #[expect(clippy::print_stderr, reason = "a command line")]
    pub(crate) fn open(folder: PathBuf, requirements: &str) -> anyhow::Result<Self> {
        // Not the link of an active virtual environment, which may be this one.
        let script = "import os, sys; print(os.path.realpath(sys.executable))";
        let Ok(python) = cargo::output("python3", &["-c", script]) else {
            return Err(Skipped::new("there is no python3 on PATH; install Python 3.11 or later, with venv").into());
        };
        let interpreter = python.trim();
        let requirements = cargo::root().join(requirements);
        let wanted = python.clone() + &fs::read_to_string(&requirements).context("the tests' requirements")?;
        let stamp = folder.join("made-from.txt");
        if fs::read_to_string(&stamp).is_ok_and(|made| made == wanted) {
            return Ok(Self { folder });
        }
        eprintln!("making a virtual environment in {}", folder.display());
        if folder.exists() {
            fs::remove_dir_all(&folder).context("cannot remove the old environment")?;
        }
        cargo::run(interpreter, &["-m", "venv", path(&folder)?])
            .context("Debian has `venv` in a package of its own")?;
        let python = folder.join("bin/python");
        let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--requirement"];
        cargo::run(path(&python)?, &[&install[..], &[path(&requirements)?]].concat())?;
        cargo::run(path(&python)?, &["-m", "pip", "check"])?;
        fs::write(stamp, wanted).context("cannot write to the environment")?;
        Ok(Self { folder })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// A command in the workspace's root, with the environment's programs first on PATH.
    ///
    /// # Errors
    /// A folder on PATH has a name that PATH cannot hold.
    pub(crate) fn command(&self, program: &str, arguments: &[&str]) -> anyhow::Result<Command> {
        let bin = self.folder.join("bin");
        let mut search = vec![bin.clone()];
        search.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
        let found = bin.join(program);
        let program = if found.exists() { found } else { program.into() };
        let mut command = Command::new(program);
        command.args(arguments).current_dir(cargo::root());
        command.env("PATH", env::join_paths(search)?).env("VIRTUAL_ENV", &self.folder);
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        for name in FOREIGN {
            command.env_remove(name);
        }
        Ok(command)
    }
}

/// Runs a command to its end.
///
/// # Errors
/// It cannot be started, or does not succeed.
pub(crate) fn finish(mut command: Command) -> anyhow::Result<()> {
    let program = command.get_program().to_owned();
    let status = command.status().with_context(|| format!("cannot start {}", program.display()))?;
    if !status.success() {
        let arguments = command.get_args().map(|argument| argument.to_string_lossy().into_owned());
        bail!("`{} {}` failed", program.display(), arguments.collect::<Vec<_>>().join(" "));
    }
    Ok(())
}

pub(crate) fn path(path: &Path) -> anyhow::Result<&str> {
    path.to_str().with_context(|| format!("`{}` is not valid UTF-8", path.display()))
}
