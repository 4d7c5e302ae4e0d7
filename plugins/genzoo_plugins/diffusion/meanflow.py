"""MeanFlow: the mean velocity over a stretch of time, which takes noise to data in one step (Geng et al. 2025)."""

from __future__ import annotations

import warnings
from typing import cast

import torch
from torch import Tensor, nn

import genzoo
from genzoo.core.noise import standard_normal, uniform
from genzoo_plugins.diffusion.base import NoiseToData, of_examples
from genzoo_plugins.diffusion.nets import FREQUENCIES, NetOptions, embedded, make_net

LEAST = 1e-3
"""c, added to the squared error of an example in its weight (Geng et al. 2025, appendix A)."""


class MeanFlow(NoiseToData):
    """u(z, r, t) = (z_t − z_r)/(t − r) on the paths of a flow from data x at t = 0 to noise ε at t = 1.

    z_t = (1 − t)·x + t·ε. u(z, t, t) is the velocity v of flow matching. u is that of data N(m, s²I), in closed form,
    plus a net that learns the difference.
    """

    Config = NetOptions

    @genzoo.config
    class Sampling:
        steps: genzoo.Count = 1
        """Steps from noise to data, each one call of the net."""

    def __init__(self, spec: genzoo.DataSpec, config: NetOptions) -> None:
        super().__init__(spec, config)
        self.net = make_net(spec, config)
        self.stretch = nn.Linear(2 * FREQUENCIES, 2 * FREQUENCIES)

    def mean_velocity(self, z: Tensor, r: Tensor, t: Tensor) -> Tensor:
        """Return u(z, r, t), [B, *S], for z_t [B, *S] and times r ≤ t [B].

        For data N(m, s²I), with σ_t² = (1 − t)²s² + t², z_r = (1 − r)m + σ_r/σ_t·(z − (1 − t)m), and the difference
        σ_t² − σ_r² is divided by t − r.
        """
        stretch = self.stretch(embedded((t - r)[:, None], self.net.frequencies))
        early, late, squared = of_examples(r, z), of_examples(t, z), self.deviation.square()
        before, after = (((1 - time).square() * squared + time.square()).sqrt() for time in (early, late))
        centred = (z - (1 - late) * self.mean) / after
        slope = (late + early - squared * (2 - late - early)) / (after + before)
        learned: Tensor = self.net(centred, t, stretch)
        return slope * centred - self.mean + self.deviation / after * learned

    @torch.no_grad()
    def sample(
        self, n: int, y: Tensor | None = None, *, noise: bool = False, options: Sampling | None = None
    ) -> Tensor:
        """Draw n examples, [n, *S], clamped if all data lie in [0, 1]; `noise` has no effect."""
        steps = (options or self.sampling).steps
        z = self.source().rsample((n,))
        for number in range(steps, 0, -1):
            r, t = (z.new_full((n,), k / steps) for k in (number - 1, number))
            z = z - self.mean_velocity(z, r, t) / steps
        return self.in_range(z)


class MeanFlowLoss(genzoo.Loss):
    """E ‖u − sg(v − (t − r)·du/dt)‖² with v = ε − x and du/dt = v·∂_z u + ∂_t u, the derivative along the path.

    Summed over an example and averaged over the batch (Geng et al. 2025, eq. 9 and 11), each example divided by its own
    error to a power. "per_dim" is the mean squared error of a value, without these weights. The derivative is computed
    forwards, in float32: in bfloat16 it is too coarse.
    """

    accepts = MeanFlow
    watched = "per_dim"
    second_order = True

    @genzoo.config
    class Config:
        stretches: genzoo.Fraction = 0.25
        """Share of the examples with r < t; for the others r = t."""
        time_mean: float = -0.4
        """Mean of the logits of r and t, which are normal; the larger is t."""
        time_deviation: genzoo.Positive = 1.0
        """Deviation of the logits of r and t."""
        weight_power: genzoo.NonNegative = 1.0
        """p of the weight 1/(‖error‖² + c)^p of an example, without gradient (Geng et al. 2025, table 1e); 0: none."""

    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> dict[str, Tensor]:
        assert isinstance(model, MeanFlow)
        x, own = batch.x.float(), self.config
        one = x.flatten(1)[:, 0]
        times = torch.sigmoid(own.time_mean + own.time_deviation * standard_normal((2,), one))
        r, t = times.amin(0), times.amax(0)
        r = torch.where(uniform(one) < own.stretches, r, t)
        with torch.autocast(x.device.type, enabled=False):
            error = self.error(model, x, standard_normal((), x), r, t)
        squares = error.square().flatten(1).sum(1)
        weighted = squares / (squares.detach() + LEAST) ** own.weight_power
        return {"loss": weighted.mean(), "per_dim": squares.detach().mean() / model.spec.numel}

    def error(self, model: MeanFlow, x: Tensor, noise: Tensor, r: Tensor, t: Tensor) -> Tensor:
        """Return u minus its target, [B, *S], for data and noise [B, *S] and times r ≤ t [B]."""
        late = of_examples(t, x)
        v = noise - x
        z = (1 - late) * x + late * noise
        tangents = v, torch.zeros_like(r), torch.ones_like(t)
        with warnings.catch_warnings(action="ignore", category=FutureWarning):  # torch's, of its own code
            derived = torch.func.jvp(model.mean_velocity, (z, r, t), tangents)
        u, slope = cast(tuple[Tensor, Tensor], derived)
        target = v - of_examples(t - r, x) * slope
        return u - target.detach()
