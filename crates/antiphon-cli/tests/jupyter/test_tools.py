"""The programs that people render and check notebooks with, each as its users start it."""

from __future__ import annotations

import html
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat

from support import MARK, SIMULATED, Process

ROOT = Path(__file__).parents[4]
HERE = Path(__file__).parent


def tool(folder: Path, *arguments: str | Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Runs a Python tool, and checks that no process of a kernel outlives it."""
    mark = f"tool-{os.getpid()}-{folder}"
    command = [sys.executable, "-m", *map(str, arguments)]
    environment = os.environ | {MARK: mark}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == code, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    left = [process for process in Process.all() if process.environment.get(MARK) == mark]
    assert left == [], left
    return done


def write(path: Path, *sources: str) -> Path:
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    spec = {"name": "antiphon", "display_name": "Rust (antiphon)", "language": "rust"}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": spec}), path)
    return path


def read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)


def test_nbconvert_renders_the_notebook_as_html(folder: Path) -> None:
    notebook = ROOT / "notebooks" / "async_llm.ipynb"
    tool(folder, "nbconvert", "--execute", "--to", "html", f"--ExecutePreprocessor.kernel_name={SIMULATED}",
         "--output-dir", folder, notebook)
    page = (folder / "async_llm.html").read_text()
    if keep := os.environ.get("ANTIPHON_ARTEFACTS"):
        Path(keep).mkdir(parents=True, exist_ok=True)
        (Path(keep) / "async_llm.html").write_text(page)
    text = html.unescape(re.sub(r"<[^>]*>", "", page))
    assert re.search(r"Concurrent executed in \d+\.\d\d seconds\.", text)
    assert re.search(r"Serial executed in \d+\.\d\d seconds\.", text)
    # In bold, as the cell prints them.
    assert re.search(r'class="ansi-bold"[^>]*>Concurrent executed in', page)
    # Highlighted as Rust: `async` and `fn` are keywords, `println!` is a macro.
    assert 'highlight hl-rust' in page
    assert '<span class="k">async</span>' in page and '<span class="k">fn</span>' in page
    assert '<span class="fm">println!</span>' in page
    assert "antiphon: the answers of language models are simulated" in text


def test_papermill_executes_and_nbconvert_exports_a_script(folder: Path) -> None:
    notebook = write(folder / "in.ipynb", 'let x = 20; println!("running");', "x + 1", 'eprintln!("aside");')
    tool(folder, "papermill", "--kernel", SIMULATED, notebook, folder / "out.ipynb")
    executed = read(folder / "out.ipynb")
    assert executed.metadata.papermill["exception"] is None
    texts = [[output.get("text") or output.data["text/plain"] for output in cell.outputs] for cell in executed.cells]
    assert texts[0][-1] == "running\n" and texts[1] == ["21"] and texts[2] == ["aside\n"]
    # By the kernel's own `nbconvert_exporter` and `file_extension`, which are in the executed notebook.
    info = executed.metadata.language_info
    assert info["name"] == "rust" and info["pygments_lexer"] == "rust" and re.match(r"1\.\d+\.\d+", info["version"])
    tool(folder, "nbconvert", "--to", "script", folder / "out.ipynb")
    assert 'println!("running");' in (folder / "out.rs").read_text()


def test_papermill_stops_at_its_timeout(folder: Path) -> None:
    """The time of a cell includes the evaluator's start if it is the first; on a slow machine that may be it."""
    sleeps = 'println!("waiting"); tokio::time::sleep(Duration::from_secs(600)).await;'
    notebook = write(folder / "sleeps.ipynb", sleeps, 'println!("never");')
    done = tool(folder, "papermill", "--execution-timeout", "15", notebook, folder / "slept.ipynb", code=1)
    assert "CellTimeoutError" in done.stderr or "timed out" in done.stderr, done.stderr
    assert "never\\n" not in (folder / "slept.ipynb").read_text()


def test_nbval_compares_outputs(folder: Path) -> None:
    notebook = nbformat.read(HERE / "stable.ipynb", as_version=4)
    # It does compare.
    stream = nbformat.v4.new_output("stream", name="stdout", text="hello, Bob\n")
    notebook.cells.append(nbformat.v4.new_code_cell('println!("hello, Ada");', execution_count=6, outputs=[stream]))
    nbformat.write(notebook, folder / "stable.ipynb")
    done = tool(folder, "pytest", "-p", "no:cacheprovider", "--nbval", "stable.ipynb", code=1)
    assert "1 failed, 5 passed" in done.stdout and "hello, Bob" in done.stdout, done.stdout
