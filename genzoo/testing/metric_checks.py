"""Checks of a registered metric: on the model that says most, made-up data and no training."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch

from genzoo.core.dataset import Split
from genzoo.core.model import LatentModel, Model
from genzoo.data.resident import Resident
from genzoo.evaluation.evaluate import evaluate, find_metrics, key
from genzoo.registry.current import registry
from genzoo.registry.entries import Entry
from genzoo.testing.check import Check, require
from genzoo.testing.pair import CPU, SPECS, Pair

EXAMPLES = 256


@dataclass
class Figure:
    """A registered metric with its default options."""

    entry: Entry

    @cached_property
    def model(self) -> Model:
        """The first registered model that the metric has a figure of, on the first form of data on which it has; else
        the first that could be built. It is untrained, and of those on one form it is one with a prior if any is."""
        (metric,) = find_metrics(registry(), [self.entry.full_name]).values()
        fallback: tuple[Model, Pair] | None = None
        for spec in SPECS.values():
            suits: tuple[Model, Pair] | None = None
            for entry in registry().matching("model"):
                pair = Pair(entry, registry().loss_of(entry), spec)
                if _refused(pair):
                    continue
                model = pair.build().eval().model
                fallback = fallback or (model, pair)
                has_prior = isinstance(model, LatentModel) and model.prior() is not None
                if metric.refuses(model) is None and (suits is None or has_prior):
                    suits = model, pair
                    if has_prior:
                        break
            if suits is not None:
                fallback, (model, self.pair) = suits, suits
                if self.value(self.evaluated(model)) is not None:
                    return model
        require(fallback is not None, "no registered model could be built")
        assert fallback is not None
        model, self.pair = fallback
        return model

    def not_run(self) -> str | None:
        """What to say where no registered model has such a figure; None if one has."""
        value = self.value(figures := self.found())
        if value is not None:
            return None
        reason = figures["not_available"].get(key(self.entry.full_name), "")
        require(bool(reason), "there is neither a figure nor a reason")
        return f"not run: of no registered model is there such a figure ({reason}); register one that has it"

    def found(self, batch_size: int = EXAMPLES, order: torch.Tensor | None = None) -> dict[str, Any]:
        """What an evaluation says."""
        return self.evaluated(self.model, batch_size, order)

    def evaluated(self, model: Model, batch_size: int = EXAMPLES, order: torch.Tensor | None = None) -> dict[str, Any]:
        """What an evaluation of a model says, on data of its form."""
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


def _refused(pair: Pair) -> bool:
    """Whether a pair cannot be built; why is told where that model is examined."""
    try:
        return pair.refusal() is not None
    except Exception:
        return True


def check_figure(figure: Figure) -> str | None:
    """It is a finite number, or says why there is none."""
    if (reason := figure.not_run()) is not None:
        return reason
    figures = figure.found()
    value = figure.value(figures)
    require(value is not None and math.isfinite(value), f"it is {value}")
    json.dumps(figures)
    return None


def check_stable(figure: Figure) -> str | None:
    """It does not depend on the batch size or on the order of the examples, and twice it is the same."""
    value = figure.value(figure.found())
    if value is None:
        return figure.not_run()
    order = torch.randperm(EXAMPLES, generator=torch.Generator().manual_seed(0))
    for what, other in (
        ("computed again", figure.found()),
        ("in batches of 7", figure.found(batch_size=7)),
        ("in another order", figure.found(order=order)),
    ):
        again = figure.value(other)
        near = again is not None and math.isclose(value, again, rel_tol=1e-4, abs_tol=1e-6)
        require(near, f"it is {value:.6g}, and {again if again is None else format(again, '.6g')} {what}")
    return None


def check_label(figure: Figure) -> None:
    """It has a label for tables."""
    require(bool(getattr(figure.entry.load(), "label", "")), "it has no label")


METRIC: dict[str, Check[Figure]] = {
    "label": Check(check_label, 'label = "…" in its class, and unit = "…" unless it is a pure number'),
    "figure": Check(check_figure, "return a reason from refuses(model) or begin(subject) where there is no figure"),
    "stable": Check(check_stable, "one value an example in per_example; noise from genzoo.core.noise alone"),
}
"""What every metric must pass."""
