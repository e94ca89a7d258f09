//! `antiphon prebuild`.

use std::io::Write;
use std::path::PathBuf;

use antiphon_engine::{Engine, Options};
use antiphon_notebook::ExitCode;

use crate::failure::Failure;
use crate::progress::StartProgress;
use crate::signals::Shutdown;

/// Builds the preload if it is not there, and proves that it works.
pub(crate) async fn prebuild(shutdown: &Shutdown) -> Result<u8, Failure> {
    let engine = start(Options::default(), shutdown).await?;
    engine.shutdown().await;
    let mut stderr = anstream::stderr().lock();
    let _ = writeln!(stderr, "the preload is ready in {}", antiphon_engine::cache_dir().display());
    Ok(ExitCode::OK)
}

/// Starts an engine and shows how far it is.
pub(crate) async fn start(options: Options, shutdown: &Shutdown) -> Result<Engine, Failure> {
    let mut progress = StartProgress::new();
    let mut show = |step| progress.step(step);
    let result = tokio::select! {
        result = Engine::start(options, &mut show) => result.map_err(Failure::from),
        () = shutdown.requested() => Err(Failure::Interrupted),
    };
    progress.finish();
    result
}

/// Options for cells that run in a folder.
pub(crate) fn options(working_dir: PathBuf, env: &[(String, String)]) -> Options {
    let mut options = Options::default();
    options.working_dir = Some(working_dir);
    options.env = env.to_vec();
    options
}
