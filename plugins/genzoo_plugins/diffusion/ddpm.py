"""Denoising diffusion: noise is added to data in many small steps, and a net learns to remove it."""

from __future__ import annotations

import math
from functools import cache
from itertools import pairwise
from typing import Literal, NamedTuple

import torch
from torch import Tensor

import genzoo
from genzoo.core.noise import standard_normal, uniform
from genzoo_plugins.diffusion.base import NoiseToData, of_examples, squared_error
from genzoo_plugins.diffusion.nets import NetOptions, make_net

Schedule = Literal["linear", "cosine"]
MOST_NOISE = 0.999
"""The largest β of a step."""
RESAMPLINGS = 10
"""How often each step is drawn where some values are known (Lugmayr et al. 2022, section 4.2)."""


@cache
def signal_powers(schedule: Schedule, timesteps: int) -> tuple[float, ...]:
    """Return ᾱ_t for t = 0 … T: the share of the data's variance that is left after t steps. ᾱ_0 is 1.

    linear: β rises from 0.1/T to 20/T (Ho et al. 2020, section 4, for T = 1000). cosine: ᾱ is a squared cosine (Nichol
    & Dhariwal 2021, eq. 17).
    """

    def cosine(t: float) -> float:
        return math.cos((t / timesteps + 0.008) / 1.008 * math.pi / 2) ** 2

    powers = [1.0]
    for t in range(timesteps):
        rising = (0.1 + 19.9 * t / max(1, timesteps - 1)) / timesteps
        beta = rising if schedule == "linear" else 1 - cosine(t + 1) / cosine(t)
        powers.append(powers[-1] * (1 - min(beta, MOST_NOISE)))
    return tuple(powers)


class Step(NamedTuple):
    """A step back from time t to an earlier time s, each with its ᾱ."""

    t: int
    power: float
    """ᾱ_t."""
    earlier: float
    """ᾱ_s; 1 where s is 0."""

    @property
    def beta(self) -> float:
        """The variance of q(x_t|x_s)."""
        return 1 - self.power / self.earlier

    @property
    def pull(self) -> float:
        """The derivative of the mean of q(x_s|x_t, x_0) by x_0 (Ho et al. 2020, eq. 7)."""
        return math.sqrt(self.earlier) * self.beta / (1 - self.power)

    @property
    def variance(self) -> float:
        """The variance β̃ of q(x_s|x_t, x_0)."""
        return self.beta * (1 - self.earlier) / (1 - self.power)


