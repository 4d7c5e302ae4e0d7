"""A variational diffusion model in continuous time, which learns how much noise there is at both ends."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import genzoo
from genzoo.core.noise import standard_normal, uniform
from genzoo_plugins.diffusion.base import NoiseToData, of_examples
from genzoo_plugins.diffusion.ddpm import Step
from genzoo_plugins.diffusion.nets import NetOptions, make_net

LOWEST, HIGHEST = -10.0, 5.0
"""γ at t = 0 and at t = 1 before training."""


class VDM(NoiseToData, genzoo.Density):
    """z_t = α·x + σ·ε for 0 ≤ t ≤ 1, with α² = sigmoid(−γ) and σ² = sigmoid(γ); γ = −ln SNR is linear in t between two
    ends that are learned (Kingma et al. 2021). x has the data's mean and deviation removed.

    ln p(x) ≥ E ln p(x|z_0) − KL(q(z_1|x)‖N(0, I)) − ½∫ e^{−γ}‖x − x̂(z_t)‖² dγ. The integral depends on γ between the
    ends only by the variance of its estimate (section 5.1), so nothing more than the ends is learned. x̂ = α·z_t + σ·net
    is optimal for Gaussian data if the net is 0; then the bound is ln p(x) for any ends.
    """

    @genzoo.config
    class Config(NetOptions):
        times: genzoo.Count = 4
        """Times at which the bound is estimated, one in each of as many equal parts of [0, 1]."""

    @genzoo.config
    class Sampling:
        steps: genzoo.Count = 50
        """Steps in which samples are drawn."""

    exactness = "bound"
    config: Config

    def __init__(self, spec: genzoo.DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        self.net = make_net(spec, config)
        self.low = nn.Parameter(torch.tensor(LOWEST))
        self.log_width = nn.Parameter(torch.tensor(HIGHEST - LOWEST).log())

    def gamma(self, t: Tensor) -> Tensor:
        """Return γ = −ln SNR at times t, which increases."""
        return self.low + self.log_width.exp() * t

    def answer(self, z: Tensor, gamma: Tensor) -> Tensor:
        """Return the net's prediction of σ·x − α·ε, [N, *S], from z_t [N, *S] and γ [N]; its variance is 1."""
        found: Tensor = self.net(z, gamma / 10)
        return found

    def terms(self, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return −ln p(x|z_0), KL(q(z_1|x)‖p(z_1)), and the integrand of the diffusion loss at times t [K, B].

        x [B, *S] has mean 0 and variance 1. The first two are [B] and the last is [K, B], in nats (Kingma et al. 2021,
        eq. 11 and 15). With x − x̂ = σ·(σ·x − α·ε − net), e^{−γ}‖x − x̂‖² is α²‖σ·x − α·ε − net‖².
        """
        times = torch.cat([torch.zeros_like(t[:1]), t])
        gamma = self.gamma(times.flatten())
        signal, noise = (of_examples(F.logsigmoid(g).mul(0.5).exp(), x) for g in (-gamma, gamma))
        epsilon = standard_normal((len(times),), x).flatten(0, 1)
        every = x.repeat(len(times), *[1] * (x.dim() - 1))
        answer = self.answer(signal * every + noise * epsilon, gamma)
        error = (noise * every - signal * epsilon - answer).square().flatten(1).sum(1).view(times.shape)
        ends = self.gamma(torch.arange(2, device=t.device))
        log_first, log_last = F.logsigmoid(ends)  # ln σ² at t = 0 and at t = 1
        values = x[0].numel()
        reconstruction = error[0] / 2 + values / 2 * (math.log(2 * math.pi) + log_first)
        squared = x.square().flatten(1).sum(1)
        prior = ((squared - values) * torch.sigmoid(-ends[1]) - values * log_last) / 2
        slopes = self.log_width.exp() * torch.sigmoid(-self.gamma(t)) * error[1:] / 2
        return reconstruction, prior, slopes

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return an unbiased estimate of the lower bound on ln p(x) of x [B, *S] in nats, [B]."""
        times = self.config.times
        starts = torch.arange(times, device=x.device)[:, None]
        t = (starts + uniform(x.flatten(1)[:, 0], (times,))) / times
        reconstruction, prior, slopes = self.terms((x - self.mean) / self.deviation, t)
        return -(reconstruction + prior + slopes.mean(0)) - self.spec.numel * self.deviation.log()

    def passes(self) -> int:
        return 1 + self.config.times

    @torch.no_grad()
    def sample(
        self, n: int, y: Tensor | None = None, *, noise: bool = False, options: Sampling | None = None
    ) -> Tensor:
        """Draw n examples, [n, *S], clamped if all data lie in [0, 1] (Kingma et al. 2021, eq. 32).

        The last step returns the mean of p(x|z_0); with `noise` it draws from it.
        """
        steps = (options or self.sampling).steps
        gammas = self.gamma(torch.linspace(1, 0, steps + 1, device=self.anchor.device))
        powers = torch.sigmoid(-gammas).tolist()
        z = self.source().rsample((n,))
        for number, (power, earlier) in enumerate(pairwise(powers)):
            step = Step(number, power, earlier)
            x = self.predicted(z, gammas[number])
            epsilon = (z - math.sqrt(power) * x) / math.sqrt(1 - power)
            z = math.sqrt(earlier) * x + math.sqrt(max(0.0, 1 - earlier - step.variance)) * epsilon
            z = z + math.sqrt(step.variance) * self.source().rsample((n,))
        x = self.predicted(z, gammas[-1])
        if noise:
            x = x + math.sqrt(1 - powers[-1]) * self.source().rsample((n,))
        return self.in_range(self.mean + self.deviation * x)

    def predicted(self, z: Tensor, gamma: Tensor) -> Tensor:
        """Return x̂, [n, *S], from z_t [n, *S] at one γ."""
        answer = self.answer(z, gamma.expand(len(z)))
        return torch.sigmoid(-gamma).sqrt() * z + torch.sigmoid(gamma).sqrt() * answer
