"""The interfaces of parts: what an option names, such as `--prior vamp:500` or `--likelihood gaussian:0.1`.

A part is written as "name" or "name:ARGUMENT", and its constructor gets the argument last. A part of a model may own
parameters, which are trained with those of the model; those of a sampler are fitted after the training.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from torch import Tensor, nn

from genzoo.core.dataset import Batch, DataSpec
from genzoo.core.distributions import Distribution, Support
from genzoo.core.hookspecs import PartKind
from genzoo.core.model import Model
from genzoo.core.named import Named
from genzoo.core.nets import Activation
from genzoo.core.optimizer import Optimizer, Schedule

if TYPE_CHECKING:
    from genzoo.figures.context import FigureContext


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

    support: ClassVar[Support | None] = "any"
    """The values of z: those of the posterior must be the same; None: those of any posterior."""

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

    support: ClassVar[Support] = "any"
    """The values of z."""
    outputs: int
    """The number of encoder outputs for each example; the constructor sets it."""

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.outputs = 2 * latent_dim

    def forward(self, parameters: Tensor) -> Distribution:
        """Convert parameters [B, outputs] to q(z|x) with batch shape [B] and event shape [D]."""
        raise NotImplementedError(f"{type(self).__name__} must define forward(parameters): q(z|x)")


class Nets(Named):
    """Makes the encoder and the decoder of a model with vectors z.

    Args:
        spec: The description of the data.
        activation: The nonlinearity that the model's options ask for, one of `genzoo.core.nets.ACTIVATIONS`.

    Raises:
        UsageError: The data are not of a shape for these nets.
    """

    def __init__(self, spec: DataSpec, activation: Activation) -> None:
        self.spec = spec
        self.activation = activation

    def encoder(self, outputs: int) -> nn.Module:
        """Return a new net x [N, *S] → [N, outputs]."""
        raise NotImplementedError(f"{type(self).__name__} must define encoder(outputs)")

    def decoder(self, inputs: int, shape: tuple[int, ...]) -> nn.Module:
        """Return a new net z [N, inputs] → [N, *shape], where the first axis may be longer than that of S."""
        raise NotImplementedError(f"{type(self).__name__} must define decoder(inputs, shape)")


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


class Quantiser(Part):
    """Replaces the vectors of a grid by codes, whole numbers below K, and codes by vectors.

    Grids of vectors are [..., D, H, W] and grids of codes [..., N·H, W], int64: each place has N codes, the first of
    them in the first H rows. The model trains the vectors and the encoder as `by_gradient` and `commits` say.

    Args:
        size: The number of codes that the model's options ask for.
        dim: The length of a vector that they ask for. A quantiser with numbers of its own sets `size` and `dim`.
    """

    depth: int = 1
    """N, the number of codes at a place."""
    by_gradient: bool = False
    """Whether the loss pulls the vectors to the encoder's output."""
    commits: bool = False
    """Whether the loss pulls the encoder's output to the vectors."""
    follows: bool = False
    """Whether it changes between steps: then `follow` is called after each."""

    def __init__(self, size: int, dim: int) -> None:
        super().__init__()
        self.size = size
        self.dim = dim

    def reset(self) -> None:
        """Draw the initial weights. The model calls it after it has made its nets, which need `dim`."""

    def start(self, encoded: Tensor) -> None:
        """Choose initial values by the encoder's output [B, D, H, W] for a training batch, without gradient."""

    def bound(self, encoded: Tensor) -> Tensor:
        """Return the points that are quantised, given the encoder's output; both [..., D, H, W]."""
        return encoded

    def forward(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Return what the vector of each code stands for, [..., D, N·H, W], and the codes, [..., N·H, W].

        The former are the points themselves, with their gradient, unless a point has several codes.
        """
        return points, self.nearest(points)

    def nearest(self, vectors: Tensor) -> Tensor:
        """Return the codes whose vectors are nearest, [..., D, N·H, W] → [..., N·H, W]: the inverse of `look_up`."""
        raise NotImplementedError(f"{type(self).__name__} must define nearest(vectors)")

    def look_up(self, codes: Tensor) -> Tensor:
        """Return the vectors of codes, [..., N·H, W] → [..., D, N·H, W]."""
        raise NotImplementedError(f"{type(self).__name__} must define look_up(codes)")

    def joined(self, vectors: Tensor) -> Tensor:
        """Return what the decoder gets, [..., D, H, W], for vectors [..., D, N·H, W]."""
        return vectors

    def penalty(self, points: Tensor) -> Tensor | None:
        """Return a further term of the loss for points [B, D, H, W], a mean over examples; None: there is none."""
        return None

    def follow(self, points: Tensor) -> None:
        """Change the buffers, and vectors without gradient, by a step's points [B, D, H, W], if it `follows`."""


class Figure(Part):
    """A picture of a finished run. Every run for which it is defined has it, in its folder and its report."""

    needs: ClassVar[type] = Model
    """The capability that a model needs for it, such as `genzoo.Decoder` or `genzoo.LatentModel`."""

    def applies(self, context: FigureContext) -> bool:
        """Return whether the figure is defined for the model and the data of a run; if not, it is left out."""
        return isinstance(context.model, self.needs)

    def draw(self, context: FigureContext, path: Path) -> None:
        """Draw the figure. Gradients are off, the model is in evaluation mode, and noise is seeded.

        An error costs the run one line of warning and this figure.

        Args:
            context: The run, its model and its data.
            path: The PNG file to write. Text (.txt), sound (.wav) or a table (.csv) of the same name, beside it or
                instead of it, is shown too.
        """
        raise NotImplementedError(f"{type(self).__name__} must define draw(context, path)")


class Sampler(Part):
    """A density of codes, fitted to codes of training examples, that samples are decoded from instead of the prior.

    It is fitted and drawn from on the CPU. What it has fitted are buffers, or parameters of known shape: they are
    stored with the run.

    Args:
        shape: The shape of one code.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.shape = tuple(shape)
        self.dim = math.prod(shape)

    def fit(self, codes: Tensor) -> None:
        """Fit the density to flattened codes [N, D], float64. Random numbers come from torch's generators.

        Raises:
            UsageError: There are too few codes.
        """
        raise NotImplementedError(f"{type(self).__name__} must define fit(codes)")

    def sample(self, n: int) -> Tensor:
        """Draw n flattened codes [n, D] from torch's generators."""
        raise NotImplementedError(f"{type(self).__name__} must define sample(n)")

    def log_prob(self, z: Tensor) -> Tensor:
        """Return the log-density of flattened codes z [N, D], float64, in nats: [N]."""
        raise NotImplementedError(f"{type(self).__name__} must define log_prob(z)")


INTERFACES: dict[PartKind, type[Named]] = {
    "likelihood": Likelihood,
    "prior": Prior,
    "posterior": Posterior,
    "nets": Nets,
    "bijection": Bijection,
    "quantiser": Quantiser,
    "sampler": Sampler,
    "figure": Figure,
    "optimizer": Optimizer,
    "schedule": Schedule,
}
"""The class that a part of each kind extends."""
