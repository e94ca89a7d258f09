"""A simulator in a process of its own, as the tests hold it."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from typing import Any, Callable, Mapping

# What a fault looks like is said in `examples/serve.rs`.
Fault = Any


@dataclass(frozen=True)
class Request:
    """What a client asked. Keys are not kept, only where they were."""

    method: str
    path: str
    body: Any
    query: list[str]
    key_in: list[str]
    headers: dict[str, str]


class Simulator:
    """It ends with its input, so also with the process of the tests."""

    def __init__(self, *arguments: str) -> None:
        command = [os.environ["ANTIPHON_SIM"], *arguments]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._seen = 0
        hello = self._read()
        self.url: str = hello["url"]
        self.env: Mapping[str, str] = hello["env"]

    def fail(self, *faults: Fault) -> None:
        """The next calls go wrong, each in one of these ways; `None` lets one pass."""
        for fault in faults:
            self._ask({"fault": fault})

    def requests(self) -> list[Request]:
        """What was asked since the last look, oldest first."""
        every = self._ask("requests")
        new = every[self._seen :]
        self._seen = len(every)
        return [Request(**request) for request in new]

    def close(self) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        try:
            assert self._process.wait(timeout=30) == 0
        finally:
            self._process.stdout.close()

    def _ask(self, command: Any) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        answer = self._read()
        assert not (isinstance(answer, dict) and "error" in answer), answer
        return answer

    def _read(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"the simulator has ended: {self._process.wait()}"
        return json.loads(line)


# Starts one with these arguments.
Start = Callable[..., Simulator]


def error(status: int, kind: str = "", message: str = "Out of order.", **more: Any) -> Fault:
    """An error in the provider's shape; `more` may be `code`, `param` and `headers`."""
    return {"error": {"status": status, "kind": kind, "message": message, **more}}


def without_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """`environ` without what the developer has set for the providers, and without ways around the loopback device."""
    providers = ("OPENAI_", "ANTHROPIC_", "OLLAMA_", "PROMPTLAYER_")
    kept = {name: value for name, value in environ.items() if not name.startswith(providers)}
    return {name: value for name, value in kept.items() if not name.lower().endswith("_proxy")}
