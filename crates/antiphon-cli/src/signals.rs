//! Ctrl-C and SIGTERM.

use std::io;

use antiphon_repl::Signal;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};

/// Tells everyone who waits that the process is to end.
#[derive(Clone, Debug)]
pub(crate) struct Shutdown(watch::Receiver<bool>);

impl Shutdown {
    /// Listens for SIGINT, SIGTERM and SIGHUP.
    pub(crate) fn on_signals() -> io::Result<Self> {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hangup = signal(SignalKind::hangup())?;
        let (sender, receiver) = watch::channel(false);
        tokio::spawn(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
            }
            let _ = sender.send(true);
        });
        Ok(Self(receiver))
    }

    /// Waits for one of them. Cancel safe; every call after a signal completes at once.
    pub(crate) async fn requested(&self) {
        // The sender lives until a signal came.
        let _ = self.0.clone().wait_for(|requested| *requested).await;
    }
}

/// Listens for SIGINT, SIGTERM and SIGHUP, as often as they come.
pub(crate) fn repl_signals() -> io::Result<mpsc::Receiver<Signal>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let (sender, receiver) = mpsc::channel(8);
    tokio::spawn(async move {
        loop {
            let said = tokio::select! {
                _ = interrupt.recv() => Signal::Interrupt,
                _ = terminate.recv() => Signal::Terminate,
                _ = hangup.recv() => Signal::Terminate,
            };
            if sender.send(said).await.is_err() {
                return;
            }
        }
    });
    Ok(receiver)
}
