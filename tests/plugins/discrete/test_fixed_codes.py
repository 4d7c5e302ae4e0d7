"""Quantisers without a codebook, and models with each quantiser: what is refused, and that they train and load."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from genzoo_plugins.discrete.vq_vae import VQ, VQVAE
from genzoo_plugins.losses.elbo import ELBO

import genzoo
from genzoo.core.noise import seeded
from genzoo.runs.model_file import load_model, save_model
from genzoo.testing.pair import Pair, loss_of, train

SPEC = genzoo.DataSpec((1, 8, 8), "bernoulli", size=40)
SMALL = {"codes": 6, "levels": 2, "width": 4, "residual_blocks": 0}


@pytest.mark.parametrize("text", ["fsq:1,3", "fsq:4,", "fsq:2.5", "lfq:17", "lfq:0", "ema:1.5", "rq:1.5"])
def test_impossible_arguments_are_refused(text: str) -> None:
    with pytest.raises(genzoo.UsageError, match=f"--quantiser {text}"):
        genzoo.make_part("quantiser", text, 6, 4)


def pair(model: str = "vq-vae", loss: str = "", **options: Any) -> Pair:
    return replace(Pair.of(model, loss, SPEC), model_options={**SMALL, **options})


def test_rounded_numbers_have_no_loss_of_their_own() -> None:
    made = pair("fsq-vae")
    model, batch, step = made.build().model, made.batch(5), torch.tensor(0)
    assert isinstance(model, VQVAE)
    with seeded(0):
        one, other = VQ(model, VQ.Config())(model, batch, step), ELBO(model, ELBO.Config())(model, batch, step)
    assert one["loss"].item() == other["loss"].item()


@pytest.mark.parametrize("quantiser", ["ema", "rq:3", "fsq:3,4", "lfq:3"])
def test_a_model_with_a_quantiser_trains_and_is_loaded(quantiser: str, tmp_path: Path) -> None:
    made = pair(quantiser=quantiser)
    objective, batch = made.build(), made.batch(16)
    model = objective.model
    assert isinstance(model, VQVAE)
    with torch.no_grad():
        model.prepare(batch)
    before = loss_of(objective, batch)["loss"].item()
    train(objective, batch, 20)
    assert loss_of(objective, batch)["loss"].item() < before
    save_model(tmp_path / "model.safetensors", model.eval(), made.model)
    again = load_model(tmp_path / "model.safetensors")
    assert isinstance(again, VQVAE)
    codes = model.codes(batch.x)
    assert torch.equal(again.codes(batch.x), codes)
    assert codes.shape == (16, 2 * model.codebook.depth, 2)
    assert len(codes.unique()) > 1
    torch.testing.assert_close(model.decode(model.latents(codes)), model.reconstruct(batch.x))


def test_a_codebook_that_follows_moves_as_the_earlier_loss_moved_it() -> None:
    """`--quantiser ema` and `--loss vq-moving` are one recursion."""
    moved = []
    for made in (pair(quantiser="ema"), pair(loss="vq-moving")):
        objective, batch = made.build(), made.batch(8)
        model, loss = objective.model, objective.loss
        assert isinstance(model, VQVAE)
        assert loss.acts_after_step()
        with torch.no_grad(), seeded(1):
            model.prepare(batch)
            loss.begin(model, 5)
            for number in range(3):
                loss.after_step(model, batch, torch.tensor(number))
        moved.append(model.codebook.look_up(torch.arange(6)[:, None]))
    assert torch.equal(*moved)
    assert not pair().build().loss.acts_after_step()
