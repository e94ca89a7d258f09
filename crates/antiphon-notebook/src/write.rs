//! From a [`Notebook`] to a file: as Python's `nbformat` writes it, and whole or not at all.

use std::fs::{self, Permissions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize as _;
use serde_json::ser::{PrettyFormatter, Serializer};
use tempfile::NamedTempFile;

use crate::error::{Error, ErrorKind};
use crate::notebook::Notebook;

impl Notebook {
    /// The notebook as text, byte for byte as Python's `nbformat.write` has it: sorted keys, one space of
    /// indentation, a line end at the end.
    pub fn to_text(&self) -> String {
        let mut json = self.as_json().clone();
        // Sorted already, unless some crate of the build asks serde_json for `preserve_order`.
        json.sort_all_objects();
        let mut bytes = Vec::new();
        let mut serializer = Serializer::with_formatter(&mut bytes, PrettyFormatter::with_indent(b" "));
        let written = json.serialize(&mut serializer);
        debug_assert!(written.is_ok(), "a JSON value is always serializable: {written:?}");
        bytes.push(b'\n');
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Writes it to a file, atomically: a reader sees the old file or the new one, and after a failure the old one
    /// is unchanged. Permissions and symbolic links are kept.
    ///
    /// # Errors
    /// [`ErrorKind::Write`]: no folder, no permission, no space.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        write_atomically(path, self.to_text().as_bytes())
            .map_err(|source| ErrorKind::Write { path: path.to_owned(), source }.into())
    }
}

fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // A link is followed: what it points to is replaced, not the link.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let permissions = match fs::metadata(&target) {
        Ok(metadata) if metadata.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
        Ok(metadata) => Some(metadata.permissions()),
        Err(_) => None,
    };
    let mut file = temporary_file(&folder_of(&target), permissions)?;
    file.write_all(bytes)?;
    file.persist(&target)?;
    Ok(())
}

/// A file that removes itself unless it is persisted.
fn temporary_file(folder: &Path, permissions: Option<Permissions>) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".antiphon-").suffix(".tmp");
    let Some(permissions) = permissions else {
        // The usual mode of a new file; the process's umask takes its part.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        return builder.tempfile_in(folder);
    };
    let file = builder.tempfile_in(folder)?;
    file.as_file().set_permissions(permissions)?;
    Ok(file)
}

/// Whether a file could be written here, found out by making a temporary one beside it.
pub(crate) fn check_writable(path: &Path) -> Result<(), Error> {
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let checked = match fs::metadata(&target) {
        Ok(metadata) if metadata.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        Ok(metadata) if metadata.permissions().readonly() => Err(io::ErrorKind::PermissionDenied.into()),
        _ => temporary_file(&folder_of(&target), None).map(drop),
    };
    checked.map_err(|source| ErrorKind::Write { path: path.to_owned(), source }.into())
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}
