//! The iopub channel: everything the kernel shows, in one order, to everyone who subscribed.

use jupyter_protocol::{IoPubWelcome, JupyterMessage};
use jupyter_zmq_client::{KernelIoPubXPubConnection, SubscriptionEvent, parse_subscription_message};
use tokio::sync::mpsc;
use zeromq::SocketRecv;

use crate::message;

/// Messages that wait for the socket before the kernel waits for it too.
const QUEUE: usize = 256;

/// The sending end. The socket closes once it is dropped and everything is sent.
#[derive(Clone, Debug)]
pub(crate) struct IoPub(mpsc::Sender<JupyterMessage>);

impl IoPub {
    /// A channel and what must be polled for it.
    pub(crate) fn new(connection: KernelIoPubXPubConnection) -> (Self, impl Future<Output = ()>) {
        let (sender, queue) = mpsc::channel(QUEUE);
        (Self(sender), serve(connection, queue))
    }

    /// Puts a message after those that were given before it.
    pub(crate) async fn send(&self, message: JupyterMessage) {
        // It fails only when the socket's task has ended, with the kernel.
        let _ = self.0.send(message).await;
    }
}

/// The one owner of the socket. zeromq's XPUB takes subscriptions in while it is read, so it always is.
async fn serve(mut connection: KernelIoPubXPubConnection, mut queue: mpsc::Receiver<JupyterMessage>) {
    loop {
        let message = tokio::select! {
            biased;
            received = connection.socket.recv() => match received {
                Ok(received) => match parse_subscription_message(&received) {
                    // JEP 65: <https://jupyter.org/enhancement-proposals/65-jupyter-xpub/jupyter-xpub.html>.
                    Some(SubscriptionEvent::Subscribe(topic)) => welcome(topic),
                    Some(SubscriptionEvent::Unsubscribe(_)) | None => continue,
                },
                // A subscriber left in the middle of a frame, or sent none that is one.
                Err(error) => {
                    tracing::debug!(%error, "a subscriber is gone");
                    continue;
                }
            },
            message = queue.recv() => match message {
                Some(message) => message,
                None => return,
            },
        };
        if let Err(error) = connection.send(message).await {
            tracing::warn!(%error, "an output did not reach a subscriber");
        }
    }
}

fn welcome(topic: String) -> JupyterMessage {
    let identity = topic.clone().into_bytes();
    message::new(IoPubWelcome::new(topic), None).with_zmq_identities(vec![identity.into()])
}
