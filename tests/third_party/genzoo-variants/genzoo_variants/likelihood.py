"""A VAE that differs in its likelihood, by a distribution of its own."""

from __future__ import annotations

import math
from typing import Self

import torch
from genzoo_plugins.vae.vae import VAE
from torch import Tensor, nn

import genzoo


class StudentT(genzoo.Distribution):
    """Independent variables with Student's t distribution, of density ∝ (1 + ((x − m)/s)²/ν)^(−(ν+1)/2).

    Args:
        location: [*batch, *event], the mean where there is one.
        log_scale: ln s, of the same shape, or one number (a 0-d tensor) for all.
        freedom: ν, degrees of freedom, more than 1.
        event_dims: How many of the last axes are one event.
    """

    def __init__(self, location: Tensor, log_scale: Tensor, freedom: float, event_dims: int) -> None:
        super().__init__(event_dims)
        self.location, self.log_scale, self.freedom = location, log_scale, freedom

    @property
    def shape(self) -> torch.Size:
        return self.location.shape

    @property
    def mean(self) -> Tensor:
        return self.location

    def rsample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        # torch's own. Its checks of arguments read them back to Python, and so are switched off.
        scale = self.log_scale.exp().expand(self.location.shape)
        drawn = torch.distributions.StudentT(self.freedom, self.location, scale, validate_args=False)
        return drawn.rsample(sample_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        nu = self.freedom
        constant = math.lgamma((nu + 1) / 2) - math.lgamma(nu / 2) - 0.5 * math.log(nu * math.pi)
        squared = ((value - self.location) * (-self.log_scale).exp()) ** 2
        return self._sum_event(constant - self.log_scale - 0.5 * (nu + 1) * torch.log1p(squared / nu))

    def unflatten(self, sizes: tuple[int, ...]) -> Self:
        location, log_scale = (
            part.view(*sizes, *part.shape[1:]) if part.dim() else part for part in (self.location, self.log_scale)
        )
        return type(self)(location, log_scale, self.freedom, self.event_dims)


class StudentLikelihood(genzoo.Likelihood):
    """The decoder puts out the locations; one scale for all is learned.

    A scale for each number of x would go to 0 where the decoder meets x, and the density to infinity.
    """

    family = StudentT

    def __init__(self, freedom: float) -> None:
        super().__init__()
        self.freedom = freedom
        self.log_scale = nn.Parameter(torch.zeros(()))

    def forward(self, raw: Tensor) -> StudentT:
        """raw [N, *S] → a distribution with batch [N] over events S."""
        return StudentT(raw.float(), self.log_scale, self.freedom, event_dims=raw.dim() - 1)


class StudentVAE(VAE):
    """p(x|z) is Student's t with ν degrees of freedom: one far-off value costs ln of its distance, not its square."""

    @genzoo.config
    class Config(VAE.Config):
        freedom: genzoo.Positive = 4.0
        """Degrees of freedom ν, more than 1; the fewer, the heavier the tails."""

    def __init__(self, spec: genzoo.DataSpec, config: Config) -> None:
        if spec.is_image:
            raise genzoo.UsageError(
                "student-vae is for values of any size; those of images lie between 0 and 1",
                "use vae, or --dataset moons",
            )
        if not config.freedom > 1:
            raise genzoo.UsageError(f"--freedom {config.freedom:g}: there is no mean", "use more than 1")
        super().__init__(spec, config)

    def make_head(self) -> genzoo.Likelihood:
        return StudentLikelihood(self.config.freedom)
