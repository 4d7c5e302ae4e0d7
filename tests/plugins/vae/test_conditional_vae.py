"""What the conditional VAE promises, held against theory and an independent classifier."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from genzoo_plugins.vae.conditional_vae import UNKNOWN, ConditionalVAE
from sklearn.svm import SVC
from torch import Tensor

import genzoo
from genzoo.core.nets import FlatDecoder, FlatEncoder
from genzoo.core.noise import reseed, seeded, shared
from genzoo.registry.current import registry

SPEC = genzoo.DataSpec((3,), "gaussian:0.5", classes=4)
STEP = torch.tensor(0)


def made(seed: int = 0, spec: genzoo.DataSpec = SPEC, **options: Any) -> ConditionalVAE:
    """A small model in evaluation mode, whose labels say something."""
    with seeded(seed):
        model = ConditionalVAE(spec, ConditionalVAE.Config(**{"latent_dim": 2, "hidden": (16,), **options}))
        torch.nn.init.normal_(model.labels.weight)
    return model.eval()


def batch_of(n: int, seed: int = 1) -> genzoo.Batch:
    generator = torch.Generator().manual_seed(seed)
    return genzoo.Batch(torch.randn(n, 3, generator=generator), torch.arange(n) % 4)


class VAE(genzoo.LatentModel):
    """The nets of the conditional one without its labels."""

    def __init__(self, spec: genzoo.DataSpec, config: Any) -> None:
        super().__init__(spec, config)
        self.head = genzoo.make_likelihood(spec.likelihood)
        self.encoder = FlatEncoder(spec.shape, config.hidden, 2 * config.latent_dim, "relu")
        self.decoder = FlatDecoder(config.latent_dim, config.hidden, spec.shape, "relu")

    def posterior(self, x: Tensor) -> genzoo.Distribution:
        return genzoo.DiagGaussian.from_parameters(self.encoder(x))

    def prior(self) -> genzoo.Distribution:
        return genzoo.StandardNormal((self.config.latent_dim,), like=self.anchor)

    def likelihood(self, z: Tensor) -> genzoo.Distribution:
        px: genzoo.Distribution = self.head(self.decoder(z))
        return px


def without_labels(model: ConditionalVAE) -> VAE:
    """The VAE with the same weights, but for those that look at the label."""
    vae = VAE(model.spec, model.config)
    for own, other in ((vae.encoder, model.encoder), (vae.decoder, model.decoder)):
        for parameter, wider in zip(own.parameters(), other.parameters(), strict=True):
            parameter.data = wider.data[:, : parameter.shape[1]] if parameter.dim() == 2 else wider.data
    return vae


@pytest.mark.parametrize("y", [None, torch.arange(8) % 4])
def test_with_labels_that_say_nothing_it_is_the_vae(y: Tensor | None) -> None:
    model, batch = made(), batch_of(8)._replace(y=y)
    torch.nn.init.zeros_(model.labels.weight)
    vae = without_labels(model)
    with seeded(3):
        found = model.infer(batch, 5)
    with seeded(3):
        wanted = vae.infer(batch, 5)
    torch.testing.assert_close(found.kl(), wanted.kl())
    torch.testing.assert_close(found.px.log_prob(batch.x), wanted.px.log_prob(batch.x))
    torch.testing.assert_close(model.reconstruct(batch.x), vae.reconstruct(batch.x))
    with seeded(4):
        drawn = model.sample(8, y)
    with seeded(4):
        torch.testing.assert_close(drawn, vae.sample(8))


def test_infer_agrees_with_and_without_labels_where_the_embeddings_do() -> None:
    model, batch = made(), batch_of(8)
    model.labels.weight.data[1 + 2] = model.labels.weight.data[0]  # class 2 as "unknown"
    with seeded(0):
        given = model.infer(batch, 3)
    with seeded(0):
        hidden = model.infer(batch._replace(y=None), 3)
    same = torch.arange(8) % 4 == 2
    for one, other in ((given.q.mean, hidden.q.mean), (given.px.mean[0], hidden.px.mean[0])):
        torch.testing.assert_close(one[same], other[same])
        assert (one[~same] - other[~same]).abs().amax(1).min() > 1e-3
    torch.testing.assert_close(model.encode(batch.x), hidden.q.mean)


def test_each_sample_is_decoded_with_its_own_label() -> None:
    model, batch = made(), batch_of(8)
    assert batch.y is not None
    inference = model.infer(batch, 3)
    for k in range(3):
        for b in range(8):
            alone = model.likelihood(inference.z[k, b : b + 1], batch.y[b : b + 1])
            torch.testing.assert_close(inference.px.mean[k, b], alone.mean[0])


def linear_gaussian() -> tuple[ConditionalVAE, genzoo.Batch, Tensor]:
    """One latent, linear nets and the exact posterior; a batch, and its ln p(x|y) by the density of x = wz + c_y + σε.

    z|x,y ~ N((x − c_y)·w/(w·w + σ²), σ²/(w·w + σ²)).
    """
    model, batch = made(hidden=(), latent_dim=1), batch_of(16)
    assert batch.y is not None
    (decoder,) = (layer for layer in model.decoder if isinstance(layer, torch.nn.Linear))
    (encoder,) = (layer for layer in model.encoder if isinstance(layer, torch.nn.Linear))
    w, of_label, bias = decoder.weight[:, 0], decoder.weight[:, 1:], decoder.bias
    precision = w @ w + 0.25
    with torch.no_grad():
        encoder.weight.zero_()
        encoder.weight[0] = torch.cat([w, -w @ of_label]) / precision
        encoder.bias.copy_(torch.stack([-w @ bias / precision, (0.25 / precision).log()]))
    centre = model.labels(batch.y + 1) @ of_label.T + bias
    covariance = torch.outer(w, w) + 0.25 * torch.eye(3)
    density = torch.distributions.MultivariateNormal(centre, covariance).log_prob(batch.x)
    return model, batch, density.detach()


@torch.no_grad()
@pytest.mark.parametrize("seed", range(5))
def test_no_other_posterior_takes_the_bound_above_the_density(seed: int) -> None:
    """The gap is KL(q‖posterior), here between two Gaussians of one dimension."""
    model, batch, density = linear_gaussian()
    exact = model.posterior(batch.x, batch.y)
    with seeded(seed):
        for parameter in model.encoder.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
        inference = model.infer(batch, 20_000)
    bounds = inference.px.log_prob(batch.x) - inference.kl()
    error = bounds.std(0) / math.sqrt(len(bounds))
    gap = inference.q.kl(exact)
    assert gap is not None
    assert gap.mean() > 0.01
    assert ((density - bounds.mean(0) - gap).abs() < 5 * error).all()


@pytest.mark.long
def test_classes_are_drawn_where_they_lie() -> None:
    """x|y ~ N(μ_y, ¼I). Samples of a class have its mean and variance; those of none have the mean of all together."""
    means = torch.tensor([[2.0, 0.0, -1.0], [-2.0, 1.0, 0.0], [0.0, -2.0, 2.0], [1.0, 2.0, 1.0]])
    model = made(hidden=(64,), label_dropout=0.3).train()
    elbo = registry().get("loss", "elbo").load()
    loss = elbo(model, elbo.Config())
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    with seeded(0):
        for step in range(700):
            optimizer.param_groups[0]["lr"] = 3e-3 * (1 - step / 700)
            y = torch.randint(4, (256,))
            batch = genzoo.Batch(means[y] + 0.5 * torch.randn(256, 3), y)
            optimizer.zero_grad()
            loss(model, batch, STEP)["loss"].backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            drawn = [model.sample(10_000, torch.full((10_000,), c), noise=True) for c in range(4)]
            whatever = model.sample(10_000, noise=True)
    for x, mean in zip(drawn, means, strict=True):
        torch.testing.assert_close(x.mean(0), mean, atol=0.1, rtol=0)
        torch.testing.assert_close(x.var(0), torch.full((3,), 0.25), atol=0.05, rtol=0)
    torch.testing.assert_close(whatever.mean(0), means.mean(0), atol=0.3, rtol=0)


@pytest.mark.long
def test_digits_asked_for_are_the_digits_drawn(tmp_path: Path) -> None:
    """As a support vector machine sees them, which is right on 97 % of the test images or more."""
    run = genzoo.run(
        "conditional-vae", "digits", epochs=40, batch_size=32, hidden=(256, 256), runs=tmp_path, quiet=True
    )
    dataset = registry().get("dataset", "digits").load()
    splits = dataset(dataset.Config()).load(store=None)
    train, test = (split.x.flatten(1).numpy() / 255 for split in (splits.train, splits.test))
    classifier = SVC(C=10).fit(train, splits.train.y)
    assert classifier.score(test, splits.test.y) >= 0.97
    with torch.no_grad(), seeded(0):
        wanted = torch.arange(1000) % 10
        asked_for = run.model.sample(1000, wanted)
        whatever = run.model.sample(1000)
    assert classifier.score(asked_for.flatten(1).numpy(), wanted) >= 0.9
    assert len(set(classifier.predict(whatever.flatten(1).numpy()))) >= 8


def hidden_labels(model: ConditionalVAE, batch: genzoo.Batch) -> Tensor:
    """Which labels one forward pass did not see: [B]."""
    return (model.infer(batch).q.mean == model.posterior(batch.x).mean).all(1)


def test_training_hides_that_share_of_the_labels_and_evaluation_none() -> None:
    model, batch = made(label_dropout=0.3), batch_of(10_000)
    assert not hidden_labels(model, batch).any()
    with seeded(0):
        share = hidden_labels(model.train(), batch).float().mean().item()
    assert share == pytest.approx(0.3, abs=5 * math.sqrt(0.3 * 0.7 / 10_000))


def test_several_processes_hide_the_labels_that_one_would() -> None:
    model, batch = made(label_dropout=0.5).train(), batch_of(32)
    assert batch.y is not None
    with seeded(5):
        whole = model.infer(batch).z[0]
    parts = []
    for rank in range(2):
        rows = slice(16 * rank, 16 * (rank + 1))
        with seeded(0), shared(rank, 2, 16, torch.device("cpu")):
            reseed(5, [])
            parts.append(model.infer(genzoo.Batch(batch.x[rows], batch.y[rows])).z[0])
    torch.testing.assert_close(torch.cat(parts), whole)


def test_what_is_labelled_unknown_is_unknown() -> None:
    model, batch = made(), batch_of(4)
    given = model.posterior(batch.x, torch.full((4,), UNKNOWN))
    torch.testing.assert_close(given.mean, model.posterior(batch.x).mean)


def test_data_without_labels_are_refused() -> None:
    with pytest.raises(genzoo.UsageError, match="needs labelled data"):
        made(spec=SPEC._replace(classes=0))


@pytest.mark.parametrize(
    ("y", "said"),
    [
        (torch.tensor([0, 1, 4]), "there is no class 4: they are 0 … 3"),
        (torch.tensor([0, -1, 3]), "there is no class -1"),
        (torch.tensor([0, 1]), r"3 int64 class numbers; it is torch.int64 of shape \(2,\)"),
        (torch.tensor([0.0, 1.0, 2.0]), "it is torch.float32"),
    ],
)
def test_classes_that_there_are_not_are_refused(y: Tensor, said: str) -> None:
    with pytest.raises(genzoo.UsageError, match=said):
        made().sample(3, y)
