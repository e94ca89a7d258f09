//! A scripted HTTP/1.1 server on a thread of its own, bodies of the providers' answers, and every class that reads them.

pub(crate) mod bodies;
pub(crate) mod classes;
pub(crate) mod reply;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

pub(crate) use self::classes::every_class;
pub(crate) use self::reply::Reply;

/// Long enough for any answer here, short enough for a test that would hang.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// How many requests came before.
    pub(crate) number: usize,
    pub(crate) path: String,
    /// Names in lower case.
    headers: Vec<(String, String)>,
    pub(crate) body: Value,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|it| it.0 == name).map(|it| it.1.as_str())
    }
}

type Script = dyn Fn(&Request) -> Reply + Send + Sync;

struct State {
    script: Box<Script>,
    requests: Mutex<Vec<Request>>,
    hang_ups: mpsc::Sender<()>,
    arrivals: mpsc::Sender<()>,
}

/// Answers as its script says until it is dropped.
pub(crate) struct Server {
    address: SocketAddr,
    state: Arc<State>,
    hang_ups: Mutex<mpsc::Receiver<()>>,
    arrivals: Mutex<mpsc::Receiver<()>>,
    _stop: oneshot::Sender<()>,
}

impl Server {
    pub(crate) fn start(script: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let (hang_up_sender, hang_ups) = mpsc::channel();
        let (arrival_sender, arrivals) = mpsc::channel();
        let state = Arc::new(State {
            script: Box::new(script),
            requests: Mutex::default(),
            hang_ups: hang_up_sender,
            arrivals: arrival_sender,
        });
        let (stop, stopped) = oneshot::channel::<()>();
        let (address_sender, address) = mpsc::channel();
        let served = Arc::clone(&state);
        thread::spawn(move || {
            let tokio_runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            tokio_runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                address_sender.send(listener.local_addr().unwrap()).unwrap();
                tokio::select! {
                    _ = stopped => {}
                    () = accept(listener, served) => {}
                }
            });
        });
        let address = address.recv().unwrap();
        Self { address, state, hang_ups: Mutex::new(hang_ups), arrivals: Mutex::new(arrivals), _stop: stop }
    }

    /// Base URL with `/v1`.
    pub(crate) fn url(&self) -> String {
        format!("{}/v1", self.origin())
    }

    /// Base URL without `/v1`.
    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What came so far, in order of arrival.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.state.requests.lock().unwrap().clone()
    }

    /// The only request that came.
    pub(crate) fn only_request(&self) -> Request {
        let requests = self.requests();
        assert_eq!(requests.len(), 1, "{requests:?}");
        requests[0].clone()
    }

    /// Waits for one more request.
    pub(crate) fn wait_for_request(&self) {
        self.arrivals.lock().unwrap().recv_timeout(PATIENCE).expect("no request came");
    }

    /// Waits until a client closes a connection on which it waits for an answer.
    pub(crate) fn wait_for_hang_up(&self) {
        self.hang_ups.lock().unwrap().recv_timeout(PATIENCE).expect("no connection was closed");
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        tokio::spawn(serve(stream, Arc::clone(&state)));
    }
}

/// Serves one connection until either side ends it.
async fn serve(mut stream: TcpStream, state: Arc<State>) {
    let mut buffer = Vec::new();
    while let Some(mut request) = read_request(&mut stream, &mut buffer).await {
        {
            let mut requests = state.requests.lock().unwrap();
            request.number = requests.len();
            requests.push(request.clone());
        }
        let reply = (state.script)(&request);
        // The test may not listen.
        let _ = state.arrivals.send(());
        match reply {
            Reply::Answer { head, body, cut, after } => {
                if let Some(barrier) = after {
                    barrier.wait().await;
                }
                if stream.write_all(&[head.as_bytes(), &body].concat()).await.is_err() || cut {
                    return;
                }
            }
            Reply::Reset => {
                let socket = stream.into_std().unwrap();
                // Unread data or no linger: the kernel sends RST when the socket is closed.
                let stream = TcpStream::from_std(socket).unwrap();
                stream.set_zero_linger().unwrap();
                return;
            }
            Reply::Stall => {
                let mut byte = [0];
                let _ = stream.read(&mut byte).await;
                let _ = state.hang_ups.send(());
                return;
            }
        }
    }
}

/// `None` once the client has closed the connection.
async fn read_request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Request> {
    let head_end = loop {
        if let Some(end) = buffer.windows(4).position(|it| it == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(buffer.drain(..head_end + 4).collect()).unwrap();
    let mut lines = head.lines();
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    let headers: Vec<_> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let mut request = Request { number: 0, path, headers, body: Value::Null };
    let length: usize = request.header("content-length").map_or(0, |it| it.parse().unwrap());
    while buffer.len() < length {
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
    let body: Vec<u8> = buffer.drain(..length).collect();
    request.body = serde_json::from_slice(&body).unwrap();
    Some(request)
}
