"""The packages of 2023 read the environment when they are imported: one simulator, started before them, for all tests."""

from __future__ import annotations

import os
from typing import Iterator

import pytest

from simulator import Simulator, without_settings

_settings = without_settings(os.environ)
os.environ.clear()
os.environ.update(_settings)
_simulator = Simulator("--latency", "none", "--seed", "7")
os.environ.update(_simulator.env)


@pytest.fixture(scope="session", autouse=True)
def _ended() -> Iterator[None]:
    yield
    _simulator.close()


@pytest.fixture
def sim() -> Simulator:
    """The one simulator; what was asked before is forgotten."""
    _simulator.requests()
    return _simulator
