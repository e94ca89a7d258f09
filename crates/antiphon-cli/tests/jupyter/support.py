"""A kernel under test: its client, its processes, and what it may leave behind."""

from __future__ import annotations

import json
import os
import signal
import tempfile
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty
from typing import Any, Callable

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

# With models that are simulated.
SIMULATED = "antiphon-sim"
# As a user installs it.
PLAIN = "antiphon"
# For whatever ends by itself; a loaded machine is slow, a hanging kernel is for ever.
LIMIT = 120
# Variable that marks a kernel's processes: all that it starts inherit it, also those that outlive their parent.
MARK = "ANTIPHON_JUPYTER_TEST"
# Names the folder of a session to the processes of its engine.
SESSION = "ANTIPHON_SESSION"

# A constant that takes the compiler hours.
SLOW_TO_COMPILE = """
const fn count(to: u64) -> u64 { let mut sum = 0u64; let mut i = 0; while i < to { sum ^= i; i += 1; } sum }
#[allow(long_running_const_eval)]
const SLOW: u64 = count(u64::MAX);
println!("{SLOW}");"""


def eventually(what: Callable[[], Any], why: str, limit: float = LIMIT) -> Any:
    """Waits for a condition that nothing announces, and gives what it found."""
    deadline = time.monotonic() + limit
    while not (found := what()):
        assert time.monotonic() < deadline, f"not in {limit} s: {why}"
        time.sleep(0.02)
    return found


@dataclass
class Process:
    pid: int
    command: str
    environment: dict[str, str]

    @staticmethod
    def all() -> list[Process]:
        found = []
        for folder in Path("/proc").iterdir():
            if not folder.name.isdecimal():
                continue
            try:
                command = (folder / "cmdline").read_bytes().decode(errors="replace").replace("\0", " ").strip()
                variables = (folder / "environ").read_bytes().decode(errors="replace").split("\0")
            except OSError:
                continue
            # What has ended and was not waited for has neither.
            if command:
                found.append(Process(int(folder.name), command, dict(v.split("=", 1) for v in variables if "=" in v)))
        return found

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)


@dataclass
class Shown:
    """What a cell showed, message by message, and its reply."""

    reply: dict[str, Any]
    messages: list[dict[str, Any]]
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def status(self) -> str:
        return self.reply["status"]

    def contents(self, msg_type: str) -> list[dict[str, Any]]:
        return [message["content"] for message in self.messages if message["msg_type"] == msg_type]

    def stream(self, name: str = "stdout") -> str:
        return "".join(content["text"] for content in self.contents("stream") if content["name"] == name)

    @property
    def result(self) -> str | None:
        results = self.contents("execute_result")
        assert len(results) <= 1, results
        return results[0]["data"]["text/plain"] if results else None

    @property
    def outputs(self) -> list[str]:
        """Types of all messages but those that every cell has."""
        types = [message["msg_type"] for message in self.messages]
        return [msg_type for msg_type in types if msg_type not in ("status", "execute_input")]

    def ok(self) -> Shown:
        assert self.status == "ok", self.reply
        return self

    def failed(self, ename: str) -> Shown:
        """One error, in the reply and among the outputs."""
        assert self.status == "error", self
        assert self.reply["ename"] == ename, self.reply
        errors = self.contents("error")
        assert len(errors) == 1, self.messages
        assert errors[0]["ename"] == ename and errors[0]["evalue"] == self.reply["evalue"]
        assert errors[0]["traceback"] == self.reply["traceback"] != []
        return self

    @property
    def error_text(self) -> str:
        return "\n".join(self.reply["traceback"])


