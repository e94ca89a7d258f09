//! Messages of the kernel's: their headers, parents and topics.

use jupyter_protocol::{JupyterMessage, JupyterMessageContent};

/// Version of the messaging protocol that the kernel speaks: 5.5 has `supported_features` and the XPUB iopub channel.
pub(crate) const PROTOCOL_VERSION: &str = "5.5";
/// Who speaks, in the kernel's headers.
const USERNAME: &str = "kernel";

/// A message; its identities are those of its parent, so that a reply finds its way.
pub(crate) fn new(content: impl Into<JupyterMessageContent>, parent: Option<&JupyterMessage>) -> JupyterMessage {
    let mut message = JupyterMessage::new(content, parent);
    USERNAME.clone_into(&mut message.header.username);
    PROTOCOL_VERSION.clone_into(&mut message.header.version);
    message
}

/// A message for the iopub channel, whose identity is its topic.
pub(crate) fn publish(content: impl Into<JupyterMessageContent>, parent: Option<&JupyterMessage>) -> JupyterMessage {
    let message = new(content, parent);
    let topic = format!("kernel.{}", message.message_type());
    message.with_zmq_identities(vec![topic.into_bytes().into()])
}
