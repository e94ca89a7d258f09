//! The prebuilt preload: built once, used by every session by hard links.
//!
//! ```text
//! <cache>/preload/<key>.lock    exclusive while it is built, shared while a session uses it
//! <cache>/preload/<key>/src     sources of the cell library, from this binary
//! <cache>/preload/<key>/target  what cargo made of them
//! <cache>/preload/<key>/Cargo.lock
//! <cache>/preload/<key>/complete    written last
//! <cache>/preload/<key>/damaged     written when it was found not to work
//! ```
//!
//! The key covers the compiler, the target, the sources, the lock file, the profile and the C compiler's variables, so that a `rustup update` or a
//! new version of this program builds its own.

use std::collections::BTreeSet;
use std::collections::hash_map::DefaultHasher;
use std::fs::{self, File, TryLockError};
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use semver::Version;

use crate::dependencies;
use crate::error::{Error, ErrorKind};
use crate::session::CARGO_CONFIG;
use crate::toolchain::Toolchain;
use crate::tree;

include!(concat!(env!("OUT_DIR"), "/sources.rs"));

/// Raised when the layout of the folder changes.
const FORMAT: u32 = 1;
const COMPLETE: &str = "complete";
const DAMAGED: &str = "damaged";
/// Variables by whose change cargo compiles crates with C code anew.
const C_TOOLCHAIN: [&str; 6] = ["AR", "CC", "CFLAGS", "CPATH", "CXX", "SOURCE_DATE_EPOCH"];
/// The lock file does not tell dependencies of tests from others.
const FOR_TESTS: [&str; 1] = ["antiphon-sim"];
/// So many damaged ones may be in use at the same time.
const GENERATIONS: u32 = 16;
/// A preload that nobody used for so long is removed.
const UNUSED_AFTER: Duration = Duration::from_secs(30 * 24 * 3600);

/// Whether a preload is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PreloadState {
    /// Ready, in this folder.
    Ready(PathBuf),
    /// To be built on first use, in this folder.
    Missing(PathBuf),
}

/// Looks for the preload of a compiler, without building it.
pub fn preload_state(cache_dir: &Path, toolchain: &Toolchain) -> PreloadState {
    let folder = folder(cache_dir, toolchain);
    if folder.join(COMPLETE).is_file() { PreloadState::Ready(folder) } else { PreloadState::Missing(folder) }
}

/// A preload in use, locked against removal.
#[derive(Debug)]
pub struct Preload {
    folder: PathBuf,
    lock: File,
    /// It must be built; the lock is exclusive.
    cold: bool,
}

impl Preload {
    /// Opens the preload; `None` while another process builds it.
    pub(crate) fn open(cache_dir: &Path, toolchain: &Toolchain) -> Result<Option<Self>, Error> {
        let folder = folder(cache_dir, toolchain);
        if folder.to_string_lossy().contains(char::is_whitespace) {
            // evcxr's own protocol separates by spaces.
            return Err(ErrorKind::SpaceInPath { path: folder }.into());
        }
        let lock_path = folder.with_extension("lock");
        let parent = cache_dir.join("preload");
        fs::create_dir_all(&parent).map_err(Error::file("create", &parent))?;
        let lock = File::options().create(true).append(true).open(&lock_path);
        let lock = lock.map_err(Error::file("open", &lock_path))?;
        let locked = |result: Result<(), TryLockError>| match result {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(Error::file("lock", &lock_path)(error)),
        };
        if !locked(lock.try_lock_shared())? {
            return Ok(None);
        }
        let complete = folder.join(COMPLETE);
        if complete.is_file() {
            // Its age says when it was used last.
            let _ = File::options().append(true).open(&complete).and_then(|file| file.set_modified(SystemTime::now()));
            return Ok(Some(Self { folder, lock, cold: false }));
        }
        lock.unlock().map_err(Error::file("lock", &lock_path))?;
        // Between the two locks another process may have begun to build it, or have built it.
        if !locked(lock.try_lock())? || complete.is_file() {
            return Ok(None);
        }
        let preload = Self { folder, lock, cold: true };
        preload.write_sources()?;
        Ok(Some(preload))
    }

    /// Whether it must be built.
    pub fn is_cold(&self) -> bool {
        self.cold
    }

    /// Its sources.
    pub fn sources(&self) -> PathBuf {
        self.folder.join("src")
    }

    /// Number of crates that the cell library needs on some platform: an upper bound of what will be compiled.
    pub(crate) fn crates() -> usize {
        let lock: toml::Table = lock_file().parse().unwrap_or_default();
        let packages = lock.get("package").and_then(toml::Value::as_array).map_or(&[][..], Vec::as_slice);
        let text = |package: &toml::Value, key| Some(package.get(key)?.as_str()?.to_owned());
        // A dependency is written with its version only where its name is not enough.
        let find = |dependency: &str| {
            let (name, version) = dependency.split_once(' ').map_or((dependency, None), |(name, it)| (name, Some(it)));
            packages.iter().position(|package| {
                text(package, "name").as_deref() == Some(name)
                    && version.is_none_or(|version| text(package, "version").as_deref() == Some(version))
            })
        };
        let mut found: BTreeSet<usize> = find("antiphon-cell").into_iter().collect();
        let mut waiting: Vec<usize> = found.iter().copied().collect();
        while let Some(index) = waiting.pop() {
            let dependencies = packages[index].get("dependencies").and_then(toml::Value::as_array);
            let dependencies = dependencies.into_iter().flatten().filter_map(toml::Value::as_str);
            for dependency in dependencies.filter(|it| !FOR_TESTS.contains(it)).filter_map(find) {
                if found.insert(dependency) {
                    waiting.push(dependency);
                }
            }
        }
        found.len()
    }

