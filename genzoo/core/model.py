"""The interface of a model.

Letters for shapes: B examples, K samples of each, S the shape of one example such as (1, 28, 28), D the shape of one
latent such as (20,). Log-probabilities are in nats, summed over one example; means are over examples.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from genzoo.core.dataset import Batch, DataSpec
from genzoo.core.distributions import Distribution
from genzoo.core.errors import GenzooError, UsageError
from genzoo.core.options import NoOptions, refuse_without_config


class Inference(NamedTuple):
    """The distributions and samples of a latent-variable model for one batch."""

    q: Distribution
    """The posterior q(z|x), with batch shape [B]."""
    p: Distribution | None
    """The prior p(z); None if the model has none."""
    z: Tensor
    """Samples of q, [K, B, *D]."""
    px: Distribution
    """The likelihood p(x|z), with batch shape [K, B]."""

    def kl(self) -> Tensor:
        """Return KL(q(z|x)‖p(z)) in nats, [B]: in closed form, or the mean of ln q(z|x) − ln p(z) over K samples."""
        assert self.p is not None, "a model without a prior has no KL"
        exact = self.q.kl(self.p)
        return exact if exact is not None else (self.q.log_prob(self.z) - self.p.log_prob(self.z)).mean(0)


class Model(nn.Module):
    """Any generative model.

    A subclass defines a `Config` (see `genzoo.config`) and `sample`. A forward pass must not read a tensor's value back
    to Python (`.item()`, `if tensor`, boolean masks, a Python counter): the whole step is compiled and captured.
    """

    Config: ClassVar[type[Any]]
    """The options of the model: of its nets and its distributions."""
    Sampling: ClassVar[type[Any]] = NoOptions
    """The options of drawing samples, such as the steps of a solver: another `genzoo.config` class. They are set for a
    run or for a call. No field may have the name of one in `Config`."""
    conditional: ClassVar[bool] = False
    """Whether `sample` uses y. Only then can a user request classes."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        refuse_without_config(cls)
        refuse_without_config(cls, "Sampling")
        shared = {field.name for field in fields(cls.Config)} & {field.name for field in fields(cls.Sampling)}
        if shared:
            raise GenzooError(
                f"{cls.__module__}.{cls.__name__}: Config and Sampling both have {', '.join(sorted(shared))}",
                "they are stored and typed together: rename one of the fields",
            )

    def __init__(self, spec: DataSpec, config: Any) -> None:
        super().__init__()
        self.spec = spec
        self.config = config
        self.sampling = self.Sampling()
        """How `sample` draws without options: an instance of `Sampling`."""

    @property
    def anchor(self) -> Tensor:
        """Any parameter, for the device and dtype of new tensors."""
        parameter = first_parameter(self)
        assert parameter is not None, f"{type(self).__name__} has no parameters"
        return parameter

    def prepare(self, batch: Batch) -> None:
        """Called once with a training batch, before the first step, for data-dependent initialisation."""

    def sample(self, n: int, y: Tensor | None = None, *, noise: bool = False) -> Tensor:
        """Draw n examples, [n, *S], in the model's units: `spec.original` converts them to the data's own units.

        Args:
            n: The number of examples.
            y: [n] class numbers, int64, for conditional models; None: any classes.
            noise: Whether to draw x from p(x|z). By default its mean is returned, as papers show it.

        A model that defines `Sampling` takes one more argument, `options=None`: an instance of it, or None for
        `self.sampling`.
        """
        raise NotImplementedError(f"{type(self).__name__} must define sample")


def first_parameter(module: nn.Module) -> nn.Parameter | None:
    """Return the first of module.parameters() without listing all modules, which takes 1 % of a small step."""
    for parameter in module._parameters.values():
        if parameter is not None:
            return parameter
    for child in module._modules.values():
        if child is not None and (parameter := first_parameter(child)) is not None:
            return parameter
    return None


class LatentModel(Model):
    """A model p(z) p(x|z) with posterior q(z|x) (Kingma & Welling 2014). A subclass defines these three."""

    def posterior(self, x: Tensor) -> Distribution:
        """Return q(z|x) for x [B, *S]: batch shape [B], event shape D."""
        raise NotImplementedError(f"{type(self).__name__} must define posterior(x): q(z|x)")

    def prior(self) -> Distribution | None:
        """Return p(z), with event shape D; None if the model has no prior, such as a plain autoencoder."""
        raise NotImplementedError(f"{type(self).__name__} must define prior(): p(z), or None")

    def likelihood(self, z: Tensor) -> Distribution:
        """Return p(x|z) for z [N, *D]: batch shape [N], event shape S."""
        raise NotImplementedError(f"{type(self).__name__} must define likelihood(z): p(x|z)")

    def infer(self, batch: Batch, k: int = 1) -> Inference:
        """Encode a batch, draw k samples of each posterior and decode them."""
        q = self.posterior(batch.x)
        z = q.rsample((k,))
        px = self.likelihood(z.flatten(0, 1)).unflatten((k, batch.x.shape[0]))
        return Inference(q=q, p=self.prior(), z=z, px=px)

    def encode(self, x: Tensor) -> Tensor:
        """Return the posterior mean, [B, *D], which is deterministic."""
        return self.posterior(x).mean

    def decode(self, z: Tensor) -> Tensor:
        """Return the mean of p(x|z), [N, *S]."""
        return self.likelihood(z).mean

    def reconstruct(self, x: Tensor) -> Tensor:
        """Return decode(encode(x)), [B, *S]."""
        return self.decode(self.encode(x))

    def sample(self, n: int, y: Tensor | None = None, *, noise: bool = False) -> Tensor:
        prior = self.prior()
        if prior is None:
            raise UsageError(f"{type(self).__name__} has no prior p(z) to sample from")
        px = self.likelihood(prior.rsample((n,)))
        return px.rsample() if noise else px.mean


@torch.no_grad()
def count_parameters(module: nn.Module) -> int:
    """Return the number of trainable parameters."""
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)
