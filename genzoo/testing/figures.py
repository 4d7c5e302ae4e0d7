"""Checks of a registered metric: on the model that says most, made-up data and no training."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch

from genzoo.data.resident import Resident
from genzoo.entries import Entry
from genzoo.evaluation.evaluate import evaluate, find_metrics, key
from genzoo.protocols import LatentModel, Model, Split
from genzoo.registry import registry
from genzoo.testing.check import Check, require
from genzoo.testing.pair import CPU, SPECS, Pair

EXAMPLES = 256


@dataclass
class Figure:
    """A registered metric with its default options."""

    entry: Entry

    @cached_property
    def model(self) -> Model:
        """The first registered model of grey images that the metric is for and that has a prior; else one that it is
        for, or one that has a prior. It is untrained."""
        (metric,) = find_metrics(registry(), [self.entry.full_name]).values()
        best: tuple[bool, bool] | None = None
        for entry in registry().matching("model"):
            pair = Pair(entry, registry().loss_of(entry), SPECS["grey images"])
            if pair.refusal() is not None:
                continue
            model = pair.build().eval().model
            suits = metric.refuses(model) is None, isinstance(model, LatentModel) and model.prior() is not None
            if best is None or suits > best:
                best, self.pair, chosen = suits, pair, model
            if all(best):
                break
        require(best is not None, "no registered model is of grey images")
        return chosen

    def found(self, batch_size: int = EXAMPLES, order: torch.Tensor | None = None) -> dict[str, Any]:
        """What an evaluation says."""
        model = self.model
        split = self.pair.split(EXAMPLES)
        train = Resident(self.pair.split(EXAMPLES + 1), CPU)
        if order is not None:
            split = Split(torch.as_tensor(split.x)[order], None if split.y is None else split.y[order])
        metrics = find_metrics(registry(), [self.entry.full_name])
        return evaluate(model, Resident(split, CPU), metrics, batch_size, train)

    def value(self, figures: dict[str, Any]) -> float | None:
        """The figure itself."""
        value: float | None = figures[key(self.entry.full_name)]
        return value


def check_figure(figure: Figure) -> None:
    """It is a finite number, or says why there is none."""
    figures = figure.found()
    value, reason = figure.value(figures), figures["not_available"].get(key(figure.entry.full_name), "")
    require(value is not None or bool(reason), "there is neither a figure nor a reason")
    require(value is None or math.isfinite(value), f"it is {value}")
    json.dumps(figures)


def check_stable(figure: Figure) -> None:
    """It does not depend on the batch size or on the order of the examples, and twice it is the same."""
    value = figure.value(figure.found())
    if value is None:
        return
    order = torch.randperm(EXAMPLES, generator=torch.Generator().manual_seed(0))
    for what, other in (
        ("computed again", figure.found()),
        ("in batches of 7", figure.found(batch_size=7)),
        ("in another order", figure.found(order=order)),
    ):
        again = figure.value(other)
        near = again is not None and math.isclose(value, again, rel_tol=1e-4, abs_tol=1e-6)
        require(near, f"it is {value:.6g}, and {again if again is None else format(again, '.6g')} {what}")


def check_label(figure: Figure) -> None:
    """It has a label for tables."""
    require(bool(getattr(figure.entry.load(), "label", "")), "it has no label")


METRIC: dict[str, Check[Figure]] = {
    "label": Check(check_label, 'label = "…" in its class, and unit = "…" unless it is a pure number'),
    "figure": Check(check_figure, "return a reason from refuses(model) or begin(subject) where there is no figure"),
    "stable": Check(check_stable, "one value an example in per_example; noise from genzoo.noise alone"),
}
"""What every metric must pass."""
