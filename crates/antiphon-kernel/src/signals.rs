//! What the operating system and the parent process have to say.

use std::io;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// Something that does not come from a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KernelSignal {
    /// As `interrupt_request`.
    Interrupt,
    /// As `shutdown_request`.
    Shutdown,
}

/// Jupyter's own process, set by `jupyter_client` for its kernels.
const PARENT_PID: &str = "JPY_PARENT_PID";
/// How often the kernel looks whether that process is there. A signal on its death would come when the thread that
/// started the kernel ends.
const PARENT_POLL: Duration = Duration::from_secs(1);

/// Listens for SIGINT (interrupt), SIGTERM and SIGHUP (shutdown), and for the end of the process that started the
/// kernel, if Jupyter did.
///
/// # Errors
/// The operating system refuses a signal handler.
pub fn kernel_signals() -> io::Result<mpsc::Receiver<KernelSignal>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let (sender, receiver) = mpsc::channel(8);
    tokio::spawn(async move {
        let mut orphaned = std::pin::pin!(orphaned());
        loop {
            let said = tokio::select! {
                _ = interrupt.recv() => KernelSignal::Interrupt,
                _ = terminate.recv() => KernelSignal::Shutdown,
                _ = hangup.recv() => KernelSignal::Shutdown,
                () = &mut orphaned => KernelSignal::Shutdown,
            };
            if sender.send(said).await.is_err() || said == KernelSignal::Shutdown {
                return;
            }
        }
    });
    Ok(receiver)
}

/// Ends when the parent process does, if that is the one that Jupyter named: a launcher in between may end as it likes.
async fn orphaned() {
    let named = std::env::var(PARENT_PID).ok().and_then(|pid| pid.parse::<i32>().ok());
    let parent = || rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get());
    if named.is_none() || named != parent() {
        std::future::pending::<()>().await;
    }
    while parent() == named {
        tokio::time::sleep(PARENT_POLL).await;
    }
}
