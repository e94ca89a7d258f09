//! Clients that misbehave. Each test ends with one that does not, and is served.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use zeromq::{ReqSocket, Socket, SocketRecv, SocketSend, ZmqMessage};

use crate::fake::{Script, finished, stdout};
use crate::front_end::FrontEnd;
use crate::kernel_under_test::{HEARTBEAT, IOPUB, KernelUnderTest, LIMIT, SHELL};

async fn is_served(kernel: KernelUnderTest) {
    let mut front_end = FrontEnd::connect(&kernel).await;
    assert_eq!(front_end.run("served").await.1["status"], "ok");
    front_end.shut_down(kernel).await;
}

#[tokio::test]
async fn a_wrong_key() {
    let script = Script::new([]);
    let kernel = KernelUnderTest::start(&script).await;
    let mut stranger = FrontEnd::connect_with_key(&kernel, "another key").await;
    stranger.execute("not run").await;
    stranger.send_control("shutdown_request", json!({ "restart": false })).await;
    is_served(kernel).await;
    assert_eq!(script.log(), ["launch", "run served", "shut down"]);
}

#[tokio::test]
async fn frames_that_are_no_message() {
    let kernel = KernelUnderTest::start(&Script::new([])).await;
    let mut stranger = FrontEnd::connect_with_key(&kernel, &kernel.info.key).await;
    let parts: [&[&[u8]]; 5] = [
        &[b"garbage"],
        &[b"<IDS|MSG>"],
        &[b"<IDS|MSG>", b"signature", b"{}"],
        &[b"<IDS|MSG>", b"not hex at all", b"{}", b"{}", b"{}", b"{}"],
        &[b"\xff\xfe", b"<IDS|MSG>", b"", b"\xff", b"\xff", b"\xff", b"\xff"],
    ];
    for frames in parts {
        let frames: Vec<bytes::Bytes> = frames.iter().map(|frame| bytes::Bytes::from(frame.to_vec())).collect();
        stranger.shell.socket.send(ZmqMessage::try_from(frames).unwrap()).await.unwrap();
    }
    // Signed, but not JSON, or not UTF-8.
    for header in [&b"{"[..], b"{\"msg_id\": \"\xff\"}", b"[]"] {
        let signed = signed(&kernel.info.key, [header, b"{}", b"{}", b"{}"]);
        stranger.shell.socket.send(signed).await.unwrap();
    }
    // The one that is right is answered, after all of those.
    assert_eq!(stranger.execute("served").await, 1);
    assert_eq!(stranger.reply().await.0, "#1 execute_reply");
    is_served(kernel).await;
}

fn signed(key: &str, parts: [&[u8]; 4]) -> ZmqMessage {
    use ring::hmac;
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
    let mut context = hmac::Context::with_key(&key);
    for part in parts {
        context.update(part);
    }
    let signature: String = context.sign().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let frames = [b"<IDS|MSG>", signature.as_bytes()].into_iter().chain(parts);
    ZmqMessage::try_from(frames.map(|part| bytes::Bytes::from(part.to_vec())).collect::<Vec<_>>()).unwrap()
}

#[tokio::test]
async fn a_frame_that_announces_more_than_there_is_memory() {
    let kernel = KernelUnderTest::start(&Script::new([])).await;
    for port in SHELL..=HEARTBEAT {
        let mut stream = UnixStream::connect(kernel.path(port)).await.unwrap();
        // One that the socket talks to: any other is cut off for that, perhaps before it has sent its frame.
        shake_hands(&mut stream, if port == IOPUB { "SUB" } else { "DEALER" }).await;
        stream.write_all(&[2, 0x40, 0, 0, 0, 0, 0, 0, 0]).await.unwrap();
        // It is cut off.
        let cut = tokio::time::timeout(LIMIT, stream.read_to_end(&mut Vec::new())).await;
        drop(cut.expect("the connection is kept"));
    }
    is_served(kernel).await;
}

#[tokio::test]
async fn a_subscriber_that_does_not_read() {
    const CHUNK: usize = 1 << 20;
    const CHUNKS: usize = 150;
    let chunk = "x".repeat(CHUNK - 1) + "\n";
    let steps = (0..CHUNKS).map(|_| stdout(&chunk)).chain([finished()]);
    let script = Script::new([vec![finished()], steps.collect()]);
    let kernel = KernelUnderTest::start(&script).await;
    let mut front_end = FrontEnd::connect(&kernel).await;
    front_end.run("something").await;
    let mut sleeper = UnixStream::connect(kernel.path(IOPUB)).await.unwrap();
    subscribe(&mut sleeper).await;
    let (shown, content) = front_end.run("prints").await;
    assert!(shown.iter().all(|line| line.starts_with("stream stdout")));
    let bytes: usize = shown.iter().map(|line| line.matches('x').count()).sum();
    assert_eq!((bytes, &content["status"]), (CHUNKS * (CHUNK - 1), &json!("ok")));
    front_end.shut_down(kernel).await;
}

