//! `antiphon run`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use antiphon_engine::Engine;
use antiphon_notebook::{Destination, ExitCode, Notebook, RunOptions, Terminal, TerminalOptions, plan, read};

use crate::args::RunArgs;
use crate::failure::Failure;
use crate::signals::Shutdown;
use crate::{prebuild, serve};

/// Runs notebooks one after the other; the first code other than 0 is the result.
pub(crate) async fn run(args: RunArgs, started: Instant, shutdown: &Shutdown) -> Result<u8, Failure> {
    let destination = match args.output_dir {
        Some(folder) => Destination::Dir(folder),
        None if args.in_place => Destination::InPlace,
        None => Destination::None,
    };
    let mut notebooks = Vec::new();
    for notebook in &args.notebooks {
        notebooks.push(read(notebook)?);
    }
    let jobs = plan(&args.notebooks, &destination)?;
    let sim = serve::start(&args.sim).await?;
    let env = serve::env(sim.as_ref());
    let mut reporter = Terminal::stdio(TerminalOptions { timings: args.timings, started: Some(started) });
    let mut engines = Engines { env, current: None };
    let mut result = ExitCode::OK;
    for (job, notebook) in jobs.iter().zip(&mut notebooks) {
        let engine = engines.for_notebook(notebook, shutdown).await?;
        let options = RunOptions {
            timeout: args.timeout,
            allow_errors: args.allow_errors,
            simulated: args.sim.sim,
            rustc_version: Some(engine.toolchain().version.to_string()),
        };
        let shutdown = std::pin::pin!(shutdown.requested());
        let summary = antiphon_notebook::run(engine, notebook, &options, shutdown, &mut reporter).await;
        if let (true, Some(output)) = (summary.outcome.is_written(), &job.output) {
            notebook.write(output)?;
        }
        let code = summary.outcome.exit_code();
        if result == ExitCode::OK || code == ExitCode::INTERRUPTED {
            result = code;
        }
        if code == ExitCode::INTERRUPTED {
            break;
        }
    }
    engines.shut_down().await;
    if let Some(sim) = sim {
        sim.shutdown().await;
    }
    Ok(result)
}

/// One warm engine for all notebooks of a folder: cells run in the folder of their notebook, as under Jupyter.
#[derive(Debug)]
struct Engines {
    env: Vec<(String, String)>,
    current: Option<(PathBuf, Engine)>,
}

impl Engines {
    async fn for_notebook(&mut self, notebook: &Notebook, shutdown: &Shutdown) -> Result<&Engine, Failure> {
        let parent = notebook.path().parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = parent.unwrap_or(Path::new(".")).to_owned();
        let reusable = match &self.current {
            Some((current, engine)) if *current == folder => engine.clear().await.is_ok(),
            _ => false,
        };
        if !reusable {
            self.shut_down().await;
            let engine = prebuild::start(prebuild::options(folder.clone(), &self.env), shutdown).await?;
            self.current = Some((folder, engine));
        }
        match &self.current {
            Some((_, engine)) => Ok(engine),
            None => Err(Failure::Interrupted),
        }
    }

    async fn shut_down(&mut self) {
        if let Some((_, engine)) = self.current.take() {
            engine.shutdown().await;
        }
    }
}
