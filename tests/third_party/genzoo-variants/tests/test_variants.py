"""Each variant differs from the VAE in what it says, and in nothing else."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from genzoo_plugins.vae.vae import VAE
from genzoo_variants.counts import NegativeBinomial
from genzoo_variants.likelihood import StudentT, StudentVAE
from genzoo_variants.nets import ResidualVAE
from genzoo_variants.posterior import ConstantVarianceVAE

import genzoo

IMAGES = genzoo.DataSpec((1, 8, 8), "bernoulli", size=100)
POINTS = genzoo.DataSpec((2,), "gaussian-learned", size=100)


def built(kind: type[Any], spec: genzoo.DataSpec, **options: Any) -> Any:
    torch.manual_seed(0)
    return kind(spec, kind.Config(latent_dim=3, **options)).eval()


def test_residual_nets_are_the_identity_between_their_first_and_last_layer_at_first() -> None:
    """And so two blocks begin as none."""
    model = built(ResidualVAE, IMAGES, width=16, blocks=2)
    flatten, first, *_, relu, last = model.encoder
    x = torch.rand(5, *IMAGES.shape)
    expected = genzoo.DiagGaussian.from_parameters(last(relu(first(flatten(x)))))
    torch.testing.assert_close(model.posterior(x).mean, expected.mean)
    assert model.likelihood(torch.randn(5, 3)).mean.shape == x.shape


def test_the_constant_variance_is_constant_and_the_kl_is_of_the_means() -> None:
    model = built(ConstantVarianceVAE, IMAGES, sigma=0.5)
    q = model.posterior(torch.rand(7, *IMAGES.shape))
    torch.testing.assert_close(q.variance, torch.full((7, 3), 0.25))
    exact = q.kl(model.prior())
    torch.testing.assert_close(exact, 0.5 * (q.mean**2).sum(1) + 1.5 * (0.25 - 1 - math.log(0.25)))
    torch.manual_seed(1)
    assert q.rsample((20_000,)).std(0).mean().item() == pytest.approx(0.5, rel=0.01)


def test_students_t_is_torchs_and_a_density() -> None:
    location, log_scale, freedom = torch.tensor([[0.3, -1.0]]), torch.tensor([[-0.5, 0.7]]), 4.0
    px = StudentT(location, log_scale, freedom, event_dims=1)
    x = torch.tensor([[2.0, 5.0]])
    reference = torch.distributions.StudentT(freedom, location, log_scale.exp())
    torch.testing.assert_close(px.log_prob(x), reference.log_prob(x).sum(1))
    torch.manual_seed(0)
    assert px.rsample((200_000,)).var(0).flatten().tolist() == pytest.approx(
        (log_scale.exp() ** 2 * freedom / (freedom - 2)).flatten().tolist(), rel=0.1
    )
    grid = torch.linspace(-400, 400, 400_001).unsqueeze(1)
    one = StudentT(torch.zeros(1), torch.zeros(1), freedom, event_dims=1)
    integral = torch.trapezoid(one.log_prob(grid).double().exp(), grid[:, 0].double())
    assert integral.item() == pytest.approx(1, abs=1e-4)
    with pytest.raises(ValueError, match="does not line up"):
        px.log_prob(torch.zeros(3, 1))


def test_students_t_becomes_a_gaussian_with_many_degrees_of_freedom() -> None:
    location, log_scale = torch.randn(4, 3), 0.3 * torch.randn(4, 3)
    many = StudentT(location, log_scale, 1e6, event_dims=1)
    gaussian = genzoo.DiagGaussian(location, 2 * log_scale)
    x = torch.randn(4, 3)
    torch.testing.assert_close(many.log_prob(x), gaussian.log_prob(x), atol=1e-3, rtol=1e-4)


def test_an_outlier_costs_the_logarithm_of_its_distance() -> None:
    """Ten times as far costs (ν + 1) ln 10 a value more, whatever the distance; of a Gaussian, 100 times as much."""
    px = built(StudentVAE, POINTS, freedom=4.0).likelihood(torch.zeros(1, 3))
    near, far = px.log_prob(torch.full((1, 2), 1e4)), px.log_prob(torch.full((1, 2), 1e5))
    assert (near - far).item() == pytest.approx(2 * 5 * math.log(10), rel=1e-3)


def test_without_its_difference_each_is_the_vae() -> None:
    """The same registered parts, weight for weight: what was not overridden is inherited."""
    for kind in (ResidualVAE, ConstantVarianceVAE, StudentVAE):
        model = built(kind, POINTS)
        assert isinstance(model.prior(), genzoo.StandardNormal)
        assert kind.infer is VAE.infer is genzoo.LatentModel.infer
        assert kind.sample is VAE.sample


@pytest.mark.parametrize(("spec", "options"), [(IMAGES, {}), (POINTS, {"freedom": 1.0})], ids=["images", "no mean"])
def test_what_does_not_suit_students_t_is_refused(spec: genzoo.DataSpec, options: dict[str, float]) -> None:
    with pytest.raises(genzoo.UsageError, match=r"between 0 and 1|there is no mean"):
        built(StudentVAE, spec, **options)


def test_robust_where_a_gaussian_is_not() -> None:
    """The location that suits 19 values about 2 and one at 100 best: for a Gaussian it is their mean, 6.9."""
    x = torch.cat([torch.linspace(1, 3, 19), torch.tensor([100.0])]).unsqueeze(1)
    location = torch.linspace(0, 10, 2001).view(-1, 1, 1)
    found = {}
    for name, px in (
        ("gaussian", genzoo.DiagGaussian(location.expand(-1, 20, 1), 0.0)),
        ("student", StudentT(location.expand(-1, 20, 1), torch.zeros(()), 4.0, event_dims=1)),
    ):
        found[name] = location[px.log_prob(x.expand(2001, 20, 1)).sum(1).argmax()].item()
    assert found["gaussian"] == pytest.approx(6.9, abs=0.01)
    assert found["student"] == pytest.approx(2.0, abs=0.1)


def test_the_negative_binomial_is_torchs_and_sums_to_one() -> None:
    mean, freedom = torch.tensor([0.3, 2.0, 7.0]), torch.tensor([0.5, 3.0, 20.0])
    px = NegativeBinomial(mean, freedom, event_dims=0)
    counts = torch.arange(200.0)[:, None].expand(-1, 3)
    reference = torch.distributions.NegativeBinomial(freedom, mean / (mean + freedom))
    torch.testing.assert_close(px.log_prob(counts), reference.log_prob(counts), rtol=1e-4, atol=1e-4)
    p = px.log_prob(counts).exp()
    torch.testing.assert_close(p.sum(0), torch.ones(3), rtol=0, atol=1e-4)
    torch.testing.assert_close((p * counts).sum(0), mean, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close((p * (counts - mean) ** 2).sum(0), mean + mean**2 / freedom, rtol=1e-3, atol=1e-3)


@pytest.fixture
def counts(tmp_path: Path) -> Path:
    generator = torch.Generator().manual_seed(0)
    rate = torch.rand(400, 1, generator=generator).exp() * torch.tensor([[0.5, 2.0, 4.0, 8.0]])
    np.savez(tmp_path / "counts.npz", x=torch.poisson(rate, generator=generator).numpy())
    return tmp_path / "counts.npz"


@pytest.mark.parametrize("model", ["vae", "iwae", "ladder-vae"])
def test_any_vae_takes_it(model: str, counts: Path, tmp_path: Path) -> None:
    options = {"data": {"path": str(counts)}, "likelihood": "negative-binomial", "epochs": 1, "batch_size": 50}
    run = genzoo.run(model, "npz", out=tmp_path / "run", quiet=True, **options)
    assert (run.results["likelihood"], run.results["measure"]) == ("negative-binomial", "probability")
    assert math.isfinite(run.results["test"]["negative_elbo"])
    drawn = run.model.sample(50, noise=True)
    assert torch.equal(drawn, drawn.round())
    assert (drawn >= 0).all()


def test_it_is_refused_for_images(tmp_path: Path) -> None:
    with pytest.raises(genzoo.UsageError, match=r"negative-binomial is for counts 0, 1, 2, …; these data are images"):
        genzoo.run("vae", "digits", out=tmp_path / "run", quiet=True, likelihood="negative-binomial")