/// The handshake of ZMTP 3.1 as a socket of this type (RFC 37).
async fn shake_hands(stream: &mut UnixStream, socket_type: &str) {
    let mut greeting = vec![0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 1];
    greeting.extend(b"NULL");
    greeting.resize(64, 0);
    stream.write_all(&greeting).await.unwrap();
    // The kernel's own greeting; its READY comes once it has ours.
    stream.read_exact(&mut [0; 64]).await.unwrap();
    let mut ready = b"\x05READY\x0bSocket-Type\0\0\0".to_vec();
    ready.push(u8::try_from(socket_type.len()).unwrap());
    ready.extend(socket_type.as_bytes());
    ready.splice(..0, [4, u8::try_from(ready.len()).unwrap()]);
    stream.write_all(&ready).await.unwrap();
}

/// The handshake of a SUB socket that subscribes to everything; then it reads no more.
async fn subscribe(stream: &mut UnixStream) {
    shake_hands(stream, "SUB").await;
    stream.write_all(&[0, 1, 1]).await.unwrap();
    // Its welcome has come once the subscription is in force: READY, then the welcome.
    let mut seen = Vec::new();
    while !seen.windows(13).any(|window| window == b"iopub_welcome") {
        stream.read_buf(&mut seen).await.unwrap();
    }
}

#[tokio::test]
async fn clients_that_leave_at_any_moment() {
    let cells = (0..20).map(|number| vec![stdout(number.to_string()), finished()]);
    let script = Script::new(cells);
    let kernel = KernelUnderTest::start(&script).await;
    for number in 0..20 {
        let mut stranger = FrontEnd::connect_with_key(&kernel, &kernel.info.key).await;
        stranger.execute(&number.to_string()).await;
        if number % 2 == 0 {
            stranger.reply().await;
        }
    }
    is_served(kernel).await;
}

/// zeromq's own REP socket reports the end of such a client for ever.
#[tokio::test]
async fn a_heartbeat_that_breaks_off_in_a_frame() {
    let kernel = KernelUnderTest::start(&Script::new([])).await;
    let mut stream = UnixStream::connect(kernel.path(HEARTBEAT)).await.unwrap();
    shake_hands(&mut stream, "REQ").await;
    // Half of the delimiter and of a message.
    stream.write_all(&[1, 0, 0, 9, b'h', b'a']).await.unwrap();
    drop(stream);
    let mut client = ReqSocket::new();
    client.connect(&kernel.info.hb_url()).await.unwrap();
    for _ in 0..3 {
        client.send("ping".into()).await.unwrap();
        tokio::time::timeout(LIMIT, client.recv()).await.unwrap().unwrap();
    }
    is_served(kernel).await;
}

#[tokio::test]
async fn a_heartbeat_is_echoed() {
    let kernel = KernelUnderTest::start(&Script::new([])).await;
    let mut client = ReqSocket::new();
    client.connect(&kernel.info.hb_url()).await.unwrap();
    for beat in ["ping", "another"] {
        client.send(beat.into()).await.unwrap();
        let echo = tokio::time::timeout(Duration::from_secs(10), client.recv()).await.unwrap().unwrap();
        assert_eq!(echo.get(0).map(AsRef::as_ref), Some(beat.as_bytes()));
    }
    is_served(kernel).await;
}

/// With the sockets on a runtime of several threads one in three runs, on a loaded machine, ended in a deadlock.
#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn subscribers_come_and_go_while_cells_run() {
    const CELLS: usize = 2_000;
    let script = Script::new((0..CELLS).map(|number| vec![stdout(number.to_string()), finished()]));
    let kernel = KernelUnderTest::start(&script).await;
    let mut front_end = FrontEnd::connect(&kernel).await;
    let mut strangers = tokio::task::JoinSet::new();
    for stranger in 0..16 {
        let path = kernel.path(IOPUB);
        strangers.spawn(async move {
            loop {
                let mut stream = UnixStream::connect(&path).await.unwrap();
                if stranger % 2 == 0 {
                    subscribe(&mut stream).await;
                } else {
                    // Leaves before its subscription is read.
                    shake_hands(&mut stream, "SUB").await;
                    stream.write_all(&[0, 1, 1]).await.unwrap();
                }
            }
        });
    }
    for number in 0..CELLS {
        assert_eq!(front_end.run("prints").await.0, [format!("stream stdout \"{number}\"")]);
    }
    strangers.shutdown().await;
    front_end.shut_down(kernel).await;
}
