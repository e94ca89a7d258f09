"""Runs a file of Python as a notebook's cell: `run_page.py FILE`."""

from __future__ import annotations

import ast
import asyncio
import sys
from pathlib import Path
from typing import Any, Coroutine


def main() -> None:
    path = Path(sys.argv[1])
    # Not the annotations of this file, nor anything else of it, reaches the page.
    page = compile(path.read_text(), str(path), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    cell: Coroutine[Any, Any, None] = eval(page, {"__name__": "__main__"})
    asyncio.run(cell)


if __name__ == "__main__":
    main()
