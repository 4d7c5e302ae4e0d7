"""The codebook that moves: its recursion by hand, its fixed point, and codes that nothing is near to."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from genzoo_plugins.discrete.moving_codebook import MovingVQ
from genzoo_plugins.discrete.vq_vae import VQ, VQVAE
from torch import Tensor

import genzoo
from genzoo.core.dataset import Split
from genzoo.core.noise import seeded
from genzoo.data.resident import Resident
from genzoo.training.config import Training
from genzoo.training.trainer import Trainer

STEP = torch.tensor(0)
SPEC = genzoo.DataSpec((1, 8, 8), "bernoulli", size=40)
X = torch.rand(40, 1, 8, 8, generator=torch.Generator().manual_seed(1))
BATCH = genzoo.Batch(X[:8])


def made(codes: int = 6, **options: Any) -> tuple[VQVAE, MovingVQ]:
    """A model of a 2×2 grid of codes, and its loss, which has begun."""
    with seeded(0):
        model = VQVAE(SPEC, VQVAE.Config(codes=codes, code_dim=3, levels=2, width=8, residual_blocks=1))
        loss = MovingVQ(model, MovingVQ.Config(**options))
        with torch.no_grad():
            model.prepare(BATCH)
            loss.begin(model, 10)
    return model, loss


@torch.no_grad()
def vectors_of(model: VQVAE) -> Tensor:
    """The encoder's vectors of the batch, [B·H·W, D]."""
    return model.encoded(BATCH.x).movedim(1, -1).reshape(-1, 3)


def step(model: VQVAE, loss: MovingVQ) -> None:
    with torch.no_grad(), seeded(5):
        loss.after_step(model, BATCH, STEP)


def test_counts_sums_and_codes_are_the_papers_recursion() -> None:
    """N ← γN + (1 − γ)n, m ← γm + (1 − γ)Σz, e = m/N (appendix A.1), with loops over codes and vectors."""
    model, loss = made(decay=0.9, restart=0.0)
    points = vectors_of(model).double()
    codes, counts, sums = model.codebook.vectors.double(), torch.ones(6).double(), model.codebook.vectors.double()
    for _ in range(4):
        nearest = [min(range(6), key=lambda k: float((point - codes[k]).square().sum())) for point in points]
        for k in range(6):
            own = [point for point, code in zip(points, nearest, strict=True) if code == k]
            counts[k] = 0.9 * counts[k] + 0.1 * len(own)
            sums[k] = 0.9 * sums[k] + 0.1 * sum(own, torch.zeros(3).double())
        codes = sums / counts[:, None]
        step(model, loss)
        torch.testing.assert_close(model.codebook.vectors.double(), codes, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(loss.counts.double(), counts, rtol=1e-5, atol=1e-6)


def test_a_code_that_nothing_is_near_to_is_put_at_a_vector_of_the_batch() -> None:
    model, loss = made(decay=0.9, restart=0.2)
    with torch.no_grad():
        model.codebook.vectors[2] = 100.0
        loss.sums[2] = 100.0
    points = vectors_of(model)
    waited = 0
    while model.codebook.vectors[2, 0] > 50:
        step(model, loss)
        waited += 1
    assert waited == 16, "0.9¹⁵ = 0.206 is not below 0.2"
    assert bool((model.codebook.vectors[2] == points).all(1).any())
    assert loss.counts[2] == 1
    others = (model.codebook.vectors[2] - model.codebook.vectors).norm(dim=1)
    assert others.argsort()[0] == 2


def test_there_may_be_more_codes_than_vectors() -> None:
    model, loss = made(codes=40, decay=0.9, restart=10.0)  # 32 vectors, and every code is dead
    step(model, loss)
    same = (model.codebook.vectors[:, None] == vectors_of(model)).all(-1)
    assert bool(same.any(0).all())
    assert bool(same.any(1).all())


def test_a_code_without_vectors_and_without_restart_stays_finite() -> None:
    model, loss = made(decay=0.5, restart=0.0)
    with torch.no_grad():
        model.codebook.vectors[2] = 100.0
        loss.sums[2] = 100.0
    for _ in range(300):
        step(model, loss)
    assert bool(model.codebook.vectors.isfinite().all())


def test_the_loss_is_that_of_the_gradient_codebook_without_its_term() -> None:
    model, loss = made()
    moving = loss(model, BATCH, STEP)
    model.codebook.vectors.requires_grad_(True)
    own = VQ(model, VQ.Config())(model, BATCH, STEP)
    torch.testing.assert_close(moving["loss"], (own["loss"] - own["distortion"]).detach(), check_stride=False)
    assert {name: value.item() for name, value in moving.items() if name != "loss"} == {
        name: value.item() for name, value in own.items() if name != "loss"
    }


def test_training_moves_the_codebook_without_the_optimiser() -> None:
    model, loss = made()
    before = model.codebook.vectors.clone()
    trainer = Trainer(model, loss, Training(epochs=2, batch_size=8, ema=0.5), Resident(Split(X), torch.device("cpu")))
    trainer.fit()
    assert "model.codebook.vectors" not in trainer.optimizer.names
    assert not torch.equal(model.codebook.vectors, before)
    torch.testing.assert_close(model.codebook.vectors, loss.sums / loss.counts[:, None])


@pytest.mark.parametrize("loss_class", [VQ, MovingVQ])
def test_both_codebooks_reconstruct(loss_class: type[VQ]) -> None:
    with seeded(0):
        model = VQVAE(SPEC, VQVAE.Config(codes=6, code_dim=3, levels=2, width=8, residual_blocks=1))
        loss = loss_class(model, loss_class.Config())
    trainer = Trainer(model, loss, Training(epochs=8, batch_size=8, lr=5e-3), Resident(Split(X), torch.device("cpu")))
    epochs = trainer.fit().epochs
    assert epochs[-1].train["reconstruction"] < epochs[0].train["reconstruction"]
