"""nbclient, on which nbconvert, papermill, nbmake and JupyterBook stand."""

from __future__ import annotations

import os
import time
from typing import Any, Iterator

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from support import LIMIT, SIMULATED, SLOW_TO_COMPILE


class Notebook:
    """A notebook that grows, and its kernel."""

    def __init__(self, client: NotebookClient) -> None:
        self.client = client

    def append(self, source: str, tags: list[str] | None = None) -> int:
        cell = nbformat.v4.new_code_cell(source, metadata={"tags": tags or []})
        self.client.nb.cells.append(cell)
        return len(self.client.nb.cells) - 1

    def run(self, source: str, tags: list[str] | None = None) -> Any:
        index = self.append(source, tags)
        return self.client.execute_cell(self.client.nb.cells[index], index)

    def results(self, source: str) -> list[str]:
        outputs = self.run(source).outputs
        return [output.data["text/plain"] for output in outputs if output.output_type == "execute_result"]


@pytest.fixture(scope="module")
def of_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Notebook]:
    nb = nbformat.v4.new_notebook()
    folder = tmp_path_factory.mktemp("nbclient")
    client = NotebookClient(
        nb, kernel_name=SIMULATED, timeout=LIMIT, resources={"metadata": {"path": str(folder)}}, iopub_timeout=4
    )
    # Output that comes after its time is an error, where nbclient by default loses it with a warning.
    client.raise_on_iopub_timeout = True
    with client.setup_kernel(cwd=str(folder)):
        notebook = Notebook(client)
        # Once, the kernel says that answers are simulated.
        notebook.run("1")
        yield notebook


@pytest.fixture
def notebook(of_module: Notebook) -> Iterator[Notebook]:
    client = of_module.client
    settings = ["timeout", "interrupt_on_timeout", "allow_errors", "allow_error_names"]
    before = {name: getattr(client, name) for name in settings}
    yield of_module
    for name, value in before.items():
        setattr(client, name, value)


@pytest.mark.parametrize("count", [int(os.environ.get("ANTIPHON_FAST_CELLS", "500"))])
def test_fast_cells_each_have_their_own_line(notebook: Notebook, count: int) -> None:
    """Stock evcxr_jupyter loses output about once in 25 notebooks."""
    notebook.run("1")
    start = time.monotonic()
    cells = [notebook.run(f'println!("line {number}");') for number in range(count)]
    seconds = time.monotonic() - start
    print(f"\n{count} cells in {seconds:.1f} s, {1000 * seconds / count:.0f} ms each")
    for number, cell in enumerate(cells):
        line = nbformat.v4.new_output("stream", name="stdout", text=f"line {number}\n")
        assert cell.outputs == [line], f"cell {number}"
    counts = [cell.execution_count for cell in cells]
    assert counts == list(range(counts[0], counts[0] + count))


def test_a_timeout_interrupts_and_keeps_variables(notebook: Notebook) -> None:
    notebook.run("let kept = 41;")
    notebook.client.timeout = 5
    notebook.client.interrupt_on_timeout = True
    cell_index = notebook.append('println!("waiting"); tokio::time::sleep(Duration::from_secs(600)).await;')
    cell = notebook.client.nb.cells[cell_index]
    # nbclient interrupts, and then the kernel answers with an error.
    with pytest.raises(CellExecutionError) as raised:
        notebook.client.execute_cell(cell, cell_index)
    assert raised.value.ename == "Cancelled"
    assert [output.output_type for output in cell.outputs] == ["stream", "error"]
    notebook.client.timeout = LIMIT
    assert notebook.results("kept + 1") == ["42"]


def test_a_timeout_while_it_compiles_keeps_variables(notebook: Notebook) -> None:
    notebook.run("let older = 12;")
    notebook.client.timeout = 5
    notebook.client.interrupt_on_timeout = True
    with pytest.raises(CellExecutionError) as raised:
        notebook.run(SLOW_TO_COMPILE)
    assert raised.value.ename == "Cancelled"
    notebook.client.timeout = LIMIT
    assert notebook.results("older") == ["12"]


FAILURES = {
    "let count: u8 = \"three\";": "CompileError",
    "let x: = 3": "CompileError",
    "panic!(\"on purpose\")": "Panic",
    "\"x\".parse::<i32>()?;": "ParseIntError",
    "OpenAI::new().temperature(9.0).generate([\"hi\"])?;": "LlmError",
}


def test_allow_errors_records_one_error_in_each_cell(notebook: Notebook) -> None:
    notebook.client.allow_errors = True
    for source, ename in FAILURES.items():
        outputs = notebook.run(source).outputs
        assert [output.output_type for output in outputs] == ["error"], (source, outputs)
        assert outputs[0].ename == ename, source
        assert outputs[0].evalue and outputs[0].traceback, source


def test_errors_have_names_that_can_be_allowed(notebook: Notebook) -> None:
    notebook.client.allow_error_names = ["Panic"]
    notebook.run('panic!("allowed")')
    with pytest.raises(CellExecutionError) as raised:
        notebook.run('"x".parse::<i32>()?;')
    assert raised.value.ename == "ParseIntError"
    assert "invalid digit" in raised.value.evalue


def test_the_tag_raises_exception_goes_on(notebook: Notebook) -> None:
    outputs = notebook.run('println!("before"); panic!("on purpose");', ["raises-exception"]).outputs
    assert [output.output_type for output in outputs] == ["stream", "error"]


def test_a_display_is_updated_in_an_earlier_cell(notebook: Notebook) -> None:
    first = notebook.run('let shown = display("first"); println!("beside");')
    second = notebook.run('shown.update("second"); println!("later");')
    assert [output.output_type for output in first.outputs] == ["display_data", "stream"]
    assert first.outputs[0].data["text/plain"] == "second"
    assert [output.output_type for output in second.outputs] == ["stream"]


def test_clear_output_leaves_what_comes_after(notebook: Notebook) -> None:
    outputs = notebook.run('println!("gone"); tokio::clear_output(true); println!("stays");').outputs
    assert [output.text for output in outputs] == ["stays\n"]


def test_streams_and_displays_are_in_order(notebook: Notebook) -> None:
    source = 'println!("one"); display("two"); println!("three"); eprintln!("four"); println!("five"); 6'
    outputs = notebook.run(source).outputs
    texts = [output.get("text") or output.data["text/plain"] for output in outputs]
    assert texts[:2] == ["one\n", "two"] and texts[-1] == "6", texts
    # The two streams are pipes of their own: each is in order, and nobody can say how they interleave.
    streams = {name: "".join(it.text for it in outputs[2:-1] if it.name == name) for name in ("stdout", "stderr")}
    assert streams == {"stdout": "three\nfive\n", "stderr": "four\n"}
