//! A folder for one test: where it runs `antiphon`, and the temporary folder that it gives it.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::notebook::{self, Cell, Executed};
use crate::run::Antiphon;

/// Paths and the content of those that are files.
pub(crate) type Snapshot = BTreeMap<PathBuf, Option<Vec<u8>>>;

/// Removed on drop.
#[derive(Debug)]
pub(crate) struct Workspace {
    folder: PathBuf,
    temporary: PathBuf,
    _root: TempDir,
}

impl Workspace {
    pub(crate) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().canonicalize().unwrap();
        // As a user might name it.
        let folder = path.join("Ada's notes");
        let temporary = path.join("tmp");
        fs::create_dir(&folder).unwrap();
        fs::create_dir(&temporary).unwrap();
        Self { folder, temporary, _root: root }
    }

    /// A path in the folder in which `antiphon` runs.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// A path beside that folder, without anything unusual in it.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.folder.with_file_name(name)
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn temporary(&self) -> &Path {
        &self.temporary
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    pub(crate) fn json(&self, name: &str, json: &Value) -> PathBuf {
        self.write(name, serde_json::to_vec_pretty(json).unwrap())
    }

    pub(crate) fn notebook(&self, name: &str, cells: impl IntoIterator<Item = Cell>) -> PathBuf {
        self.json(name, &notebook::of_cells(cells))
    }

    /// A shell script.
    pub(crate) fn script(&self, name: &str, body: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let path = self.write(name, format!("#!/bin/sh\n{body}\n"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    /// What a run wrote.
    #[track_caller]
    pub(crate) fn executed(&self, name: &str) -> Executed {
        Executed::read(&self.path(name))
    }

    /// All files and folders below, and the files' content.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let mut found = Snapshot::new();
        collect(&self.folder, &mut found);
        found
    }

    /// Checks that nothing below was made, changed or removed.
    #[track_caller]
    pub(crate) fn assert_unchanged(&self, before: &Snapshot) {
        let after = self.snapshot();
        let of_both = before.keys().chain(after.keys());
        let changed: BTreeSet<&PathBuf> = of_both.filter(|path| before.get(*path) != after.get(*path)).collect();
        assert!(changed.is_empty(), "made, changed or removed: {changed:?}");
    }

    /// The command `antiphon`, to be run here.
    pub(crate) fn antiphon<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Antiphon {
        Antiphon::new(self, arguments)
    }
}

fn collect(folder: &Path, found: &mut Snapshot) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let content = if path.is_dir() {
            collect(&path, found);
            None
        } else {
            Some(fs::read(&path).unwrap())
        };
        found.insert(path, content);
    }
}
