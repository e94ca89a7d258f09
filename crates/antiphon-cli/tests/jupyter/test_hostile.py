"""Clients that misbehave; another one must not notice."""

from __future__ import annotations

import socket
import struct
import threading
import uuid
from typing import Any, Iterator

import pytest
import zmq
from jupyter_client.session import Session

from support import LIMIT, Kernel, ask, eventually

CHANNELS = ["shell", "control", "stdin", "iopub", "hb"]
GREETING = b"\xff" + bytes(8) + b"\x7f" + b"\x03\x00" + b"NULL".ljust(20, b"\0") + b"\x00" + bytes(31)


class Raw:
    """A client of sockets that are used by hand."""

    def __init__(self, kernel: Kernel) -> None:
        self.info = kernel.connection
        self.session = Session(key=self.info["key"].encode())
        self.context = zmq.Context()

    def connect(self, channel: str, kind: int, **options: Any) -> zmq.Socket[bytes]:
        opened = self.context.socket(kind)
        opened.linger = 0
        for name, value in options.items():
            opened.setsockopt(getattr(zmq, name), value)
        opened.connect(f"tcp://127.0.0.1:{self.info[channel + '_port']}")
        return opened

    def tcp(self, channel: str) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.info[channel + "_port"]), timeout=30)

    def close(self) -> None:
        self.context.destroy(linger=0)


@pytest.fixture
def raw(kernel: Kernel) -> Iterator[Raw]:
    client = Raw(kernel)
    yield client
    client.close()


def answers(kernel: Kernel) -> None:
    """The kernel is as it should be for another client: on shell, control, heartbeat, and for cells."""
    assert ask(kernel.client, "kernel_info_request", {})["content"]["status"] == "ok"
    assert ask(kernel.client, "comm_info_request", {}, "control")["content"]["status"] == "ok"
    eventually(kernel.client.hb_channel.is_beating, "the heart beats", 30)
    assert kernel.run('println!("in order");').ok().stream() == "in order\n"


def test_a_client_leaves_in_the_middle_of_a_cell(kernel: Kernel, raw: Raw) -> None:
    shell = raw.connect("shell", zmq.DEALER)
    code = 'println!("started"); while !std::path::Path::new("go").exists() { \
        tokio::time::sleep(Duration::from_millis(10)).await; } println!("went on"); let by_the_one_that_left = 6;'
    request = raw.session.send(shell, "execute_request", {"code": code, "silent": False})
    msg_id = request["header"]["msg_id"]
    kernel.until_text(msg_id, "started")
    raw.close()
    (kernel.cwd / "go").touch()
    # Others see the rest, and can use what it made.
    kernel.until_text(msg_id, "went on")
    (kernel.cwd / "go").unlink()
    assert kernel.run("by_the_one_that_left").ok().result == "6"
    answers(kernel)


def test_a_client_leaves_with_many_requests_under_way(kernel: Kernel, raw: Raw) -> None:
    shell = raw.connect("shell", zmq.DEALER)
    for _ in range(500):
        raw.session.send(shell, "kernel_info_request", {})
    assert shell.poll(LIMIT * 1000)
    raw.close()
    answers(kernel)


def test_a_flood_of_requests_is_answered(kernel: Kernel, raw: Raw) -> None:
    count = 10_000
    shell = raw.connect("shell", zmq.DEALER, SNDHWM=0, RCVHWM=0)
    sent = [raw.session.send(shell, "kernel_info_request", {})["header"]["msg_id"] for _ in range(count)]
    received = []
    while len(received) < count:
        assert shell.poll(LIMIT * 1000), f"{len(received)} of {count} were answered"
        _, reply = raw.session.recv(shell, mode=0)
        received.append(reply["parent_header"]["msg_id"])
        # Others have their turn.
        if len(received) == count // 2:
            assert kernel.run("20 + 1").ok().result == "21"
    assert received == sent
    answers(kernel)


def frames(raw: Raw, *, key: bytes | None = None, parts: list[bytes] | None = None) -> list[bytes]:
    """A kernel_info request as its frames, signed with a key, with other parts."""
    session = Session(key=raw.info["key"].encode() if key is None else key)
    if parts is None:
        return session.serialize(session.msg("kernel_info_request", {}))
    return [b"<IDS|MSG>", session.sign(parts), *parts]


