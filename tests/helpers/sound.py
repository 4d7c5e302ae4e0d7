"""Correct models of families that are not built in: the checks must not report a fault in any of them."""

from __future__ import annotations

import math
from typing import Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import genzoo
from genzoo.core.nets import frozen
from genzoo.core.noise import standard_normal, uniform


def net(inputs: int, outputs: int) -> nn.Sequential:
    """Return a small net with one hidden layer."""
    return nn.Sequential(nn.Linear(inputs, 16), nn.SiLU(), nn.Linear(16, outputs))


class Generator(genzoo.Model):
    """x = G(noise), with batch normalisation."""

    def __init__(self, spec: genzoo.DataSpec, config: Any) -> None:
        super().__init__(spec, config)
        self.net = nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, spec.numel))

    def sample(self, n: int, y: Tensor | None = None, *, noise: bool = False) -> Tensor:
        like = self.anchor.new_zeros(n, 4)
        x: Tensor = self.net(standard_normal((), like)).view(n, *self.spec.shape)
        return x.sigmoid() if self.spec.is_image else x


class Adversarial(genzoo.Loss):
    """Both losses of a GAN in one scalar.

    The discriminator's loss takes detached samples; the generator's loss goes through a frozen discriminator.
    """

    accepts = Generator

    def __init__(self, model: genzoo.Model, config: Any) -> None:
        super().__init__(model, config)
        self.critic = net(model.spec.numel, 1)

    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> dict[str, Tensor]:
        fake = model.sample(len(batch.x)).flatten(1)
        critic, generator = self.terms(fake, batch.x.flatten(1))
        return {"loss": critic + generator, "critic": critic.detach(), "generator": generator.detach()}

    def terms(self, fake: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
        critic = F.softplus(self.critic(fake.detach())).mean() + F.softplus(-self.critic(real)).mean()
        return critic, F.softplus(-frozen(self.critic)(fake)).mean()


class Wasserstein(Adversarial):
    """The Wasserstein loss: it is a difference, so the critic's last bias has no gradient."""

    def terms(self, fake: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
        critic = self.critic(fake.detach()).mean() - self.critic(real).mean()
        return critic, -frozen(self.critic)(fake).mean()


class Coupling(nn.Module):
    """The coupling layer x ↦ (x_a, x_b · exp(s(x_a)) + t(x_a)); `flip` swaps the halves (Dinh et al. 2017)."""

    def __init__(self, dim: int, flip: bool) -> None:
        super().__init__()
        self.kept, self.flip = (dim + 1) // 2, flip
        self.net = net(self.kept, 2 * (dim - self.kept))
        for parameter in self.net[-1].parameters():
            nn.init.zeros_(parameter)

    def forward(self, x: Tensor, inverse: bool = False) -> tuple[Tensor, Tensor]:
        x = x.flip(-1) if self.flip else x
        a, b = x[..., : self.kept], x[..., self.kept :]
        s, t = self.net(a).chunk(2, -1)
        s = s.tanh()
        b = (b - t) * (-s).exp() if inverse else b * s.exp() + t
        x = torch.cat([a, b], -1)
        return (x.flip(-1) if self.flip else x), s.sum(-1) * (-1 if inverse else 1)


def through(layers: nn.ModuleList, x: Tensor, inverse: bool = False) -> tuple[Tensor, Tensor]:
    """Return x after all layers, or after their inverses in reverse order, and ln |det|."""
    total = x.new_zeros(x.shape[:-1])
    for layer in reversed(layers) if inverse else layers:
        x, change = layer(x, inverse)
        total = total + change
    return x, total


class Flow(genzoo.Model):
    """A RealNVP with a log_prob."""

    def __init__(self, spec: genzoo.DataSpec, config: Any) -> None:
        if spec.is_image or spec.numel < 2:
            raise genzoo.GenzooError("the flow is for vectors of two numbers and more")
        super().__init__(spec, config)
        self.layers = nn.ModuleList(Coupling(spec.numel, flip=bool(i % 2)) for i in range(4))

    def log_prob(self, x: Tensor) -> Tensor:
        z, change = through(self.layers, x.flatten(1))
        return -0.5 * (z**2 + math.log(2 * math.pi)).sum(-1) + change

    def sample(self, n: int, y: Tensor | None = None, *, noise: bool = False) -> Tensor:
        z = standard_normal((), self.anchor.new_zeros(n, self.spec.numel))
        return through(self.layers, z, inverse=True)[0].view(n, *self.spec.shape)


class NLL(genzoo.Loss):
    """Minus the log-density, in bits per dimension."""

    accepts = Flow

    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> dict[str, Tensor]:
        assert isinstance(model, Flow)
        nll = -model.log_prob(batch.x).mean()
        return {"loss": nll / (model.spec.numel * math.log(2)), "nll": nll.detach()}


class FlowPrior(genzoo.Distribution):
    """Gaussian noise transformed by a flow."""

    def __init__(self, layers: nn.ModuleList, zeros: Tensor) -> None:
        super().__init__(event_dims=1)
        self.layers, self.zeros = layers, zeros

    @property
    def shape(self) -> torch.Size:
        return self.zeros.shape

    @property
    def centre(self) -> Tensor:
        return through(self.layers, self.zeros, inverse=True)[0]

    def rsample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        return through(self.layers, standard_normal(sample_shape, self.zeros, batched=False), inverse=True)[0]

    def log_prob(self, value: Tensor) -> Tensor:
        z, change = through(self.layers, value)
        return -0.5 * (z**2 + math.log(2 * math.pi)).sum(-1) + change

    def unflatten(self, sizes: tuple[int, ...]) -> Self:
        raise ValueError("no batch")


class Small(genzoo.LatentModel):
    """A small VAE, the base of the models below."""

    latents = 3
    outputs = 1

    def __init__(self, spec: genzoo.DataSpec, config: Any) -> None:
        super().__init__(spec, config)
        self.head = genzoo.make_likelihood(spec.likelihood)
        self.encoder = nn.Sequential(nn.Flatten(), net(spec.numel, 2 * self.latents))
        self.decoder = net(self.latents, spec.numel * self.outputs)

    def posterior(self, x: Tensor) -> genzoo.Distribution:
        return genzoo.DiagGaussian.from_parameters(self.encoder(x))

    def prior(self) -> genzoo.Distribution:
        return genzoo.StandardNormal((self.latents,), like=self.anchor)

    def likelihood(self, z: Tensor) -> genzoo.Distribution:
        px: genzoo.Distribution = self.head(self.decoder(z).unflatten(1, self.spec.shape))
        return px


class FlowPriorVAE(Small):
    def __init__(self, spec: genzoo.DataSpec, config: Any) -> None:
        super().__init__(spec, config)
        self.layers = nn.ModuleList(Coupling(self.latents, flip=bool(i % 2)) for i in range(4))

    def prior(self) -> genzoo.Distribution:
        return FlowPrior(self.layers, self.anchor.new_zeros(self.latents))


class FlowAsLatent(genzoo.LatentModel):
    """A VAE with the example as its code and a flow as its prior: −ELBO is −ln p(x) up to a narrow Gaussian."""

    def __init__(self, spec: genzoo.DataSpec, config: Any) -> None:
        if len(spec.shape) > 1 or spec.numel < 2:
            raise genzoo.GenzooError("the flow is for vectors of two numbers and more")
        super().__init__(spec, config)
        self.layers = nn.ModuleList(Coupling(spec.numel, flip=bool(i % 2)) for i in range(4))

    def posterior(self, x: Tensor) -> genzoo.Distribution:
        return genzoo.DiagGaussian(x, 2 * math.log(0.1))

    def prior(self) -> genzoo.Distribution:
        return FlowPrior(self.layers, self.anchor.new_zeros(self.spec.numel))

    def likelihood(self, z: Tensor) -> genzoo.Distribution:
        return genzoo.DiagGaussian(z, 2 * math.log(0.1))


class Vamp(genzoo.Distribution):
    """A mixture of Gaussians."""

    def __init__(self, parts: genzoo.DiagGaussian, logits: Tensor) -> None:
        super().__init__(event_dims=1)
        self.parts, self.log_weights = parts, logits.log_softmax(0)

    @property
    def mean(self) -> Tensor:
        return self.log_weights.exp() @ self.parts.mean

    def rsample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        n = math.prod(sample_shape)
        which = torch.multinomial(self.log_weights.detach().exp(), n, replacement=True)
        noise = standard_normal((n,), self.parts.mean[0], batched=False)
        return (self.parts.mean[which] + self.parts.variance.sqrt()[which] * noise).view(*sample_shape, -1)

    def log_prob(self, value: Tensor) -> Tensor:
        return (self.parts.log_prob(value[..., None, :]) + self.log_weights).logsumexp(-1)

    @property
    def shape(self) -> torch.Size:
        return self.parts.mean.shape[1:]

    def unflatten(self, sizes: tuple[int, ...]) -> Self:
        raise ValueError("no batch")


class Parts(genzoo.DiagGaussian):
    """Several Gaussians; a value has one entry for each of them."""

    def _check(self, value: Tensor | genzoo.Distribution) -> None:
        """Accept any shape, because values broadcast."""


class VampVAE(Small):
    """A VAE whose prior is a mixture of posteriors of learned inputs (Tomczak & Welling 2018)."""

    def __init__(self, spec: genzoo.DataSpec, config: Any) -> None:
        super().__init__(spec, config)
        self.inputs = nn.Parameter(torch.randn(8, *spec.shape))
        self.logits = nn.Parameter(torch.zeros(8))

    def prior(self) -> genzoo.Distribution:
        q = self.posterior(self.inputs)
        assert isinstance(q, genzoo.DiagGaussian)
        return Vamp(Parts(q.mean, q.log_var), self.logits)


class Normalised(Small):
    """A VAE with convolutions, batch normalisation and dropout."""

    def __init__(self, spec: genzoo.DataSpec, config: Any) -> None:
        if not spec.is_image or spec.shape[1] < 8:
            raise genzoo.GenzooError("convolutions need images of 8 pixels and more")
        super().__init__(spec, config)
        channels, height, width = spec.shape
        self.encoder = nn.Sequential(
            nn.Conv2d(channels, 4, 3, 2, 1), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Dropout(0.1),
            nn.Linear(4 * ((height + 1) // 2) * ((width + 1) // 2), 2 * self.latents),
        )  # fmt: skip
        self.decoder = nn.Sequential(
            nn.Linear(self.latents, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, spec.numel)
        )


class Denoising(Small):
    """A denoising VAE: its input is noisy only in training."""

    def infer(self, batch: genzoo.Batch, k: int = 1) -> genzoo.Inference:
        x = batch.x + 0.1 * (uniform(batch.x) - 0.5) if self.training else batch.x
        return super().infer(batch._replace(x=x), k)
