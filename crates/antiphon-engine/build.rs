//! Collects the sources that a session compiles: the cell library, what it needs from this workspace, and the lock.
//!
//! They are part of the binary, so that an installed `antiphon` needs no checkout.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

const CRATES: [&str; 3] = ["antiphon", "antiphon-cell", "antiphon-channel"];

fn main() -> Result<(), Box<dyn Error>> {
    let workspace = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../..");
    let mut files = Vec::new();
    for krate in CRATES {
        let folder = workspace.join("crates").join(krate);
        files.push(folder.join("Cargo.toml"));
        collect(&folder.join("src"), &mut files)?;
        // A file that is added changes its folder.
        println!("cargo::rerun-if-changed={}", folder.join("src").display());
    }
    let mut table = String::from("pub(crate) const SOURCES: &[(&str, &str)] = &[\n");
    for file in &files {
        println!("cargo::rerun-if-changed={}", file.display());
        let name = file.strip_prefix(&workspace)?.display().to_string();
        let path = file.canonicalize()?.display().to_string();
        writeln!(table, "    ({name:?}, include_str!({path:?})),")?;
    }
    for name in ["Cargo.toml", "Cargo.lock"] {
        let file = workspace.join(name);
        println!("cargo::rerun-if-changed={}", file.display());
        let mut text = fs::read_to_string(file)?;
        if name == "Cargo.toml" {
            // Only the three crates above are there.
            text = text
                .lines()
                .filter(|line| !line.starts_with("default-members"))
                .fold(String::new(), |text, line| text + line + "\n");
        }
        writeln!(table, "    ({name:?}, {text:?}),")?;
    }
    table.push_str("];\n");
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("sources.rs"), table)?;
    Ok(())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    entries.sort();
    for path in entries {
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}
