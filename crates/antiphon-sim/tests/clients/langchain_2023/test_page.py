"""LangChain's page, with only the environment changed, against a simulator as slow as a model."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from simulator import Start

FOLDER = Path(__file__).parent


def test_the_page_runs_unchanged(start: Start) -> None:
    sim = start()
    done = subprocess.run(
        [sys.executable, str(FOLDER / "run_page.py"), str(FOLDER / "async_page.py")],
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    times = re.findall(r"^\033\[1m(Concurrent|Serial) executed in ([\d.]+) seconds\.\033\[0m$", done.stdout, re.M)
    (_, concurrent), (_, serial) = times
    assert 2 * float(concurrent) < float(serial), done.stdout
    # An answer has two empty lines before it.
    answers = [part for part in re.split(r"\n\n|\033.*\n", done.stdout) if part.strip()]
    assert len(answers) == 20 and len(set(answers)) > 3, done.stdout

    requests = sim.requests()
    assert [request.path for request in requests] == ["/v1/completions"] * 20
    assert all(request.key_in == ["authorization"] for request in requests)
    assert all(
        request.body
        == {
            "model": "text-davinci-003",
            "prompt": ["Hello, how are you?"],
            "temperature": 0.9,
            "max_tokens": 256,
            "top_p": 1,
            "frequency_penalty": 0,
            "presence_penalty": 0,
            "n": 1,
            "best_of": 1,
            "logit_bias": {},
        }
        for request in requests
    )
