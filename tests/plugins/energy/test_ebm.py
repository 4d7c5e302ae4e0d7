"""Chains of an energy-based model: where they begin, which begin anew, and that a model is sampled as it is trained."""

from __future__ import annotations

import torch
from genzoo_plugins.energy.ebm import EBM, PersistentContrastive

import genzoo

SPEC = genzoo.DataSpec((3,), "gaussian", size=1000)


def made(**options: float) -> tuple[EBM, PersistentContrastive]:
    """A model of data N(5, 2²) with a net of zeros, and its loss."""
    with genzoo.seeded(0), torch.no_grad():
        model = EBM(SPEC, EBM.Config(hidden=(4,)))
        model.prepare(genzoo.Batch(2 * torch.randn(4000, 3) + 5))
        loss = PersistentContrastive(model, PersistentContrastive.Config(chains=2000, **options))  # type: ignore[arg-type]
        loss.begin(model, 10)
    return model, loss


def stepped(model: EBM, loss: PersistentContrastive) -> torch.Tensor:
    with genzoo.seeded(1), torch.no_grad():
        loss.after_step(model, genzoo.Batch(torch.zeros(1, 3)), torch.tensor(0))
    return loss.chains.clone()


def test_chains_go_on_from_where_they_are_and_some_begin_anew() -> None:
    model, loss = made(restarts=0.2, chain_steps=1)
    loss.chains.fill_(1000.0)
    moved = stepped(model, loss)
    far = (moved - 1000).abs().amax(1) < 100  # one step of h = 0.1 moves by 5 % of the distance to the mean
    assert abs(far.float().mean().item() - 0.8) < 5 * (0.16 / 2000) ** 0.5
    assert (moved[~far].mean() - model.mean).abs() < 0.5


def test_the_chains_begin_where_samples_do() -> None:
    model, loss = made()
    assert (loss.chains.mean() - model.mean).abs() < 0.2
    assert (loss.chains.std() / model.deviation - 1).abs() < 0.05


def test_the_temperature_is_that_of_the_noise() -> None:
    """Halving T halves the variance of samples of a Gaussian; the step's size does not enter."""
    model, _ = made()
    for parameter in model.net.parameters():
        torch.nn.init.zeros_(parameter)
    cold = EBM(SPEC, EBM.Config(hidden=(4,), temperature=0.25))
    cold.load_state_dict(model.state_dict())
    with genzoo.seeded(0):
        one, other = (m.sample(4000) for m in (model, cold))
    assert abs(other.std().item() / one.std().item() - 0.5) < 0.02