class DDPM(genzoo.Imputer, NoiseToData, genzoo.Density):
    """x_t = √ᾱ_t·x_0 + √(1 − ᾱ_t)·ε with ε ~ N(0, I), for t = 1 … T; a net predicts ε from x_t and t (Ho et al. 2020).

    The prediction is the optimal one for data N(m, s²I), in closed form, plus a net that learns the difference.
    """

    @genzoo.config
    class Config(NetOptions):
        timesteps: genzoo.Count = 1000
        """T, the number of steps in which noise is added."""
        schedule: Schedule = "linear"
        """How the noise grows: linear in β (Ho et al. 2020), or cosine (Nichol & Dhariwal 2021)."""
        width: genzoo.Count = 512

    @genzoo.config
    class Sampling:
        steps: genzoo.Count = 50
        """Steps in which samples are drawn: evenly spaced timesteps, or all of them if there are fewer."""
        sampler: Literal["ancestral", "ddim"] = "ancestral"
        """ancestral draws each step from p(x_s|x_t) (Ho et al. 2020, algorithm 2); ddim adds less noise (Song et al.
        2021)."""
        eta: genzoo.Fraction = 0.0
        """Noise of ddim: 0 for none, 1 for as much as ancestral with the small variance."""
        variance: Literal["small", "large"] = "small"
        """Variance of an ancestral step: small is right for a single example, large for normally distributed data (Ho
        et al. 2020, section 3.2)."""

    exactness = "bound"
    powers: Tensor

    def __init__(self, spec: genzoo.DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        self.register_buffer("powers", torch.tensor(self.schedule), persistent=False)
        self.net = make_net(spec, config)

    @property
    def schedule(self) -> tuple[float, ...]:
        """ᾱ_t for t = 0 … T."""
        return signal_powers(self.config.schedule, self.config.timesteps)

    def predict(self, x: Tensor, t: Tensor, power: Tensor) -> tuple[Tensor, Tensor]:
        """Return the predictions of x_0 and of ε, both [B, *S], for x_t [B, *S], t [B] and ᾱ_t [B].

        For data N(m, s²I), x_t has the variance V = ᾱs² + 1 − ᾱ about √ᾱ·m. Given x_t, x_0 and ε have the deviations
        s√(1 − ᾱ)/√V and s√ᾱ/√V: the units in which the net answers.
        """
        power = of_examples(power, x)
        signal, noise = power.sqrt(), (1 - power).sqrt()
        scale = (power * self.deviation.square() + 1 - power).sqrt()
        centred = (x - signal * self.mean) / scale
        learned = self.net(centred, t.to(x.dtype) / self.config.timesteps)
        x0 = self.mean + self.deviation * (signal * self.deviation * centred - noise * learned) / scale
        return x0, (noise * centred + signal * self.deviation * learned) / scale

    def steps(self, number: int) -> list[Step]:
        """Return steps from t = T to 0 over evenly spaced timesteps, at most T."""
        timesteps, powers = self.config.timesteps, self.schedule
        number = min(number, timesteps)
        times = [round(timesteps * k / number) for k in range(number, -1, -1)]
        return [Step(t, powers[t], powers[s]) for t, s in pairwise(times)]

    def large_variance(self, step: Step) -> Tensor:
        """Return the variance of q(x_s|x_t) for data N(m, s²I), a 0-d tensor."""
        squared = self.deviation.square()
        of_x0 = squared * (1 - step.power) / (step.power * squared + 1 - step.power)
        return step.variance + step.pull**2 * of_x0

    def at(self, x: Tensor, step: Step) -> tuple[Tensor, Tensor]:
        """Return `predict` at the time from which a step starts."""
        return self.predict(x, x.new_full((len(x),), step.t), x.new_full((len(x),), step.power))

    @torch.no_grad()
    def sample(
        self, n: int, y: Tensor | None = None, *, noise: bool = False, options: Sampling | None = None
    ) -> Tensor:
        """Draw n examples, [n, *S], clamped if all data lie in [0, 1].

        Each step is Song et al. 2021, eq. 12; with η = 1 its mean is that of q(x_s|x_t, x_0). The last step returns the
        mean of p(x_0|x_t); with `noise`, ancestral sampling draws from it.
        """
        how = options or self.sampling
        x = self.source().rsample((n,))
        for step in self.steps(how.steps):
            x = self.back(x, step, how, noise)
        return self.in_range(x)

    def back(self, x: Tensor, step: Step, how: Sampling, noise: bool = False) -> Tensor:
        """Draw x_s [B, *S] from p(x_s|x_t) for x_t [B, *S]; arguments as for `sample`."""
        ancestral = how.sampler == "ancestral"
        eta = 1.0 if ancestral else how.eta
        x0, epsilon = self.at(x, step)
        small = eta**2 * step.variance
        x = math.sqrt(step.earlier) * x0 + math.sqrt(max(0.0, 1 - step.earlier - small)) * epsilon
        large = ancestral and (noise if step.earlier == 1 else how.variance == "large")
        if large or small:
            spread = self.large_variance(step).sqrt() if large else math.sqrt(small)
            x = x + spread * self.source().rsample((len(x),))
        return x

    def impute(self, x: Tensor, known: Tensor) -> Tensor:
        """Draw hidden values by resampling (RePaint, Lugmayr et al. 2022, algorithm 1).

        In each step the known values are drawn from q(x_s|x_0), and the hidden ones from p(x_s|x_t). Steps back and
        forth between s and t bring both together; the draws are of p(hidden|known) only in the limit of many of them.
        """
        drawn = self.source().rsample((len(x),))
        for step in self.steps(self.sampling.steps):
            for left in reversed(range(RESAMPLINGS if step.earlier < 1 else 1)):
                seen = math.sqrt(step.earlier) * x + math.sqrt(1 - step.earlier) * self.source().rsample((len(x),))
                earlier = torch.where(known, seen, self.back(drawn, step, self.sampling))
                again = math.sqrt(1 - step.beta) * earlier + math.sqrt(step.beta) * self.source().rsample((len(x),))
                drawn = again if left else earlier
        return torch.where(known, x, self.in_range(drawn))

    def passes(self) -> int:
        return len(self.steps(self.sampling.steps))

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return an unbiased estimate of a lower bound on ln p(x) of x [B, *S] in nats, [B] (Ho et al. 2020, eq. 5).

        p(x) is the density of ancestral samples with `noise`, drawn in `self.sampling.steps` steps, without clamping.
        The last step has the large variance, since the small one is 0. Each term has one draw of the noise.
        """
        last, *_ = steps = self.steps(self.sampling.steps)
        power = last.power
        left = (power * (x.square() - 1) - math.log1p(-power)) / 2  # KL(q(x_T|x_0)‖N(0, I))
        bound = -left.flatten(1).sum(1)
        for step in steps:
            noise = standard_normal((), x)
            x0, _ = self.at(math.sqrt(step.power) * x + math.sqrt(1 - step.power) * noise, step)
            error = step.pull**2 * (x - x0).square()
            if step.earlier == 1:  # ln p(x_0|x_t)
                variance = self.large_variance(step)
                terms = -(error / variance + variance.log() + math.log(2 * math.pi)) / 2
            else:
                small = x.new_tensor(step.variance)
                variance = self.large_variance(step) if self.sampling.variance == "large" else small
                terms = -((small + error) / variance - 1 + (variance / small).log()) / 2
            bound = bound + terms.flatten(1).sum(1)
        return bound


class DDPMLoss(genzoo.Loss):
    """E ‖ε − ε_θ(x_t, t)‖² with x_t = √ᾱ_t·x_0 + √(1 − ᾱ_t)·ε, ε ~ N(0, I) and t uniform on 1 … T.

    Summed over an example and averaged over the batch (Ho et al. 2020, eq. 14). It does not fall to 0: what remains is
    the variance of ε given x_t. The errors of x_0 and of v = √ᾱ_t·ε − √(1 − ᾱ_t)·x_0 are the same one, multiplied by
    (1 − ᾱ_t)/ᾱ_t and by 1/ᾱ_t: they count the times with much noise more.
    """

    accepts = DDPM

    @genzoo.config
    class Config:
        predict: Literal["eps", "x0", "v"] = "eps"
        """Whose error is squared: that of the noise ε (Ho et al. 2020), the data x_0, or v (Salimans & Ho 2022)."""

    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> dict[str, Tensor]:
        assert isinstance(model, DDPM)
        x, timesteps = batch.x, model.config.timesteps
        noise = standard_normal((), x)
        t = (1 + (timesteps * uniform(x.flatten(1)[:, 0])).long()).clamp_max(timesteps)
        power = model.powers[t]
        along = of_examples(power, x)
        signal, spread = along.sqrt(), (1 - along).sqrt()
        x0, predicted = model.predict(signal * x + spread * noise, t, power)
        if self.config.predict == "eps":
            return squared_error(noise - predicted)
        if self.config.predict == "x0":
            return squared_error(x - x0)
        return squared_error(signal * (noise - predicted) - spread * (x - x0))
