"""Sparse autoencoders: how many atoms an example uses, and why they are normed."""

from __future__ import annotations

import torch
from genzoo_plugins.autoencoders.sparse import L1, SparseAE

import genzoo
from genzoo.core.noise import seeded

SPEC = genzoo.DataSpec((6,), "gaussian")


def made(**options: int) -> tuple[SparseAE, genzoo.Batch]:
    with seeded(0):
        return SparseAE(SPEC, SparseAE.Config(**options)), genzoo.Batch(torch.randn(20, 6))


def test_at_most_k_atoms_are_used() -> None:
    model, batch = made(latent_dim=30, active=4)
    assert (model.encode(batch.x) > 0).sum(1).max() == 4
    model, batch = made(latent_dim=30, active=0)
    assert (model.encode(batch.x) > 0).sum(1).max() > 4


def test_large_atoms_do_not_evade_the_penalty() -> None:
    model, batch = made(latent_dim=30, active=0)
    loss, step = L1(model, L1.Config()), torch.tensor(0)
    before = loss(model, batch, step)
    with torch.no_grad():
        model.atoms.mul_(1000)
    after = loss(model, batch, step)
    for name, term in before.items():
        torch.testing.assert_close(after[name], term)
