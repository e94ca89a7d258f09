//! Compilers that are missing, too old, or incomplete.

use std::path::PathBuf;

use crate::notebook::cell;
use crate::run::Finished;
use crate::workspace::Workspace;

/// Runs a notebook with nothing on `PATH` but the scripts of `bin`; `doctor` must say the same.
#[track_caller]
fn run(workspace: &Workspace) -> Finished {
    workspace.notebook("good.ipynb", [cell("println!(\"must not run\");")]);
    let bin = workspace.path("bin");
    let cache = workspace.path("cache");
    let start = |arguments: &[&str]| {
        workspace.antiphon(arguments).path(&[&bin]).cache(&cache).env("HOME", workspace.folder()).run().code(6)
    };
    let doctor = start(&["doctor"]);
    let run = start(&["run", "--output-dir", "out", "good.ipynb"]);
    assert_eq!(run.stdout, "");
    let errors = |run: &Finished| -> String { run.stderr.lines().filter(|line| line.contains(": ")).collect() };
    assert_eq!(errors(&doctor), errors(&run));
    assert!(!cache.exists(), "a cache for nothing");
    assert!(!workspace.path("out/good.ipynb").exists());
    run
}

/// A `rustc` of a version, with a sysroot; and a `cargo`.
fn fake(workspace: &Workspace, version: &str, sysroot: &str) -> PathBuf {
    let sysroot = workspace.path(sysroot);
    std::fs::create_dir_all(&sysroot).unwrap();
    let body = format!(
        "case \"$1\" in\n-vV) echo 'rustc {version} (000000000 2023-01-01)'; echo 'host: x86_64-unknown-linux-gnu'; \
        echo 'release: {version}';;\n--print) echo \"{}\";;\nesac",
        sysroot.display()
    );
    workspace.script("bin/rustc", &body);
    workspace.script("bin/cargo", "echo 'cargo 1.95.0'");
    sysroot
}

#[test]
fn no_compiler() {
    let workspace = Workspace::new();
    std::fs::create_dir(workspace.path("bin")).unwrap();
    let run = run(&workspace);
    let hint = run.one_error(&["`rustc` was not found"]);
    assert!(hint.is_some_and(|hint| hint.contains("https://rustup.rs")), "{}", run.stderr);
}

#[test]
fn a_compiler_without_cargo() {
    let workspace = Workspace::new();
    fake(&workspace, "1.95.0", "sysroot");
    std::fs::remove_file(workspace.path("bin/cargo")).unwrap();
    let run = run(&workspace);
    let hint = run.one_error(&["`cargo` was not found"]);
    assert!(hint.is_some_and(|hint| hint.contains("https://rustup.rs")), "{}", run.stderr);
}

#[test]
fn an_old_compiler() {
    let workspace = Workspace::new();
    fake(&workspace, "1.70.0", "sysroot");
    let run = run(&workspace);
    let hint = run.one_error(&["rustc 1.70.0 is too old", "1.95.0"]);
    assert!(hint.is_some_and(|hint| hint.contains("rustup update")), "{}", run.stderr);
}

#[test]
fn no_sources_of_the_standard_library() {
    for (sysroot, command) in [
        (
            "toolchains/stable-x86_64-unknown-linux-gnu",
            "`rustup component add rust-src --toolchain stable-x86_64-unknown-linux-gnu`",
        ),
        ("usr", "`rustup component add rust-src`"),
    ] {
        let workspace = Workspace::new();
        let sysroot = fake(&workspace, "1.95.0", sysroot);
        let run = run(&workspace);
        let hint = run.one_error(&["sources are missing", &sysroot.display().to_string()]);
        assert!(hint.is_some_and(|hint| hint.contains(command)), "{}", run.stderr);
    }
}

#[test]
fn a_compiler_that_fails() {
    let workspace = Workspace::new();
    fake(&workspace, "1.95.0", "sysroot");
    workspace.script("bin/rustc", "echo 'librustc_driver.so: cannot open shared object file' >&2; exit 127");
    let run = run(&workspace);
    run.one_error(&["rustc", "-vV", "librustc_driver.so"]);
}
