//! The private folder in which the ZeroMQ sockets listen, behind their gates.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::error::{Error, ErrorKind};

/// With the id of the process that made it, so that a later one can tell what a killed one has left.
const PREFIX: &str = "antiphon-kernel-";
/// A Unix socket's path has at most 108 bytes, its end included (`unix(7)`), and macOS has 104.
const MAX_FOLDER_BYTES: usize = 80;

/// Makes the folder; it is removed on drop.
pub(crate) fn create() -> Result<TempDir, Error> {
    let temporary = std::env::temp_dir();
    let parent = if temporary.as_os_str().len() <= MAX_FOLDER_BYTES { temporary } else { PathBuf::from("/tmp") };
    remove_stale(&parent);
    tempfile::Builder::new()
        .prefix(&format!("{PREFIX}{}-", std::process::id()))
        .permissions(Permissions::from_mode(0o700))
        .tempdir_in(&parent)
        .map_err(|source| ErrorKind::SocketFolder { path: parent, source }.into())
}

/// Removes the folders of kernels that were killed.
fn remove_stale(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().filter_map(Result::ok) {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.split('-').next());
        let pid = pid.and_then(|pid| rustix::process::Pid::from_raw(pid.parse().ok()?));
        let is_gone =
            |pid| rustix::process::test_kill_process(pid).is_err_and(|error| error == rustix::io::Errno::SRCH);
        if pid.is_some_and(is_gone) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
