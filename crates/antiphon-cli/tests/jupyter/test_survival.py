"""What ends the cells' process, or the one that compiles them, is one error in the cell, and the kernel goes on."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from support import Kernel, eventually

# Limits the address space of the cells' process alone.
OUT_OF_MEMORY = """
#[repr(C)] struct Limit { soft: u64, hard: u64 }
unsafe extern "C" { fn setrlimit(resource: i32, limit: *const Limit) -> i32; }
const ADDRESS_SPACE: i32 = 9;
let limit = Limit { soft: 4 << 30, hard: 4 << 30 };
assert_eq!(unsafe { setrlimit(ADDRESS_SPACE, &limit) }, 0);
let mut hoard: Vec<Vec<u8>> = Vec::new();
loop { hoard.push(Vec::with_capacity(64 << 20)); }"""

CRASHES = {
    "segfault": 'println!("before"); unsafe { std::ptr::write_volatile(8 as *mut u8, 1) };',
    "exit": 'println!("before"); std::process::exit(3);',
    "exit with 0": 'println!("before"); std::process::exit(0);',
    "abort": 'println!("before"); std::process::abort();',
    "stack overflow": 'println!("before"); fn deep(n: u64) -> u64 { if n == u64::MAX { 0 } else { std::hint::black_box(deep(n + 1)) + n } } deep(0);',
    "out of memory": 'println!("before");' + OUT_OF_MEMORY,
    "killed": 'println!("before"); std::process::Command::new("kill").args(["-9", &std::process::id().to_string()]).status()?; loop {}',
    "exit in a task": 'println!("before"); tokio::spawn(async { std::process::exit(4); }).await?;',
    "abort in a thread": 'println!("before"); std::thread::spawn(|| std::process::abort()).join().ok();',
}


@pytest.mark.parametrize("how", CRASHES)
def test_a_crash_of_the_cells_process(kernel: Kernel, how: str) -> None:
    kernel.run("let precious = 41;").ok()
    shown = kernel.run(CRASHES[how]).failed("ChildDied")
    assert shown.stream() == "before\n"
    assert "precious" in shown.error_text, shown.error_text
    kernel.usable()


def test_a_panic_inside_evcxr(kernel: Kernel) -> None:
    """evcxr forgets the variable for the compiler's first error, and looks it up for the second."""
    kernel.run("let mut kept = vec![41];").ok()
    shown = kernel.run("#[cfg(any())] let x: impl Sized = 5;").failed("EvaluatorPanic")
    assert "a fault of evcxr" in shown.error_text
    assert kernel.run("kept.push(1); kept.len()").ok().result == "2"
    kernel.usable()


# Texts that have ended evcxr or rust-analyzer, or might.
ODD_CELLS = [
    "let a = std::",
    "#[derive(Debug)]",
    "#[derive(Debug)] ",
    "let = ;",
    "fn",
    "struct",
    "impl",
    "'",
    "\u0000",
    "\ufeff1",
    "let x = 'a",
    "(" * 500,
    "(" * 3000 + "1" + ")" * 3000,
    "-" * 20_000 + "1",
    "{" * 300 + "}" * 300,
    "use nothing::at::all;",
    "let 名 = 1;",
    "mod m;",
    "extern crate nothing;",
    "r#\"",
    "macro_rules! m {",
    ":dep",
    ":dep no_such_crate_of_ours = { path = \"/nowhere\" }",
    ":",
    ":type",
    ":no_such_command",
]


@pytest.mark.parametrize("how", ["executed", "completed and inspected"])
def test_odd_cells(kernel: Kernel, how: str) -> None:
    for code in ODD_CELLS:
        if how == "executed":
            shown = kernel.run(code)
            assert len(shown.contents("error")) == (shown.status == "error"), (code, shown.messages)
        else:
            for ask_for in (kernel.client.complete, kernel.client.inspect):
                for position in {0, len(code) // 2, len(code)}:
                    msg_id = ask_for(code, position)
                    while (reply := kernel.client.get_shell_msg(timeout=60))["parent_header"]["msg_id"] != msg_id:
                        pass
                    assert reply["content"]["status"] == "ok", (code, reply)
    kernel.usable()


def test_the_evaluator_is_killed_while_a_cell_runs(kernel: Kernel) -> None:
    kernel.run("let precious = 41;").ok()
    running = kernel.start('println!("waiting"); tokio::time::sleep(Duration::from_secs(600)).await;')
    kernel.until_text(running, "waiting")
    (host,) = kernel.in_role("host")
    host.kill()
    shown = kernel.finish(running)
    assert shown.status == "error" and len(shown.contents("error")) == 1, shown
    assert kernel.run("1 + 1").ok().result == "2"
    kernel.usable()


def test_the_evaluator_is_killed_between_cells(kernel: Kernel) -> None:
    (host,) = kernel.in_role("host")
    host.kill()
    eventually(lambda: host.pid not in [process.pid for process in kernel.in_role("host")], "the host is gone")
    shown = kernel.run("1 + 1")
    # A cell that comes before the next evaluator waits for it, or says once what happened.
    if shown.status == "error":
        assert len(shown.contents("error")) == 1
    else:
        assert shown.result == "2"
    kernel.usable()


def test_the_cells_process_is_killed_between_cells(kernel: Kernel) -> None:
    kernel.run("let precious = 41;").ok()
    (child,) = [process for process in kernel.processes() if process.environment.get("EVCXR_IS_RUNTIME") == "1"]
    child.kill()
    eventually(lambda: child.pid not in [process.pid for process in kernel.processes()], "the process is gone")
    shown = kernel.run("1 + 1")
    assert len(shown.contents("error")) == (shown.status == "error"), shown.messages
    kernel.usable()


def test_the_folder_is_deleted(folder: Path) -> None:
    kernel = Kernel(folder).ready()
    try:
        kernel.run("let kept = 41;").ok()
        shutil.rmtree(kernel.cwd)
        assert kernel.run("kept + 1").ok().result == "42"
        shown = kernel.run('std::fs::write("made.txt", "text")?;').failed("io::Error")
        assert "No such file" in shown.error_text
        # Processes that start in a folder that is gone.
        shown = kernel.run("std::process::abort();")
        assert shown.status == "error" and len(shown.contents("error")) == 1, shown.messages
        shown = kernel.run("1 + 1")
        assert len(shown.contents("error")) == (shown.status == "error"), shown.messages
        for host in kernel.in_role("host"):
            host.kill()
        shown = kernel.run("1 + 1")
        assert len(shown.contents("error")) == (shown.status == "error"), shown.messages
        # And again when it is back.
        kernel.cwd.mkdir()
        assert kernel.run("1 + 1").ok().result == "2"
        kernel.usable()
    finally:
        kernel.end()
    kernel.assert_nothing_left()
