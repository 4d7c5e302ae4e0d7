"""Figures of stored runs for notebooks."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

import genzoo
from genzoo.runs.run import Run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    (tmp_path / "figures").mkdir()
    for name in ("samples.png", "traversals.gif", "notes.txt", "sound.wav", "table.csv"):
        (tmp_path / "figures" / name).write_bytes(f"<{name}>".encode())
    return Run(tmp_path)


@pytest.mark.parametrize(
    ("name", "kind"), [("samples", "image/png"), ("traversals", "image/gif"), ("sound", "audio/wav")]
)
def test_a_figure_is_its_file(name: str, kind: str, run: Run) -> None:
    figure = run.figure(name)
    content = base64.b64encode(figure.path.read_bytes()).decode()
    assert f'src="data:{kind};base64,{content}"' in figure._repr_html_()


def test_texts_are_escaped(run: Run) -> None:
    assert run.figure("notes")._repr_html_() == "<pre>&lt;notes.txt&gt;</pre>"


def test_a_figure_that_is_not_there_is_refused_with_those_that_are(run: Run) -> None:
    with pytest.raises(genzoo.UsageError, match=r"has no figure 'sample'. Did you mean 'samples'\?") as refused:
        run.figure("sample")
    assert refused.value.hint == "its figures: notes, samples, sound, traversals"
