"""The codes of infogan: their class, and the options that must fit."""

from __future__ import annotations

import pytest
import torch
from genzoo_plugins.adversarial.infogan import CodedGenerator, Information

import genzoo


def test_the_class_is_the_largest_of_the_first_numbers_and_all_are_equally_likely() -> None:
    options = CodedGenerator.Config(latent_dim=6, classes=4, codes=1, hidden=())
    model = CodedGenerator(genzoo.DataSpec((2,), "gaussian", size=10), options)
    z = torch.randn(20_000, 6, generator=torch.Generator().manual_seed(0))
    coded = model.with_class(z)
    assert torch.equal(coded[:, :4].argmax(1), z[:, :4].argmax(1))
    assert torch.equal(coded[:, :4].sum(1), torch.ones(len(z)))
    assert torch.equal(coded[:, 4:], z[:, 4:])
    assert (coded[:, :4].mean(0) - 0.25).abs().max() < 5 * (0.25 * 0.75 / len(z)) ** 0.5


def test_codes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(genzoo.UsageError, match="10 classes and 2 codes need more than --latent-dim 8"):
        CodedGenerator.Config(latent_dim=8)


def test_the_class_and_the_other_codes_have_a_weight_each() -> None:
    with genzoo.seeded(0):
        spec = genzoo.DataSpec((3,), "gaussian", size=10)
        model = CodedGenerator(spec, CodedGenerator.Config(latent_dim=6, classes=3, codes=2, hidden=(8,)))
        loss = Information(model, Information.Config(critic=(8,)))
    terms = {}
    for weights in ((0, 0), (1, 0), (0, 1), (2, 0.5)):
        loss.config = Information.Config(critic=(8,), information_weight=weights[0], code_weight=weights[1])
        with genzoo.seeded(1), torch.no_grad():
            terms[weights] = loss(model, genzoo.Batch(torch.zeros(32, 3)), torch.tensor(0), 1)
    base, of_class, of_codes, both = (terms[weights]["generator"].item() for weights in terms)
    assert base - of_class + base - of_codes == pytest.approx(terms[0, 0]["information"].item(), abs=1e-5)
    assert base - both == pytest.approx(2 * (base - of_class) + 0.5 * (base - of_codes), abs=1e-5)
    assert Information.Config().code_weight < Information.Config().information_weight
