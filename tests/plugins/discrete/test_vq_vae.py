"""Codes, gradients and bound, held against brute force and against the paper's formulas."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
import torch
from genzoo_plugins.discrete.codebook import Codebook, CodePrior, Quantised
from genzoo_plugins.discrete.vq_vae import LOGIT_SCALE, VQ, VQVAE, CodePerplexity, squared_distance

import genzoo

if TYPE_CHECKING:
    from torch import Tensor

STEP = torch.tensor(0)
SPEC = genzoo.DataSpec((1, 12, 9), "bernoulli")
CODES, DIM, GRID = 20, 5, (3, 2)


@pytest.fixture
def model() -> VQVAE:
    torch.manual_seed(0)
    made = VQVAE(SPEC, VQVAE.Config(codes=CODES, code_dim=DIM, levels=2, width=8))
    torch.nn.init.normal_(made.scaled_logits, std=1 / LOGIT_SCALE)
    with torch.no_grad():
        made.prepare(images(64))
    return made


def images(n: int) -> genzoo.Batch:
    return genzoo.Batch(torch.rand(n, *SPEC.shape, generator=torch.Generator().manual_seed(n)))


def posterior(model: VQVAE, x: Tensor) -> Quantised:
    q = model.posterior(x)
    assert isinstance(q, Quantised)
    return q


def loss_of(model: VQVAE, batch: genzoo.Batch, commitment: float = 0.25) -> dict[str, Tensor]:
    return VQ(model, VQ.Config(commitment=commitment))(model, batch, STEP)


def test_quantising_finds_the_nearest_vector(model: VQVAE) -> None:
    encoded = model.encoded(images(7).x)
    q = posterior(model, images(7).x)
    for n in range(7):
        for row in range(GRID[0]):
            for column in range(GRID[1]):
                distances = [(encoded[n, :, row, column] - vector).norm().item() for vector in model.codebook.vectors]
                code = distances.index(min(distances))
                assert q.codes[n, row, column] == code
                assert torch.equal(q.mean[n, :, row, column], model.codebook.vectors[code])
    assert q.codes.unique().numel() > CODES / 4


def test_the_encoders_output_is_of_one_size(model: VQVAE) -> None:
    encoded = model.encoded(images(7).x)
    torch.testing.assert_close(encoded.mean(1), torch.zeros(7, *GRID), rtol=0, atol=1e-5)
    torch.testing.assert_close(encoded.square().mean(1), torch.ones(7, *GRID), rtol=1e-2, atol=0)


def test_a_code_has_probability_one_and_the_kl_is_what_the_prior_says(model: VQVAE) -> None:
    """KL = −Σ ln p(code), each place with its own probabilities."""
    batch = images(5)
    q, p, z, _ = inference = model.infer(batch, 2)
    assert isinstance(q, Quantised)
    assert p is not None
    assert torch.equal(q.log_prob(z), torch.zeros(2, 5))
    assert torch.equal(q.log_prob(z + 0.1), torch.full((2, 5), -math.inf))
    probabilities = (LOGIT_SCALE * model.scaled_logits).softmax(-1)
    wanted = torch.zeros(5)
    for row in range(GRID[0]):
        for column in range(GRID[1]):
            wanted -= probabilities[row, column][q.codes[:, row, column]].log()
    torch.testing.assert_close(inference.kl(), wanted)
    torch.testing.assert_close(-p.log_prob(z), wanted.expand(2, 5))


def test_the_prior_is_a_distribution_over_grids() -> None:
    """Its probabilities sum to 1, its samples have them, and its mean is theirs."""
    torch.manual_seed(0)
    codebook, logits = Codebook(3, 2), torch.randn(2, 1, 3)
    codebook.reset()
    prior = CodePrior(logits, codebook)
    grids = torch.cartesian_prod(torch.arange(3), torch.arange(3)).view(9, 2, 1)
    probabilities = prior.log_prob(codebook.look_up(grids)).exp()
    assert probabilities.sum().item() == pytest.approx(1, abs=1e-6)
    samples = prior.rsample((100_000,))
    assert samples.shape == (100_000, 2, 2, 1)
    codes = codebook.nearest(samples)
    assert torch.equal(codebook.look_up(codes), samples)
    shares = torch.bincount((codes * torch.tensor([[3], [1]])).flatten(1).sum(1), minlength=9) / len(samples)
    torch.testing.assert_close(shares, probabilities, rtol=0, atol=0.01)  # σ of a share: at most 0.0016
    torch.testing.assert_close(prior.mean, samples.mean(0), rtol=0, atol=0.03)
    with pytest.raises(ValueError, match="does not line up"):
        prior.log_prob(torch.zeros(4, 2, 1, 1))


def test_the_gradient_passes_straight_through(model: VQVAE) -> None:
    """At the encoder's output it is that at the decoder's input, and 2β(e − z)/B of the commitment."""
    batch, beta = images(6), 0.25
    found: dict[str, Tensor] = {}
    encoded_of, likelihood = model.encoded, model.likelihood

    def encoded(x: Tensor) -> Tensor:
        found["encoded"] = encoded_of(x)
        found["encoded"].retain_grad()
        return found["encoded"]

    def decoded(z: Tensor) -> genzoo.Distribution:
        found["z"] = z.detach().requires_grad_()
        return likelihood(found["z"])

    model.encoded = encoded  # type: ignore[method-assign]
    loss_of(model, batch, beta)["loss"].backward()
    e, z = found["encoded"], posterior(model, batch.x).mean.detach()
    model.likelihood = decoded  # type: ignore[method-assign]
    (-model.infer(batch).px.log_prob(batch.x).mean()).backward()
    assert found["z"].grad is not None
    assert found["z"].grad.abs().max() > 1e-4
    torch.testing.assert_close(e.grad, found["z"].grad + 2 * beta * (e.detach() - z) / 6)


def test_each_term_trains_its_own_part(model: VQVAE) -> None:
    """The codebook hears of the codebook's term alone, the prior of the KL alone, and the encoder of neither."""
    batch = images(6)
    parts = {name: list(getattr(model, name).parameters()) for name in ("encoder", "decoder", "codebook")}
    parts["prior"] = [model.scaled_logits]

    def reached(term: Tensor) -> set[str]:
        return {
            name
            for name, parameters in parts.items()
            if any(
                gradient is not None and bool(gradient.any())
                for gradient in torch.autograd.grad(term, parameters, retain_graph=True, allow_unused=True)
            )
        }

    inference = model.infer(batch)
    q = inference.q
    assert isinstance(q, Quantised)
    assert reached(-inference.px.log_prob(batch.x).mean()) == {"encoder", "decoder"}
    assert reached(inference.kl().mean()) == {"prior"}
    assert reached(squared_distance(q.encoded.detach(), q.vectors)) == {"codebook"}
    assert reached(squared_distance(q.encoded, q.vectors.detach())) == {"encoder"}
    found = torch.autograd.grad(loss_of(model, batch)["loss"], model.codebook.vectors)[0]
    wanted = torch.zeros_like(found)
    for n in range(6):  # Σ 2(c − e) over the places of code c, averaged over examples
        for row in range(GRID[0]):
            for column in range(GRID[1]):
                code = q.codes[n, row, column]
                wanted[code] += 2 * (model.codebook.vectors[code] - q.encoded[n, :, row, column]).detach() / 6
    torch.testing.assert_close(found, wanted)


