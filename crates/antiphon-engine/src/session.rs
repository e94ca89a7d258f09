//! A session's folder: what evcxr and its compilers work in.
//!
//! ```text
//! <cache>/sessions/<name>/alive      locked for as long as the session lives
//! <cache>/sessions/<name>/s          the engine's socket
//! <cache>/sessions/<name>/bin        `cargo` and `rustup`: links to this program
//! <cache>/sessions/<name>/evcxr.toml
//! <cache>/sessions/<name>/.cargo     profiles for the folder below
//! <cache>/sessions/<name>/ctx        evcxr's crate, its target folder filled from the preload
//! ```
//!
//! It lies beside the preload, not in the temporary folder: hard links need one file system.

use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use antiphon_channel::SESSION;

use crate::error::{Error, ErrorKind};
use crate::host::USER_TMPDIR;
use crate::preload::Preload;
use crate::shim::{self, Tool};
use crate::toolchain::Toolchain;
use crate::{dependencies, tree};

/// Folder in which preloads and sessions live, unless an option says another.
const CACHE_DIR: &str = "ANTIPHON_CACHE_DIR";
/// A Unix socket's path has at most 108 bytes, its end included (`unix(7)`); macOS has 104.
const MAX_SOCKET_PATH: usize = 100;
/// Where the dynamic linker looks first.
const LIBRARY_PATH: &str = if cfg!(target_os = "macos") { "DYLD_LIBRARY_PATH" } else { "LD_LIBRARY_PATH" };
/// A session folder without a lock file may be one that just begins.
const GRACE: Duration = Duration::from_secs(60);

/// Read by cargo in the folder below. Cells are compiled once and run once, so nothing incremental and one unit. At
/// opt-level 0 or 1 a crate shares its generic instances with the cell, at 2 or 3 it does not.
pub(crate) const CARGO_CONFIG: &str = r#"[profile.dev]
incremental = false
codegen-units = 1
[profile.dev.package."*"]
opt-level = 0
codegen-units = 16
"#;

/// Where preloads and sessions live: `ANTIPHON_CACHE_DIR`, else `antiphon` in the user's cache folder.
pub fn cache_dir() -> PathBuf {
    let folder = env::var_os(CACHE_DIR).filter(|folder| !folder.is_empty()).map(PathBuf::from);
    let folder = folder.unwrap_or_else(|| dirs::cache_dir().unwrap_or_else(env::temp_dir).join("antiphon"));
    std::path::absolute(&folder).unwrap_or(folder)
}

/// A session's folder, removed on drop.
#[derive(Debug)]
pub(crate) struct Session {
    folder: PathBuf,
    socket: PathBuf,
    /// Holds the socket when the folder's own path is too long.
    _socket_dir: Option<tempfile::TempDir>,
    _alive: File,
}

impl Session {
    pub(crate) fn create(
        cache_dir: &Path,
        preload: &Preload,
        toolchain: &Toolchain,
        program: &Path,
    ) -> Result<Self, Error> {
        let sessions = cache_dir.join("sessions");
        fs::create_dir_all(&sessions).map_err(Error::file("create", &sessions))?;
        remove_stale(&sessions);
        let folder = tempfile::Builder::new()
            .permissions(fs::Permissions::from_mode(0o700))
            .tempdir_in(&sessions)
            .map_err(Error::file("create a folder in", &sessions))?;
        let alive_path = folder.path().join("alive");
        let alive = File::create(&alive_path).map_err(Error::file("write", &alive_path))?;
        alive.lock().map_err(Error::file("lock", &alive_path))?;
        Self::fill(folder.path(), preload, toolchain, program)?;
        let (socket, socket_dir) = socket_path(folder.path())?;
        Ok(Self { folder: folder.keep(), socket, _socket_dir: socket_dir, _alive: alive })
    }

    fn fill(folder: &Path, preload: &Preload, toolchain: &Toolchain, program: &Path) -> Result<(), Error> {
        let context_dir = folder.join("ctx");
        let settings = toml::Table::from_iter([
            ("tmpdir".to_owned(), toml::Value::String(context_dir.display().to_string())),
            ("opt_level".to_owned(), toml::Value::String("0".to_owned())),
            ("preserve_vars_on_panic".to_owned(), toml::Value::Boolean(true)),
        ]);
        let settings = toml::Table::from_iter([("evcxr".to_owned(), toml::Value::Table(settings))]);
        for (name, text) in [("evcxr.toml", settings.to_string().as_str()), (".cargo/config.toml", CARGO_CONFIG)] {
            let path = folder.join(name);
            tree::write(&path, text).map_err(Error::file("write", path))?;
        }
        let bin = folder.join("bin");
        for folder in [&bin, &folder.join("tmp")] {
            fs::create_dir(folder).map_err(Error::file("create", folder))?;
        }
        for (_, name) in Tool::ALL {
            let link = bin.join(name);
            symlink(program, &link).map_err(Error::file("create", link))?;
        }
        fs::create_dir(&context_dir).map_err(Error::file("create", &context_dir))?;
        preload.install(&context_dir)?;
        // The dynamic linker forgets search paths that do not exist when a process starts.
        let libraries = libraries(folder, toolchain);
        fs::create_dir_all(&libraries).map_err(Error::file("create", libraries))
    }

    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    pub(crate) fn context_dir(&self) -> PathBuf {
        self.folder.join("ctx")
    }

