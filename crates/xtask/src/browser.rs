//! `cargo xtask test browser`: JupyterLab in headless Chromium, driven by Playwright.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::cargo;
use crate::jupyter::Environment;
use crate::skipped::Skipped;
use crate::venv::path;

const TESTS: &str = "crates/antiphon-cli/tests/browser";
/// As distributions name it.
const CHROMIUM: [&str; 3] = ["chromium", "chromium-browser", "google-chrome-stable"];

/// Runs the tests; screenshots stay in `target/browser/screenshots`.
pub(crate) fn browser() -> anyhow::Result<()> {
    for (program, package) in [("node", "Node 20 or later"), ("npm", "npm")] {
        if find(program).is_none() {
            return Err(Skipped::new(format!("there is no {program} on PATH; install {package}")).into());
        }
    }
    let chromium = chromium()?;
    let environment = Environment::open()?;
    let folder = cargo::target()?.join("browser");
    let tests = packages(&folder)?;

    let mut command = environment.command("node", &["--test", "--test-reporter=spec", path(&tests)?])?;
    command.env("ANTIPHON_BROWSER_FOLDER", &folder).env("ANTIPHON_CHROMIUM", chromium);
    command.env("ANTIPHON_NOTEBOOK", cargo::root().join("notebooks/async_llm.ipynb"));
    let status = command.status().context("cannot start node")?;
    if !status.success() {
        bail!("a test in the browser failed; see {}", folder.join("screenshots").display());
    }
    Ok(())
}

/// The browser, which is installed where Debian's package manager is at hand and this user may.
#[expect(clippy::print_stderr, reason = "a command line")]
fn chromium() -> anyhow::Result<PathBuf> {
    if let Some(found) = CHROMIUM.into_iter().find_map(find) {
        return Ok(found);
    }
    let wanted = "there is no Chromium on PATH; install the package `chromium`";
    let is_root = cargo::output("id", &["-u"]).is_ok_and(|id| id.trim() == "0");
    if !is_root || find("apt-get").is_none() {
        return Err(Skipped::new(wanted).into());
    }
    eprintln!("installing Debian's package chromium");
    let install = ["install", "--yes", "--no-install-recommends", "chromium", "fonts-dejavu-core"];
    let installed = apt_get(&["update"]).and_then(|()| apt_get(&install));
    if let Err(error) = installed {
        return Err(Skipped::new(format!("{wanted}: {error:#}")).into());
    }
    find("chromium").context(wanted)
}

fn apt_get(arguments: &[&str]) -> anyhow::Result<()> {
    let mut command = cargo::command("apt-get", &[&["-qq"], arguments].concat());
    let status = command.env("DEBIAN_FRONTEND", "noninteractive").status().context("cannot start apt-get")?;
    if !status.success() {
        bail!("`apt-get {}` failed", arguments.join(" "));
    }
    Ok(())
}

/// Playwright beside a copy of the tests, so that these find it; installed anew only when the lock file has changed.
/// Gives the path of the copy.
fn packages(folder: &Path) -> anyhow::Result<PathBuf> {
    let sources = cargo::root().join(TESTS);
    let copy = folder.join("tests");
    fs::create_dir_all(&copy).context("cannot make a folder for the tests")?;
    let lock = fs::read_to_string(sources.join("package-lock.json")).context("the lock file of npm")?;
    let stamp = copy.join("made-from.json");
    for entry in fs::read_dir(&sources)? {
        let file = entry?.path();
        fs::copy(&file, copy.join(file.file_name().unwrap_or_default())).context("cannot copy the tests")?;
    }
    if fs::read_to_string(&stamp).is_ok_and(|made| made == lock) {
        return Ok(copy.join("lab.test.mjs"));
    }
    let mut install = cargo::command("npm", &["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
    let status = install.current_dir(&copy).status().context("cannot start npm")?;
    if !status.success() {
        bail!("`npm ci` failed in {}", copy.display());
    }
    fs::write(stamp, lock).context("cannot write beside the tests")?;
    Ok(copy.join("lab.test.mjs"))
}

/// A program on PATH.
fn find(program: &str) -> Option<PathBuf> {
    let folders = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&folders).map(|folder| folder.join(program)).find(|path| path.is_file())
}
