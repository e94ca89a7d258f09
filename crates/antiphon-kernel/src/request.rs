//! A request of a client: verified, its header read, its content still JSON.
//!
//! Contents are read with the defaults of the messaging specification, as clients leave fields out (Quarto, Zed and
//! hand-written ones do), which the types of jupyter-protocol refuse.

use std::collections::BTreeMap;

use jupyter_protocol::{Header, JupyterMessage, JupyterMessageContent, UnknownMessage};
use jupyter_zmq_client::RawMessage;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// The channels on which clients speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Channel {
    Shell,
    Control,
    Stdin,
}

/// A message from a client.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) channel: Channel,
    /// Parent of all that answers it.
    pub(crate) message: JupyterMessage,
}

impl Request {
    /// Reads a message whose signature was verified.
    pub(crate) fn parse(channel: Channel, raw: RawMessage) -> Result<Self, serde_json::Error> {
        let [header, parent_header, metadata, content, buffers @ ..] = raw.jparts.as_slice() else {
            return Err(serde::de::Error::custom("parts of the message are missing"));
        };
        let header: Header = serde_json::from_slice(header)?;
        let msg_type = header.msg_type.clone();
        let message = JupyterMessage {
            header,
            // `{}` for none, which is not a header.
            parent_header: serde_json::from_slice(parent_header).ok(),
            metadata: serde_json::from_slice(metadata)?,
            content: UnknownMessage { msg_type, content: serde_json::from_slice(content)? }.into(),
            buffers: buffers.to_vec(),
            zmq_identities: raw.zmq_identities,
            channel: None,
        };
        Ok(Self { channel, message })
    }

    pub(crate) fn msg_type(&self) -> &str {
        &self.message.header.msg_type
    }

    pub(crate) fn msg_id(&self) -> &str {
        &self.message.header.msg_id
    }

    /// Its content, as what its type stands for.
    pub(crate) fn content<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        match &self.message.content {
            JupyterMessageContent::UnknownMessage(unknown) => T::deserialize(&unknown.content),
            _ => Err(serde::de::Error::custom("not a request")),
        }
    }
}

/// `execute_request`, <https://jupyter-client.readthedocs.io/en/stable/messaging.html#execute>.
#[derive(Clone, Debug, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "the specification's fields")]
pub(crate) struct Execute {
    pub(crate) code: String,
    #[serde(default)]
    pub(crate) silent: bool,
    #[serde(default = "yes")]
    pub(crate) store_history: bool,
    #[serde(default, deserialize_with = "null_as_default")]
    pub(crate) user_expressions: BTreeMap<String, String>,
    #[serde(default = "yes")]
    pub(crate) allow_stdin: bool,
    #[serde(default = "yes")]
    pub(crate) stop_on_error: bool,
}

/// `complete_request` and `inspect_request`: the cursor counts Unicode code points.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct AtCursor {
    pub(crate) code: String,
    pub(crate) cursor_pos: usize,
}

/// `is_complete_request`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct IsComplete {
    pub(crate) code: String,
}

/// `history_request`, <https://jupyter-client.readthedocs.io/en/stable/messaging.html#history>.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct History {
    #[serde(default)]
    pub(crate) hist_access_type: String,
    #[serde(default)]
    pub(crate) output: bool,
    #[serde(default)]
    pub(crate) session: Option<i64>,
    #[serde(default)]
    pub(crate) start: Option<i64>,
    #[serde(default)]
    pub(crate) stop: Option<i64>,
    #[serde(default)]
    pub(crate) n: Option<usize>,
    #[serde(default)]
    pub(crate) pattern: Option<String>,
    #[serde(default)]
    pub(crate) unique: bool,
}

/// `comm_open`, `comm_msg` and `comm_close`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Comm {
    pub(crate) comm_id: String,
}

/// `shutdown_request`.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Shutdown {
    #[serde(default)]
    pub(crate) restart: bool,
}

/// `input_reply`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct InputReply {
    #[serde(default, deserialize_with = "null_as_default")]
    pub(crate) value: String,
}

fn yes() -> bool {
    true
}

/// nbclient and others send `null` for what they do not set.
fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// A JSON object as the content of a message whose type jupyter-protocol lacks, or has with fewer fields.
pub(crate) fn json_content(msg_type: &str, content: Value) -> JupyterMessageContent {
    UnknownMessage { msg_type: msg_type.to_owned(), content }.into()
}
