//! `antiphon kernel`.

use std::sync::Arc;

use antiphon_kernel::Options;
use antiphon_notebook::ExitCode;
use tokio::sync::watch;
use tracing_subscriber::EnvFilter;

use crate::args::KernelArgs;
use crate::failure::Failure;
use crate::serve;

/// What is logged on standard error, in the form of `RUST_LOG`.
const LOG: &str = "ANTIPHON_LOG";
/// zeromq warns when the folder of its sockets is removed before it has removed them one by one, at each shutdown.
const DEFAULT_LOG: &str = "warn,zeromq=error";

/// Serves a kernel until Jupyter shuts it down.
pub(crate) async fn kernel(args: KernelArgs) -> Result<u8, Failure> {
    let filter = EnvFilter::try_from_env(LOG).unwrap_or_else(|_| EnvFilter::new(DEFAULT_LOG));
    // Jupyter writes it to files and pages as often as to a terminal.
    let colours = std::io::IsTerminal::is_terminal(&std::io::stderr());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours).init();
    let signals = antiphon_kernel::kernel_signals().map_err(anyhow::Error::new)?;
    let sim = serve::start(&args.sim).await?;
    let working_dir = std::env::current_dir().map_err(anyhow::Error::new)?;
    let cache_dir = antiphon_engine::cache_dir();
    let connection_file = std::path::absolute(&args.connection_file).map_err(anyhow::Error::new)?;
    // Cells run in that folder. Were it this process's own and deleted, no program could be started any more, even when
    // a folder of its name is there again.
    std::env::set_current_dir("/").map_err(anyhow::Error::new)?;
    let mut engine = crate::prebuild::options(working_dir.clone(), &serve::env(sim.as_ref()));
    engine.cache_dir = Some(cache_dir);

    let mut options = Options::default();
    options.banner = format!("antiphon {}: Rust cells that can await language models", env!("CARGO_PKG_VERSION"));
    options.notice = sim.is_some().then(|| "the answers of language models are simulated".to_owned());
    options.working_dir.clone_from(&working_dir);
    let (version, rustc_version) = watch::channel(None);
    options.rustc_version = rustc_version;
    tokio::task::spawn_blocking(move || {
        // A toolchain that is not fit is the first cell's to tell.
        if let Ok(toolchain) = antiphon_engine::Toolchain::find(&working_dir) {
            version.send_replace(Some(toolchain.version.to_string()));
        }
    });

    antiphon_kernel::serve(&connection_file, options, Arc::new(engine), signals).await?;
    if let Some(sim) = sim {
        sim.shutdown().await;
    }
    Ok(ExitCode::OK)
}