    fn write_sources(&self) -> Result<(), Error> {
        tree::remove(&self.folder);
        for (name, text) in SOURCES {
            let path = self.sources().join(name);
            tree::write(&path, text).map_err(Error::file("write", path))?;
        }
        Ok(())
    }

    /// Fills a session's folder.
    pub(crate) fn install(&self, context_dir: &Path) -> Result<(), Error> {
        if self.cold {
            let path = context_dir.join("Cargo.lock");
            return tree::write(&path, lock_file()).map_err(Error::file("write", path));
        }
        let copy =
            |name: &str| -> std::io::Result<()> { fs::copy(self.folder.join(name), context_dir.join(name)).map(drop) };
        copy("Cargo.lock").map_err(Error::file("read", self.folder.join("Cargo.lock")))?;
        tree::link(&self.folder.join("target"), &context_dir.join("target"), &|_| true)
            .map_err(Error::file("copy", &self.folder))
    }

    /// Keeps what a session that was started cold has built.
    pub(crate) fn complete(&mut self, context_dir: &Path) -> Result<(), Error> {
        tree::link(&context_dir.join("target"), &self.folder.join("target"), &is_of_dependencies)
            .map_err(Error::file("copy", &self.folder))?;
        fs::copy(context_dir.join("Cargo.lock"), self.folder.join("Cargo.lock"))
            .map_err(Error::file("copy", self.folder.join("Cargo.lock")))?;
        let complete = self.folder.join(COMPLETE);
        fs::write(&complete, "").map_err(Error::file("write", complete))?;
        self.cold = false;
        // Others may use it now.
        self.lock.unlock().and_then(|()| self.lock.lock_shared()).map_err(Error::file("lock", &self.folder))?;
        self.remove_unused();
        Ok(())
    }

    /// Marks it as one that does not work. Others may be using it, so the next one is built in another folder.
    pub(crate) fn discard(self) {
        let _ = fs::write(self.folder.join(DAMAGED), "");
    }

    fn remove_unused(&self) {
        let Some(entries) = self.folder.parent().and_then(|folder| fs::read_dir(folder).ok()) else {
            return;
        };
        for path in entries.filter_map(|entry| entry.ok().map(|entry| entry.path())) {
            let used = path.join(COMPLETE).metadata().and_then(|metadata| metadata.modified());
            let unused = used.is_ok_and(|used| used.elapsed().is_ok_and(|age| age > UNUSED_AFTER))
                || path.join(DAMAGED).is_file();
            let lock_path = path.with_extension("lock");
            if unused && path != self.folder && File::open(&lock_path).is_ok_and(|lock| lock.try_lock().is_ok()) {
                tree::remove(&path);
                let _ = fs::remove_file(lock_path);
            }
        }
    }
}

impl Drop for Preload {
    fn drop(&mut self) {
        if self.cold {
            // It was not completed: nothing half-built stays.
            tree::remove(&self.folder);
        }
    }
}

/// The version of a crate that the preload holds.
pub(crate) fn locked_version(name: &str) -> Option<Version> {
    let lock = lock_file().parse::<toml::Table>().ok()?;
    let packages = lock.get("package")?.as_array()?;
    let versions = packages.iter().filter(|package| package.get("name").and_then(toml::Value::as_str) == Some(name));
    versions.filter_map(|package| Version::parse(package.get("version")?.as_str()?).ok()).max()
}

fn lock_file() -> &'static str {
    SOURCES.iter().find(|(name, _)| *name == "Cargo.lock").map_or("", |(_, text)| text)
}

/// Leaves out what belongs to the session's own crate, `ctx`.
fn is_of_dependencies(name: &str) -> bool {
    !(name == "incremental" || name.starts_with("ctx-") || name.starts_with("libctx") || name.starts_with("libcode_"))
}

fn folder(cache_dir: &Path, toolchain: &Toolchain) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    FORMAT.hash(&mut hasher);
    toolchain.identity.hash(&mut hasher);
    toolchain.sysroot.hash(&mut hasher);
    SOURCES.hash(&mut hasher);
    CARGO_CONFIG.hash(&mut hasher);
    C_TOOLCHAIN.map(std::env::var_os).hash(&mut hasher);
    dependencies::manifest_entries(Path::new("")).hash(&mut hasher);
    let key = hasher.finish();
    let folders: Vec<PathBuf> = (0..GENERATIONS)
        .map(|generation| cache_dir.join("preload").join(format!("{key:016x}-{generation}")))
        .filter(|folder| !folder.join(DAMAGED).is_file())
        .collect();
    // A damaged one is removed once nobody uses it; until then its number is taken.
    let complete = folders.iter().find(|folder| folder.join(COMPLETE).is_file());
    complete.or(folders.first()).cloned().unwrap_or_else(|| cache_dir.join("preload").join(format!("{key:016x}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_crates_leaves_out_what_cells_do_not_need() {
        let all = lock_file().matches("\n[[package]]").count();
        let needed = Preload::crates();
        assert!((100..all / 2 + 1).contains(&needed), "{needed} of {all}");
    }
}