def test_the_loss_is_its_terms(model: VQVAE) -> None:
    """In nats of the whole example, and the distances weighted by 1 + β."""
    batch = images(6)
    terms = loss_of(model, batch, 0.5)
    q = posterior(model, batch.x)
    distortion = sum((q.encoded[n] - q.vectors[n]).square().sum() for n in range(6)) / 6
    logits = torch.logit(model.reconstruct(batch.x))
    reconstruction = torch.nn.functional.binary_cross_entropy_with_logits(logits, batch.x, reduction="sum") / 6
    torch.testing.assert_close(terms["distortion"], distortion)
    torch.testing.assert_close(terms["reconstruction"], reconstruction)
    torch.testing.assert_close(terms["negative_elbo"], reconstruction + model.infer(batch).kl().mean())
    torch.testing.assert_close(terms["loss"], terms["negative_elbo"] + 1.5 * terms["distortion"])


def test_an_image_has_one_loss_whatever_its_batch(model: VQVAE) -> None:
    batch = images(128)
    each = [loss_of(model, genzoo.Batch(x[None])) for x in batch.x]
    for name, value in loss_of(model, batch).items():
        torch.testing.assert_close(torch.stack([terms[name] for terms in each]).mean(), value)


def test_the_codebook_finds_the_centres_of_clusters() -> None:
    """Four Gaussian clusters in the plane, four codes: each becomes its cluster's mean, and the distortion 2σ²."""
    torch.manual_seed(0)
    centres, sigma = torch.tensor([[2.0, 1.0], [-1.0, 2.0], [-2.0, -1.0], [1.0, -2.0]]), 0.2
    which = torch.randint(4, (4000,))
    points = (centres[which] + sigma * torch.randn(4000, 2)).view(-1, 2, 1, 1)
    codebook = Codebook(4, 2)
    codebook.choose(points)
    started = codebook.vectors.detach().clone()
    assert torch.cdist(centres, started).argmin(1).unique().numel() == 4  # each near a cluster of its own
    optimizer = torch.optim.Adam(codebook.parameters(), lr=0.02)
    for _ in range(300):
        optimizer.zero_grad()
        squared_distance(points, codebook.look_up(codebook.nearest(points))).backward()
        optimizer.step()
    means = torch.stack([points[which == number].flatten(1).mean(0) for number in range(4)])
    assert torch.cdist(means, codebook.vectors).amin(1).max() < 0.005
    assert torch.cdist(means, started).amin(1).max() > 0.05
    distortion = squared_distance(points, codebook.look_up(codebook.nearest(points))).item()
    assert distortion == pytest.approx(2 * sigma**2, rel=0.05)  # σ of the estimate: 1.6 %


