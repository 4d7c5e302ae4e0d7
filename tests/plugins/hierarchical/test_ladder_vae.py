"""What the ladder promises, held against theory."""

from __future__ import annotations

import math

import pytest
import torch
from genzoo_plugins.hierarchical.ladder import Ladder, LadderInference, merge
from genzoo_plugins.hierarchical.ladder_vae import KLLevels, LadderVAE
from genzoo_plugins.losses.elbo import ELBO
from genzoo_plugins.vae.vae import VAE
from torch import Tensor, nn
from torch.distributions import Independent, Normal, kl_divergence

import genzoo
from genzoo.core.noise import content_keys, keyed, seeded
from genzoo.testing import SPECS, Pair, assert_fullgraph

VECTORS = SPECS["vectors"]


@pytest.fixture
def model() -> LadderVAE:
    """With weights large enough for the levels to depend on each other."""
    torch.manual_seed(0)
    config = LadderVAE.Config(latent_dims=(3, 2), hidden=(16,), top_hidden=(8,), activation="tanh")
    made = LadderVAE(VECTORS, config)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.mul_(2)
    return made


@pytest.fixture
def x() -> Tensor:
    return torch.randn(4, 5, generator=torch.Generator().manual_seed(0))


def normal(parameters: Tensor) -> Independent:
    """Torch's own Gaussian from means and log-variances side by side."""
    mean, log_var = parameters.chunk(2, -1)
    return Independent(Normal(mean, (log_var / 2).exp()), 1)


def product(one: Independent, other: Independent) -> Independent:
    """Of two Gaussian densities, in the natural parameters μ/σ² and 1/σ²."""
    precision = 1 / one.variance + 1 / other.variance
    mean = (one.mean / one.variance + other.mean / other.variance) / precision
    return Independent(Normal(mean, precision.rsqrt()), 1)


def by_torch(model: LadderVAE, x: Tensor, z: Tensor) -> tuple[Independent, Independent, Independent, Independent]:
    """q(z₂|x), q(z₁|z₂, x), p(z₂) and p(z₁|z₂) from the nets alone."""
    features, z2 = model.features(x), z[..., 3:]
    generated = normal(model.down(z2))
    merged = product(normal(model.evidence(features)), generated)
    standard = Independent(Normal(torch.zeros(2), torch.ones(2)), 1)
    return normal(model.up(features)), merged, standard, generated


def test_the_whole_chain_is_scored(model: LadderVAE, x: Tensor) -> None:
    z = torch.randn(7, 4, 5)
    q2, q1, p2, p1 = by_torch(model, x, z)
    torch.testing.assert_close(model.posterior(x).log_prob(z), q2.log_prob(z[..., 3:]) + q1.log_prob(z[..., :3]))
    torch.testing.assert_close(model.prior().log_prob(z), p2.log_prob(z[..., 3:]) + p1.log_prob(z[..., :3]))
    q = model.posterior(x)
    torch.testing.assert_close(q.unflatten((2, 2)).log_prob(z.unflatten(1, (2, 2))), q.log_prob(z).unflatten(1, (2, 2)))
    torch.testing.assert_close(q.log_prob(z[0, 0]), q.log_prob(z[:1, :1].expand(1, 4, 5))[0])
    with pytest.raises(ValueError, match="does not line up"):
        q.log_prob(torch.zeros(4, 4))
    with pytest.raises(ValueError, match="does not line up"):
        q.log_prob(torch.zeros(1, 5))


def test_evidence_is_merged_as_the_product_of_two_gaussians() -> None:
    """ln N₁ + ln N₂ − ln merged is one constant over z: the product's logarithm of its integral."""
    torch.manual_seed(0)
    one, other = (genzoo.DiagGaussian(torch.randn(3), 3 * torch.randn(3)) for _ in range(2))
    z = 3 * torch.randn(1000, 3)
    rest = one.log_prob(z) + other.log_prob(z) - merge(one, other).log_prob(z)
    variance = one.variance + other.variance
    integral = Independent(Normal(one.mean, variance.sqrt()), 1).log_prob(other.mean)
    torch.testing.assert_close(rest, integral.expand(1000), rtol=1e-4, atol=1e-3)
    sure = merge(genzoo.DiagGaussian(torch.ones(3), torch.full((3,), -80.0)), other)
    torch.testing.assert_close((sure.mean, sure.log_var), (torch.ones(3), torch.full((3,), -80.0)))


def test_densities_integrate_to_one() -> None:
    torch.manual_seed(0)
    model = LadderVAE(VECTORS, LadderVAE.Config(latent_dims=(1, 1), hidden=(8,), top_hidden=(8,)))
    line = torch.linspace(-12, 12, 1201, dtype=torch.float64)
    grid = torch.stack(torch.meshgrid(line, line, indexing="ij"), -1).flatten(0, 1).float()
    for density in (model.prior(), model.posterior(torch.randn(1, 5))):
        with torch.no_grad():
            mass = density.log_prob(grid[:, None] if density.evidence else grid).double().exp().sum() * 0.02**2
        assert mass.item() == pytest.approx(1, abs=1e-4)


