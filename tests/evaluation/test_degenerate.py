"""Degenerate data and models: every metric is finite or has a reason why it is not available."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import quick_metrics
import torch
from torch import Tensor

from genzoo.core.dataset import Split
from genzoo.core.model import LatentModel, Model
from genzoo.core.noise import seeded
from genzoo.data.resident import Resident
from genzoo.evaluation.evaluate import evaluate, find_metrics
from genzoo.registry.current import registry
from genzoo.reporting.format import results_table
from genzoo.testing import SPECS, Pair

CPU = torch.device("cpu")
D = 5
NAMES = [*quick_metrics.NAMES, "c2st:gaussian", "c2st:gmm:3", "kid:gmm:3"]
"""All registered metrics."""


def normal(seed: int, *shape: int) -> Tensor:
    with seeded(seed):
        return torch.randn(*shape)


def labelled(x: Tensor, classes: int = 3) -> Split:
    return Split(x, torch.arange(len(x)) % classes)


def coin(seed: int) -> Tensor:
    return (normal(seed, 60, D) > 0).float() * torch.tensor([1.0, 0, 0, 0, 0])


DATA: dict[str, tuple[Split, Split | None]] = {
    "one example": (labelled(normal(0, 1, D)), labelled(normal(1, 1, D))),
    "two examples": (labelled(normal(0, 2, D)), labelled(normal(1, 2, D))),
    "one equals the training example": (labelled(torch.ones(1, D)), labelled(torch.ones(1, D))),
    "as few as dimensions": (labelled(normal(0, D, D)), labelled(normal(1, D, D))),
    "eleven": (labelled(normal(0, 11, D)), labelled(normal(1, 11, D))),
    "one example a class": (labelled(normal(0, 12, D), 12), labelled(normal(1, 12, D), 12)),
    "one class": (labelled(normal(0, 60, D), 1), labelled(normal(1, 60, D), 1)),
    "one class in training": (labelled(normal(0, 60, D), 3), labelled(normal(1, 60, D), 1)),
    "a class without examples": (Split(normal(0, 60, D), torch.arange(60) % 2 * 2), labelled(normal(1, 60, D))),
    "no labels": (Split(normal(0, 60, D)), Split(normal(1, 60, D))),
    "no training data": (labelled(normal(0, 60, D)), None),
    "equal examples": (labelled(torch.ones(60, D)), labelled(torch.ones(60, D))),
    "examples equal to 0": (labelled(torch.zeros(60, D)), labelled(torch.zeros(60, D))),
    "equal examples, others in training": (labelled(torch.ones(60, D)), labelled(torch.zeros(60, D))),
    "equal training examples": (labelled(normal(0, 60, D)), labelled(torch.ones(60, D))),
    "a coin": (labelled(coin(0)), labelled(coin(1))),
    "copies": (labelled(normal(0, 12, D).repeat(5, 1)), labelled(normal(0, 12, D).repeat(5, 1))),
    "dimensions without variance": (
        labelled(normal(0, 60, D) * torch.tensor([1.0, 0, 0, 2, 0])),
        labelled(normal(1, 60, D) * torch.tensor([1.0, 0, 0, 2, 0])),
    ),
    "a dimension twice": (labelled(normal(0, 60, 1).repeat(1, D)), labelled(normal(1, 60, 1).repeat(1, D))),
    "far from 0": (labelled(normal(0, 60, D) + 1e6), labelled(normal(1, 60, D) + 1e6)),
    "large": (labelled(1e12 * normal(0, 60, D)), labelled(1e12 * normal(1, 60, D))),
    "small": (labelled(1e-12 * normal(0, 60, D)), labelled(1e-12 * normal(1, 60, D))),
    "one outlier": (
        labelled(torch.cat([torch.zeros(59, D), 1e4 * torch.ones(1, D)])),
        labelled(torch.cat([torch.zeros(59, D), 1e4 * torch.ones(1, D)])),
    ),
    "not finite": (labelled(torch.full((60, D), math.nan)), labelled(normal(1, 60, D))),
    "infinite": (labelled(normal(0, 60, D)), labelled(torch.full((60, D), math.inf))),
}


def plain(model: Any) -> None:
    """As it is initialised."""


def one_sample(model: Any) -> None:
    model.sample = lambda n, y=None, *, noise=False: torch.ones(n, *model.spec.shape)


def few_samples(model: Any) -> None:
    some = normal(2, 7, *model.spec.shape)
    model.sample = lambda n, y=None, *, noise=False: some[torch.arange(n) % 7]


def samples_that_are_nan(model: Any) -> None:
    model.sample = lambda n, y=None, *, noise=False: torch.full((n, *model.spec.shape), math.nan)


def samples_that_are_infinite(model: Any) -> None:
    model.sample = lambda n, y=None, *, noise=False: torch.full((n, *model.spec.shape), math.inf)


def filled(value: float) -> Callable[[Any], None]:
    """All weights set to one value."""

    def change(model: Any) -> None:
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.fill_(value)

    return change


def posteriors_without_spread(model: Any) -> None:
    """exp(−10⁴/2) is 0."""
    if isinstance(model, LatentModel) and model.prior() is not None:
        with torch.no_grad():
            linear = [part for part in model.encoder if isinstance(part, torch.nn.Linear)][-1]
            linear.bias[len(linear.bias) // 2 :] = -1e4  # type: ignore[index]


MODELS: dict[str, Callable[[Any], None]] = {
    "as initialised": plain,
    "one sample": one_sample,
    "few samples": few_samples,
    "samples that are NaN": samples_that_are_nan,
    "samples that are infinite": samples_that_are_infinite,
    "weights of 0": filled(0.0),
    "weights of NaN": filled(math.nan),
    "large weights": filled(10.0),
    "posteriors without spread": posteriors_without_spread,
}


def built(name: str, spec: str, change: Callable[[Any], None]) -> Model:
    model: Model = Pair.of(name, spec=SPECS[spec]).build().model.eval()
    change(model)
    return model


def check(model: Model, data: Split, train: Split | None) -> dict[str, Any]:
    """Evaluate every metric, and require values that can be shown and stored."""
    metrics = find_metrics(registry(), NAMES)
    seen = None if train is None else Resident(train, CPU)
    found = evaluate(model, Resident(data, CPU), metrics, train=seen)
    rows = results_table({"test": found}, metrics).splitlines()
    assert all(found["not_available"].values())
    assert {name for name, value in found.items() if value is None} == set(found["not_available"])
    for name, value in numbers(found):
        assert math.isfinite(value) or diverged(name), f"{name} is {value}"
    assert not [row for row in rows if re.search(r"\b(nan|inf)\b", row) and "nats" not in row and "MSE" not in row]
    return found


def diverged(name: str) -> bool:
    """Return whether a metric is a mean of the model's values per example, which may be NaN."""
    return (
        any(word in name for word in (" ais", "iwae", " kl", "negative_elbo", " nll", "reconstruction", "mse"))
        and "kl_" not in name
    )


