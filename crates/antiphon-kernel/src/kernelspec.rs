//! The kernelspec, by which Jupyter finds the kernel:
//! <https://jupyter-client.readthedocs.io/en/stable/kernels.html#kernel-specs>.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::error::{Error, ErrorKind};

/// `kernel.json`, with a place for the program.
const TEMPLATE: &str = include_str!("../../../kernel-spec/kernel.json");
/// Stands for the path of the program in [`TEMPLATE`].
const PROGRAM: &str = "{antiphon}";
/// What lies beside `kernel.json`. Quarto keeps a kernel warm if it has a cleanup cell, here one that forgets all
/// variables: <https://quarto.org/docs/advanced/jupyter/kernel-execution.html>.
const RESOURCES: [(&str, &[u8]); 4] = [
    ("logo-32x32.png", include_bytes!("../../../kernel-spec/logo-32x32.png")),
    ("logo-64x64.png", include_bytes!("../../../kernel-spec/logo-64x64.png")),
    ("logo-svg.svg", include_bytes!("../../../kernel-spec/logo-svg.svg")),
    ("quarto_cleanup_cell", include_bytes!("../../../kernel-spec/quarto_cleanup_cell")),
];

/// Where kernelspecs are installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The user's own: `JUPYTER_DATA_DIR`, else the platform's folder.
    User,
    /// Below `PREFIX/share/jupyter`.
    Prefix(PathBuf),
    /// Below the prefix of the `python3` on `PATH`, as in an active virtual environment.
    SysPrefix,
}

impl Place {
    /// The folder of all kernelspecs.
    ///
    /// # Errors
    /// No home folder, or no Python for [`Place::SysPrefix`].
    pub fn kernels_dir(&self) -> Result<PathBuf, Error> {
        let data_dir = match self {
            Self::User => user_data_dir()?,
            Self::Prefix(prefix) => prefix.join("share/jupyter"),
            Self::SysPrefix => sys_prefix()?.join("share/jupyter"),
        };
        Ok(data_dir.join("kernels"))
    }
}

/// A kernelspec to install.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Kernelspec {
    /// Its folder's name, by which tools name the kernel.
    pub name: String,
    /// What front ends show.
    pub display_name: String,
    /// The program that serves the kernel.
    pub program: PathBuf,
    /// Arguments for the kernel beside its connection file.
    pub arguments: Vec<String>,
}

impl Kernelspec {
    /// The kernelspec of a program, with the names of the template.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        let display_name = template()["display_name"].as_str().unwrap_or_default().to_owned();
        Self { name: "antiphon".to_owned(), display_name, program: program.into(), arguments: Vec::new() }
    }

    /// Writes it, in place of one of the same name; gives its folder.
    ///
    /// # Errors
    /// A name that Jupyter does not take or that is another kernel's, or a folder that cannot be written. What was there
    /// before stays then.
    pub fn install(&self, place: &Place) -> Result<PathBuf, Error> {
        let kernels = place.kernels_dir()?;
        let folder = kernels.join(checked(&self.name)?);
        if folder.exists() && !is_ours(&folder) {
            return Err(ErrorKind::ForeignKernelspec { folder }.into());
        }
        fs::create_dir_all(&kernels).map_err(failed("create", &kernels))?;
        // Written beside its place and then renamed: nobody finds half a kernelspec.
        let fresh = TempDir::with_prefix_in(".antiphon-", &kernels).map_err(failed("write to", &kernels))?;
        let spec = fresh.path().join("spec");
        fs::create_dir(&spec).map_err(failed("create", &spec))?;
        let mut json = serde_json::to_vec_pretty(&self.json()?).unwrap_or_default();
        json.push(b'\n');
        for (name, content) in RESOURCES.into_iter().chain([("kernel.json", json.as_slice())]) {
            let path = spec.join(name);
            fs::write(&path, content).map_err(failed("write", &path))?;
        }
        let old = fresh.path().join("old");
        if folder.exists() {
            fs::rename(&folder, &old).map_err(failed("replace", &folder))?;
        }
        if let Err(error) = fs::rename(&spec, &folder) {
            let _ = fs::rename(&old, &folder);
            return Err(failed("write", &folder)(error));
        }
        Ok(folder)
    }

    fn json(&self) -> Result<Value, Error> {
        let program = self.program.to_str();
        let program = program.ok_or_else(|| ErrorKind::PathNotUnicode { path: self.program.clone() })?;
        let mut json = template();
        let arguments = json["argv"].as_array().into_iter().flatten();
        let argv = arguments.map(|argument| match argument.as_str() {
            Some(PROGRAM) => json!(program),
            _ => argument.clone(),
        });
        json["argv"] = argv.chain(self.arguments.iter().map(|argument| json!(argument))).collect();
        json["display_name"] = json!(self.display_name);
        Ok(json)
    }
}

