//! Where executed notebooks go, settled before anything runs.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind};
use crate::write::check_writable;

/// Where executed notebooks go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// Each over its input.
    InPlace,
    /// Into a folder, under the input's file name.
    Dir(PathBuf),
    /// Nowhere.
    None,
}

/// One notebook to execute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// The notebook.
    pub input: PathBuf,
    /// Where the executed one goes.
    pub output: Option<PathBuf>,
}

/// Pairs inputs with outputs, makes the output folder, and checks that the outputs can be written.
///
/// # Errors
/// A folder that cannot be made, an output that cannot be written, or two inputs with one output.
pub fn plan(inputs: &[PathBuf], destination: &Destination) -> Result<Vec<Job>, Error> {
    let mut inputs_by_output: HashMap<PathBuf, &PathBuf> = HashMap::new();
    let mut jobs = Vec::with_capacity(inputs.len());
    for input in inputs {
        let output = match destination {
            Destination::InPlace => Some(input.clone()),
            Destination::Dir(folder) => Some(folder.join(input.file_name().unwrap_or(input.as_os_str()))),
            Destination::None => None,
        };
        if let Some(output) = &output
            && let Some(first) = inputs_by_output.insert(real_path(output), input)
        {
            let (first, second) = (first.clone(), input.clone());
            return Err(ErrorKind::SameOutput { first, second, output: output.clone() }.into());
        }
        jobs.push(Job { input: input.clone(), output });
    }
    // Nothing is made before everything is known to fit.
    if let Destination::Dir(folder) = destination {
        std::fs::create_dir_all(folder).map_err(|source| ErrorKind::CreateDir { path: folder.clone(), source })?;
    }
    for Job { input, output } in &jobs {
        // A missing input is reported when it is read, as what it is.
        if let Some(output) = output
            && (*destination != Destination::InPlace || input.exists())
        {
            check_writable(output)?;
        }
    }
    Ok(jobs)
}

/// The same for all spellings of a path; the file itself need not exist.
fn real_path(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| match (path.parent(), path.file_name()) {
        (Some(folder), Some(name)) => {
            let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
            folder.canonicalize().map_or_else(|_| path.to_owned(), |folder| folder.join(name))
        }
        _ => path.to_owned(),
    })
}