def numbers(found: Any, name: str = "") -> Iterator[tuple[str, float]]:
    """Yield all numbers of results, by name."""
    if isinstance(found, dict):
        for key, value in found.items():
            yield from numbers(value, f"{name} {key}")
    elif isinstance(found, (list, tuple)):
        for value in found:
            yield from numbers(value, name)
    elif isinstance(found, (int, float)):
        yield name, found


@pytest.mark.every(4)
@pytest.mark.parametrize("name", ["vae", pytest.param("ae", marks=pytest.mark.long)])
@pytest.mark.parametrize("data", DATA)
def test_every_metric_of_such_data(data: str, name: str) -> None:
    check(built(name, "vectors", plain), *DATA[data])


@pytest.mark.every(4)
@pytest.mark.parametrize("name", ["vae", pytest.param("ae", marks=pytest.mark.long)])
@pytest.mark.parametrize("change", MODELS)
def test_every_metric_of_such_models(change: str, name: str) -> None:
    check(built(name, "vectors", MODELS[change]), *(labelled(normal(seed, 60, D)) for seed in (0, 1)))


@pytest.mark.every(3)
@pytest.mark.parametrize("change", ["as initialised", "one sample", "weights of 0"])
def test_models_without_variety_on_data_without_any(change: str) -> None:
    check(built("vae", "vectors", MODELS[change]), *DATA["equal examples"])


@pytest.mark.parametrize(
    ("n", "value"),
    [
        pytest.param(n, value, marks=[] if (n, value) in ((1, 0), (60, 255)) else pytest.mark.long)
        for n in (1, 2, 7, 60)
        for value in (0, 255)
    ],
)
def test_every_metric_of_images_of_one_grey(n: int, value: int) -> None:
    split = labelled(torch.full((n, 1, 28, 28), value, dtype=torch.uint8))
    check(built("vae", "grey images", plain), split, split)