/// Removes a kernelspec; gives the folder where it was.
///
/// # Errors
/// There is none of this name there, it is another kernel's, or it cannot be removed.
pub fn uninstall(name: &str, place: &Place) -> Result<PathBuf, Error> {
    let kernels = place.kernels_dir()?;
    let folder = kernels.join(checked(name)?);
    if folder.exists() && !is_ours(&folder) {
        return Err(ErrorKind::ForeignKernelspec { folder }.into());
    }
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(ErrorKind::NoKernelspec { name: name.to_owned(), folder: kernels }.into())
        }
        result => result.map_err(failed("remove", &folder)).map(|()| folder),
    }
}

/// A kernelspec that is there, written by this program or another of its kind.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InstalledKernelspec {
    /// Its folder, whose name is the kernel's.
    pub folder: PathBuf,
    /// The program that it starts, which may be gone.
    pub program: PathBuf,
}

/// The kernelspecs of a place, in the order of their names. None if the place does not exist.
///
/// # Errors
/// No home folder, or no Python for [`Place::SysPrefix`].
pub fn installed(place: &Place) -> Result<Vec<InstalledKernelspec>, Error> {
    let folders = fs::read_dir(place.kernels_dir()?).into_iter().flatten().filter_map(Result::ok);
    let kernelspecs = folders.filter_map(|entry| {
        let folder = entry.path();
        let program = ours(&folder)?["argv"][0].as_str()?.into();
        Some(InstalledKernelspec { folder, program })
    });
    let mut kernelspecs: Vec<_> = kernelspecs.collect();
    kernelspecs.sort_by(|a, b| a.folder.cmp(&b.folder));
    Ok(kernelspecs)
}

/// The `kernel.json` of a folder, if it is one that this program wrote.
fn ours(folder: &Path) -> Option<Value> {
    let json: Value = serde_json::from_slice(&fs::read(folder.join("kernel.json")).ok()?).ok()?;
    (json["metadata"]["implementation"] == template()["metadata"]["implementation"]).then_some(json)
}

fn is_ours(folder: &Path) -> bool {
    ours(folder).is_some()
}

fn template() -> Value {
    serde_json::from_str(TEMPLATE).unwrap_or_default()
}

/// `jupyter_client` takes these names alone, and looks for them in lower case.
fn checked(name: &str) -> Result<String, Error> {
    let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    // `.` and `..` are other folders.
    if name.bytes().all(is_fit) && name.bytes().any(|byte| byte.is_ascii_alphanumeric()) {
        return Ok(name.to_ascii_lowercase());
    }
    Err(ErrorKind::KernelspecName { name: name.to_owned() }.into())
}

/// As `jupyter_core.paths.jupyter_data_dir`.
fn user_data_dir() -> Result<PathBuf, Error> {
    if let Some(folder) = env::var_os("JUPYTER_DATA_DIR").filter(|folder| !folder.is_empty()) {
        return Ok(folder.into());
    }
    let unknown = || ErrorKind::UnknownPlace { what: "the home folder", hint: "set HOME, or use `--prefix`" };
    if cfg!(target_os = "macos") {
        return Ok(dirs::home_dir().ok_or_else(unknown)?.join("Library/Jupyter"));
    }
    Ok(dirs::data_dir().ok_or_else(unknown)?.join("jupyter"))
}

fn sys_prefix() -> Result<PathBuf, Error> {
    let output = Command::new("python3").args(["-c", "import sys; print(sys.prefix)"]).output();
    let prefix = output.ok().filter(|output| output.status.success()).and_then(|it| String::from_utf8(it.stdout).ok());
    prefix.map(|prefix| PathBuf::from(prefix.trim())).ok_or_else(|| {
        let hint = "put the `python3` of the environment first on PATH, or use `--prefix`";
        ErrorKind::UnknownPlace { what: "the prefix of Python's environment", hint }.into()
    })
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| ErrorKind::Kernelspec { action, path, source }.into()
}
