"""The reconstruction loss: the ELBO without its KL."""

from __future__ import annotations

import pytest
import torch

import genzoo
from genzoo.core.noise import content_keys, keyed
from genzoo.testing import Pair


def terms_of(loss: str) -> dict[str, torch.Tensor]:
    """The terms of a loss in double precision, with noise that belongs to the examples."""
    pair = Pair.of("vae", loss)
    batch = pair.batch(16)
    with keyed(content_keys(batch.x)):
        terms: dict[str, torch.Tensor] = pair.build().double()(genzoo.Batch(batch.x.double()), torch.tensor(0))
    return terms


def test_it_is_the_elbo_without_its_kl() -> None:
    terms, elbo = terms_of("reconstruction"), terms_of("elbo")
    assert terms["loss"].item() == terms["reconstruction"].item() == elbo["reconstruction"].item()
    assert elbo["loss"].item() == pytest.approx((elbo["reconstruction"] + elbo["kl"]).item(), rel=1e-12)


def test_only_the_loss_carries_gradient() -> None:
    assert [name for name, term in terms_of("reconstruction").items() if term.requires_grad] == ["loss"]
