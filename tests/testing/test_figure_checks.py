"""The figure checks find the faults of a figure."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import genzoo
from genzoo.core.model import Autoencoder
from genzoo.registry.current import HERE, registry
from genzoo.registry.entries import Entry
from genzoo.testing import examine

pytestmark = pytest.mark.usefixtures("drawn_figures")


class Dots(genzoo.Figure):
    """A figure of images, with the fault that `fault` names."""

    fault = ""
    needs = genzoo.Encoder

    def applies(self, context: genzoo.FigureContext) -> bool:
        return super().applies(context) and (self.fault == "fails" or context.model.spec.is_image)

    def draw(self, context: genzoo.FigureContext, path: Path) -> None:
        assert isinstance(context.model, Autoencoder)
        images = context.model.decode(context.model.encode(context.examples(torch.arange(4))))
        if self.fault == "fails":
            assert images.dim() == 4, "these are no images"
        if self.fault != "nothing":
            genzoo.save_grid(path, context.shown(images), "dots")


@pytest.mark.parametrize(
    ("fault", "said"),
    [pytest.param("", "", marks=pytest.mark.long), ("fails", "these are no images"), ("nothing", "it wrote no file")],
)
def test_a_fault_of_a_figure_is_found(fault: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Dots, "fault", fault)
    entry = Entry("figure", "dots", Dots, "made for a test", HERE)
    registry().replace(entry)
    findings = {finding.check: finding for finding in examine(entry, only=["figure", "drawn"])}
    assert findings["figure"].verdict == "PASS"
    assert findings["drawn"].verdict == ("FAIL" if fault else "PASS"), findings["drawn"]
    assert said in findings["drawn"].found


class Undrawn(genzoo.Figure):
    pass


class Unneeded(genzoo.Figure):
    needs = int

    def draw(self, context: genzoo.FigureContext, path: Path) -> None:
        raise AssertionError


@pytest.mark.parametrize(
    ("cls", "check", "verdict", "said"),
    [
        (Undrawn, "figure", "FAIL", "Undrawn does not define draw(context, path)"),
        (int, "figure", "FAIL", "int is not a genzoo.Figure"),
        pytest.param(Unneeded, "drawn", "n/a", "no registered model has what it needs", marks=pytest.mark.long),
    ],
)
def test_a_figure_that_is_none(cls: type, check: str, verdict: str, said: str) -> None:
    (finding,) = examine(Entry("figure", "dots", cls, "made for a test", HERE), only=[check])
    assert finding.verdict == verdict
    assert said in finding.found
