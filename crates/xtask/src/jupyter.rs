//! `cargo xtask test jupyter`: the kernel under real clients, in a virtual environment below the target folder.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, bail};

use crate::cargo;
use crate::venv::{self, path};

const TESTS: &str = "crates/antiphon-cli/tests/jupyter";
/// The files of tests, those first that take longest: two run at a time, each by one process from its start to its end.
const FILES: [&str; 8] =
    ["nbclient", "survival", "tools", "lifecycle", "messages", "conformance", "hostile", "interrupts"];
/// Variables of the developer's own environment that would reach into the one of the tests.
const FOREIGN: [&str; 5] =
    ["PYTHONPATH", "PYTHONHOME", "JUPYTER_PATH", "JUPYTER_CONFIG_PATH", "JUPYTER_PREFER_ENV_PATH"];

/// A Python environment with Jupyter in it, and our kernels installed.
#[derive(Debug)]
pub(crate) struct Environment {
    folder: PathBuf,
    /// Jupyter's own files: settings, data, connection files.
    state: PathBuf,
    /// The release build of `antiphon`.
    antiphon: PathBuf,
}

/// Runs the tests.
pub(crate) fn jupyter() -> anyhow::Result<()> {
    let environment = Environment::open()?;
    let mut arguments = vec!["-m", "pytest", "--numprocesses=2", "--dist=loadfile", "--no-loadscope-reorder"];
    arguments.extend(["-p", "no:cacheprovider", "-rP", "--show-capture=stdout", "--durations=15", "--rootdir", TESTS]);
    let files: Vec<String> = FILES.iter().map(|name| format!("{TESTS}/test_{name}.py")).collect();
    arguments.extend(files.iter().map(String::as_str));
    environment.run("python", &arguments)
}

impl Environment {
    /// Makes the environment, unless it is there with these requirements, builds the kernel and installs it.
    ///
    /// # Errors
    /// No fit Python, packages that cannot be installed, or a build that fails.
    pub(crate) fn open() -> anyhow::Result<Self> {
        let target = cargo::target()?;
        let folder = target.join("jupyter/venv");
        venv::make(&folder, &cargo::root().join(TESTS).join("requirements.txt"))?;
        cargo::run("cargo", &["build", "--release", "--quiet", "-p", "antiphon-cli"])?;
        let environment =
            Self { folder, state: target.join("jupyter/state"), antiphon: target.join("release/antiphon") };
        let prefix = path(&environment.folder)?.to_owned();
        let antiphon = path(&environment.antiphon)?.to_owned();
        // The first builds the preload.
        environment.run(&antiphon, &["install", "--sim", "--prefix", &prefix])?;
        environment.run(&antiphon, &["install", "--prefix", &prefix, "--no-prebuild"])?;
        Ok(environment)
    }

    /// A command in the workspace's root, with the environment's programs first on PATH and Jupyter's files below the
    /// target folder.
    pub(crate) fn command(&self, program: &str, arguments: &[&str]) -> anyhow::Result<Command> {
        let bin = self.folder.join("bin");
        let mut search = vec![bin.clone()];
        search.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
        let found = bin.join(program);
        let program = if found.exists() { found } else { program.into() };
        let mut command = Command::new(program);
        command.args(arguments).current_dir(cargo::root());
        command.env("PATH", env::join_paths(search)?).env("VIRTUAL_ENV", &self.folder).env("ANTIPHON", &self.antiphon);
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        for name in FOREIGN {
            command.env_remove(name);
        }
        for (name, folder) in [
            ("JUPYTER_CONFIG_DIR", "config"),
            ("JUPYTER_DATA_DIR", "data"),
            ("JUPYTER_RUNTIME_DIR", "runtime"),
            ("JUPYTERLAB_SETTINGS_DIR", "lab-settings"),
            ("JUPYTERLAB_WORKSPACES_DIR", "lab-workspaces"),
            ("IPYTHONDIR", "ipython"),
        ] {
            let folder = self.state.join(folder);
            fs::create_dir_all(&folder).context("cannot make folders for Jupyter's files")?;
            command.env(name, folder);
        }
        Ok(command)
    }

    /// Runs a command to its end.
    ///
    /// # Errors
    /// It cannot be started, or does not succeed.
    pub(crate) fn run(&self, program: &str, arguments: &[&str]) -> anyhow::Result<()> {
        let mut command = self.command(program, arguments)?;
        let status = command.status().with_context(|| format!("cannot start {program}"))?;
        if !status.success() {
            bail!("`{program} {}` failed", arguments.join(" "));
        }
        Ok(())
    }
}
