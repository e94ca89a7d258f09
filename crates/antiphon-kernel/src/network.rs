//! The five sockets: bound, read, written, closed.

use std::path::Path;
use std::time::Duration;

use futures::FutureExt;
use jupyter_protocol::{ConnectionInfo, JupyterMessage};
use jupyter_zmq_client::{Connection, RawMessage, RouterRecvConnection, RouterSendConnection, RuntimeError};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use zeromq::{RouterSocket, Socket, SocketRecv, SocketSend, XPubSocket};

use crate::connection_file::Address;
use crate::error::{Error, ErrorKind};
use crate::gate::{self, Connections, Listener, RemovedPath};
use crate::iopub::IoPub;
use crate::request::{Channel, Request};
use crate::socket_folder::{self, SocketFolder};

/// How long the last messages may take to reach the network on shutdown.
const LINGER: Duration = Duration::from_secs(1);

/// A message for one client, and whom to tell whether there is such a client.
pub(crate) struct Outgoing {
    pub(crate) channel: Channel,
    pub(crate) message: JupyterMessage,
    pub(crate) was_taken: oneshot::Sender<bool>,
}

/// The sockets of a kernel. All of it is polled by one thread, see [`crate::sockets`].
pub(crate) struct Network {
    shell: RouterSendConnection,
    control: RouterSendConnection,
    stdin: RouterSendConnection,
    /// Readers, gates and the heartbeat, which end with the kernel.
    tasks: JoinSet<()>,
    iopub_task: tokio::task::JoinHandle<()>,
    /// Connections of all channels but iopub, which end by themselves once their sockets have.
    routed: Connections,
    /// Those of iopub.
    direct: Connections,
    _folder: SocketFolder,
}

impl Network {
    /// Listens on all addresses of a connection file.
    pub(crate) async fn bind(
        info: &ConnectionInfo,
        session_id: &str,
        requests: mpsc::Sender<Request>,
    ) -> Result<(Self, IoPub), Error> {
        let folder = socket_folder::create()?;
        let (routed, direct) = (Connections::default(), Connections::default());
        let mut tasks = JoinSet::new();

        let mut routers = Vec::new();
        for (name, port, channel) in [
            ("shell", info.shell_port, Channel::Shell),
            ("control", info.control_port, Channel::Control),
            ("stdin", info.stdin_port, Channel::Stdin),
        ] {
            let socket: RouterSocket = open(name, folder.path()).await?;
            let (sender, receiver) = Connection::new(socket, &info.key, session_id).split();
            tasks.spawn(read(channel, receiver, requests.clone()));
            routers.push(sender);
            tasks.spawn(listen(info, port, name, folder.path(), &routed).await?);
        }
        let iopub: XPubSocket = open("iopub", folder.path()).await?;
        let (iopub, serve) = IoPub::new(Connection::new(iopub, &info.key, session_id));
        let iopub_task = tokio::spawn(serve);
        tasks.spawn(listen(info, info.iopub_port, "iopub", folder.path(), &direct).await?);
        tasks.spawn(heartbeat(open("hb", folder.path()).await?));
        tasks.spawn(listen(info, info.hb_port, "hb", folder.path(), &routed).await?);

        let [shell, control, stdin] = <[_; 3]>::try_from(routers).unwrap_or_else(|_| unreachable!("three were made"));
        Ok((Self { shell, control, stdin, tasks, iopub_task, routed, direct, _folder: folder }, iopub))
    }

    /// Sends what comes until nothing more will, then closes all channels once it has left, within a limit.
    pub(crate) async fn run(mut self, mut outgoing: mpsc::Receiver<Outgoing>) {
        while let Some(Outgoing { channel, message, was_taken }) = outgoing.recv().await {
            // Nobody may wait for it any more.
            let _ = was_taken.send(self.send(channel, message));
        }
        let delivered = async {
            let _ = self.iopub_task.await;
            drop((self.shell, self.control, self.stdin));
            self.tasks.shutdown().await;
            self.direct.drained().await;
            self.routed.ended().await;
        };
        if tokio::time::timeout(LINGER, delivered).await.is_err() {
            tracing::debug!("a client did not read the kernel's last messages");
        }
    }

    /// Sends a message to the client that its identities name. False when there is no such client on this channel, or
    /// none that reads.
    fn send(&mut self, channel: Channel, message: JupyterMessage) -> bool {
        let connection = match channel {
            Channel::Shell => &mut self.shell,
            Channel::Control => &mut self.control,
            Channel::Stdin => &mut self.stdin,
        };
        let msg_type = message.message_type().to_owned();
        // A socket has a long queue for each client. It would wait for room in it with its table of clients locked, for
        // ever when the client leaves meanwhile.
        match connection.send(message).now_or_never() {
            Some(Ok(())) => return true,
            Some(Err(error)) => tracing::debug!(?channel, msg_type, %error, "a client was gone before its answer"),
            None => tracing::warn!(?channel, msg_type, "a client does not read its answers"),
        }
        false
    }
}

/// A ZeroMQ socket that listens in the folder.
async fn open<S: Socket>(channel: &'static str, folder: &Path) -> Result<S, Error> {
    let mut socket = S::new();
    let endpoint = format!("ipc://{}", folder.join(channel).display());
    socket.bind(&endpoint).await.map_err(|source| ErrorKind::Socket { channel, source })?;
    Ok(socket)
}

/// The gate before a socket.
async fn listen(
    info: &ConnectionInfo,
    port: u16,
    channel: &'static str,
    folder: &Path,
    connections: &Connections,
) -> Result<impl Future<Output = ()> + Send + 'static, Error> {
    let address = Address::new(info, port);
    let listener = match &address {
        Address::Tcp { host, port } => TcpListener::bind((host.as_str(), *port)).await.map(Listener::Tcp),
        Address::Unix(path) => UnixListener::bind(path).map(|it| Listener::Unix(it, RemovedPath(path.into()))),
    };
    let listener = listener.map_err(|source| ErrorKind::Listen { channel, address: address.to_string(), source })?;
    Ok(gate::keep(listener, folder.join(channel), channel, connections.clone()))
}

/// Reads requests. What is not a message, or not signed with the key, is dropped.
async fn read(channel: Channel, mut connection: RouterRecvConnection, requests: mpsc::Sender<Request>) {
    loop {
        let multipart = match connection.socket.recv().await {
            Ok(multipart) => multipart,
            Err(error) => {
                tracing::error!(?channel, %error, "the socket cannot be read");
                return;
            }
        };
        let request =
            RawMessage::from_multipart(multipart, &connection.mac).and_then(|raw| Ok(Request::parse(channel, raw)?));
        match request {
            Ok(request) => {
                if requests.send(request).await.is_err() {
                    return;
                }
            }
            Err(RuntimeError::VerifyError(_) | RuntimeError::DecodeError(_)) => {
                tracing::warn!(?channel, "a message was dropped: its signature is wrong");
            }
            Err(error) => tracing::warn!(?channel, %error, "a message was dropped: it cannot be read"),
        }
    }
}

/// Sends back what comes. A ROUTER does what a REP does, and unlike zeromq's REP it forgets a client that left in the
/// middle of a frame.
async fn heartbeat(mut socket: RouterSocket) {
    while let Ok(beat) = socket.recv().await {
        match socket.send(beat).now_or_never() {
            Some(Ok(())) => {}
            Some(Err(error)) => tracing::debug!(%error, "a client was gone before its heartbeat"),
            None => tracing::debug!("a client does not read its heartbeats"),
        }
    }
}
