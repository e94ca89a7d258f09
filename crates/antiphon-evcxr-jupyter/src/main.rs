//! The stock evcxr Jupyter server, preloaded.
//!
//! Started as a kernel, it makes a session folder with the preload, and runs itself once more in it as the stock
//! server: `evcxr_jupyter::main()`, which finds our configuration by `EVCXR_CONFIG_DIR`. Everything else on the command
//! line (`--install`, `--help`) is the stock server's. Cells have the shared runtime and the prelude; what the stock
//! server itself lacks (live output, an interrupt that keeps variables, a failing reply for a panic) they lack here.

use std::process::ExitCode;

use antiphon_engine::{Engine, Options, PreloadState, StockSession, Toolchain, cache_dir, preload_state};
use anyhow::Context;

/// Set for the stock server in its session.
const IN_SESSION: &str = "ANTIPHON_STOCK_SESSION";

fn main() -> anyhow::Result<ExitCode> {
    antiphon_engine::process_hook();
    let starts_kernel = std::env::args().any(|argument| argument == "--control_file");
    if std::env::var_os(IN_SESSION).is_some() {
        antiphon_engine::end_with_parent();
    } else if starts_kernel {
        return tokio::runtime::Runtime::new()?.block_on(serve());
    }
    evcxr_jupyter::main().map(|()| ExitCode::SUCCESS)
}

async fn serve() -> anyhow::Result<ExitCode> {
    let working_dir = std::env::current_dir().context("cannot find the current folder")?;
    let program = std::env::current_exe().context("cannot find this program")?;
    let toolchain = Toolchain::find(&working_dir)?;
    if let PreloadState::Missing(_) = preload_state(&cache_dir(), &toolchain) {
        Engine::start(Options::default(), &mut |_| {}).await?.shutdown().await;
    }
    let session = StockSession::create(&cache_dir(), &working_dir, &program)?;
    let mut server = tokio::process::Command::new(&program)
        .args(std::env::args_os().skip(1))
        .envs(session.env.iter().map(|(name, value)| (name, value)))
        .env(IN_SESSION, "1")
        .kill_on_drop(true)
        .spawn()
        .context("cannot start the stock server")?;
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    let status = tokio::select! {
        status = server.wait() => status?,
        _ = terminate.recv() => {
            server.kill().await?;
            return Ok(ExitCode::from(143));
        }
    };
    Ok(ExitCode::from(u8::try_from(status.code().unwrap_or(1)).unwrap_or(1)))
}
