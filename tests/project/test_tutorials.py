"""The tutorials: each notebook runs as it stands, shows what it says, and is stored without what it shows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "docs/tutorials"
NAMES = ("first-model", "own-data", "own-plugin", "honest-comparison")
MOST_SECONDS = 60.0
"""Of CPU for one of them, the import of torch among it."""
COUNT_TIME = "import resource; own = resource.getrusage(resource.RUSAGE_SELF); print(own.ru_utime + own.ru_stime)"


def test_there_are_these_tutorials_without_outputs() -> None:

    assert {file.stem for file in FOLDER.glob("*.ipynb")} == set(NAMES)
    for name in NAMES:
        cells = json.loads((FOLDER / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
        code = [cell for cell in cells if cell["cell_type"] == "code"]
        assert len(code) >= 4
        assert not [cell for cell in code if cell["outputs"] or cell["execution_count"]]


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
def test_a_tutorial_runs_in_a_minute(name: str, tmp_path: Path) -> None:
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    notebook: Any = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(COUNT_TIME))
    place = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(notebook, timeout=600, kernel_name="python3", resources=place).execute()
    outputs = [out for cell in notebook.cells if cell.cell_type == "code" for out in cell.outputs]
    assert not [out.text for out in outputs if out.output_type == "stream" and out.name == "stderr"]
    assert sum("text/html" in out.get("data", {}) for out in outputs) >= 2, "runs and tables are shown as HTML"
    assert float(outputs[-1].text) < MOST_SECONDS
