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

#[cfg(test)]
mod tests {
    use std::pin::Pin;

    use jupyter_protocol::{Header, Status, StreamContent};
    use jupyter_zmq_client::{Connection, RawMessage};
    use zeromq::{SocketSend, ZmqMessage, ZmqResult};

    use super::*;
    use crate::request::{Channel, Execute, Request};

    /// Keeps what is sent.
    #[derive(Default)]
    struct Wire(Vec<ZmqMessage>);

    impl SocketSend for Wire {
        fn send<'a, 'b>(&'a mut self, message: ZmqMessage) -> Pin<Box<dyn Future<Output = ZmqResult<()>> + Send + 'b>>
        where
            'a: 'b,
            Self: 'b,
        {
            self.0.push(message);
            Box::pin(async { Ok(()) })
        }
    }

    fn at_noon(mut header: Header, msg_id: &str) -> Header {
        header.date = "2026-11-24T12:00:00Z".parse().unwrap();
        msg_id.clone_into(&mut header.msg_id);
        header
    }

    // The signatures were computed by Python's `hmac`.

    /// An `execute_request` as `jupyter_client` 8 sends it: its spaces and escapes, and a buffer behind it.
    const REQUEST: [&[u8]; 9] = [
        b"client",
        b"<IDS|MSG>",
        b"cbab5aa617a8784a9b19b64cd30011ba554fda5e2da11ce937c393ba64fc81c9",
        br#"{"msg_id": "r-1", "msg_type": "execute_request", "username": "ada", "session": "s-1", "date": "2026-11-24T11:59:59.123456Z", "version": "5.4"}"#,
        b"{}",
        br#"{"cellId": "c"}"#,
        br#"{"code": "\u00e4", "silent": false, "store_history": true, "user_expressions": null, "allow_stdin": false, "stop_on_error": true}"#,
        b"\x00\xff",
        b"",
    ];

    fn connection() -> Connection<Wire> {
        // `Connection::new` is for sockets of zeromq's own.
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"golden key");
        Connection { socket: Wire::default(), mac: Some(key), session_id: "k-1".to_owned() }
    }

    fn multipart(parts: &[&[u8]]) -> ZmqMessage {
        ZmqMessage::try_from(parts.iter().map(|part| bytes::Bytes::from(part.to_vec())).collect::<Vec<_>>()).unwrap()
    }

    #[tokio::test]
    async fn bytes_on_the_wire() {
        let mut connection = connection();
        let raw = RawMessage::from_multipart(multipart(&REQUEST), &connection.mac).unwrap();
        let request = Request::parse(Channel::Shell, raw).unwrap();
        assert_eq!((request.msg_type(), request.msg_id()), ("execute_request", "r-1"));
        let execute: Execute = request.content().unwrap();
        assert_eq!((execute.code.as_str(), execute.allow_stdin), ("\u{e4}", false));

        let mut reply = new(Status::idle(), Some(&request.message));
        reply.header = at_noon(reply.header, "k-r-1");
        connection.send(reply).await.unwrap();
        let mut shown = publish(StreamContent::stdout("\u{e4}\n"), Some(&request.message));
        shown.header = at_noon(shown.header, "k-o-1");
        connection.send(shown).await.unwrap();

        let sent: Vec<Vec<String>> = connection.socket.0.iter().map(text).collect();
        let parent = r#"{"msg_id":"r-1","username":"ada","session":"s-1","date":"2026-11-24T11:59:59.123456Z","msg_type":"execute_request","version":"5.4"}"#;
        assert_eq!(
            sent[0],
            [
                "client",
                "<IDS|MSG>",
                "e842084020e6a3dc720d82c02eed2374a7625d8cee7ca7e21723e31896ffb797",
                r#"{"msg_id":"k-r-1","username":"kernel","session":"k-1","date":"2026-11-24T12:00:00Z","msg_type":"status","version":"5.5"}"#,
                parent,
                "{}",
                r#"{"execution_state":"idle"}"#,
            ]
        );
        assert_eq!(
            sent[1],
            [
                "kernel.stream",
                "<IDS|MSG>",
                "e35481be9f27a921806a23cf0163c7f76d2f932fbec93b28cffd10147e69f4d7",
                r#"{"msg_id":"k-o-1","username":"kernel","session":"k-1","date":"2026-11-24T12:00:00Z","msg_type":"stream","version":"5.5"}"#,
                parent,
                "{}",
                "{\"name\":\"stdout\",\"text\":\"\u{e4}\\n\"}",
            ]
        );
    }

    fn text(message: &ZmqMessage) -> Vec<String> {
        message.iter().map(|frame| String::from_utf8(frame.to_vec()).unwrap()).collect()
    }

    #[test]
    fn one_changed_byte_is_refused() {
        let key = connection().mac;
        for (part, byte) in [(2, 0), (3, 12), (4, 0), (5, 3), (6, 10)] {
            let mut parts = REQUEST.map(<[u8]>::to_vec);
            parts[part][byte] ^= 1;
            let parts = parts.each_ref().map(Vec::as_slice);
            assert!(RawMessage::from_multipart(multipart(&parts), &key).is_err(), "part {part}");
        }
    }
}