def test_codes_differ_where_a_batch_has_fewer_vectors() -> None:
    torch.manual_seed(0)
    codebook = Codebook(30, 2)
    codebook.choose(torch.tensor([[1.0, 0.0], [0.0, 1.0]]).view(2, 2, 1, 1))
    distances = torch.cdist(codebook.vectors, codebook.vectors)
    assert distances.fill_diagonal_(math.inf).min() > 0


def test_perplexity_counts_the_codes_in_use(model: VQVAE) -> None:
    metric = CodePerplexity(CodePerplexity.Config())
    assert metric.refuses(model) is None
    codes = metric.per_example(genzoo.EvaluationBatch(model, images(9)))
    assert torch.equal(codes, posterior(model, images(9).x).codes.flatten(1))
    assert metric.summarise(torch.tensor([[0.0, 7.0], [7.0, 0.0]]).double()) == pytest.approx(2)
    assert metric.summarise(torch.full((3, 2), 4.0).double()) == pytest.approx(1)
    share = torch.tensor([0.75, 0.25])
    perplexity = (-(share * share.log()).sum()).exp().item()
    assert metric.summarise(torch.tensor([[1.0, 1.0], [1.0, 0.0]]).double()) == pytest.approx(perplexity)


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 17, 30), (2, 15, 9)])
def test_images_of_any_size_come_back_in_theirs(shape: tuple[int, ...]) -> None:
    model = VQVAE(genzoo.DataSpec(shape, "gaussian-per-dim"), VQVAE.Config(codes=8, width=4))
    assert model.reconstruct(torch.rand(3, *shape)).shape == (3, *shape)
    assert model.sample(5).shape == (5, *shape)


def test_what_it_cannot_encode_is_refused() -> None:
    with pytest.raises(genzoo.UsageError, match="vq-vae needs images"):
        VQVAE(genzoo.DataSpec((5,), "gaussian"), VQVAE.Config())
    with pytest.raises(genzoo.UsageError, match="at least 16x16; these are 8x8"):
        VQVAE(genzoo.DataSpec((1, 8, 8), "gaussian"), VQVAE.Config(levels=4))
