"""The interface of a model.

Letters for shapes, everywhere: B examples, K samples of each, S one example such as (1, 28, 28), D one latent such
as (20,). Log-probabilities are in nats, summed over one example; means are over examples.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from genzoo.core.dataset import Batch, DataSpec
from genzoo.core.distributions import Distribution
from genzoo.core.errors import UsageError
from genzoo.core.options import refuse_without_config

if TYPE_CHECKING:
    pass


class Inference(NamedTuple):
    """All that a latent-variable model says about one batch."""

    q: Distribution
    """q(z|x), batch shape [B]."""
    p: Distribution | None
    """p(z), or None if the model has no prior."""
    z: Tensor
    """[K, B, *D], samples of q."""
    px: Distribution
    """p(x|z), batch shape [K, B]."""

    def kl(self) -> Tensor:
        """KL(q(z|x)‖p(z)) in nats, [B]: in closed form, or ln q(z|x) − ln p(z) averaged over the K samples."""
        assert self.p is not None, "a model without a prior has no KL"
        exact = self.q.kl(self.p)
        return exact if exact is not None else (self.q.log_prob(self.z) - self.p.log_prob(self.z)).mean(0)


class Model(nn.Module):
    """Any generative model.

    A subclass has a `Config` (see `genzoo.config`) and `sample`. Nothing in a forward pass may read a tensor's value
    back to Python (`.item()`, `if tensor`, boolean masks, a Python counter): the step is compiled and captured whole.
    """

    Config: ClassVar[type[Any]]
    conditional: ClassVar[bool] = False
    """Whether `sample` heeds y: only then can a user ask for classes."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        refuse_without_config(cls)

    def __init__(self, spec: DataSpec, config: Any) -> None:
        super().__init__()
        self.spec = spec
        self.config = config

    @property
    def anchor(self) -> Tensor:
        """Any parameter: new tensors take their device and dtype from it."""
        found = first_parameter(self)
        assert found is not None, f"{type(self).__name__} has no parameters"
        return found

    def prepare(self, batch: Batch) -> None:
        """Called once with a training batch, before the first step: data-dependent initialisation."""

    def sample(self, n: int, y: Tensor | None = None, *, noise: bool = False) -> Tensor:
        """Draws n examples, [n, *S], as the model sees them: `spec.original` takes them to the data's own units.

        Args:
            n: How many.
            y: [n] classes wanted, int64, for conditional models; None: whatever comes.
            noise: Whether to draw x from p(x|z) rather than return its mean, as papers show images.
        """
        raise NotImplementedError(f"{type(self).__name__} must define sample")


def first_parameter(module: nn.Module) -> nn.Parameter | None:
    """The first of module.parameters(), found without listing all modules: 1 % of a small step."""
    for parameter in module._parameters.values():
        if parameter is not None:
            return parameter
    for child in module._modules.values():
        if child is not None and (found := first_parameter(child)) is not None:
            return found
    return None


class LatentModel(Model):
    """p(z) p(x|z), inverted by q(z|x): write these three, the rest follows (Kingma & Welling 2014)."""

    def posterior(self, x: Tensor) -> Distribution:
        """q(z|x) for x [B, *S]: batch shape [B], event shape D."""
        raise NotImplementedError(f"{type(self).__name__} must define posterior(x): q(z|x)")

    def prior(self) -> Distribution | None:
        """p(z): event shape D. None if the model has no density to sample from, as a plain autoencoder."""
        raise NotImplementedError(f"{type(self).__name__} must define prior(): p(z), or None")

    def likelihood(self, z: Tensor) -> Distribution:
        """p(x|z) for z [N, *D]: batch shape [N], event shape S."""
        raise NotImplementedError(f"{type(self).__name__} must define likelihood(z): p(x|z)")

    def infer(self, batch: Batch, k: int = 1) -> Inference:
        """Encodes a batch, draws k samples of each posterior and decodes them."""
        q = self.posterior(batch.x)
        z = q.rsample((k,))
        px = self.likelihood(z.flatten(0, 1)).unflatten((k, batch.x.shape[0]))
        return Inference(q=q, p=self.prior(), z=z, px=px)

    def encode(self, x: Tensor) -> Tensor:
        """The posterior mean, [B, *D]: deterministic."""
        return self.posterior(x).mean

    def decode(self, z: Tensor) -> Tensor:
        """The mean of p(x|z), [N, *S]."""
        return self.likelihood(z).mean

    def reconstruct(self, x: Tensor) -> Tensor:
        """decode(encode(x)): [B, *S]."""
        return self.decode(self.encode(x))

    def sample(self, n: int, y: Tensor | None = None, *, noise: bool = False) -> Tensor:
        prior = self.prior()
        if prior is None:
            raise UsageError(f"{type(self).__name__} has no prior p(z) to sample from")
        px = self.likelihood(prior.rsample((n,)))
        return px.rsample() if noise else px.mean


@torch.no_grad()
def count_parameters(module: nn.Module) -> int:
    """How many numbers are trained."""
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)
