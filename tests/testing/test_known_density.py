"""Models held against data of known density."""

from __future__ import annotations

from typing import Any

import pytest
from genzoo_plugins.classical.ppca import PPCA
from torch import Tensor

import genzoo
from genzoo.registry.current import registry
from genzoo.testing.known_density import gaps, known_datasets
from genzoo.testing.theory import prove


class TooHigh(PPCA):
    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return super().log_prob(x, y) + 0.3


def on(model: str, dataset: str) -> list[genzoo.Case]:
    return list(gaps(registry().get("model", model), registry().get("dataset", dataset)))


def test_the_known_datasets_are_those_with_a_density() -> None:
    names = {entry.name for entry in known_datasets()}
    assert {"quadratic", "moons", "pinwheel", "two-views", "markov", "mixed-table"} <= names
    assert not names & {"spirals", "digits", "csv", "codes"}


def test_a_gaussian_model_reaches_gaussian_data_and_one_above_them_is_refuted() -> None:
    (case,) = on("ppca", "two-views")
    assert case.holds
    assert case.one_sided
    assert 0 <= case.found + case.tolerance < 0.1
    genzoo.register_model("too-high", TooHigh, loss="nll")
    proof = prove(registry().get("model", "too-high"), [registry().get("dataset", "two-views")])
    (wrong,) = proof.refuted
    assert proof.verdict == "refuted"
    assert wrong.found == pytest.approx(case.found - 0.3, abs=1e-4)


@pytest.mark.parametrize(
    ("model", "dataset"),
    [("gan", "pinwheel"), ("ae", "pinwheel"), ("pixelcnn", "pinwheel"), ("vae", "markov"), ("ppca", "mixed-table")],
)
def test_what_cannot_be_compared_is_not(model: str, dataset: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No density, no prior, other data, tokens; and a density of numbers where the data also have names."""
    if model != "ppca":
        monkeypatch.setattr("genzoo.testing.known_density.Job", refuse)
    assert on(model, dataset) == []


def refuse(*inputs: Any) -> Any:
    raise AssertionError("it was trained for nothing")
