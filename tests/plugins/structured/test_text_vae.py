"""The VAE of texts: what it may see, and when it says the most probable text. Its numbers are in its theory."""

from __future__ import annotations

import torch
from genzoo_plugins.losses.elbo import ELBO
from genzoo_plugins.structured.text_vae import TextVAE

import genzoo

SPEC = genzoo.DataSpec((5,), "", kind="tokens", levels=4)
X = torch.tensor([[1, 2, 3, 0, 0], [3, 3, 1, 2, 1], [0, 0, 0, 0, 0]])


def model_of(**options: float) -> TextVAE:
    with genzoo.seeded(0):
        model = TextVAE(SPEC, TextVAE.Config(latent_dim=2, width=8, depth=1, heads=2, **options))  # type: ignore[arg-type]
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.5)
    return model.eval()


@torch.no_grad()
def test_the_code_is_that_of_the_tokens_before_the_end() -> None:
    model = model_of()
    before = model.encode(X)
    model.encoder.places[3:].normal_()  # only padding is there in the first text
    moved = (model.encode(X) - before).abs().amax(1)
    assert moved[0] == 0
    assert moved[1] > 1e-3
    assert before.isfinite().all()  # also of the empty text


@torch.no_grad()
def test_the_centre_has_the_most_probable_token_at_each_place() -> None:
    model = model_of()
    z = torch.randn(7, 2)
    text = model.decode(z)
    logits = model.decoder.logits(text, model.told(z))
    ended = (text == 0).cumsum(1) > 1
    assert torch.equal(torch.where(ended, 0, logits.argmax(-1)), text)


@torch.no_grad()
def test_unseen_tokens_change_training_alone() -> None:
    model, z = model_of(word_dropout=1.0), torch.zeros(3, 2)
    plain = model_of().likelihood(z).log_prob(X)
    assert torch.equal(model.likelihood(z).log_prob(X), plain)
    blind = model.train().likelihood(z).log_prob(X)
    assert not torch.allclose(blind, plain)
    logits = model.decoder.logits(torch.zeros_like(X), model.told(z))
    torch.testing.assert_close(blind, model.decoder.score(logits, X))


def test_a_kl_below_the_free_bits_has_no_gradient() -> None:
    model = model_of()

    def gradient(**options: float) -> torch.Tensor:
        model.zero_grad()
        with genzoo.seeded(0):
            ELBO(model, ELBO.Config(**options))(model, genzoo.Batch(X), torch.tensor(0))["loss"].backward()
        return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])

    assert torch.equal(gradient(free_bits=1e3), gradient(beta=0.0))
    assert torch.equal(gradient(free_bits=1e-6), gradient())
    assert not torch.equal(gradient(beta=0.0), gradient())
