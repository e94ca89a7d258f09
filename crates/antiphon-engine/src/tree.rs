//! Folders: copied by hard links, written whole, removed.

use std::fs;
use std::io;
use std::path::Path;

/// Copies a folder by hard links, or by bytes where the file system has none. `keep` sees each entry's file name.
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
        } else if fs::hard_link(entry.path(), &target).is_err() {
            copy(&entry.path(), &target)?;
        }
    }
    Ok(())
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
