"""The notebooks of examples/ run from top to bottom, and what is kept in them is what they print."""

import json
import shutil
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "examples" / "notebooks"
NAMES = sorted(path.stem for path in FOLDER.glob("*.ipynb"))


def outputs(cells):
    return [output for cell in cells for output in cell.get("outputs", [])]


@pytest.mark.parametrize("name", NAMES)
def test_notebook_is_kept_with_its_outputs_and_without_errors(name):
    cells = json.loads((FOLDER / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
    kinds = {output["output_type"] for output in outputs(cells)}
    assert {"stream"} <= kinds
    assert "error" not in kinds
    counts = [cell["execution_count"] for cell in cells if cell["cell_type"] == "code"]
    assert counts == list(range(1, len(counts) + 1)), "run it from top to bottom, in one go"


@pytest.mark.parametrize("name", NAMES)
def test_notebook_runs(name, tmp_path):
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    notebook = nbformat.read(shutil.copy(FOLDER / f"{name}.ipynb", tmp_path), as_version=4)
    where = {"metadata": {"path": str(tmp_path)}}
    client = nbclient.NotebookClient(notebook, timeout=600, kernel_name="python3", resources=where)
    client.execute()  # raises what a cell raises
    assert outputs(notebook.cells)
