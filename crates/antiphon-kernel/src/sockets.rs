//! The channels, as the kernel sees them, and the thread of their sockets.
//!
//! zeromq 0.7 keeps its clients in a table (`scc`) whose locks it takes both ways: tasks wait for them as futures, and
//! `recv` waits for them with its thread. A lock that is let go belongs to the next in line at once, also when that is a
//! task which has yet to run; a runtime with several threads may have put it into the one slot that only the waiting
//! thread empties. Then this thread waits for ever, and nothing is shown any more. On a single thread no task stops
//! while it holds such a lock, so nobody ever waits for one: all sockets live on one.

use std::{io, thread};

use jupyter_protocol::{ConnectionInfo, JupyterMessage};
use tokio::sync::{mpsc, oneshot};

use crate::error::{Error, ErrorKind};
use crate::iopub::IoPub;
use crate::network::{Network, Outgoing};
use crate::request::{Channel, Request};

/// Requests that wait for the kernel before it stops reading more.
const QUEUE: usize = 1024;

/// The channels of a kernel.
pub(crate) struct Sockets {
    pub(crate) requests: mpsc::Receiver<Request>,
    pub(crate) iopub: IoPub,
    outgoing: mpsc::Sender<Outgoing>,
    /// Closes when the thread has ended.
    ended: oneshot::Receiver<()>,
}

impl Sockets {
    /// Listens on all addresses of a connection file.
    pub(crate) async fn bind(info: &ConnectionInfo, session_id: &str) -> Result<Self, Error> {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(ErrorKind::SocketThread)?;
        let (requests_tx, requests) = mpsc::channel(QUEUE);
        let (outgoing, outgoing_rx) = mpsc::channel(1);
        let (bound_tx, bound) = oneshot::channel();
        let (ended_tx, ended) = oneshot::channel();
        let (info, session_id) = (info.clone(), session_id.to_owned());
        let serve = async move {
            match Network::bind(&info, &session_id, requests_tx).await {
                Ok((network, iopub)) => {
                    // Whoever asked may be gone; then the channels close by themselves.
                    let _ = bound_tx.send(Ok(iopub));
                    network.run(outgoing_rx).await;
                }
                Err(error) => drop(bound_tx.send(Err(error))),
            }
        };
        let thread = thread::Builder::new().name("antiphon-sockets".to_owned());
        let run = move || {
            runtime.block_on(serve);
            drop((runtime, ended_tx));
        };
        thread.spawn(run).map_err(ErrorKind::SocketThread)?;
        let bound = bound.await;
        let bound = bound.unwrap_or_else(|_| Err(ErrorKind::SocketThread(io::Error::other("it panicked")).into()));
        let iopub = match bound {
            Ok(iopub) => iopub,
            Err(error) => {
                // The paths of its sockets go with the thread.
                let _ = ended.await;
                return Err(error);
            }
        };
        Ok(Self { requests, iopub, outgoing, ended })
    }

    /// Sends a message to the client that its identities name. False when there is no such client on this channel, or
    /// none that reads.
    pub(crate) async fn send(&self, channel: Channel, message: JupyterMessage) -> bool {
        let (was_taken_tx, was_taken) = oneshot::channel();
        let outgoing = Outgoing { channel, message, was_taken: was_taken_tx };
        self.outgoing.send(outgoing).await.is_ok() && was_taken.await.unwrap_or_default()
    }

    /// Closes all channels once what was sent has left, within a limit.
    pub(crate) async fn close(self) {
        drop((self.iopub, self.outgoing, self.requests));
        let _ = self.ended.await;
    }
}
