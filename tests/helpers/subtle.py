"""Subtle faults to plant in a small model and its loss. Each of them trains, samples and evaluates without an error."""

from __future__ import annotations

from typing import NamedTuple

MODEL = '''
import math
import torch
import torch.nn.functional as F
from torch import nn
import genzoo
from genzoo.core.noise import standard_normal


class Gauss(genzoo.Distribution):
    """A diagonal Gaussian."""

    def __init__(self, mean, log_std, event_dims=1):
        super().__init__(event_dims)
        self.loc, self.log_std = mean, log_std

    @property
    def shape(self):
        return self.loc.shape

    @property
    def mean(self):
        return self.loc

    @property
    def variance(self):
        return (2 * self.log_std).exp()

    def rsample(self, sample_shape=()):
        noise = standard_normal(sample_shape, self.loc, batched=self.loc.dim() > self.event_dims)
        return self.loc + self.log_std.exp() * noise

    def log_prob(self, value):
        self._check(value)
        square = ((value - self.loc) / self.log_std.exp()) ** 2
        return self._sum_event(-0.5 * square - self.log_std - 0.5 * math.log(2 * math.pi))

    def kl_per_dim(self, p):
        gap = self.log_std - p.log_std
        return 0.5 * ((2 * gap).exp() + ((self.loc - p.loc) / p.log_std.exp()) ** 2 - 1) - gap

    def unflatten(self, sizes):
        return type(self)(self.loc.unflatten(0, sizes), self.log_std.unflatten(0, sizes), self.event_dims)


class Mine(genzoo.LatentModel):
    """A VAE with a learned Gaussian prior."""

    @genzoo.config
    class Config:
        latent_dim: int = 4
        """Number of latents."""

    def __init__(self, spec, config):
        super().__init__(spec, config)
        d = config.latent_dim
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(spec.numel, 16), nn.Tanh())
        self.code = nn.Linear(16, 2 * d)
        self.decoder = nn.Sequential(nn.Linear(d, 16), nn.Tanh(), nn.Linear(16, spec.numel))
        self.other = nn.Sequential(nn.Linear(d, 16), nn.Tanh(), nn.Linear(16, spec.numel))
        for parameter in self.other.parameters():
            parameter.requires_grad_(False)
        self.prior_mean = nn.Parameter(torch.zeros(d))
        self.prior_log_std = nn.Parameter(torch.zeros(d))
        self.log_std = nn.Parameter(torch.zeros(spec.shape)) if spec.likelihood != "bernoulli" else None

    def posterior(self, x):
        mean, log_std = self.code(self.body(x)).chunk(2, 1)
        return Gauss(mean, log_std)

    def prior(self):
        return Gauss(self.prior_mean, self.prior_log_std)

    def likelihood(self, z):
        raw = self.decoder(z).unflatten(1, self.spec.shape)
        if self.spec.likelihood == "bernoulli":
            return genzoo.Bernoulli(raw, event_dims=raw.dim() - 1)
        return Gauss(raw, self.log_std.expand(raw.shape), event_dims=raw.dim() - 1)


class Bound(genzoo.Loss):
    """The negative evidence lower bound."""

    accepts = Mine
    needs_prior = True
    rate_options = {"beta": "β"}

    @genzoo.config
    class Config:
        beta: float = 1.0
        """Weight of the KL."""

    def forward(self, model, batch, step):
        inference = model.infer(batch)
        reconstruction = -inference.px.log_prob(batch.x).mean()
        kl = inference.kl().mean()
        loss = reconstruction + self.config.beta * kl
        return {"loss": loss, "reconstruction": reconstruction, "kl": kl}
'''


class Subtle(NamedTuple):
    """A change of the source, and the checks of which at least one must find it."""

    name: str
    checks: tuple[str, ...]
    old: str
    new: str


def method(source: str) -> tuple[str, str]:
    """Return the replacement that adds a method to the model."""
    return "    def posterior(self, x):", f"{source}\n    def posterior(self, x):"


def to_loss(source: str) -> tuple[str, str]:
    """Return the replacement of the line that sums the loss."""
    return "        loss = reconstruction + self.config.beta * kl\n", source


