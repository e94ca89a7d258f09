//! Outputs are settled before anything runs.

use std::error::Error as _;
use std::fs;
use std::path::PathBuf;

use antiphon_notebook::{Destination, ErrorKind, ExitCode, Job, plan};

fn job(input: &str, output: Option<PathBuf>) -> Job {
    Job { input: input.into(), output }
}

#[test]
fn nowhere_and_into_a_folder() {
    let inputs = ["a/x.ipynb".into(), "a/y.ipynb".into()];
    let jobs = plan(&inputs, &Destination::None).unwrap();
    assert_eq!(jobs, [job("a/x.ipynb", None), job("a/y.ipynb", None)]);

    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("new/out");
    let jobs = plan(&inputs, &Destination::Dir(out.clone())).unwrap();
    let expected = [job("a/x.ipynb", Some(out.join("x.ipynb"))), job("a/y.ipynb", Some(out.join("y.ipynb")))];
    assert_eq!(jobs, expected);
    assert!(out.is_dir());
    assert_eq!(fs::read_dir(&out).unwrap().count(), 0, "the check leaves nothing");
}

#[test]
fn in_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.ipynb");
    fs::write(&path, "old").unwrap();
    let missing = folder.path().join("missing/x.ipynb");
    let jobs = plan(&[path.clone(), missing.clone()], &Destination::InPlace).unwrap();
    // That one is missing is found out when it is read.
    assert_eq!(jobs[0], Job { input: path.clone(), output: Some(path.clone()) });
    assert_eq!(jobs[1], Job { input: missing.clone(), output: Some(missing) });
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");
}

#[test]
fn two_inputs_of_one_name() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_owned();
    let error = plan(&["a/x.ipynb".into(), "b/x.ipynb".into()], &Destination::Dir(out.clone())).unwrap_err();
    let output = out.join("x.ipynb");
    assert_eq!(
        error.to_string(),
        format!("`a/x.ipynb` and `b/x.ipynb` would both be written to `{}`", output.display())
    );
    assert!(error.hint().is_some());
    assert_eq!(error.exit_code(), ExitCode::OUTPUT);

    // One notebook under two names.
    let path = out.join("y.ipynb");
    fs::write(&path, "").unwrap();
    let other = out.join("../").join(out.file_name().unwrap()).join("y.ipynb");
    let error = plan(&[path, other], &Destination::InPlace).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::SameOutput { .. }));
    let twice = plan(&["a/x.ipynb".into(), "a/x.ipynb".into()], &Destination::None);
    assert_eq!(twice.unwrap().len(), 2);
}

#[test]
fn outputs_that_cannot_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let below = file.join("out");
    let error = plan(&["x.ipynb".into()], &Destination::Dir(below.clone())).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot create the directory `{}`", below.display()));
    assert!(error.source().is_some());
    assert_eq!(error.exit_code(), ExitCode::OUTPUT);

    let taken = folder.path().join("x.ipynb");
    fs::create_dir(&taken).unwrap();
    let error = plan(&["x.ipynb".into()], &Destination::Dir(folder.path().to_owned())).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot write `{}`", taken.display()));
    assert_eq!(error.exit_code(), ExitCode::OUTPUT);
}
