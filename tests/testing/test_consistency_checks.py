"""The consistency checks find a model whose results depend on the batch or on earlier calls."""

from __future__ import annotations

import pytest
import torch
from genzoo_plugins.losses.elbo import ELBO
from genzoo_plugins.vae.vae import VAE
from torch import Tensor

import genzoo
from genzoo.registry.current import HERE, Entry
from genzoo.testing import CHECKS, SPECS, Pair
from genzoo.testing.consistency_checks import difference, near


class Centring(VAE):
    """Subtracts the batch's mean."""

    def posterior(self, x: Tensor) -> genzoo.DiagGaussian:
        return super().posterior(x - x.mean(0))


class Remembering(VAE):
    """Add the number of calls so far."""

    calls = 0

    def posterior(self, x: Tensor) -> genzoo.DiagGaussian:
        self.calls += 1
        return super().posterior(x + self.calls)


def pair_of(model: type[VAE]) -> Pair:
    entry = Entry("model", "under-test", model, "made for a test", HERE, loss="elbo")
    return Pair(entry, Entry("loss", "elbo", ELBO, "made for a test", HERE), SPECS["points"])


@pytest.mark.parametrize(
    ("check", "model", "fault"),
    [
        ("alone", Centring, "encode.x. of an example differs in a batch of its own"),
        ("forgets", Remembering, "differs after calls with other examples"),
    ],
)
def test_a_fault_is_found(check: str, model: type[VAE], fault: str) -> None:
    with pytest.raises(AssertionError, match=fault):
        CHECKS[check](pair_of(model))


@pytest.mark.parametrize("check", ["agrees", "alone", "forgets", "labels", "modes"])
def test_a_correct_model_passes(check: str) -> None:
    assert CHECKS[check](pair_of(VAE)) is None


def test_tensors_are_near_up_to_rounding() -> None:
    one = torch.tensor([1.0, float("nan"), float("inf")])
    assert near(one, one + 1e-5)
    assert not near(one, one + 0.1)
    assert not near(one, one[:2])
    assert difference(one, one + 1) == "1 and 2"
    assert difference(one, one[:2]) == "shapes (3,) and (2,)"