POSTERIOR = "        mean, log_std = self.code(self.body(x)).chunk(2, 1)\n        return Gauss(mean, log_std)"
PRIOR = "        return Gauss(self.prior_mean, self.prior_log_std)"
FLOW = """
class Warped(Gauss):
    def rsample(self, sample_shape=()):
        return torch.sinh(super().rsample(sample_shape))

    def log_prob(self, value):
        return super().log_prob(torch.asinh(value)) {jacobian}

    def kl_per_dim(self, p):
        return None


class Mine(genzoo.LatentModel):"""
MIXTURE = """
class Mixture(genzoo.Distribution):
    def __init__(self, means, logits):
        super().__init__(event_dims=1)
        self.means, self.logits = means, logits

    @property
    def shape(self):
        return self.means.shape[1:]

    @property
    def mean(self):
        return self.logits.softmax(0) @ self.means

    def rsample(self, sample_shape=()):
        count = math.prod(sample_shape)
        which = torch.multinomial(self.logits.softmax(0), count, replacement=True)
        return (self.means[which] + torch.randn(count, self.means.shape[1])).view(*sample_shape, -1)

    def log_prob(self, value):
        each = -0.5 * ((value[..., None, :] - self.means) ** 2 + math.log(2 * math.pi)).sum(-1)
        return (each + {weights}).logsumexp(-1)

    def unflatten(self, sizes):
        raise ValueError("no batch")


class Mine(genzoo.LatentModel):"""
PARAMETERS = (
    "        self.prior_mean = nn.Parameter(torch.zeros(d))\n        self.prior_log_std = nn.Parameter(torch.zeros(d))",
    "        self.prior_mean = nn.Parameter(3 * torch.randn(3, d))\n"
    "        self.prior_log_std = nn.Parameter(torch.zeros(3))",
)
"""The parameters of a Gaussian prior, and of a mixture."""
GAUSS_SAMPLE = "        return self.loc + self.log_std.exp() * noise"
GAUSS_LOG_PROB = "        return self._sum_event(-0.5 * square - self.log_std - 0.5 * math.log(2 * math.pi))"
GAUSS_KL = "        return 0.5 * ((2 * gap).exp() + ((self.loc - p.loc) / p.log_std.exp()) ** 2 - 1) - gap"