    /// The file that evcxr compiled last.
    pub(crate) fn generated(&self) -> PathBuf {
        self.folder.join("ctx/src/lib.rs")
    }

    /// Variables for a process in which evcxr runs.
    pub(crate) fn env(&self, toolchain: &Toolchain) -> Vec<(&'static str, OsString)> {
        let user_path = env::var_os("PATH").unwrap_or_default();
        let mut path = OsString::from(self.folder.join("bin"));
        path.push(":");
        path.push(&user_path);
        // rustc writes search paths for the folder it links in; cargo and evcxr then move the cell one folder up.
        let target_libraries = toolchain.sysroot.join("lib/rustlib").join(toolchain.host()).join("lib");
        let mut libraries = OsString::from(target_libraries);
        libraries.push(":");
        libraries.push(self::libraries(&self.folder, toolchain));
        if let Some(users) = env::var_os(LIBRARY_PATH) {
            libraries.push(":");
            libraries.push(users);
        }
        let mut env = vec![
            ("PATH", path),
            (LIBRARY_PATH, libraries),
            // Where rust-analyzer looks for its tools.
            ("CARGO", self.folder.join("bin/cargo").into()),
            ("RUSTC", self.folder.join("bin/rustc").into()),
            ("CARGO_HOME", self.folder.clone().into()),
            (SESSION, self.folder.clone().into()),
            (shim::REAL_CARGO, toolchain.cargo.clone().into()),
            (shim::REAL_RUSTC, toolchain.rustc.clone().into()),
        ];
        env.extend(env::var_os("CARGO_HOME").map(|home| (shim::USER_CARGO_HOME, home)));
        env.extend(env::var_os("TMPDIR").map(|folder| (USER_TMPDIR, folder)));
        env.push(("TMPDIR", self.folder.join("tmp").into()));
        env
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        tree::remove(&self.folder);
    }
}

fn socket_path(folder: &Path) -> Result<(PathBuf, Option<tempfile::TempDir>), Error> {
    let socket = folder.join("s");
    if socket.as_os_str().len() <= MAX_SOCKET_PATH {
        return Ok((socket, None));
    }
    let short = tempfile::Builder::new()
        .prefix("antiphon-")
        .permissions(fs::Permissions::from_mode(0o700))
        .tempdir_in("/tmp")
        .map_err(Error::system("create a folder for the socket in `/tmp`"))?;
    Ok((short.path().join("s"), Some(short)))
}

/// Where a session's dependencies are linked.
fn libraries(folder: &Path, toolchain: &Toolchain) -> PathBuf {
    folder.join("ctx/target").join(toolchain.host()).join("debug/deps")
}

/// Removes the folders of sessions that were killed.
fn remove_stale(sessions: &Path) {
    let Ok(entries) = fs::read_dir(sessions) else {
        return;
    };
    for folder in entries.filter_map(|entry| entry.ok().map(|entry| entry.path())) {
        let stale = if let Ok(alive) = File::open(folder.join("alive")) {
            alive.try_lock().is_ok()
        } else {
            let modified = folder.metadata().and_then(|metadata| metadata.modified());
            modified.is_ok_and(|modified| modified.elapsed().is_ok_and(|age| age > GRACE))
        };
        if stale {
            tree::remove(&folder);
        }
    }
}

/// A session for the stock evcxr server: its folder, and the variables by which evcxr finds it. Removed on drop.
#[derive(Debug)]
pub struct StockSession {
    /// Variables for the server's process.
    pub env: Vec<(&'static str, OsString)>,
    _session: Session,
    _preload: Preload,
}

impl StockSession {
    /// Makes a session from a preload that is ready. `program` calls [`process_hook`](crate::process_hook) first.
    ///
    /// # Errors
    /// No fit compiler, no preload, or a folder that cannot be written.
    pub fn create(cache_dir: &Path, working_dir: &Path, program: &Path) -> Result<Self, Error> {
        let toolchain = Toolchain::find(working_dir)?;
        let preload = Preload::open(cache_dir, &toolchain)?.filter(|preload| !preload.is_cold()).ok_or_else(|| {
            let message = "it is not built yet".to_owned();
            ErrorKind::PreloadFailed { path: cache_dir.join("preload"), message }
        })?;
        let session = Session::create(cache_dir, &preload, &toolchain, program)?;
        // evcxr's own start-up file: one `:dep` for each line, then the prelude.
        let path = session.folder.join("evcxr.toml");
        let mut settings = fs::read_to_string(&path).map_err(Error::file("read", &path))?;
        settings.push_str(&format!("prelude = {:?}\n", crate::host::PRELUDE));
        settings.push_str("[dependencies]\n");
        settings.push_str(&dependencies::manifest_entries(&preload.sources().join("crates")));
        fs::write(&path, settings).map_err(Error::file("write", &path))?;
        let mut env = session.env(&toolchain);
        env.push(("EVCXR_CONFIG_DIR", session.folder.clone().into()));
        Ok(Self { env, _session: session, _preload: preload })
    }
}