def test_samples_go_down_the_levels(model: LadderVAE, x: Tensor) -> None:
    """Whatever z₂ was, z₁ standardised by its own conditional is standard normal, and independent of z₂."""
    torch.manual_seed(0)
    q, p, n = model.posterior(x), model.prior(), 40_000
    with torch.no_grad():
        for density, z in ((q, q.rsample((n,))), (p, p.rsample((n, 1)))):
            lower = density.lower(z[..., 3:])
            noise = torch.cat([(z[..., :3] - lower.mean) / lower.variance.sqrt(), z[..., 3:] - density.top.mean], -1)
            for example in noise.unbind(1):
                spread = torch.cat([torch.ones(3), density.top.variance.expand(len(x), 2)[0]])
                assert example.mean(0).abs().max() < 0.02 * max(1, spread.max().sqrt())
                off = torch.corrcoef(example.T) - torch.eye(5)
                assert off.abs().max() < 0.02
                torch.testing.assert_close(example.var(0)[:3], torch.ones(3), atol=0.03, rtol=0)


def test_the_mean_is_the_way_down_through_the_means(model: LadderVAE, x: Tensor) -> None:
    q2, q1, *_ = by_torch(model, x, torch.cat([torch.zeros(4, 3), normal(model.up(model.features(x))).mean], -1))
    torch.testing.assert_close(model.encode(x), torch.cat([q1.mean, q2.mean], -1))
    torch.testing.assert_close(model.prior().mean, torch.cat([model.down(torch.zeros(2))[:3], torch.zeros(2)]))


def test_noise_belongs_to_the_example(model: LadderVAE, x: Tensor) -> None:
    """Evaluated alone or among others, once or several times over, an example gets the same z."""

    def drawn(rows: slice, k: int) -> Tensor:
        with keyed(content_keys(x[rows])):
            return model.posterior(x[rows]).rsample((k,))

    for k in (1, 3, 8):
        torch.testing.assert_close(drawn(slice(0, 4), k)[:, 2:3], drawn(slice(2, 3), k))


def test_the_kl_is_exact_given_the_upper_level(model: LadderVAE, x: Tensor) -> None:
    with seeded(0):
        inference = model.infer(genzoo.Batch(x), k=3000)
    q2, q1, p2, p1 = by_torch(model, x, inference.z)
    lower, top = inference.kl_of_levels()
    torch.testing.assert_close(top, kl_divergence(q2, p2))
    torch.testing.assert_close(lower, kl_divergence(q1, p1).mean(0), rtol=1e-4, atol=1e-4)
    assert inference.p is not None
    ratios = inference.q.log_prob(inference.z) - inference.p.log_prob(inference.z)
    error = ratios.std(0) / math.sqrt(3000)
    assert ((inference.kl() - ratios.mean(0)).abs() < 4 * error).all()
    assert (ratios.std(0) > 5 * kl_divergence(q1, p1).std(0)).all()  # what knowing it in closed form is worth


A, B, C, D, S = 0.9, 0.3, 1.7, -0.5, 0.6


def linear(exact: bool) -> LadderVAE:
    """z₂ ~ N(0, 1), z₁ ~ N(A z₂ + B, S²), x ~ N(C z₁ + D, 1), with the exact posterior or one that is off."""
    model = LadderVAE(VECTORS._replace(shape=(1,)), LadderVAE.Config(latent_dims=(1, 1), hidden=(1,), top_hidden=()))
    model.add_module("features", nn.Flatten(1))
    model.add_module("decoder", nn.Linear(1, 1))
    mean, variance = C * B + D, C**2 * (A**2 + S**2) + 1
    gain, rest = A * C / variance, math.log(1 - (A * C) ** 2 / variance)
    shift = 0.0 if exact else 0.7
    weights = {
        "down.0": ([A, 0.0], [B, 2 * math.log(S)]),
        "decoder": ([C], [D]),
        "evidence": ([1 / C, 0.0], [-D / C + shift, -2 * math.log(C) + shift]),
        "up.0": ([gain, 0.0], [-gain * mean - shift, rest + shift]),
    }
    for name, (weight, bias) in weights.items():
        layer = model.get_submodule(name)
        assert isinstance(layer, nn.Linear)
        layer.weight.data, layer.bias.data = torch.tensor(weight)[:, None], torch.tensor(bias)
    return model


def marginal(x: Tensor) -> Tensor:
    """ln p(x), [B]."""
    return Normal(C * B + D, math.sqrt(C**2 * (A**2 + S**2) + 1)).log_prob(x).sum(-1)


def log_weights(model: LadderVAE, x: Tensor, k: int) -> Tensor:
    """ln p(x|z) p(z) / q(z|x), [K, B]."""
    with torch.no_grad():
        found = model.infer(genzoo.Batch(x), k)
    assert found.p is not None
    return found.px.log_prob(x) + found.p.log_prob(found.z) - found.q.log_prob(found.z)


