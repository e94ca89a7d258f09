"""From start to end: how soon a kernel answers, and that nothing of it is left."""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest
import zmq
from jupyter_client.connect import write_connection_file
from jupyter_client.session import Session

from support import LIMIT, MARK, PLAIN, SIMULATED, Kernel, Process, eventually


KEY = b"a key of this test"


def test_kernel_info_comes_before_the_evaluator(folder: Path) -> None:
    """Measured from the start of the process; the goal is 200 ms on a quiet machine."""
    times = []
    for number in range(5):
        (folder / str(number)).mkdir()
        path, info = write_connection_file(str(folder / f"{number}.json"), ip="127.0.0.1", key=KEY)
        session = Session(key=KEY)
        context = zmq.Context()
        shell = context.socket(zmq.DEALER)
        # As soon as the kernel listens.
        shell.reconnect_ivl = 2
        shell.linger = 0
        shell.connect(f"tcp://127.0.0.1:{info['shell_port']}")
        execute = session.send(shell, "execute_request", {"code": "1 + 1", "silent": False})
        asked = session.send(shell, "kernel_info_request", {})
        environment = os.environ | {"TMPDIR": str(folder / str(number))}
        start = time.monotonic()
        kernel = subprocess.Popen([os.environ["ANTIPHON"], "kernel", "--connection-file", path, "--sim"], env=environment)
        try:
            assert shell.poll(LIMIT * 1000)
            _, reply = session.recv(shell, mode=0)
            times.append(time.monotonic() - start)
            # The cell was sent before it, and waits.
            assert reply["msg_type"] == "kernel_info_reply"
            assert reply["parent_header"]["msg_id"] == asked["header"]["msg_id"] != execute["header"]["msg_id"]
            assert reply["content"]["status"] == "ok"
            # A shutdown while the evaluator starts.
            session.send(shell, "shutdown_request", {"restart": False})
            assert kernel.wait(30) == 0
        finally:
            kernel.kill()
            kernel.wait()
            context.destroy(linger=0)
        assert list((folder / str(number)).rglob("*")) == []
    milliseconds = sorted(round(1000 * seconds) for seconds in times)
    print(f"\nkernel_info after {statistics.median(milliseconds)} ms (median of {milliseconds}); goal 200 ms")


def test_a_restart_forgets_all_and_a_shutdown_leaves_nothing(folder: Path) -> None:
    kernel = Kernel(folder, PLAIN).ready()
    try:
        kernel.run("let forgotten = 1;").ok()
        kernel.note_sessions()
        first = kernel.pid
        kernel.client.stop_channels()
        kernel.manager.restart_kernel(now=False)
        assert kernel.pid != first
        kernel.client = kernel.manager.client()
        kernel.client.start_channels()
        kernel.ready()
        shown = kernel.run("forgotten")
        shown.failed("CompileError")
        assert shown.reply["execution_count"] == 1
        assert first not in [process.pid for process in kernel.processes()]
        # In the middle of a cell that does not yield.
        running = kernel.start('println!("looping"); loop {}')
        kernel.until_text(running, "looping")
        start = time.monotonic()
    finally:
        kernel.end()
    print(f"\nended {time.monotonic() - start:.2f} s after its shutdown was asked for")
    kernel.assert_nothing_left()


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGKILL])
def test_a_signal_ends_it(folder: Path, by: signal.Signals) -> None:
    kernel = Kernel(folder)
    try:
        running = kernel.start('println!("waiting"); tokio::time::sleep(Duration::from_secs(600)).await;')
        kernel.until_text(running, "waiting")
        kernel.note_sessions()
        kernel.client.stop_channels()
        os.kill(kernel.pid, by)
        eventually(lambda: not kernel.processes(), "the kernel's processes end", 30)
    finally:
        kernel.manager.shutdown_kernel(now=True)
    if by == signal.SIGKILL:
        # It could not remove its sockets' folder; the next kernel does.
        (left,) = kernel.temporary.iterdir()
        assert left.name.startswith("antiphon-kernel-")
        kernel = Kernel(folder, temporary=kernel.temporary)
        kernel.client.wait_for_ready(timeout=LIMIT)
        kernel.end()
    kernel.assert_nothing_left()


START_A_KERNEL = f"""
import sys, time
from jupyter_client.manager import KernelManager
manager = KernelManager(kernel_name={SIMULATED!r})
manager.start_kernel()
client = manager.client()
client.start_channels()
client.wait_for_ready(timeout={LIMIT})
print("ready", flush=True)
time.sleep(600)
"""


def test_it_ends_with_the_process_that_started_it(folder: Path) -> None:
    environment = os.environ | {MARK: str(folder), "TMPDIR": str(folder)}
    starter = subprocess.Popen([sys.executable, "-c", START_A_KERNEL], env=environment, stdout=subprocess.PIPE)
    try:
        assert starter.stdout is not None and starter.stdout.readline() == b"ready\n"
    finally:
        starter.kill()
        starter.wait()
    eventually(
        lambda: not [process for process in Process.all() if process.environment.get(MARK) == str(folder)],
        "the kernel notices that its starter is gone",
        60,
    )
    # Its connection file is the starter's, which could not remove it.
    assert [path for path in folder.rglob("*") if path.suffix != ".json"] == []
