//! The compiler that cells are compiled with: found, and fit for the work.

use std::path::{Path, PathBuf};
use std::process::Command;

use semver::Version;

use crate::error::{Error, ErrorKind};

/// The oldest compiler that works: evcxr compiles cells in edition 2024, and the preload needs what we need.
pub const MINIMUM_RUSTC: Version = Version::new(1, 95, 0);

/// A compiler and what belongs to it.
#[derive(Clone, Debug)]
pub struct Toolchain {
    /// Path of `cargo` itself, not of rustup's proxy.
    pub cargo: PathBuf,
    /// Path of `rustc` itself.
    pub rustc: PathBuf,
    /// Its version.
    pub version: Version,
    /// Its sysroot.
    pub sysroot: PathBuf,
    /// All of `rustc -vV`: the identity of the compiler, by which preloads are keyed.
    pub identity: String,
}

impl Toolchain {
    /// Finds the compiler that is in force in a folder.
    ///
    /// # Errors
    /// It is missing, older than [`MINIMUM_RUSTC`], or lacks the standard library's sources.
    pub fn find(working_dir: &Path) -> Result<Self, Error> {
        let rustc = tool(working_dir, "rustc")?;
        let cargo = tool(working_dir, "cargo")?;
        let identity = output(Command::new(&rustc).arg("-vV"))?;
        let field = |name: &str| identity.lines().find_map(|line| line.strip_prefix(name));
        let version = field("release: ").and_then(|text| Version::parse(text.trim()).ok()).ok_or_else(|| {
            ErrorKind::ToolFailed { command: format!("{} -vV", rustc.display()), message: identity.clone() }
        })?;
        // A nightly of the minimum's own version will do.
        let release = Version::new(version.major, version.minor, version.patch);
        if release < MINIMUM_RUSTC {
            return Err(ErrorKind::RustcTooOld { found: version, needed: MINIMUM_RUSTC }.into());
        }
        let sysroot = PathBuf::from(output(Command::new(&rustc).args(["--print", "sysroot"]))?.trim());
        if !sysroot.join("lib/rustlib/src/rust/library/core/src/lib.rs").is_file() {
            let toolchain = sysroot.file_name().and_then(|name| name.to_str()).map(ToOwned::to_owned);
            let toolchain = toolchain.filter(|_| sysroot.parent().is_some_and(|folder| folder.ends_with("toolchains")));
            return Err(ErrorKind::RustSrcMissing { sysroot, toolchain }.into());
        }
        Ok(Self { cargo, rustc, version, sysroot, identity })
    }

    /// The target that it compiles for by default, e.g. `x86_64-unknown-linux-gnu`.
    pub fn host(&self) -> &str {
        self.identity.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default().trim()
    }
}

/// As evcxr does it: what rustup would run, else what `PATH` has. Running the tool itself saves rustup's proxy in
/// every cell.
fn tool(working_dir: &Path, name: &'static str) -> Result<PathBuf, Error> {
    let by_rustup = Command::new("rustup").args(["which", name]).current_dir(working_dir).output();
    if let Ok(found) = by_rustup
        && found.status.success()
    {
        return Ok(PathBuf::from(String::from_utf8_lossy(&found.stdout).trim()));
    }
    let paths = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&paths).map(|folder| folder.join(name)).find(|path| path.is_file()).ok_or_else(|| {
        let source = std::io::Error::from(std::io::ErrorKind::NotFound);
        ErrorKind::ToolMissing { tool: name, source }.into()
    })
}

fn output(command: &mut Command) -> Result<String, Error> {
    let line = format!("{command:?}");
    let output = command.output().map_err(|source| ErrorKind::ToolMissing { tool: "rustc", source })?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(text);
    }
    let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(ErrorKind::ToolFailed { command: line, message }.into())
}
