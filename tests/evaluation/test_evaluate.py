"""Metrics depend on the model and the examples only: not on batches, order, mode, generators or other metrics."""

from __future__ import annotations

from typing import Any

import pytest
import quick_metrics
import torch

import genzoo
from genzoo.core.dataset import Split
from genzoo.core.model import Encoder, LatentModel, Model
from genzoo.data.resident import Resident
from genzoo.data.view import Binarize
from genzoo.evaluation.evaluate import evaluate, find_metrics
from genzoo.registry.current import registry
from genzoo.testing import SPECS, Pair
from genzoo.training.objective import objective_terms

CPU = torch.device("cpu")
N = 100
METRICS = find_metrics(registry(), [*quick_metrics.NAMES, "frechet:gmm:3"])
VIEWS: list[tuple[str, Binarize]] = [
    ("grey images", "none"),
    ("grey images", "static"),
    ("points", "none"),
    ("vectors", "none"),
]
MODELS = registry().names("model")
MEANS = ("elbo", "reconstruction")
"""Losses that are means over independent examples."""
QUICK = [("vae", "points"), ("ae", "vectors")]
"""Models and data of the quick suite: a posterior that draws, and one that does not."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The long suite has every model on every form of data that it takes, for which each is built."""
    if "binarize" in metafunc.fixturenames:
        found = [(Pair.of(model, spec=SPECS[data]), data, "none") for model, data in QUICK]
        if metafunc.config.getoption("--long"):
            pairs = [(Pair.of(model, spec=SPECS[data]), data, how) for model in MODELS for data, how in VIEWS]
            found = [case for case in pairs if case[0].refusal() is None]
        if "objective" in metafunc.function.__name__:
            found = [case for case in found if case[0].loss.name in MEANS]
        cases = [pytest.param(pair, how, id=f"{pair.model.name}-{data}-{how}") for pair, data, how in found]
        metafunc.parametrize(("pair", "binarize"), cases)


def values(model: Model, data: Resident, batch_size: int = 128) -> dict[str, Any]:
    """Return every metric and every standard error in one dict."""
    result = evaluate(model, data, METRICS, batch_size, train=training_data(model))
    errors = {f"error of {name}": value for name, value in result.pop("standard_error").items()}
    return {name: value for name, value in {**result, **errors}.items() if isinstance(value, (int, float))}


def training_data(model: Model) -> Resident:
    """Return examples of the model's form, for metrics that fit something."""
    return Resident(Pair.of("vae", spec=model.spec).split(60), CPU)


def test_batches_do_not_matter(pair: Pair, binarize: Binarize, long: bool) -> None:
    model, data = pair.build().model, Resident(pair.split(N), CPU, binarize)
    whole = values(model, data, N)
    assert {"n"} < set(whole)
    assert {"mse", "reconstruction", "error of mse"} <= set(whole) or not isinstance(model, LatentModel)
    assert "knn" in whole or not model.spec.classes or not isinstance(model, Encoder)
    for batch_size in (1, 7, 64) if long else (7,):
        # Matrix products of different sizes round differently.
        assert values(model, data, batch_size) == pytest.approx(whole, rel=1e-5, abs=1e-6)


def test_order_does_not_matter(pair: Pair, binarize: Binarize) -> None:
    model, split = pair.build().model, pair.split(N)
    order = torch.randperm(N, generator=torch.Generator().manual_seed(0))
    shuffled = Split(split.x[order], None if split.y is None else split.y[order])
    one, other = (values(model, Resident(part, CPU, binarize), 64) for part in (split, shuffled))
    # Annealing amplifies the rounding of float32 by its leapfrogs. The Fréchet distance takes roots of eigenvalues that
    # are 0 up to rounding, and loses half of the digits; so do steps that refine a posterior, and one on a sphere.
    for name in [name for name in one if "ais" in name]:
        assert other.pop(name, 0.0) == pytest.approx(one.pop(name, 0.0), rel=1e-6)
    assert other == pytest.approx(one, rel=5e-6)  # a net in single precision rounds by an example's place


def test_the_objective_on_held_out_data_does_not_depend_on_batches_or_order(pair: Pair, binarize: Binarize) -> None:
    objective, data = pair.build(), Resident(pair.split(N), CPU, binarize)
    step = torch.tensor(0)
    whole = objective_terms(objective, data, step, N)
    for batch_size in (7, 64):
        assert objective_terms(objective, data, step, batch_size) == pytest.approx(whole, rel=1e-5, abs=1e-6)


OWN = ["c2st", "kid", "memorisation", "prior-c2st", "mutual-information", "total-correlation", "c2st:gmm:2", "knn"]


def test_other_metrics_do_not_matter() -> None:
    """Each metric and its details are the same alone and after each of the others."""
    pair = Pair.of("vae", spec=SPECS["points"])
    model, data, train = pair.build().model, Resident(pair.split(80), CPU), training_data(pair.build().model)

    def found(*names: str) -> dict[str, Any]:
        return evaluate(model, data, find_metrics(registry(), names), train=train)

    together, turned = found("kl-per-dim", *OWN), found(*reversed(OWN))
    for name in OWN:
        result = name.replace("-", "_").replace(":", "_")
        alone = found(name)
        assert alone[result] == together[result] == turned[result]
        assert alone["details"][result] == together["details"][result] == turned["details"][result]


@pytest.mark.long
def test_global_generators_do_not_matter_and_do_not_change() -> None:
    pair = Pair.of("vae")
    model, data = pair.build().model, Resident(pair.split(50), CPU)
    torch.manual_seed(1)
    before = torch.get_rng_state()
    one = values(model, data)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert values(model, data) == one


@pytest.mark.parametrize("training", [True, False])
def test_the_mode_is_restored(training: bool) -> None:
    pair = Pair.of("vae", spec=SPECS["points"])
    model, data = pair.build().model.train(training), Resident(pair.split(50), CPU)
    seen: list[bool] = []
    model.encoder.register_forward_pre_hook(lambda module, _: seen.append(module.training))
    values(model, data)
    assert seen
    assert not any(seen)
    assert all(part.training is training for part in model.modules())


def test_no_gradient_is_kept() -> None:
    pair = Pair.of("vae", spec=SPECS["points"])
    model = pair.build().model
    values(model, Resident(pair.split(50), CPU))
    assert all(parameter.grad is None for parameter in model.parameters())


def test_an_error_of_the_device_is_raised_and_nothing_is_tried_again() -> None:
    class Full(genzoo.Metric):
        calls = 0

        def per_example(self, examined: genzoo.EvaluationBatch) -> torch.Tensor:
            Full.calls += 1
            raise torch.OutOfMemoryError("out of memory")

    pair = Pair.of("vae", spec=SPECS["points"])
    with pytest.raises(torch.OutOfMemoryError):
        evaluate(pair.build().model, Resident(pair.split(4), CPU), {"full": Full(Full.Config())})
    assert Full.calls == 1


def test_the_bound_is_the_sum_of_its_terms() -> None:
    pair = Pair.of("vae")
    result = values(pair.build().model, Resident(pair.split(N), CPU))
    assert result["negative_elbo"] == pytest.approx(result["reconstruction"] + result["kl"], rel=1e-6)


def test_a_metric_that_is_not_available_has_a_reason() -> None:
    pair = Pair.of("ae")
    result = evaluate(pair.build().model, Resident(pair.split(20), CPU), METRICS)
    assert result["kl"] is None
    assert result["negative_elbo"] is None
    assert result["not_available"]["kl"] == "no prior p(z)"
