//! Folders: copied by hard links, written whole, removed.

use std::fs;
use std::io;
use std::path::Path;

/// Files that nobody writes in place: their writers make a new file and put it in the old one's place. cargo's own
/// notes and locks are not such files; linked, one session's lock would be every session's.
const LINKED: [&str; 5] = ["a", "dylib", "rlib", "rmeta", "so"];

/// Copies a folder: compiled code by hard links where the file system has them, all else by bytes. `keep` sees each
/// entry's file name.
///
/// # Errors
/// Those of the file system, with the path in the text.
pub(crate) fn link(from: &Path, to: &Path, keep: &dyn Fn(&str) -> bool) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        if !name.to_str().is_some_and(keep) {
            continue;
        }
        let target = to.join(&name);
        if entry.file_type()?.is_dir() {
            link(&entry.path(), &target, keep)?;
        } else if !is_linked(&target) || fs::hard_link(entry.path(), &target).is_err() {
            copy(&entry.path(), &target)?;
        }
    }
    Ok(())
}

fn is_linked(path: &Path) -> bool {
    path.extension().and_then(|extension| extension.to_str()).is_some_and(|extension| LINKED.contains(&extension))
}

/// Copies a file with its modification time, by which cargo knows that it is fresh.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::copy(from, to)?;
    let modified = from.metadata()?.modified()?;
    fs::File::options().write(true).open(to)?.set_modified(modified)
}

/// Writes a file and the folders above it.
///
/// # Errors
/// Those of the file system.
pub(crate) fn write(path: &Path, content: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, content)
}

/// Removes a folder with all it holds; processes that are about to end may still write to it, hence the attempts.
pub(crate) fn remove(path: &Path) {
    for _ in 0..10 {
        match fs::remove_dir_all(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
            _ => return,
        }
    }
}