class Kernel:
    """A kernel and one client of it."""

    def __init__(self, folder: Path, name: str = SIMULATED, temporary: Path | None = None, **options: Any) -> None:
        """Starts it in a folder, with a temporary folder of its own, whose path is short enough for sockets below."""
        self.mark = uuid.uuid4().hex
        self.sessions: set[Path] = set()
        self.temporary = temporary or Path(tempfile.mkdtemp(prefix="antiphon-test-"))
        self.cwd = folder / "cwd"
        self.cwd.mkdir(exist_ok=True)
        self.manager = KernelManager(kernel_name=name)
        env = os.environ | {MARK: self.mark, "TMPDIR": str(self.temporary)}
        self.manager.start_kernel(env=env, cwd=str(self.cwd), **options)
        self.client: BlockingKernelClient = self.manager.client()
        self.client.start_channels()

    def ready(self) -> Kernel:
        self.client.wait_for_ready(timeout=LIMIT)
        return self

    def another_client(self) -> BlockingKernelClient:
        client = self.manager.client()
        # Each has a session of its own, as two front ends have.
        client.session = client.session.clone()
        client.session.session = uuid.uuid4().hex
        for channel in (client.shell_channel, client.iopub_channel, client.stdin_channel, client.control_channel):
            channel.session = client.session
        client.start_channels()
        client.wait_for_ready(timeout=LIMIT)
        return client

    @property
    def connection(self) -> dict[str, Any]:
        return json.loads(Path(self.manager.connection_file).read_text())

    @property
    def pid(self) -> int:
        return self.manager.provisioner.pid  # type: ignore[union-attr]

    def processes(self) -> list[Process]:
        return [process for process in Process.all() if process.environment.get(MARK) == self.mark]

    def in_role(self, role: str) -> list[Process]:
        return [process for process in self.processes() if process.environment.get("ANTIPHON_ROLE") == role]

    def compiles_a_cell(self) -> bool:
        return any("--crate-name ctx" in process.command for process in self.processes())

    def start(self, code: str, **options: Any) -> str:
        return self.client.execute(code, **options)

    def run(self, code: str, limit: float = LIMIT, **options: Any) -> Shown:
        return finish(self.client, self.start(code, **options), limit)

    def finish(self, msg_id: str, limit: float = LIMIT) -> Shown:
        return finish(self.client, msg_id, limit)

    def until_text(self, msg_id: str, text: str) -> None:
        """Waits until a cell has printed a text."""
        printed = ""
        while text not in printed:
            message = next_of(self.client.get_iopub_msg, msg_id, LIMIT)
            assert message["content"].get("execution_state") != "idle", f"{text!r} is not in {printed!r}"
            if message["msg_type"] == "stream":
                printed += message["content"]["text"]

    def usable(self) -> None:
        """The kernel runs cells, and keeps what they make."""
        number = uuid.uuid4().int % 1_000_000
        self.run(f"let usable: i64 = {number};").ok()
        assert self.run("usable + 1").ok().result == str(number + 1)

    def note_sessions(self) -> None:
        """Takes down where its engines keep their files."""
        found = {process.environment.get(SESSION) for process in self.processes()} - {None}
        assert found and all(Path(folder).is_dir() for folder in found), found
        self.sessions.update(map(Path, found))

    def end(self) -> None:
        if self.in_role("host"):
            self.note_sessions()
        self.client.stop_channels()
        self.manager.shutdown_kernel()

    def assert_nothing_left(self) -> None:
        eventually(lambda: not self.processes(), f"the kernel's processes end: {self.processes()}", 30)
        left = [str(path) for path in self.temporary.rglob("*")]
        assert left == [], "files are left in the temporary folder"
        self.temporary.rmdir()
        sessions = self.sessions
        eventually(lambda: not [folder for folder in sessions if folder.exists()], f"sessions are removed: {sessions}", 30)


def next_of(receive: Callable[..., dict[str, Any]], msg_id: str, limit: float) -> dict[str, Any]:
    """The next message that answers a request."""
    deadline = time.monotonic() + limit
    while True:
        try:
            message = receive(timeout=max(0, deadline - time.monotonic()))
        except Empty:
            raise AssertionError(f"no answer to {msg_id} in {limit} s") from None
        if message["parent_header"].get("msg_id") == msg_id:
            return message


def finish(client: BlockingKernelClient, msg_id: str, limit: float = LIMIT) -> Shown:
    """Reads all that a cell shows, to its `idle`, and its reply."""
    messages = []
    while not messages or messages[-1]["content"].get("execution_state") != "idle":
        messages.append(next_of(client.get_iopub_msg, msg_id, limit))
    reply = next_of(client.get_shell_msg, msg_id, limit)
    assert reply["msg_type"] == "execute_reply", reply
    return Shown(reply["content"], messages, reply["metadata"])


def ask(client: BlockingKernelClient, msg_type: str, content: dict[str, Any], channel: str = "shell") -> dict[str, Any]:
    """Sends a request of any kind, and gives its reply."""
    channel = getattr(client, f"{channel}_channel")
    message = client.session.msg(msg_type, content)
    channel.send(message)
    return next_of(channel.get_msg, message["header"]["msg_id"], LIMIT)
