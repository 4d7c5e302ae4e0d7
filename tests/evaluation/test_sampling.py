"""Drawing new examples: by the model itself, and decoded from codes of a sampler."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from genzoo.core.errors import UsageError
from genzoo.core.model import LatentModel
from genzoo.core.noise import seeded
from genzoo.core.parts import Sampler
from genzoo.evaluation.sampling import draw, prior_codes, rows_by_class
from genzoo.testing import SPECS, Pair


class Counting(Sampler):
    """Gives the codes 0, 1, 2, … in turn."""

    def sample(self, n: int) -> Tensor:
        return torch.arange(float(n))[:, None].expand(n, self.dim)


def model_of(name: str) -> LatentModel:
    model = Pair.of(name, spec=SPECS["points"]).build().model.eval()
    assert isinstance(model, LatentModel)
    return model


@torch.no_grad()
def test_samples_from_the_prior_are_its_decoded_codes() -> None:
    model = model_of("vae")
    with seeded(0):
        drawn = draw(model, None, 20, noise=False)
    with seeded(0):
        codes = torch.cat(list(prior_codes(model, 20)))
    torch.testing.assert_close(drawn, model.decode(codes))


@torch.no_grad()
def test_samples_from_a_sampler_are_its_decoded_codes() -> None:
    model = model_of("ae")
    shape = tuple(model.encode(torch.zeros(1, *model.spec.shape)).shape[1:])
    codes = torch.arange(20.0)[:, None].expand(20, *shape)
    torch.testing.assert_close(draw(model, Counting(shape), 20, noise=False), model.decode(codes))


def test_a_model_without_a_prior_needs_a_sampler() -> None:
    with pytest.raises(UsageError, match="AE has no prior"):
        draw(model_of("ae"), None, 3, noise=False)


def test_options_of_the_models_own_samples_do_not_go_with_a_sampler() -> None:
    with pytest.raises(UsageError, match="not for codes from a sampler"):
        draw(model_of("vae"), Counting((2,)), 3, noise=False, options=object())


def test_a_conditional_model_has_rows_of_each_class() -> None:
    model = model_of("vae")
    assert rows_by_class(model) is None
    model.conditional = True
    labels = rows_by_class(model)
    assert labels is not None
    assert labels.tolist() == [0] * 8 + [1] * 8
