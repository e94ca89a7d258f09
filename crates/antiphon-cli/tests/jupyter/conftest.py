"""What all tests share: one kernel, and the rule that nothing is skipped."""

from __future__ import annotations

from pathlib import Path
from typing import Iterator

import pytest

from support import Kernel

# Pages of text are a payload that the messaging specification has deprecated.
MAY_BE_SKIPPED = {"test_pager"}

_skipped: list[str] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    name = report.nodeid.rsplit("::", 1)[-1]
    if report.skipped and name not in MAY_BE_SKIPPED:
        _skipped.append(f"{report.nodeid}: {report.longrepr}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    if _skipped and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for skipped in _skipped:
        terminalreporter.write_line(f"FAILED, because it was skipped: {skipped}", red=True)


@pytest.fixture(scope="session")
def shared_kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    kernel = Kernel(tmp_path_factory.mktemp("shared")).ready()
    yield kernel
    kernel.end()
    kernel.assert_nothing_left()


@pytest.fixture
def kernel(shared_kernel: Kernel) -> Iterator[Kernel]:
    """A kernel that others have used and others will use: whatever a test does to it, it is of use after it."""
    yield shared_kernel
    assert shared_kernel.manager.is_alive(), "the kernel's process has ended"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path
