//! Kernelspecs on disk.

use std::fs;
use std::path::Path;

use antiphon_kernel::{ErrorKind, Kernelspec, Place, installed, uninstall};
use serde_json::{Value, json};

fn spec() -> Kernelspec {
    let mut spec = Kernelspec::new("/opt/an tiphon/bin/antiphon");
    spec.arguments = vec!["--sim".to_owned()];
    spec
}

fn kernel_json(folder: &Path) -> Value {
    serde_json::from_slice(&fs::read(folder.join("kernel.json")).unwrap()).unwrap()
}

#[test]
fn installed_replaced_and_removed() {
    let prefix = tempfile::tempdir().unwrap();
    let place = Place::Prefix(prefix.path().to_owned());
    assert!(installed(&place).unwrap().is_empty());
    let folder = spec().install(&place).unwrap();
    fs::create_dir(folder.with_file_name("another kernel")).unwrap();
    let found = installed(&place).unwrap();
    let [found] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((&found.folder, found.program.to_str()), (&folder, Some("/opt/an tiphon/bin/antiphon")));
    fs::remove_dir(folder.with_file_name("another kernel")).unwrap();
    assert_eq!(folder, prefix.path().join("share/jupyter/kernels/antiphon"));
    let json = kernel_json(&folder);
    assert_eq!(json["argv"], json!(["/opt/an tiphon/bin/antiphon", "kernel", "-f", "{connection_file}", "--sim"]));
    assert_eq!((&json["language"], &json["interrupt_mode"]), (&json!("rust"), &json!("message")));
    for name in ["logo-32x32.png", "logo-64x64.png", "logo-svg.svg", "quarto_cleanup_cell"] {
        assert!(folder.join(name).is_file(), "{name}");
    }
    fs::write(folder.join("of an older version"), "").unwrap();
    let mut other = spec();
    other.display_name = "Other".to_owned();
    other.install(&place).unwrap();
    assert_eq!(kernel_json(&folder)["display_name"], "Other");
    assert!(!folder.join("of an older version").exists());
    assert_eq!(uninstall("antiphon", &place).unwrap(), folder);
    let left: Vec<_> = fs::read_dir(folder.parent().unwrap()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
    assert!(matches!(uninstall("antiphon", &place).unwrap_err().kind(), ErrorKind::NoKernelspec { .. }));
}

#[test]
fn another_kernel_is_neither_replaced_nor_removed() {
    let prefix = tempfile::tempdir().unwrap();
    let place = Place::Prefix(prefix.path().to_owned());
    let python = prefix.path().join("share/jupyter/kernels/python3");
    fs::create_dir_all(&python).unwrap();
    fs::write(python.join("kernel.json"), "{\"argv\": [\"python3\"], \"metadata\": {\"debugger\": true}}").unwrap();
    let mut spec = spec();
    spec.name = "Python3".to_owned();
    for result in [spec.install(&place), uninstall("python3", &place)] {
        assert!(matches!(result.unwrap_err().kind(), ErrorKind::ForeignKernelspec { .. }));
    }
    assert_eq!(kernel_json(&python)["argv"], json!(["python3"]));
}

#[test]
fn names_and_paths_that_jupyter_does_not_take() {
    use std::os::unix::ffi::OsStringExt;
    let prefix = tempfile::tempdir().unwrap();
    let place = Place::Prefix(prefix.path().to_owned());
    for name in ["", ".", "..", "a/b", "a b", "\u{e4}"] {
        let mut spec = spec();
        name.clone_into(&mut spec.name);
        for result in [spec.install(&place), uninstall(name, &place)] {
            assert!(matches!(result.unwrap_err().kind(), ErrorKind::KernelspecName { .. }), "{name:?}");
        }
    }
    let spec = Kernelspec::new(std::ffi::OsString::from_vec(b"/opt/\xff".to_vec()));
    assert!(matches!(spec.install(&place).unwrap_err().kind(), ErrorKind::PathNotUnicode { .. }));
}
