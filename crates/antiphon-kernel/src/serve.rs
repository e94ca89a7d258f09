//! A kernel from its connection file to its end.

use std::path::Path;
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::connection_file;
use crate::error::Error;
use crate::kernel::Kernel;
use crate::launcher::Launcher;
use crate::options::Options;
use crate::signals::KernelSignal;
use crate::sockets::Sockets;

/// Serves a kernel until a client or a signal shuts it down.
///
/// The evaluator is launched at once; until it is there, everything but cells is answered, and cells wait.
///
/// # Errors
/// A connection file that cannot be read, or addresses that cannot be listened on.
///
/// # Cancel safety
/// Dropping the future ends the kernel without its last messages.
pub async fn serve(
    connection_file: &Path,
    options: Options,
    launcher: Arc<dyn Launcher>,
    signals: mpsc::Receiver<KernelSignal>,
) -> Result<(), Error> {
    let info = connection_file::read(connection_file, &options.working_dir)?;
    let session_id = jupyter_protocol::JupyterMessage::new(jupyter_protocol::Status::starting(), None).header.session;
    let sockets = Sockets::bind(&info, &session_id).await?;
    Kernel::new(sockets, signals, info, options, launcher).run().await;
    Ok(())
}
