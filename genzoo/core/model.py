"""The interfaces a plugin implements: a dataset, a model, a loss. That of a metric: `genzoo.core.metric`.

Letters for shapes, everywhere: B examples, K samples of each, S one example such as (1, 28, 28), D one latent such
as (20,). Log-probabilities are in nats, summed over one example; means are over examples.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from genzoo.core.data_spec import Batch as Batch
from genzoo.core.data_spec import DataSpec as DataSpec
from genzoo.core.data_spec import Split as Split
from genzoo.core.data_spec import Splits as Splits
from genzoo.core.distributions import Distribution
from genzoo.core.errors import GenzooError, UsageError
from genzoo.core.options import NoOptions

if TYPE_CHECKING:
    from genzoo.data.store import Store


class Dataset(Protocol):
    """A verified source of tensors; never pictures one by one."""

    Config: ClassVar[type[Any]]

    def __init__(self, config: Any) -> None: ...

    @property
    def spec(self) -> DataSpec:
        """Known before any file is opened."""
        ...

    def load(self, store: Store) -> Splits:
        """Reads the data, fetching and verifying files through `store` where it has any."""
        ...


@runtime_checkable
class KnownDensity(Protocol):
    """What a dataset may have besides: the density that its examples were drawn from."""

    def log_density(self, x: Tensor) -> Tensor:
        """ln p of examples [n, *S] in the data's own units: [n] nats."""
        ...


@runtime_checkable
class PartlySeen(Protocol):
    """What a dataset may have besides: which test examples are of a kind that was left out of training."""

    def unseen(self, y: Tensor) -> Tensor | None:
        """Whether each class [n] was left out: [n] bool; None where none was."""
        ...


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


def refuse_without_config(cls: type) -> None:
    """Refuses a half-written subclass with an explanation, where it is written rather than where it fails."""
    config = getattr(cls, "Config", None)
    if config is None:
        cls.Config = NoOptions  # type: ignore[attr-defined]
        return
    # Its own mark, not an inherited one: the fields of an undecorated subclass would be ignored in silence.
    mark = vars(config).get("__dataclass_params__") if isinstance(config, type) else None
    if mark is None or not mark.frozen:
        raise GenzooError(
            f"{cls.__module__}.{cls.__name__}.Config must be a frozen dataclass",
            "write:\n    @genzoo.config\n    class Config:\n        latent_dim: int = 20",
        )


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


class Loss(nn.Module):
    """An objective over a model's distributions. Parameters it owns are trained along with the model's."""

    Config: ClassVar[type[Any]]
    accepts: ClassVar[type[Model]] = Model
    """Models of other types are refused before anything is trained."""
    needs_prior: ClassVar[bool] = False
    """Whether models without a prior p(z) are refused too."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        refuse_without_config(cls)

    def __init__(self, model: Model, config: Any) -> None:
        super().__init__()
        self.config = config

    @classmethod
    def refuses(cls, model: Model) -> str | None:
        """Why this loss cannot train that model, as the end of a sentence; None if it can."""
        if not isinstance(model, cls.accepts):
            return f"it needs a {cls.accepts.__name__}, and {type(model).__name__} is none"
        if cls.needs_prior and isinstance(model, LatentModel) and model.prior() is None:
            return f"it needs a prior p(z), and {type(model).__name__} has none"
        return None

    def forward(self, model: Model, batch: Batch, step: Tensor) -> dict[str, Tensor]:
        """Named scalars, each a mean over the B examples. "loss" is minimised, all are logged.

        Args:
            model: The model given at construction.
            batch: x [B, *S], y [B] or None.
            step: How many optimiser steps came before, a 0-d int64 tensor on the device.
        """
        raise NotImplementedError(f"{type(self).__name__} must define forward(model, batch, step)")


@torch.no_grad()
def count_parameters(module: nn.Module) -> int:
    """How many numbers are trained."""
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)
