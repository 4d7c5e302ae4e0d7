"""The interfaces of parts: what an option names, such as `--prior vamp:500` or `--likelihood gaussian:0.1`.

A part is written as "name" or "name:ARGUMENT", and its constructor gets the argument last. A part of a model may own
parameters, which are trained with those of the model.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import Tensor, nn

from genzoo.core.dataset import Batch, DataSpec
from genzoo.core.distributions import Distribution
from genzoo.core.hookspecs import PartKind
from genzoo.core.model import Model
from genzoo.core.named import Named
from genzoo.core.optimizer import Optimizer, Schedule


class Part(Named, nn.Module):
    """A part that models are made of: a module."""


class Likelihood(Part):
    """Converts a decoder's raw output into p(x|z)."""

    outputs = 1
    """The number of decoder outputs for each value of x. It multiplies the first axis of S."""
    family: ClassVar[type[Distribution]]
    """The distribution that `forward` returns."""
    values: ClassVar[Literal["any", "unit", "grey", "counts"]] = "any"
    """The values x it is for: any numbers, numbers from 0 to 1, grey levels (not black and white pixels), or counts."""

    def forward(self, raw: Tensor) -> Distribution:
        """Convert raw [N, outputs·S₀, *S₁…] to a distribution with batch shape [N] and event shape S."""
        raise NotImplementedError(f"{type(self).__name__} must define forward(raw): p(x|z)")


class Prior(Part):
    """Makes p(z) of a model with vectors z.

    Args:
        spec: The description of the data.
        latent_dim: D, the length of z.
    """

    def __init__(self, spec: DataSpec, latent_dim: int) -> None:
        super().__init__()
        self.spec = spec
        self.latent_dim = latent_dim

    def prepare(self, batch: Batch) -> None:
        """Called once with a training batch, before the first step, for data-dependent initialisation."""

    def forward(self, model: Model) -> Distribution:
        """Return p(z) without a batch axis, with event shape [D], on the model's device.

        Raises:
            UsageError: It needs what the model does not have, such as an encoder.
        """
        raise NotImplementedError(f"{type(self).__name__} must define forward(model): p(z)")


class Posterior(Part):
    """Makes q(z|x) from what an encoder puts out.

    Args:
        latent_dim: D, the length of z.
    """

    outputs: int
    """The number of encoder outputs for each example; the constructor sets it."""

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.outputs = 2 * latent_dim

    def forward(self, parameters: Tensor) -> Distribution:
        """Convert parameters [B, outputs] to q(z|x) with batch shape [B] and event shape [D]."""
        raise NotImplementedError(f"{type(self).__name__} must define forward(parameters): q(z|x)")


class Bijection(Part):
    """A differentiable and invertible map of vectors, which may depend on a context.

    Args:
        dim: D, the length of a vector.
        context_dim: C, the length of the context; 0: none.
    """

    def __init__(self, dim: int, context_dim: int) -> None:
        super().__init__()
        self.dim = dim
        self.context_dim = context_dim

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return y [*, D] and ln |det dy/dx| [*] at x [*, D], for a context [*, C] or one that broadcasts to it."""
        raise NotImplementedError(f"{type(self).__name__} must define forward(x, context)")

    def inverse(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return x [*, D] and ln |det dx/dy| [*] at y [*, D]; the context is as for `forward`."""
        raise NotImplementedError(f"{type(self).__name__} must define inverse(y, context)")


INTERFACES: dict[PartKind, type[Named]] = {
    "likelihood": Likelihood,
    "prior": Prior,
    "posterior": Posterior,
    "bijection": Bijection,
    "optimizer": Optimizer,
    "schedule": Schedule,
}
"""The class that a part of each kind extends."""
