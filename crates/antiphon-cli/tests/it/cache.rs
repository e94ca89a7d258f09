//! The folder of preloads and sessions.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use crate::notebook::cell;
use crate::run::default_cache;
use crate::workspace::Workspace;

#[test]
fn a_cache_that_cannot_be_written() {
    let workspace = Workspace::new();
    workspace.notebook("good.ipynb", [cell("println!(\"must not run\");")]);
    let file = workspace.write("file", "in the way");
    for cache in [Path::new("/proc/nope"), &file, &file.join("below")] {
        let run = workspace.antiphon(["run", "good.ipynb"]).cache(cache).run().code(6);
        let hint = run.one_error(&[&cache.display().to_string()]);
        assert!(hint.is_some_and(|hint| hint.contains("ANTIPHON_CACHE_DIR")), "{}", run.stderr);
        assert_eq!(run.stdout, "");
    }
}

#[test]
fn a_relative_path_of_a_cache_is_relative_to_the_current_folder() {
    let workspace = Workspace::new();
    let notebook = workspace.notebook("cache.ipynb", [cell("println!(\"{}\", 6 * 7);")]);
    let cache = default_cache();
    let parent = cache.parent().unwrap();
    // Nobody may have run anything yet.
    fs::create_dir_all(parent).unwrap();
    let arguments = [Path::new("run"), &notebook];
    let name = cache.file_name().unwrap();
    let run = workspace.antiphon(arguments).env("ANTIPHON_CACHE_DIR", name).current_dir(parent).run().code(0);
    assert_eq!(run.stdout, "42\n");
    assert!(!workspace.path("antiphon").exists());
}

#[test]
fn an_evaluator_that_dies_at_the_start_costs_nobody_the_preload() {
    let workspace = Workspace::new();
    workspace
        .notebook("first.ipynb", [cell("println!(\"waiting\"); tokio::time::sleep(Duration::from_secs(600)).await;")]);
    // It uses the preload for as long as it runs.
    let mut first = workspace.antiphon(["run", "first.ipynb"]).start();
    first.until_stdout("waiting\n");

    let other = Workspace::new();
    other.notebook("second.ipynb", [cell("println!(\"{}\", 6 * 7);")]);
    let second = other.antiphon(["run", "second.ipynb"]).start();
    let host = second.until_process(|process| process.variable("ANTIPHON_ROLE") == Some("host"));
    // As the kernel does when memory is short.
    host.kill();
    let second = second.finish_within(Duration::from_secs(60));
    match second.status.code() {
        Some(0) => assert_eq!(second.stdout, "42\n"),
        _ => drop(second.code(6).one_error(&["ended"])),
    }
    let doctor = other.antiphon(["doctor"]).run().code(0);
    assert!(doctor.stdout.contains("ready in"), "{}", doctor.stdout);
    first.end_by(Signal::TERM, Duration::from_secs(10)).code(130);
}

/// Compiled crates of a session that are not the preload's own files.
fn compiled_anew(session: &Path) -> Vec<String> {
    let deps =
        std::fs::read_dir(session.join("ctx/target")).unwrap().map(|entry| entry.unwrap().path().join("debug/deps"));
    let files = deps.filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().map(Result::unwrap);
    let anew = files.filter(|file| file.metadata().unwrap().nlink() == 1);
    let names = anew.map(|file| PathBuf::from(file.file_name()));
    let is_crate = |name: &PathBuf| {
        let extension = name.extension().and_then(OsStr::to_str);
        matches!(extension, Some("rlib" | "so"))
    };
    let of_cells = |name: &String| name.starts_with("libctx") || name.starts_with("libcode_");
    names.filter(is_crate).map(|name| name.display().to_string()).filter(|name| !of_cells(name)).collect()
}

#[test]
fn a_warm_start_compiles_no_crate() {
    let workspace = Workspace::new();
    let source = "println!(\"waiting\"); tokio::time::sleep(Duration::from_secs(600)).await;";
    workspace.notebook("waits.ipynb", [cell(source)]);
    // As under `cargo run` and `cargo test`: build scripts ask cargo to look at such variables.
    let of_cargo = [("CARGO_MANIFEST_DIR", "/elsewhere"), ("CARGO_PKG_NAME", "other"), ("OUT_DIR", "/elsewhere")];
    for variables in [&[], of_cargo.as_slice()] {
        let run = workspace.antiphon(["run", "waits.ipynb"]);
        let mut run = variables.iter().fold(run, |run, (name, value)| run.env(name, value)).start();
        run.until_stdout("waiting\n");
        let host = run.until_process(|process| process.variable("ANTIPHON_ROLE") == Some("host"));
        let anew = compiled_anew(Path::new(host.variable("ANTIPHON_SESSION").unwrap()));
        run.end_by(Signal::TERM, Duration::from_secs(10)).code(130);
        assert!(anew.is_empty(), "with {variables:?}: {anew:?}");
    }
}

#[test]
fn a_cache_with_a_space_in_its_path_is_refused() {
    let workspace = Workspace::new();
    workspace.notebook("good.ipynb", [cell("println!(\"must not run\");")]);
    let cache = workspace.path("cache");
    let run = workspace.antiphon(["run", "good.ipynb"]).cache(&cache).run().code(6);
    let hint = run.one_error(&[&cache.display().to_string(), "space"]);
    assert!(hint.is_some_and(|hint| hint.contains("ANTIPHON_CACHE_DIR")), "{}", run.stderr);
    assert!(!cache.exists());
}

#[test]
fn any_other_path_of_a_cache_will_do() {
    let workspace = Workspace::new();
    workspace.notebook("cache.ipynb", [cell("println!(\"{}\", 6 * 7);")]);
    // Quotes, letters that are not ASCII, and too long for a socket.
    let cache = workspace.beside(&format!("caf\u{e9}-\"{}\"-it's", "long".repeat(25)));
    let run = workspace.antiphon(["run", "cache.ipynb"]).cache(&cache).run().code(0);
    assert_eq!(run.stdout, "42\n");
    assert!(run.stderr.starts_with("building the preload, once ("), "{}", run.stderr);
    let doctor = workspace.antiphon(["doctor"]).cache(&cache).run().code(0);
    assert!(doctor.stdout.contains("ready in"), "{}", doctor.stdout);
}

/// A small disk; unmounted on drop.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(folder: PathBuf) -> Option<Self> {
        std::fs::create_dir(&folder).unwrap();
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=8m", "tmpfs"]).arg(&folder).output();
        mount.is_ok_and(|mount| mount.status.success()).then_some(Self(folder))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_leaves_nothing_half_built() {
    let workspace = Workspace::new();
    workspace.notebook("good.ipynb", [cell("println!(\"must not run\");")]);
    let Some(disk) = SmallDisk::mount(workspace.beside("disk")) else {
        eprintln!("SKIPPED: a tmpfs cannot be mounted here");
        return;
    };
    let run = workspace.antiphon(["run", "--output-dir", "out", "good.ipynb"]).cache(&disk.0).run().code(6);
    let hint = run.one_error(&["No space left on device"]);
    assert!(hint.is_some_and(|hint| hint.contains("free some space")), "{}", run.stderr);
    assert_eq!(run.stdout, "");
    let preloads = std::fs::read_dir(disk.0.join("preload")).unwrap().map(|entry| entry.unwrap().path());
    let folders: Vec<PathBuf> = preloads.filter(|path| path.is_dir()).collect();
    assert_eq!(folders, <[PathBuf; 0]>::default());
}
