//! Files are written whole or not at all.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use antiphon_notebook::{ErrorKind, ExitCode, Notebook, read};

use crate::fake::notebook;

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let mut names: Vec<_> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn sample() -> Notebook {
    notebook(&[("1", &[])])
}

#[test]
fn a_new_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new.ipynb");
    sample().write(&path).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), sample().to_text());
    assert_eq!(read(&path).unwrap().as_json(), sample().as_json());
    assert_eq!(names(folder.path()), ["new.ipynb"]);
    // As other programs make files here, not as temporary files are made.
    let usual = folder.path().join("usual");
    fs::write(&usual, "").unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(&path), mode(&usual));
}

#[test]
fn permissions_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old.ipynb");
    fs::write(&path, "old").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    sample().write(&path).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), sample().to_text());
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
}

#[test]
fn links_are_followed() {
    let folder = tempfile::tempdir().unwrap();
    let (file, link) = (folder.path().join("file.ipynb"), folder.path().join("link.ipynb"));
    fs::write(&file, "old").unwrap();
    symlink(&file, &link).unwrap();
    sample().write(&link).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::read_to_string(&file).unwrap(), sample().to_text());
}

#[test]
fn a_failure_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("is_a_folder.ipynb");
    fs::create_dir(&target).unwrap();
    fs::write(target.join("content"), "kept").unwrap();
    let missing = folder.path().join("missing/x.ipynb");
    for path in [&target, &missing] {
        let error = sample().write(path).unwrap_err();
        assert_eq!(error.to_string(), format!("cannot write `{}`", path.display()));
        assert!(matches!(error.kind(), ErrorKind::Write { .. }));
        assert_eq!(error.exit_code(), ExitCode::OUTPUT);
    }
    assert_eq!(names(folder.path()), ["is_a_folder.ipynb"]);
    assert_eq!(names(&target), ["content"]);
}
