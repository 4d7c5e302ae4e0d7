"""The restricted Boltzmann machine: when its partition function is computed, and what it is for."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from commandline import genzoo as genzoo_command
from genzoo_plugins.energy.rbm import RBM

import genzoo
from genzoo.core.errors import UsageError
from genzoo.core.noise import seeded
from genzoo.data.resident import Resident
from genzoo.evaluation.evaluate import evaluate, find_metrics
from genzoo.registry.current import registry
from genzoo.testing import Pair

SPEC = genzoo.DataSpec((1, 4, 4), "bernoulli", binary=True)
X = torch.cat([torch.zeros(1, 1, 4, 4), torch.ones(1, 1, 4, 4)])


def machine(units: int) -> RBM:
    with seeded(0):
        return RBM(SPEC, RBM.Config(units=units, temperatures=50, chains=20)).eval()


@torch.no_grad()
def test_the_partition_function_is_estimated_again_after_every_change() -> None:
    model = machine(17)
    first = model.log_prob(X)
    assert torch.equal(model.log_prob(X), first)
    known = model.known
    model.log_prob(X)
    assert model.known is known
    model.hidden.add_(1.0)
    changed = model.log_partition()
    assert changed > first.new_tensor(1.0) + known[1]  # type: ignore[index]
    model.train()
    assert model.known is None


@torch.no_grad()
def test_it_is_exact_up_to_16_units_and_an_estimate_beyond() -> None:
    few, many = machine(16), machine(17)
    assert (few.exactness, many.exactness) == ("exact", "estimate")
    many.weight[16:].zero_()
    many.hidden[16:].fill_(-30.0)  # a unit that is always off
    many.weight[:16], many.hidden[:16] = few.weight, few.hidden
    many.visible.copy_(few.visible)
    torch.testing.assert_close(many.log_prob(X), few.log_prob(X), rtol=0, atol=0.05)


@torch.no_grad()
def test_tables_mark_the_estimate() -> None:
    data = Resident(genzoo.Split((255 * X).to(torch.uint8)), torch.device("cpu"))
    metrics = find_metrics(registry(), ["nll"])
    for units, exactness in ((4, "exact"), (17, "estimate")):
        assert evaluate(machine(units), data, metrics)["details"]["nll"]["exactness"] == exactness


def test_an_estimate_is_no_objective() -> None:
    assert Pair.of("rbm", "nll", SPEC).refusal() == (
        "loss 'nll' cannot train rbm: ln p(x) of RBM is an estimate without a gradient"
    )


@pytest.mark.parametrize("spec", [genzoo.DataSpec((5,), "bernoulli"), genzoo.DataSpec((1, 4, 4), "gaussian")])
def test_other_data_are_refused(spec: genzoo.DataSpec) -> None:
    with pytest.raises(UsageError, match="black and white pixels"):
        RBM(spec, RBM.Config())


def test_a_resumed_training_has_the_same_weights_and_chains(tmp_path: Path) -> None:
    words = ("run", "rbm", "--dataset", "digits", "--binarize", "threshold", "--units", 8, "--quiet", "--epochs")
    assert genzoo_command(*words, 2, "--out", tmp_path / "whole").code == 0
    assert genzoo_command(*words, 1, "--out", tmp_path / "parts").code == 0
    assert genzoo_command("resume", tmp_path / "parts", "--epochs", 2, "--quiet").code == 0
    whole, parts = (genzoo.open_run(tmp_path / name).model.state_dict() for name in ("whole", "parts"))
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
