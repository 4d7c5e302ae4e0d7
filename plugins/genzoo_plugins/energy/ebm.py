"""An energy-based model, and the loss that trains it with chains of Langevin steps."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

import genzoo
from genzoo.core.distributions import full_precision
from genzoo.core.nets import FlatEncoder
from genzoo.core.noise import standard_normal, uniform
from genzoo_plugins.diffusion.base import NoiseToData, of_examples


def langevin(
    log_density: Callable[[Tensor], Tensor], x: Tensor, steps: int, size: Tensor | float, temperature: float = 1.0
) -> Tensor:
    """Return x after steps x ← x + h/2·∇ln p(x) + √(hT)·ε with ε ~ N(0, I), without gradient.

    They draw from p^(1/T), up to an error of order h: for N(0, 1/k) and T = 1 the variance is 1/(k(1 − hk/4)).

    Args:
        log_density: Maps x [N, *S] to ln p(x) up to a constant, [N].
        x: [N, *S].
        steps: How many.
        size: h, in squared units of x.
        temperature: T.
    """
    deviation = (torch.as_tensor(size) * temperature).sqrt()
    for _ in range(steps):
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            (slope,) = torch.autograd.grad(log_density(x).sum(), x)
        x = x.detach() + size / 2 * slope + deviation * standard_normal((), x.detach(), batched=False)
    return x


class EBM(NoiseToData):
    """ln p(x) = t(x) + ln N(x; m, s²I) − ln Z, with a net t and the data's mean and deviation (Du & Mordatch 2019).

    The Gaussian makes Z finite, whatever the net is. ln Z is not known, so the model has no ln p(x); in two dimensions
    its theory finds it by quadrature.
    """

    @genzoo.config
    class Config:
        hidden: tuple[genzoo.Count, ...] = (256, 256)
        """Widths of the net's hidden layers."""
        step_size: genzoo.Positive = 0.1
        """h of a Langevin step, relative to s²."""
        temperature: genzoo.Positive = 1.0
        """T of the noise of Langevin steps: below 1, samples are more likely ones than p(x) has."""

    @genzoo.config
    class Sampling:
        steps: genzoo.Count = 200
        """Langevin steps from N(m, s²I)."""

    def __init__(self, spec: genzoo.DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        self.net = FlatEncoder(spec.shape, config.hidden, 1, "silu")

    def tilt(self, x: Tensor) -> Tensor:
        """Return t(x) for x [N, *S]: [N], in nats."""
        return full_precision(self.net((x - self.mean) / self.deviation)).squeeze(1)

    def log_unnormalised(self, x: Tensor) -> Tensor:
        """Return ln p(x) + ln Z for x [N, *S]: [N], in nats."""
        squares = ((x - self.mean) / self.deviation).square().flatten(1).sum(1)
        constant = self.spec.numel * (self.deviation.log() + 0.5 * math.log(2 * math.pi))
        return self.tilt(x) - 0.5 * squares - constant

    def noise(self, n: int) -> Tensor:
        """Draw the beginnings of n chains from N(m, s²I): [n, *S]."""
        return self.mean + self.deviation * self.source().rsample((n,))

    def moved(self, x: Tensor, steps: int) -> Tensor:
        """Return x [N, *S] after Langevin steps, without gradient."""
        size = self.config.step_size * self.deviation.square()
        return langevin(self.log_unnormalised, x, steps, size, self.config.temperature)

    @torch.no_grad()
    def sample(
        self, n: int, y: Tensor | None = None, *, noise: bool = False, options: Sampling | None = None
    ) -> Tensor:
        """Draw n examples, [n, *S], clamped if all data lie in [0, 1]; `noise` has no effect."""
        return self.in_range(self.moved(self.noise(n), (options or self.sampling).steps))


class PersistentContrastive(genzoo.Loss):
    """E ln p(x⁻) − E ln p(x) + α·(E t(x)² + E t(x⁻)²), with samples x⁻ of the model (Du & Mordatch 2019, section 3).

    The gradient of the first two terms is that of E −ln p(x), because E over x⁻ of ∇(ln p + ln Z) is ∇ln Z. The samples
    are chains: after each step of the training they make Langevin steps and go on from there (Tieleman 2008). Some
    begin anew, from noise. "contrast" has no value that tells which epoch is better: it is 0 when chains and data look
    alike to the net, at any stage.
    """

    accepts = EBM
    watched = ""

    @genzoo.config
    class Config:
        chains: genzoo.Count = 256
        """Chains of samples."""
        chain_steps: genzoo.Count = 20
        """Langevin steps of each chain after a step of the training."""
        restarts: genzoo.Fraction = 0.05
        """Share of the chains that begin anew after a step."""
        magnitude_weight: genzoo.NonNegative = 0.001
        """α, weight of the squared net. It keeps the net near 0, and ln p(x) a little flatter than that of the data."""

    config: Config
    chains: Tensor

    def __init__(self, model: genzoo.Model, config: Any) -> None:
        super().__init__(model, config)
        assert isinstance(model, EBM)
        self.register_buffer("chains", torch.zeros(config.chains, *model.spec.shape))

    def begin(self, model: genzoo.Model, total_steps: int) -> None:
        assert isinstance(model, EBM)
        self.chains.copy_(model.noise(len(self.chains)))

    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> dict[str, Tensor]:
        assert isinstance(model, EBM)
        data, samples = model.tilt(batch.x), model.tilt(self.chains)
        contrast = samples.mean() - data.mean()
        magnitude = data.square().mean() + samples.square().mean()
        return {
            "loss": contrast + self.config.magnitude_weight * magnitude,
            "contrast": contrast.detach(),
            "magnitude": magnitude.detach(),
        }

    def after_step(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> None:
        assert isinstance(model, EBM)
        anew = uniform(self.chains.flatten(1)[:, 0], batched=False) < self.config.restarts
        starts = torch.where(of_examples(anew, self.chains), model.noise(len(self.chains)), self.chains)
        self.chains.copy_(model.moved(starts, self.config.chain_steps))
