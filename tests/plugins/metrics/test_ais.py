"""Annealed importance sampling as a metric: which examples, which models; its numbers are in its theory."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from genzoo_plugins.linear_gaussian import PPCA, linear_vae, set_optimum
from genzoo_plugins.metrics.ais import AIS
from genzoo_plugins.metrics.annealing import inverse_temperatures

from genzoo.core.dataset import Split
from genzoo.core.model import Model
from genzoo.data.resident import Resident
from genzoo.evaluation.evaluate import evaluate, find_metrics
from genzoo.registry.current import registry
from genzoo.testing import SPECS, Pair

QUICK = ":chains=2:leapfrogs=2:simulated=4"
CPU = torch.device("cpu")


def of_points(ppca: PPCA, order: list[int], batch_size: int, name: str = "ais:5:examples=6" + QUICK) -> dict[str, Any]:
    model = linear_vae("gaussian-learned")
    set_optimum(model, ppca)
    data = Resident(Split(ppca.x.float()[order]), CPU)
    found = evaluate(model, data, find_metrics(registry(), [name]), batch_size)
    (key,) = found["details"]
    return {**found["details"][key], "value": found[key], "error": found["standard_error"][key]}


def test_a_part_of_the_examples_is_chosen_by_content(ppca: PPCA) -> None:
    order = list(range(20))
    whole = of_points(ppca, order, 20)
    again = of_points(ppca, order[::-1], 3)
    assert whole["examples"] == again["examples"] == 6
    assert again["value"] == pytest.approx(whole["value"], rel=1e-5)
    assert again["error"] == pytest.approx(whole["error"], rel=1e-3)
    assert "6 of 20 examples" in whole["note"]
    assert "bounds of ln p of 4 samples of the model" in whole["note"]
    assert whole["note"].endswith(" nats apart")
    assert whole["exactness"] == "bound"
    more = of_points(ppca, order[:4], 4)
    assert more["examples"] == 4
    assert "all examples" in more["note"]


def test_temperatures_rise_from_the_prior_to_the_posterior() -> None:
    betas = inverse_temperatures(100)
    assert (betas[0], betas[-1], len(betas)) == (0.0, 1.0, 101)
    steps = [after - before for before, after in pairwise(betas)]
    assert min(steps) > 0
    assert max(steps) == pytest.approx(steps[50], rel=0.01)


@pytest.mark.parametrize(
    ("model", "reason"),
    [("ae", "no prior p(z)"), ("vq-vae", "its codes have no gradient"), ("svae", "its codes lie on a sphere"),
     ("gan", "sigma=0.1"), ("made", "no decoder"), ("realnvp", "ln p(x) is known: nll")],
)  # fmt: skip
def test_models_without_a_likelihood_of_codes_are_refused(model: str, reason: str) -> None:
    refused = AIS(AIS.Config()).refuses(built(model))
    assert refused is not None
    assert reason in refused


def test_a_generator_with_a_given_deviation_has_a_bound() -> None:
    data = Resident(Pair.of("gan", spec=SPECS["points"]).split(8), CPU)
    found = evaluate(built("gan"), data, find_metrics(registry(), ["ais:8:sigma=0.5" + QUICK]))
    (key,) = found["details"]
    assert found["details"][key]["measure"] == "density"
    assert found[key] > 0


def built(model: str) -> Model:
    spec = SPECS["grey images" if model == "vq-vae" else "points"]
    return Pair.of(model, spec=spec).build().eval().model