# fmt: off
SUBTLE = [
    Subtle("decode with another net", ("agrees",), *method(
        "    def decode(self, z):\n        return self.other(z).unflatten(1, self.spec.shape).sigmoid()\n")),
    Subtle("decode clamped", ("agrees",), *method(
        "    def decode(self, z):\n        return self.likelihood(z).mean.clamp(0.1, 0.9)\n")),
    Subtle("infer decodes a scaled z", ("agrees",), *method(
        "    def infer(self, batch, k=1):\n        q, p, z, _ = super().infer(batch, k)\n"
        "        px = self.likelihood(1.1 * z.flatten(0, 1)).unflatten((k, len(batch.x)))\n"
        "        return genzoo.Inference(q, p, z, px)\n")),
    Subtle("infer decodes with K and B swapped", ("agrees",), *method(
        "    def infer(self, batch, k=1):\n        q, p, z, _ = super().infer(batch, k)\n"
        "        px = self.likelihood(z.transpose(0, 1).flatten(0, 1)).unflatten((k, len(batch.x)))\n"
        "        return genzoo.Inference(q, p, z, px)\n")),
    Subtle("z with K and B swapped", ("posterior",), *method(
        "    def infer(self, batch, k=1):\n        q, p, z, _ = super().infer(batch, k)\n"
        "        z = z.transpose(0, 1).reshape(z.shape)\n"
        "        px = self.likelihood(z.flatten(0, 1)).unflatten((k, len(batch.x)))\n"
        "        return genzoo.Inference(q, p, z, px)\n")),
    Subtle("one z for all k", ("posterior",), *method(
        "    def infer(self, batch, k=1):\n        q, p, z, _ = super().infer(batch, 1)\n"
        "        z = z.expand(k, *z.shape[1:])\n"
        "        px = self.likelihood(z.flatten(0, 1)).unflatten((k, len(batch.x)))\n"
        "        return genzoo.Inference(q, p, z, px)\n")),
    Subtle("infer with a standard prior", ("agrees",), *method(
        "    def infer(self, batch, k=1):\n        q, p, z, px = super().infer(batch, k)\n"
        "        return genzoo.Inference(q, Gauss(0 * p.loc, 0 * p.log_std), z, px)\n")),
    Subtle("reconstruct from a sample", ("agrees", "forgets", "alone"), *method(
        "    def reconstruct(self, x):\n        return self.decode(self.posterior(x).rsample())\n")),
    Subtle("sample with another decoder", ("drawn",), *method(
        "    def sample(self, n, y=None, *, noise=False):\n        px = self.likelihood(self.prior().rsample((n,)))\n"
        "        return self.other(self.prior().rsample((n,))).unflatten(1, self.spec.shape).sigmoid()\n")),
    Subtle("sample from a standard normal", ("drawn",), *method(
        "    def sample(self, n, y=None, *, noise=False):\n"
        "        px = self.likelihood(torch.randn(n, self.config.latent_dim))\n"
        "        return px.rsample() if noise else px.mean\n")),
    Subtle("sample with half the spread", ("drawn",), *method(
        "    def sample(self, n, y=None, *, noise=False):\n        p = self.prior()\n"
        "        px = self.likelihood(p.mean + 0.5 * (p.rsample((n,)) - p.mean))\n"
        "        return px.rsample() if noise else px.mean\n")),
    Subtle("noise=True ignored", ("drawn",), *method(
        "    def sample(self, n, y=None, *, noise=False):\n        return self.decode(self.prior().rsample((n,)))\n")),
    Subtle("noise=False ignored", ("drawn",), *method(
        "    def sample(self, n, y=None, *, noise=False):\n"
        "        return self.likelihood(self.prior().rsample((n,))).rsample()\n")),
    Subtle("constant left out", ("density", "prior", "posterior"), " - 0.5 * math.log(2 * math.pi))", ")"),
    Subtle("constant once instead of per dimension", ("density", "prior", "posterior"), GAUSS_LOG_PROB,
           "        return self._sum_event(-0.5 * square - self.log_std) - 0.5 * math.log(2 * math.pi)"),
    Subtle("mean over dimensions", ("density", "prior", "posterior"), GAUSS_LOG_PROB,
           GAUSS_LOG_PROB + " / value.shape[-1]"),
    Subtle("scale left out of the density", ("density", "prior", "posterior"), "square - self.log_std -", "square -"),
    Subtle("rsample too wide", ("density", "prior", "posterior"), GAUSS_SAMPLE,
           "        return self.loc + 1.3 * self.log_std.exp() * noise"),
    Subtle("rsample with the variance", ("density", "prior", "posterior"), GAUSS_SAMPLE,
           "        return self.loc + (2 * self.log_std).exp() * noise"),
    Subtle("rsample with the root of the scale", ("density", "prior", "posterior"), GAUSS_SAMPLE,
           "        return self.loc + (0.5 * self.log_std).exp() * noise"),
    Subtle("rsample off the mean", ("density", "prior", "posterior"), GAUSS_SAMPLE,
           "        return self.loc + 0.2 + self.log_std.exp() * noise"),
    Subtle("uniform noise", ("density", "prior", "posterior"), GAUSS_SAMPLE,
           "        return self.loc + self.log_std.exp() * (2 * torch.rand_like(noise) - 1) * 3**0.5"),
    Subtle("one noise for all dimensions", ("density", "prior", "posterior"), GAUSS_SAMPLE,
           "        return self.loc + self.log_std.exp() * noise[..., :1]"),
    Subtle("KL of half the latents", ("kl",), GAUSS_KL,
           "        kl = 0.5 * ((2 * gap).exp() + ((self.loc - p.loc) / p.log_std.exp()) ** 2 - 1) - gap\n"
           "        return kl * (torch.arange(kl.shape[-1]) < kl.shape[-1] // 2)"),
    Subtle("KL to a standard normal", ("kl",), GAUSS_KL,
           "        return 0.5 * ((2 * self.log_std).exp() + self.loc ** 2 - 1) - self.log_std"),
    Subtle("half of the variance in the KL", ("kl",), "0.5 * ((2 * gap).exp()", "0.5 * (gap.exp()"),
    Subtle("KL summed by the loss over half the latents", ("scored",), "inference.kl().mean()",
           "inference.q.kl_per_dim(inference.p)[:, ::2].sum(1).mean()"),
    Subtle("KL averaged over the wrong axis", ("scored",), "inference.kl().mean()",
           "inference.q.kl_per_dim(inference.p).sum(0).mean()"),
    Subtle("loss without its KL", ("weighed",), *to_loss("        loss = reconstruction\n")),
    Subtle("loss divided by the dimensions", ("weighed",), *to_loss(
        "        loss = (reconstruction + self.config.beta * kl) / batch.x[0].numel()\n")),
    Subtle("reconstruction divided by the dimensions", ("weighed",), *to_loss(
        "        loss = reconstruction / batch.x[0].numel() + self.config.beta * kl\n")),
    Subtle("beta halved", ("weighed",), *to_loss("        loss = reconstruction + 0.5 * self.config.beta * kl\n")),
    Subtle("beta squared", ("weighed",), *to_loss("        loss = reconstruction + self.config.beta ** 2 * kl\n")),
    Subtle("beta ignored", ("weighed",), *to_loss("        loss = reconstruction + kl\n")),
    Subtle("beta on the whole", ("weighed",), *to_loss("        loss = self.config.beta * (reconstruction + kl)\n")),
    Subtle("unnamed loss divided by the dimensions", ("weighed",),
           '        return {"loss": loss, "reconstruction": reconstruction, "kl": kl}',
           '        return {"loss": loss / batch.x[0].numel()}'),
    Subtle("no noise in training", ("posterior",), *method(
        "    def infer(self, batch, k=1):\n        found = super().infer(batch, k)\n        if not self.training:\n"
        "            return found\n        z = found.q.mean.expand(k, *found.q.mean.shape)\n"
        "        px = self.likelihood(z.flatten(0, 1)).unflatten((k, len(batch.x)))\n"
        "        return genzoo.Inference(found.q, found.p, z, px)\n")),
    Subtle("no noise in evaluation", ("posterior",), *method(
        "    def infer(self, batch, k=1):\n        found = super().infer(batch, k)\n        if self.training:\n"
        "            return found\n        z = found.q.mean.expand(k, *found.q.mean.shape)\n"
        "        px = self.likelihood(z.flatten(0, 1)).unflatten((k, len(batch.x)))\n"
        "        return genzoo.Inference(found.q, found.p, z, px)\n")),
    Subtle("another loss in evaluation", ("modes",), *to_loss(
        "        loss = reconstruction + self.config.beta * kl * (1.0 if self.training else 0.9)\n")),
    Subtle("another posterior in training", ("modes",), POSTERIOR,
           POSTERIOR.replace("return Gauss(mean, log_std)", "return Gauss(mean, log_std - 0.5 * self.training)")),
    Subtle("dropout left on", ("shapes", "alone", "forgets", "agrees"), "self.body(x)).chunk",
           "F.dropout(self.body(x), 0.2)).chunk"),
    Subtle("log-det left out", ("prior",), *("\nclass Mine(genzoo.LatentModel):", FLOW.format(jacobian=""))),
    Subtle("log-det of the wrong sign", ("prior",), *("\nclass Mine(genzoo.LatentModel):", FLOW.format(
        jacobian="+ 0.5 * torch.log1p(value ** 2).sum(-1)"))),
    Subtle("weights not normalised", ("prior",), "\nclass Mine(genzoo.LatentModel):", MIXTURE.format(
        weights="self.logits")),
    Subtle("samples of other weights", ("prior",), "\nclass Mine(genzoo.LatentModel):", MIXTURE.format(
        weights="(-self.logits).log_softmax(0)")),
    Subtle("prior samples ignore the learned parameters", ("prior",), PRIOR,
           "        class Fixed(Gauss):\n            def rsample(self, sample_shape=()):\n"
           "                return torch.randn(*sample_shape, *self.loc.shape)\n\n"
           "        return Fixed(self.prior_mean, self.prior_log_std)"),
    Subtle("prior ignores its learned parameters", ("gradients",), PRIOR,
           "        return Gauss(self.prior_mean.detach(), self.prior_log_std.detach())"),
    Subtle("encode scales the mean", ("posterior",), *method(
        "    def encode(self, x):\n        return self.posterior(x).mean * 1.01\n")),
    Subtle("batch statistics", ("alone",), "self.body(x)).chunk", "self.body(x - x.mean(0))).chunk"),
    Subtle("examples sorted", ("alone",), POSTERIOR,
           POSTERIOR.replace("return", "mean = mean.sort(0).values\n        return")),
    Subtle("decoder normalised over the batch", ("alone", "agrees"), "self.decoder(z).unflatten",
           "self.decoder(z - z.mean(0)).unflatten"),
    Subtle("running mean in evaluation", ("forgets",), POSTERIOR,
           "        self.seen = 0.9 * getattr(self, 'seen', 0.0) + 0.1 * x.detach().mean()\n" + POSTERIOR.replace(
               "Gauss(mean,", "Gauss(mean + self.seen,")),
    Subtle("the encoder's features kept for the decoder", ("forgets", "alone", "agrees"), POSTERIOR,
           "        self.kept = self.body(x).mean()\n" + POSTERIOR + "\n\n    def decode(self, z):\n"
           "        return self.likelihood(z).mean + getattr(self, 'kept', 0.0)"),
    Subtle("labels through an attribute", ("forgets", "labels"), POSTERIOR,
           "        mean, log_std = self.code(self.body(x)).chunk(2, 1)\n"
           "        y = getattr(self, 'y', None)\n"
           "        if y is not None and len(y) == len(x):\n            mean = mean + y[:, None].float()\n"
           "        return Gauss(mean, log_std)\n\n    def infer(self, batch, k=1):\n        self.y = batch.y\n"
           "        return super().infer(batch, k)"),
    Subtle("z detached", ("gradients",), GAUSS_SAMPLE,
           "        return (self.loc + self.log_std.exp() * noise).detach()"),
    Subtle("control flow that depends on the data", ("compiles", "graph-safe"), *to_loss(
        "        loss = reconstruction + self.config.beta * kl\n        if kl > 5:\n            loss = loss * 1\n")),
]
# fmt: on
