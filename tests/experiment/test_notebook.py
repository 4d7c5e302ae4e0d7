"""Progress in a notebook: one element, updated in place and not too often."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import genzoo
from genzoo.core.listener import Epoch
from genzoo.experiment import notebook
from genzoo.experiment.console import Console
from genzoo.experiment.notebook import NotebookConsole, console_for

CELL = """
import genzoo
run = genzoo.run("vae", "moons", runs={folder!r}, hidden=(8,), latent_dim=2, epochs=3, data={{"train": 300}})
run
"""


class Shown:
    """An element of a notebook: what it has shown, in order."""

    def __init__(self) -> None:
        self.contents: list[dict[str, str]] = []

    def display(self, data: dict[str, str], raw: bool, display_id: bool) -> Shown:
        assert raw
        assert display_id
        assert not self.contents, "there is one element for a run"
        return self.update(data, raw)

    def update(self, data: dict[str, str], raw: bool) -> Shown:
        self.contents.append(data)
        return self


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Shown:
    made = Shown()
    module = SimpleNamespace(
        get_ipython=lambda: SimpleNamespace(kernel=1), display=SimpleNamespace(display=made.display)
    )
    monkeypatch.setitem(sys.modules, "IPython", module)  # type: ignore[arg-type]
    return made


def small_console() -> NotebookConsole:
    console = NotebookConsole("vae on moons", batch_size=10)
    console.epochs = 4
    return console


def epoch(number: int) -> Epoch:
    return Epoch(number, 10 * number, {"loss": 4.0 / number}, {}, 1.0, 100, 1e-3)


def test_it_is_for_notebooks_only(shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    config = genzoo.options("vae", "moons")
    assert isinstance(console_for(config, quiet=False), NotebookConsole)
    assert type(console_for(config, quiet=True)) is Console
    monkeypatch.setattr(sys.modules["IPython"], "get_ipython", lambda: SimpleNamespace())  # IPython in a terminal
    assert type(console_for(config, quiet=False)) is Console
    monkeypatch.delitem(sys.modules, "IPython")
    assert type(console_for(config, quiet=False)) is Console


def test_a_bar_the_terms_and_the_time_left(shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(notebook.time, "perf_counter", lambda: clock[0])
    console = NotebookConsole("vae on moons", batch_size=10)
    console.epochs = 4
    console.say("vae (10 parameters)")
    console.epoch_started(1, 10)
    clock[0] = 60.0
    console.stepped(5, lambda done: {"loss": 3.0})
    assert shown.contents[-1]["text/plain"] == "vae on moons · 12% · epoch 1/4 · loss 3.00 · 7 min left"
    assert "width: 12.5%" in shown.contents[-1]["text/html"]
    assert "vae (10 parameters)" in shown.contents[-1]["text/html"]
    console.stepped(6, lambda done: pytest.fail("half a second has not passed"))
    clock[0] = 240.0
    for number in (1, 2, 3, 4):
        console.epoch_finished(epoch(number))
    count = len(shown.contents)
    assert count == 4, "the epochs of one moment are shown once, and the last one"
    assert "100% · epoch 4/4 · loss 1.00  100 img/s · trained in 4 min" in shown.contents[-1]["text/plain"]
    console.close()
    console.close()
    assert len(shown.contents) == count + 1


def test_a_resumed_run_counts_its_own_time(shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(notebook.time, "perf_counter", lambda: clock[0])
    console = NotebookConsole("vae on moons", batch_size=10)
    console.epochs = 4
    console.epoch_started(3, 10)
    clock[0] = 60.0
    console.epoch_finished(epoch(3))
    assert "75%" in shown.contents[-1]["text/plain"]
    assert "1 min left" in shown.contents[-1]["text/plain"]


def test_an_interrupted_training_does_not_look_complete(shown: Shown) -> None:
    console = NotebookConsole("vae on moons", batch_size=10)
    console.epochs = 4
    console.epoch_started(1, 10)
    console.epoch_finished(epoch(1))
    console.close()
    assert "25%" in shown.contents[-1]["text/plain"]
    assert 'class="ended"' not in shown.contents[-1]["text/html"]


@pytest.mark.long
def test_a_real_kernel(tmp_path: Path) -> None:
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    cell: Any = nbformat.v4.new_code_cell(CELL.format(folder=str(tmp_path)))
    made = nbformat.v4.new_notebook(cells=[cell])
    nbclient.NotebookClient(made, timeout=120, kernel_name="python3").execute()
    displays = [out for out in cell.outputs if out.output_type == "display_data"]
    (progress,) = displays  # updated in place: one element
    assert "100%" in progress.data["text/plain"]
    assert "trained in" in progress.data["text/html"]
    (result,) = [out for out in cell.outputs if out.output_type == "execute_result"]
    assert "vae on moons" in result.data["text/html"]
    assert not [out for out in cell.outputs if out.output_type == "stream" and "epoch" in out.text]
