//! The private folder in which the ZeroMQ sockets listen, behind their gates.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::error::{Error, ErrorKind};

/// With the id of the process that made it, so that a later one can tell what a killed one has left.
const PREFIX: &str = "antiphon-kernel-";
/// A Unix socket's path has at most 108 bytes, its end included (`unix(7)`), and macOS has 104.
const MAX_SOCKET_BYTES: usize = 103;
/// The longest path of a socket below the folder for temporary files: a process id has up to ten digits, a random name
/// six letters, and `control` is the longest name of a channel.
const MAX_BELOW_BYTES: usize = "/".len() + PREFIX.len() + "4294967295-XXXXXX/control".len();

/// Makes the folder; it is removed on drop.
pub(crate) fn create() -> Result<TempDir, Error> {
    create_in(std::env::temp_dir())
}

fn create_in(temporary: PathBuf) -> Result<TempDir, Error> {
    let fits = temporary.as_os_str().len() + MAX_BELOW_BYTES <= MAX_SOCKET_BYTES;
    let parent = if fits { temporary } else { PathBuf::from("/tmp") };
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
}
