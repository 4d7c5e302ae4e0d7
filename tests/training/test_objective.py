"""Model and loss as one module: precision, memory format, and the names and means of its terms."""

from __future__ import annotations

import math

import pytest
import torch
from small_trainer import VALIDATION, make_trainer, weights
from torch import nn

from genzoo.data.resident import Resident
from genzoo.testing import SPECS, Pair
from genzoo.training.objective import mark_conditional, objective_terms, set_memory_format


@pytest.mark.parametrize("size", [1, 7, VALIDATION])
def test_the_terms_of_a_split_are_means_over_examples_and_not_over_batches(size: int) -> None:
    trainer = make_trainer(epochs=1)
    trainer.fit()
    assert trainer.validation_data is not None
    step = torch.tensor(trainer.step)
    whole = objective_terms(trainer.trained, trainer.validation_data, step)
    parts = objective_terms(trainer.trained, trainer.validation_data, step, size)
    assert parts == pytest.approx(whole, rel=1e-5)
    assert list(whole) == ["loss", "negative_elbo", "reconstruction", "kl"]


def test_bf16_is_finite_and_near_float32() -> None:
    full, half = make_trainer(epochs=3, lr=0.01), make_trainer(epochs=3, lr=0.01, precision="bf16")
    one, other = full.fit().epochs[-1], half.fit().epochs[-1]
    assert all(math.isfinite(value) for value in other.train.values())
    assert all(value.dtype == torch.float32 for value in weights(half).values())
    assert other.train["loss"] == pytest.approx(one.train["loss"], rel=0.02)
    assert other.train["loss"] != one.train["loss"]


def test_terms_of_a_conditional_model_have_a_suffix_but_the_loss_has_none() -> None:
    pair = Pair.of("vae", spec=SPECS["points"])
    model, data = pair.build().model, Resident(pair.split(8), torch.device("cpu"))
    terms = {"loss": 1.0, "kl": 2.0}
    assert mark_conditional(terms, model, data) == terms
    model.conditional = True
    assert mark_conditional(terms, model, data) == {"loss": 1.0, "kl_given_y": 2.0}
    data.y = None
    assert mark_conditional(terms, model, data) == terms


def test_only_nets_that_ask_for_it_get_the_memory_format() -> None:
    nets = nn.ModuleList([nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 3)])
    nets[0].channels_last = True  # type: ignore[assignment]
    set_memory_format(nets, torch.channels_last)
    formats = [net.weight.is_contiguous(memory_format=torch.channels_last) for net in nets]  # type: ignore[union-attr]
    assert formats == [True, False]
