"""examples/quickstart.ipynb runs from its first cell to its last, in a kernel of its own."""

from __future__ import annotations

import ast

import nbformat
import pytest
from nbclient import NotebookClient

from tests.conftest import REPOSITORY

NOTEBOOK = REPOSITORY / "examples" / "quickstart.ipynb"


def test_it_is_committed_without_outputs():
    """They would be another machine's, and another day's."""
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    assert not [cell for cell in cells if cell.get("outputs") or cell.get("execution_count")]


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_every_cell_runs(tmp_path):
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(notebook, timeout=900, resources={"metadata": {"path": str(tmp_path)}}).execute()
    said = "".join(output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", []))
    assert "400 samples" in said
    assert "retained tokens [0, 1]" in said
    assert (tmp_path / "runs" / "notebook" / "report.html").is_file()
    grades = notebook.cells[-1].outputs[-1]["data"]["text/plain"]
    assert ast.literal_eval(grades) == {"right": "passed", "wrong": "wrong answer"}
