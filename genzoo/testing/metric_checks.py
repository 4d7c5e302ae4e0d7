"""Checks of a registered metric, on an untrained model that supports it and made-up data."""

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
ROUNDED = 0.01
"""Share of its standard error that a metric may change by with the batches: chains that accept or not, as those of
`ais`, amplify the rounding of products of other sizes."""


@dataclass
class MetricTarget:
    """A registered metric with its default options."""

    entry: Entry

    @cached_property
    def model(self) -> Model:
        """An untrained model for which the metric is available, on the first form of data that has one.

        Models with a prior are preferred. If the metric is available for none, the first model that could be built.
        """
        (metric,) = find_metrics(registry(), [self.entry.full_name]).values()
        fallback: tuple[Model, Pair] | None = None
        for spec in SPECS.values():
            suits: tuple[Model, Pair] | None = None
            for entry in registry().matching("model"):
                pair = Pair(entry, registry().loss_of(entry), spec)
                if refused(pair):
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
                if self.value(self.evaluate_model(model)) is not None:
                    return model
        require(fallback is not None, "no registered model could be built")
        assert fallback is not None
        model, self.pair = fallback
        return model

    def not_run(self) -> str | None:
        """Return why the check is not run, if the metric is not available for any registered model; else None."""
        value = self.value(results := self.results())
        if value is not None:
            return None
        reason = results["not_available"].get(key(self.entry.full_name), "")
        require(bool(reason), "there is neither a value nor a reason")
        return f"not run: it is not available for any registered model ({reason}); register a model that supports it"

    def results(self, batch_size: int = EXAMPLES, order: torch.Tensor | None = None) -> dict[str, Any]:
        """Return the results of an evaluation of `model`."""
        return self.evaluate_model(self.model, batch_size, order)

    def evaluate_model(
        self, model: Model, batch_size: int = EXAMPLES, order: torch.Tensor | None = None
    ) -> dict[str, Any]:
        """Return the results of an evaluation of a model on data of its form."""
        split = self.pair.split(EXAMPLES)
        train = Resident(self.pair.split(EXAMPLES + 1), CPU)
        if order is not None:
            split = Split(torch.as_tensor(split.x)[order], None if split.y is None else split.y[order])
        metrics = find_metrics(registry(), [self.entry.full_name])
        return evaluate(model, Resident(split, CPU), metrics, batch_size, train)

    def value(self, results: dict[str, Any]) -> float | None:
        """Return the metric's value in the results of an evaluation."""
        value: float | None = results[key(self.entry.full_name)]
        return value


def refused(pair: Pair) -> bool:
    """Return whether a pair cannot be built; the model's own checks report why."""
    try:
        return pair.refusal() is not None
    except Exception:
        return True


def check_value(target: MetricTarget) -> str | None:
    """The value is a finite number, or there is a reason why the metric is not available."""
    if (reason := target.not_run()) is not None:
        return reason
    results = target.results()
    value = target.value(results)
    require(value is not None and math.isfinite(value), f"it is {value}")
    json.dumps(results)
    return None


def check_stable(target: MetricTarget) -> str | None:
    """The value does not depend on the batch size or the order of the examples, and is the same when computed again."""
    results = target.results()
    value = target.value(results)
    if value is None:
        return target.not_run()
    error = results["standard_error"].get(key(target.entry.full_name)) or 0.0
    order = torch.randperm(EXAMPLES, generator=torch.Generator().manual_seed(0))
    for how, other in (
        ("computed again", target.results()),
        ("in batches of 7", target.results(batch_size=7)),
        ("in another order", target.results(order=order)),
    ):
        again = target.value(other)
        rounding = 1e-6 if how == "computed again" else max(1e-6, ROUNDED * error)
        near = again is not None and math.isclose(value, again, rel_tol=1e-4, abs_tol=rounding)
        require(near, f"it is {value:.6g}, but {again if again is None else format(again, '.6g')} {how}")
    return None


def check_label(target: MetricTarget) -> None:
    """The metric has a label for tables."""
    require(bool(getattr(target.entry.load(), "label", "")), "it has no label")


METRIC: dict[str, Check[MetricTarget]] = {
    "label": Check(check_label, 'label = "…" in its class, and unit = "…" unless it is dimensionless'),
    "value": Check(check_value, "return a reason from refuses(model) or begin(context) if it is not available"),
    "stable": Check(check_stable, "one value per example in per_example; noise from genzoo.core.noise alone"),
}
"""The checks of every metric."""
