"""The stop button, and Ctrl-C in a console: in an await, in the compiler, in code that does not yield."""

from __future__ import annotations

import os
import signal
from typing import Callable

import pytest

from support import SLOW_TO_COMPILE, Kernel, ask, eventually


def by_message(kernel: Kernel) -> None:
    """As JupyterLab, VS Code, nbclient and papermill do: the kernelspec says `interrupt_mode: message`."""
    assert kernel.manager.kernel_spec.interrupt_mode == "message"
    reply = ask(kernel.client, "interrupt_request", {}, "control")
    assert reply["msg_type"] == "interrupt_reply" and reply["content"] == {"status": "ok"}


def by_signal(kernel: Kernel) -> None:
    os.kill(kernel.pid, signal.SIGINT)


ways = pytest.mark.parametrize("interrupt", [by_message, by_signal])
Interrupt = Callable[[Kernel], None]


@ways
def test_an_await_is_cut_and_all_is_kept(kernel: Kernel, interrupt: Interrupt) -> None:
    kernel.run("let kept = vec![1, 2, 3]; let llm = OpenAI::new();").ok()
    running = kernel.start('println!("waiting"); tokio::time::sleep(Duration::from_secs(600)).await; println!("never");')
    kernel.until_text(running, "waiting")
    interrupt(kernel)
    shown = kernel.finish(running).failed("Cancelled")
    assert "never" not in shown.stream()
    assert kernel.run("kept").ok().result == "[1, 2, 3]"
    assert kernel.run("llm.agenerate([\"Hello\"]).await?.generations.len()").ok().result == "1"


@ways
def test_a_compilation_is_cut_and_all_is_kept(kernel: Kernel, interrupt: Interrupt) -> None:
    kernel.run("let kept = 41;").ok()
    running = kernel.start(SLOW_TO_COMPILE)
    eventually(kernel.compiles_a_cell, "the cell compiles")
    interrupt(kernel)
    kernel.finish(running).failed("Cancelled")
    assert not kernel.compiles_a_cell()
    assert kernel.run("kept + 1").ok().result == "42"


@ways
def test_code_that_does_not_yield_is_cut_and_the_loss_is_said(kernel: Kernel, interrupt: Interrupt) -> None:
    kernel.run("let precious = 41; fn function() -> u8 { 2 }").ok()
    running = kernel.start('println!("looping"); loop {}')
    kernel.until_text(running, "looping")
    interrupt(kernel)
    shown = kernel.finish(running)
    assert shown.status == "error" and len(shown.contents("error")) == 1
    assert "precious" in shown.error_text, shown.error_text
    kernel.run("precious").failed("CompileError")
    # Definitions are not variables.
    assert kernel.run("function()").ok().result == "2"


def test_without_a_cell_nothing_happens(kernel: Kernel) -> None:
    kernel.run("let kept = 1;").ok()
    by_message(kernel)
    assert kernel.run("kept").ok().result == "1"


def test_cells_that_wait_are_aborted_with_the_one_that_is_stopped(kernel: Kernel) -> None:
    running = kernel.start('println!("waiting"); tokio::time::sleep(Duration::from_secs(600)).await;')
    waits = kernel.start('println!("never");')
    kernel.until_text(running, "waiting")
    by_message(kernel)
    kernel.finish(running).failed("Cancelled")
    assert kernel.finish(waits).status == "aborted"
    kernel.usable()


def test_a_wait_for_input_is_cut(kernel: Kernel) -> None:
    running = kernel.start('println!("EVCXR_INPUT_REQUEST:?"); let mut line = String::new(); \
        std::io::stdin().read_line(&mut line)?;', allow_stdin=True)
    assert kernel.client.get_stdin_msg(timeout=60)["msg_type"] == "input_request"
    by_message(kernel)
    kernel.finish(running).failed("Cancelled")
    # An answer that comes too late is nobody's.
    kernel.client.input("late")
    kernel.usable()
