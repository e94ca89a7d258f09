//! The private folder in which the ZeroMQ sockets listen, behind their gates.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use crate::error::{Error, ErrorKind};

const PREFIX: &str = "antiphon-kernel-";
/// Locked for as long as its kernel lives, so that a later one can tell what a killed one has left.
const LOCK: &str = "alive";
/// A folder without that file may be one that just begins.
const GRACE: Duration = Duration::from_secs(60);
/// A Unix socket's path has at most 108 bytes, its end included (`unix(7)`), and macOS has 104.
const MAX_SOCKET_BYTES: usize = 103;
/// The longest path of a socket below the folder for temporary files: a random name has six letters, and `control` is
/// the longest name of a channel.
const MAX_BELOW_BYTES: usize = "/".len() + PREFIX.len() + "XXXXXX/control".len();

/// A kernel's folder; it is removed on drop.
#[derive(Debug)]
pub(crate) struct SocketFolder {
    folder: TempDir,
    _alive: File,
}

impl SocketFolder {
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Makes the folder.
pub(crate) fn create() -> Result<SocketFolder, Error> {
    create_in(std::env::temp_dir())
}

fn create_in(temporary: PathBuf) -> Result<SocketFolder, Error> {
    let fits = temporary.as_os_str().len() + MAX_BELOW_BYTES <= MAX_SOCKET_BYTES;
    let parent = if fits { temporary } else { PathBuf::from("/tmp") };
    remove_stale(&parent);
    let create = || {
        let mut builder = tempfile::Builder::new();
        let folder = builder.prefix(PREFIX).permissions(Permissions::from_mode(0o700)).tempdir_in(&parent)?;
        let alive = File::create(folder.path().join(LOCK))?;
        alive.lock()?;
        Ok(SocketFolder { folder, _alive: alive })
    };
    create().map_err(|source| ErrorKind::SocketFolder { path: parent.clone(), source }.into())
}

/// Removes the folders of kernels that were killed.
fn remove_stale(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().filter_map(Result::ok) {
        if !entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX)) {
            continue;
        }
        let is_stale = if let Ok(alive) = File::open(entry.path().join(LOCK)) {
            alive.try_lock().is_ok()
        } else {
            let modified = entry.metadata().and_then(|metadata| metadata.modified());
            modified.is_ok_and(|modified| modified.elapsed().is_ok_and(|age| age > GRACE))
        };
        if is_stale {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn sockets_fit_below_temporary_folders_of_any_length() {
        let root = tempfile::tempdir().unwrap();
        for length in root.path().as_os_str().len() + 2..120 {
            let filling = length - root.path().as_os_str().len() - 1;
            let temporary = root.path().join("x".repeat(filling));
            fs::create_dir(&temporary).unwrap();
            let folder = create_in(temporary).unwrap();
            UnixListener::bind(folder.path().join("control")).unwrap_or_else(|error| panic!("{length}: {error}"));
        }
    }

    #[test]
    fn only_what_a_killed_kernel_left_is_removed() {
        let root = tempfile::tempdir().unwrap();
        let living = create_in(root.path().to_owned()).unwrap();
        let killed = root.path().join(format!("{PREFIX}killed"));
        let just_begun = root.path().join(format!("{PREFIX}begun"));
        for folder in [&killed, &just_begun] {
            fs::create_dir(folder).unwrap();
        }
        File::create(killed.join(LOCK)).unwrap();
        drop(create_in(root.path().to_owned()).unwrap());
        assert!(living.path().exists() && just_begun.exists() && !killed.exists());
    }
}
