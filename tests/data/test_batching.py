"""Batches of evaluation are bounded by bytes, and no figure depends on that."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

import genzoo
from genzoo.core.dataset import DataSpec, Split
from genzoo.data import batching
from genzoo.data.batching import EVALUATION_BATCH, EVALUATION_BYTES, evaluation_batch
from genzoo.data.resident import Resident
from genzoo.evaluation.evaluate import evaluate, find_metrics, per_example
from genzoo.evaluation.samplers import Samplers
from genzoo.evaluation.sampling import draw
from genzoo.figures.latent_space import posteriors
from genzoo.registry.current import registry
from genzoo.testing import SPECS, Pair
from genzoo.training.objective import objective_terms

CPU = torch.device("cpu")
LARGE = SPECS["vectors"]
BUDGET = 8 * LARGE.numel * 7
"""Bytes of seven examples, taken and put out."""


@pytest.mark.parametrize("shape", [(2,), (784,), (1, 28, 28), (3, 32, 32)])
def test_small_data_come_in_batches_of_five_hundred(shape: tuple[int, ...]) -> None:
    assert evaluation_batch(DataSpec(shape, "bernoulli")) == EVALUATION_BATCH


@pytest.mark.parametrize("shape", [(3, 64, 64), (3, 256, 256), (5000,), (3, 2048, 2048)])
@pytest.mark.parametrize("samples", [1, 9])
def test_large_data_keep_to_the_budget(shape: tuple[int, ...], samples: int) -> None:
    spec = DataSpec(shape, "bernoulli")
    each, size = 4 * spec.numel * (1 + samples), evaluation_batch(spec, samples=samples)
    assert size == 1 or size * each <= EVALUATION_BYTES
    assert (size + 1) * each > EVALUATION_BYTES
    assert evaluation_batch(spec, 1) == 1


class Watched:
    """A model and how many examples it was given, or asked for, at a time."""

    def __init__(self) -> None:
        self.pair = Pair.of("vae", spec=LARGE)
        self.objective = self.pair.build()
        self.model: Any = self.objective.model
        self.data = Resident(self.pair.split(40), CPU)
        self.sizes: list[int] = []
        for net in (self.model.encoder, self.model.decoder):
            net.register_forward_pre_hook(lambda _, inputs: self.sizes.append(len(inputs[0])))


def use_evaluate(of: Watched) -> Any:
    metrics = find_metrics(registry(), ["negative-elbo", "mse", "active-units", "kl"])
    return {k: v for k, v in evaluate(of.model, of.data, metrics).items() if isinstance(v, float)}


def use_iwae(of: Watched) -> Any:
    return evaluate(of.model, of.data, find_metrics(registry(), ["iwae:20"]))["iwae_20"]


USES: dict[str, Any] = {
    "evaluate": use_evaluate,
    "iwae": use_iwae,
    "validation": lambda of: objective_terms(of.objective, of.data, torch.tensor(0)),
    "values of examples": lambda of: per_example(of.model, of.data, find_metrics(registry(), ["mse"]))["mse"].tolist(),
    "posteriors": lambda of: posteriors(of.model, of.data).mean.flatten().tolist(),
}


@pytest.mark.parametrize("use", USES)
def test_no_more_are_computed_with_at_a_time_and_figures_stay(use: str, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = USES[use](Watched())
    for module in (batching, __import__("genzoo_plugins.metrics.iwae", fromlist=["_"])):
        monkeypatch.setattr(module, "EVALUATION_BYTES", BUDGET)
    of = Watched()
    assert USES[use](of) == pytest.approx(expected, rel=1e-4, abs=1e-5)
    assert 1 <= max(of.sizes) <= 14  # of decoded samples alone twice as many


@pytest.mark.parametrize("sampler", ["prior", "gaussian", "gmm:2"])
@torch.no_grad()
def test_samples_are_drawn_in_such_batches(sampler: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "EVALUATION_BYTES", BUDGET)
    of, seen = Watched(), []

    def each(x: Tensor) -> Tensor:
        seen.append(len(x))
        return x[:, :1]

    assert len(draw(of.model, Samplers(of.model, lambda: of.data)(sampler), 20, noise=False, each=each)) == 20
    assert seen == [7, 7, 6]
    assert max(of.sizes) <= 7


def test_a_batch_size_that_is_asked_for_is_an_upper_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    for asked, most in ((3, 3), (7, 7), (500, 7)):
        with monkeypatch.context() as patch:
            patch.setattr(batching, "EVALUATION_BYTES", BUDGET)
            of = Watched()
            evaluate(of.model, of.data, find_metrics(registry(), ["mse"]), asked)
            assert max(of.sizes) == most


def test_splits_may_be_smaller_than_a_batch() -> None:
    of = Watched()
    data = Resident(Split(of.pair.split(1).x), CPU)
    assert evaluate(of.model, data, find_metrics(registry(), ["mse"]))["n"] == 1
    assert isinstance(of.model, genzoo.LatentModel)