HEADER = b'{"msg_id": "1", "session": "2", "username": "3", "date": "2026-01-01T00:00:00Z", "msg_type": "kernel_info_request", "version": "5.3"}'


def bad_messages(raw: Raw) -> dict[str, list[bytes]]:
    return {
        "another key": frames(raw, key=b"another"),
        "no signature": [b"<IDS|MSG>", b"", HEADER, b"{}", b"{}", b"{}"],
        "a signature that is no hexadecimal": [b"<IDS|MSG>", b"\xff\xfe" * 32, HEADER, b"{}", b"{}", b"{}"],
        "no delimiter": [b"hello", b"there"],
        "nothing": [b""],
        "the delimiter alone": [b"<IDS|MSG>"],
        "too few parts": frames(raw, parts=[HEADER, b"{}"]),
        "no JSON": frames(raw, parts=[b"header", b"parent", b"metadata", b"content"]),
        "JSON of another kind": frames(raw, parts=[b"[]", b"3", b'"text"', b"null"]),
        "Latin-1": frames(raw, parts=[HEADER, b"{}", b"{}", '{"code": "é"}'.encode("latin-1")]),
        "UTF-16": frames(raw, parts=[HEADER.decode().encode("utf-16"), b"{}", b"{}", b"{}"]),
        "binary": frames(raw, parts=[bytes(range(256))] * 4),
        "deep JSON": frames(raw, parts=[HEADER, b"{}", b"{}", b"[" * 100_000]),
        "a surrogate": frames(raw, parts=[HEADER, b"{}", b"{}", b'{"code": "\\ud800"}']),
        "many frames": [b"x"] * 1000,
        "a date that is none": frames(raw, parts=[HEADER.replace(b"2026-01-01T00:00:00Z", b"yesterday"), *[b"{}"] * 3]),
    }


def test_bad_messages_are_dropped(kernel: Kernel, raw: Raw) -> None:
    for channel in ("shell", "control", "stdin"):
        dealer = raw.connect(channel, zmq.DEALER)
        for bad in bad_messages(raw).values():
            dealer.send_multipart(bad)
        if channel == "stdin":
            continue
        # Of the same connection, a good one after all the bad ones: the answers to it alone.
        good = raw.session.send(dealer, "kernel_info_request", {})
        while True:
            assert dealer.poll(LIMIT * 1000)
            _, reply = raw.session.recv(dealer, mode=0)
            if reply["parent_header"]["msg_id"] == good["header"]["msg_id"]:
                break
            # What is well signed and in part wrong may be refused rather than dropped.
            assert reply["parent_header"]["msg_id"] == "1", reply
        assert reply["content"]["status"] == "ok"
    subscriber = raw.connect("iopub", zmq.XSUB)
    for junk in (b"\x02", b"\xff" * 10, b"", b"\x01" + b"topic" * 1000, b"\x00never subscribed", b"\x01\xff\xfe"):
        subscriber.send(junk)
    beats = raw.connect("hb", zmq.REQ)
    beats.send(b"\xff" * 1000)
    assert beats.poll(LIMIT * 1000) and beats.recv() == b"\xff" * 1000
    answers(kernel)


def test_a_message_with_buffers_is_a_message(kernel: Kernel, raw: Raw) -> None:
    """Widgets send buffers, which are not signed."""
    shell = raw.connect("shell", zmq.DEALER)
    request = raw.session.send(shell, "execute_request", {"code": "11 * 11", "silent": False}, buffers=[b"\0" * 100_000])
    shown = kernel.run("0").ok()
    assert shown.result == "0"
    assert shell.poll(LIMIT * 1000)
    _, reply = raw.session.recv(shell, mode=0)
    assert reply["parent_header"]["msg_id"] == request["header"]["msg_id"] and reply["content"]["status"] == "ok"


def long_frame(length: int, flags: int) -> bytes:
    return struct.pack(">BQ", flags, length)


ABSURD = {
    "2^62 bytes": GREETING + long_frame(1 << 62, 0b010),
    "2^64 - 1 bytes": GREETING + long_frame((1 << 64) - 1, 0b010),
    "a command of 2^62 bytes": GREETING + long_frame(1 << 62, 0b110),
    "a frame of 2^62 bytes after a ready": GREETING
    + b"\x04\x19\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER".replace(b"\x19", bytes([30]))
    + long_frame(1 << 62, 0b011),
    "300 MB in frames of 1 MB": GREETING + b"\x04\x1e\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER",
    "HTTP": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" + b"A" * 4096,
    "nothing but noise": bytes(range(256)) * 1000,
    "an old ZMTP": b"\x01\x00",
    "half a greeting": GREETING[:20],
    "a greeting with another mechanism": GREETING.replace(b"NULL", b"CURV"),
}


