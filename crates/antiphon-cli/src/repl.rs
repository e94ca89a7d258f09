//! `antiphon repl`.

use std::path::PathBuf;
use std::sync::Arc;

use antiphon_engine::Evaluator;
use antiphon_notebook::ExitCode;
use antiphon_repl::{Options, Outcome, Reader};
use antiphon_terminal::{BOLD, DIM, Screen};

use crate::args::SimFlags;
use crate::failure::Failure;
use crate::signals::{Shutdown, repl_signals};
use crate::{prebuild, serve};

/// Reads cells from standard input and runs them.
pub(crate) async fn repl(sim: &SimFlags, shutdown: &Shutdown) -> Result<u8, Failure> {
    let working_dir = std::env::current_dir().map_err(anyhow::Error::new)?;
    let sim = serve::start(sim).await?;
    let engine = prebuild::start(prebuild::options(working_dir, &serve::env(sim.as_ref())), shutdown).await?;
    let version = engine.toolchain().version.to_string();
    let evaluator: Arc<dyn Evaluator> = Arc::new(engine);
    let signals = repl_signals().map_err(anyhow::Error::new)?;
    let mut options = Options::default();
    options.history = history();
    let reader = Reader::open(&evaluator, &options)?;
    let mut screen = Screen::stdio();
    if reader.is_terminal() {
        let banner = format!("antiphon {}, rustc {version}", env!("CARGO_PKG_VERSION"));
        screen.say(&screen.paint(BOLD, banner));
        screen.say(&screen.paint(DIM, "`:help` tells what there is; Ctrl-C stops a cell, Ctrl-D leaves"));
    }
    if sim.is_some() {
        screen.say(&screen.paint(BOLD, "answers are simulated (--sim)"));
    }
    let result = antiphon_repl::run(&*evaluator, reader, &mut screen, signals).await;
    evaluator.shut_down().await;
    if let Some(sim) = sim {
        sim.shutdown().await;
    }
    Ok(match result? {
        Outcome::Left => ExitCode::OK,
        Outcome::CellFailed => ExitCode::CELL_FAILED,
        Outcome::Interrupted => ExitCode::INTERRUPTED,
    })
}

/// Where the user's cells are kept.
fn history() -> Option<PathBuf> {
    let folder = dirs::state_dir().or_else(dirs::data_local_dir)?.join("antiphon");
    std::fs::create_dir_all(&folder).ok()?;
    Some(folder.join("repl-history"))
}