def test_bounds_on_a_known_marginal() -> None:
    torch.manual_seed(0)
    x = 2 * torch.randn(6, 1)
    model = linear(exact=False)
    weights = log_weights(model, x, 100_000)
    inference = model.infer(genzoo.Batch(x), 20_000)
    elbo = inference.px.log_prob(x).mean(0) - inference.kl()
    torch.testing.assert_close(elbo, weights.mean(0), atol=0.05, rtol=0)
    assert (elbo < marginal(x) - 0.1).all()
    bounds = [
        (w.logsumexp(1) - math.log(w.shape[1])).mean(0) for w in (weights.unflatten(0, (-1, k)) for k in (10, 100))
    ]
    assert (elbo < bounds[0]).all()
    assert (bounds[0] < bounds[1]).all()
    torch.testing.assert_close(weights.logsumexp(0) - math.log(len(weights)), marginal(x), atol=0.02, rtol=0)


def test_without_its_top_it_is_a_vae_of_one_level(model: LadderVAE, x: Tensor) -> None:
    """z₂ ~ N(0, I) whatever x is and unheard by z₁: the bound is that of p(z₁) p(x|z₁) and q(z₁|x)."""
    with torch.no_grad():
        for net in (model.down, model.up):
            last = net[-1]
            assert isinstance(last, nn.Linear)
            last.weight.zero_()
            last.bias.zero_()

    class OneLevel(VAE):
        def posterior(self, x: Tensor) -> genzoo.DiagGaussian:
            merged = product(normal(self.encoder(x)), Independent(Normal(torch.zeros(3), torch.ones(3)), 1))
            return genzoo.DiagGaussian(merged.mean, merged.variance.log())

    flat = OneLevel(VECTORS, VAE.Config(latent_dim=3))
    flat.encoder, flat.decoder = nn.Sequential(model.features, model.evidence), model.decoder
    torch.testing.assert_close(model.encode(x)[:, :3], flat.encode(x))
    torch.testing.assert_close(model.reconstruct(x), flat.reconstruct(x))
    lower, top = model.infer(genzoo.Batch(x)).kl_of_levels()
    torch.testing.assert_close(top, torch.zeros(4))
    torch.testing.assert_close(lower, flat.infer(genzoo.Batch(x)).kl())
    z = torch.randn(9, 4, 5)
    one, other = model.posterior(x).log_prob(z) - model.prior().log_prob(z), flat.posterior(x).log_prob(z[..., :3])
    torch.testing.assert_close(one, other - flat.prior().log_prob(z[..., :3]), rtol=1e-4, atol=1e-4)


def clusters(n: int) -> Tensor:
    """Four groups of four clusters in the plane: where the group is, and where in it the cluster is."""
    corners = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    groups, members = torch.randint(4, (2, n))
    return 3 * corners[groups] + 0.8 * corners[members] + 0.1 * torch.randn(n, 2)


@pytest.mark.long
def test_both_levels_are_used_after_a_short_training() -> None:
    torch.manual_seed(0)
    config = LadderVAE.Config(latent_dims=(2, 2), hidden=(64,), top_hidden=(64,), activation="tanh")
    model = LadderVAE(SPECS["points"], config)
    loss, optimizer = ELBO(model, ELBO.Config(kl_warmup=500)), torch.optim.Adam(model.parameters(), lr=1e-2)
    for step in range(600):
        optimizer.zero_grad()
        loss(model, genzoo.Batch(clusters(128)), torch.tensor(step))["loss"].backward()
        optimizer.step()
    examined = genzoo.EvaluationBatch(model, genzoo.Batch(clusters(2000)))
    metric = KLLevels(KLLevels.Config())
    values = metric.per_example(examined)
    torch.testing.assert_close(values.sum(1), examined.inference.kl())
    lower, top = values.mean(0).tolist()
    assert metric.summarise(values) == pytest.approx(top)
    assert min(lower, top) > 0.5


def test_the_metric_is_of_ladders_alone(model: LadderVAE, x: Tensor) -> None:
    metric = KLLevels(KLLevels.Config())
    assert metric.refuses(model) is None
    assert metric.refuses(VAE(VECTORS, VAE.Config())) == "no ladder"
    values = torch.tensor([[1.0, 5.0], [2.0, 8.0]])
    assert metric.summarise(values) == 6.5
    assert metric.standard_error(values) == pytest.approx(1.5)
    assert metric.details(values) == {"below": 1.5, "top": 6.5, "note": "of the level below 1.50"}


def test_the_protocol_gets_what_it_asks_for(model: LadderVAE, x: Tensor) -> None:
    inference = model.infer(genzoo.Batch(x), 3)
    assert isinstance(inference, LadderInference)
    assert isinstance(inference.q, Ladder)
    assert inference.q.kl(model.prior()) is None
    assert inference.q.shape == inference.q.mean.shape == (4, 5)
    assert model.prior().shape == model.prior().mean.shape == (5,)
    assert model.sample(6).shape == (6, 5)
    with pytest.raises(genzoo.UsageError, match="--hidden needs one width at least"):
        LadderVAE.Config(hidden=())


@pytest.mark.long
def test_the_step_is_one_graph() -> None:
    pair = Pair.of("ladder-vae", spec=SPECS["points"])
    assert_fullgraph(pair.build(), pair.batch(8), steps=(0, 10_000))