@pytest.mark.parametrize("channel", CHANNELS)
def test_absurd_streams(kernel: Kernel, raw: Raw, channel: str) -> None:
    for what, stream in ABSURD.items():
        with raw.tcp(channel) as connection:
            try:
                connection.sendall(stream)
                if what.startswith("300 MB"):
                    frame = long_frame(1 << 20, 0b011) + bytes(1 << 20)
                    for _ in range(300):
                        connection.sendall(frame)
            except (BrokenPipeError, ConnectionResetError):
                # Cut off, as it should be.
                pass
    # And one that stays connected in the middle of its greeting.
    stays = raw.tcp(channel)
    stays.sendall(GREETING[:10])
    answers(kernel)
    stays.close()


def test_many_connections_come_and_go(kernel: Kernel, raw: Raw) -> None:
    for _ in range(20):
        connections = [raw.tcp(channel) for channel in CHANNELS for _ in range(10)]
        for connection in connections:
            connection.close()
    answers(kernel)


def test_a_subscriber_that_does_not_read(kernel: Kernel, raw: Raw) -> None:
    """It stalls nobody: another one gets all of 100 MB, in order."""
    stalled = raw.connect("iopub", zmq.SUB, RCVHWM=1, RCVBUF=4096, SUBSCRIBE=b"")
    # It is subscribed: it has heard of a request.
    kernel.run("0").ok()
    assert stalled.poll(LIMIT * 1000)
    # By hand, so that nothing of it is read; never read again.
    by_hand = raw.tcp("iopub")
    by_hand.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    by_hand.sendall(GREETING + b"\x04\x19\x05READY\x0bSocket-Type\x00\x00\x00\x03SUB".replace(b"\x19", bytes([27])) + b"\x00\x01\x01")
    lines = 100_000
    shown = kernel.run(f'let line = "x".repeat(1023); for _ in 0..{lines} {{ println!("{{line}}"); }}').ok()
    assert shown.stream() == ("x" * 1023 + "\n") * lines
    by_hand.close()
    answers(kernel)


def test_a_client_that_does_not_read_its_replies(kernel: Kernel, raw: Raw) -> None:
    """10,000 replies that nobody takes."""
    dealer = raw.connect("shell", zmq.DEALER, RCVHWM=1, RCVBUF=4096, SNDHWM=0)
    for _ in range(10_000):
        raw.session.send(dealer, "kernel_info_request", {})
    answers(kernel)


def test_clients_come_and_go_while_cells_print(kernel: Kernel, raw: Raw) -> None:
    ended = threading.Event()

    def come_and_go() -> None:
        context = zmq.Context()
        while not ended.is_set():
            subscriber = context.socket(zmq.SUB)
            subscriber.linger = 0
            subscriber.connect(f"tcp://127.0.0.1:{raw.info['iopub_port']}")
            subscriber.subscribe(b"")
            subscriber.poll(20)
            subscriber.close()
        context.destroy(linger=0)

    others = [threading.Thread(target=come_and_go) for _ in range(2)]
    for other in others:
        other.start()
    try:
        for number in range(3):
            shown = kernel.run(f'for line in 0..20_000 {{ println!("{number} {{line}}"); }}').ok()
            assert shown.stream() == "".join(f"{number} {line}\n" for line in range(20_000))
    finally:
        ended.set()
        for other in others:
            other.join()


def test_a_session_of_another_name_is_served(kernel: Kernel, raw: Raw) -> None:
    """Identities that are binary, empty names, a session that is no UUID."""
    dealer = raw.connect("shell", zmq.DEALER, IDENTITY=b"\x01\xff\x00" + uuid.uuid4().bytes)
    session = Session(key=raw.info["key"].encode(), session="", username="")
    request = session.send(dealer, "kernel_info_request", {})
    assert dealer.poll(LIMIT * 1000)
    _, reply = session.recv(dealer, mode=0)
    assert reply["parent_header"]["msg_id"] == request["header"]["msg_id"]
