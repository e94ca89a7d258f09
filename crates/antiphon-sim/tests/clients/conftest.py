"""What the tests of all generations share: simulators, and an environment in which only they say where to ask."""

from __future__ import annotations

import os
from typing import Iterator

import pytest

from simulator import Simulator, Start, without_settings


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Starts simulators with arguments of their own; the environment points at the last of them."""
    started: list[Simulator] = []
    for name in os.environ.keys() - without_settings(os.environ).keys():
        monkeypatch.delenv(name)

    def start(*arguments: str) -> Simulator:
        simulator = Simulator(*arguments)
        started.append(simulator)
        for name, value in simulator.env.items():
            monkeypatch.setenv(name, value)
        return simulator

    yield start
    for simulator in started:
        simulator.close()


@pytest.fixture
def sim(start: Start) -> Simulator:
    """One that answers at once."""
    return start("--latency", "none")
