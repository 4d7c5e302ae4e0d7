"""Consistency models: a net that jumps from any level of noise to the data, trained without a diffusion model."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor
from torch.func import functional_call

import genzoo
from genzoo.core.noise import standard_normal, uniform
from genzoo_plugins.diffusion.base import NoiseToData, of_examples
from genzoo_plugins.diffusion.edm import CURVATURE, LEAST, MOST, noise_levels
from genzoo_plugins.diffusion.nets import NetOptions, make_net

HUBER = 0.00108
"""The constant c of the pseudo-Huber distance in units of s, for √F = 1 (Song & Dhariwal 2024, section 3.3: .00054 for
data of deviation ½)."""


class Consistency(NoiseToData):
    """f(x, σ) is where the flow of EDM takes x from noise σ to the least noise, which is hardly any: f(x, LEAST·s) = x
    (Song et al. 2023, section 3).

    All σ are relative to the deviation s of the data. f is that of data N(m, s²I), in closed form, plus a net that
    learns the difference.
    """

    Config = NetOptions

    @genzoo.config
    class Sampling:
        steps: genzoo.Count = 1
        """Calls of the net: between them, noise is added again (Song et al. 2023, algorithm 1)."""

    def __init__(self, spec: genzoo.DataSpec, config: NetOptions) -> None:
        super().__init__(spec, config)
        self.net = make_net(spec, config)

    def jump(self, x: Tensor, level: Tensor, weights: Mapping[str, Tensor] | None = None) -> Tensor:
        """Return f(x, σ), [B, *S].

        Args:
            x: [B, *S].
            level: σ/s, [B], at least LEAST.
            weights: Weights of the net by name; None: its own.
        """
        along = of_examples(level, x)
        total = (1 + along.square()).sqrt()
        centred = x - self.mean
        inputs = centred / (self.deviation * total), level.log() / 4
        learned: Tensor = self.net(*inputs) if weights is None else functional_call(self.net, dict(weights), inputs)
        kept = math.sqrt(1 + LEAST**2) / total
        return x + (kept - 1) * centred + self.deviation * (along - LEAST) / total * learned

    @torch.no_grad()
    def sample(
        self, n: int, y: Tensor | None = None, *, noise: bool = False, options: Sampling | None = None
    ) -> Tensor:
        """Draw n examples, [n, *S], clamped if all data lie in [0, 1]; `noise` has no effect."""
        most, *others = noise_levels((options or self.sampling).steps + 1)[:-2]
        start = self.mean + self.deviation * math.sqrt(1 + most**2) * self.source().rsample((n,))
        x = self.jump(start, start.new_full((n,), most))
        for level in others:
            x = x + self.deviation * math.sqrt(level**2 - LEAST**2) * self.source().rsample((n,))
            x = self.jump(x, x.new_full((n,), level))
        return self.in_range(x)


class ConsistencyLoss(genzoo.Loss):
    """E d(f(x + σ_{n+1}·ε, σ_{n+1}), f⁻(x + σ_n·ε, σ_n)) / (σ_{n+1} − σ_n), with the same ε ~ N(0, I).

    d is the pseudo-Huber distance √(‖a − b‖² + c²) − c of whole examples, in units of s. The levels σ_1 … σ_N are
    spaced as in EDM's sampling; N − 1 doubles in equal stretches of the training, from `fewest` to `most`. ln(σ/s) is
    normal. The teacher f⁻ is a moving average of the net, without gradient (Song et al. 2023, algorithm 3; Song &
    Dhariwal 2024, table 1).
    """

    accepts = Consistency

    @genzoo.config
    class Config:
        fewest: genzoo.Count = 10
        """N − 1 at the beginning."""
        most: genzoo.Count = 1280
        """N − 1 at the end."""
        noise_mean: float = -0.4
        """Mean of ln(σ/s) in training: −1.1 for ln σ, with data of deviation ½."""
        noise_deviation: genzoo.Positive = 2.0
        """Deviation of ln σ in training."""
        teacher_decay: genzoo.Fraction = 0.9
        """Decay of the moving average that is the teacher; 0: the net itself (Song & Dhariwal 2024, section 3.2)."""

        def __post_init__(self) -> None:
            if self.most < self.fewest:
                raise genzoo.UsageError(f"--most {self.most} is less than --fewest {self.fewest}", "make it larger")

    def __init__(self, model: genzoo.Model, config: Config) -> None:
        super().__init__(model, config)
        assert isinstance(model, Consistency)
        self.stretch = 1
        for name, weight in model.net.named_parameters():
            self.register_buffer(self.buffer_of(name), weight.detach().clone())

    @staticmethod
    def buffer_of(weight: str) -> str:
        """Return the name of the buffer with the teacher's weight of this name."""
        return "teacher_" + weight.replace(".", "_")

    def begin(self, model: genzoo.Model, total_steps: int) -> None:
        doublings = math.floor(math.log2(self.config.most / self.config.fewest))
        self.stretch = max(1, total_steps // (doublings + 1))

    def levels(self, u: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
        """Return σ_n/s and σ_{n+1}/s, [B], for u [B] uniform on [0, 1], in a step of the training."""
        own = self.config
        low, high = ((math.log(level) - own.noise_mean) / own.noise_deviation for level in (LEAST, MOST))
        share = torch.special.ndtr(u.new_tensor([low, high]))
        level = (own.noise_mean + own.noise_deviation * torch.special.ndtri(share[0].lerp(share[1], u))).exp()
        intervals = (own.fewest * torch.exp2((step // self.stretch).to(u))).clamp_max(own.most)
        root, least, most = level ** (1 / CURVATURE), LEAST ** (1 / CURVATURE), MOST ** (1 / CURVATURE)
        number = torch.minimum(((root - least) / (most - least) * intervals).floor().clamp_min(0), intervals - 1)
        lower, upper = ((least + (number + k) / intervals * (most - least)) ** CURVATURE for k in (0, 1))
        return lower.clamp_min(LEAST), upper

    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> dict[str, Tensor]:
        assert isinstance(model, Consistency)
        x = batch.x
        lower, upper = self.levels(uniform(x.flatten(1)[:, 0]), step)
        noise = model.deviation * standard_normal((), x)
        names = [name for name, _ in model.net.named_parameters()]
        teacher = {name: self.get_buffer(self.buffer_of(name)) for name in names} if self.config.teacher_decay else None
        with torch.no_grad():
            target = model.jump(x + of_examples(lower, x) * noise, lower, teacher)
        error = (model.jump(x + of_examples(upper, x) * noise, upper) - target) / model.deviation
        constant = HUBER * math.sqrt(model.spec.numel)
        distance = (error.square().flatten(1).sum(1) + constant**2).sqrt() - constant
        return {"loss": (distance / (upper - lower)).mean(), "distance": distance.detach().mean()}

    def after_step(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> None:
        assert isinstance(model, Consistency)
        for name, weight in model.net.named_parameters():
            self.get_buffer(self.buffer_of(name)).lerp_(weight, 1 - self.config.teacher_decay)
