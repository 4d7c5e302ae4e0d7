"""The interface of a model.

Letters for shapes: B examples, K samples of each, S the shape of one example such as (1, 28, 28), D the shape of one
latent such as (20,). Log-probabilities are in nats, summed over one example; means are over examples.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from dataclasses import fields
from typing import Any, ClassVar, Literal, NamedTuple

import torch
from torch import Tensor, nn

from genzoo.core.dataset import Batch, DataSpec, Kind
from genzoo.core.distributions import Distribution, Measure, Support
from genzoo.core.errors import GenzooError, UsageError
from genzoo.core.late import late
from genzoo.core.options import NoOptions, refuse_without_config

Exactness = Literal["exact", "bound", "estimate"]
"""What a reported ln p(x) is: exact, a lower bound on average, or an estimate without a known sign of its error."""


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


class Encoder:
    """The capability to encode. It is a base class beside `Model`, as in `class Mine(genzoo.Model, genzoo.Encoder)`."""

    def encode(self, x: Tensor) -> Tensor:
        """Return the code of x [B, *S], [B, *D]. It is deterministic."""
        raise NotImplementedError(f"{type(self).__name__} must define encode(x)")


class Decoder:
    """The capability to decode. It is a base class beside `Model`."""

    def prior(self) -> Distribution | None:
        """Return p(z), with event shape D; None if the model has no prior, such as a plain autoencoder."""
        raise NotImplementedError(f"{type(self).__name__} must define prior(): p(z), or None")

    def decode(self, z: Tensor) -> Tensor:
        """Return the example, or the mean of p(x|z), for codes z [N, *D]: [N, *S]."""
        raise NotImplementedError(f"{type(self).__name__} must define decode(z)")


class Autoencoder(Encoder, Decoder):
    """The capability to encode and to decode: examples can be reconstructed, and their codes changed."""

    def reconstruct(self, x: Tensor) -> Tensor:
        """Return decode(encode(x)), [B, *S]."""
        return self.decode(self.encode(x))


class Tokeniser:
    """The capability to encode into whole numbers. It is a base class beside `Model` and its other capabilities.

    The dataset `codes` gives these numbers as tokens to a second model, and decodes what that one draws.
    """

    vocabulary: int
    """K: codes are from 0 to K − 1."""

    def codes(self, x: Tensor) -> Tensor:
        """Return the codes of x [B, *S]: [B, *grid], int64. They are deterministic."""
        raise NotImplementedError(f"{type(self).__name__} must define codes(x)")

    def latents(self, codes: Tensor) -> Tensor:
        """Return the codes [N, *grid] as `decode` takes them: z [N, *D]."""
        raise NotImplementedError(f"{type(self).__name__} must define latents(codes)")


INPUTS = {
    **dict.fromkeys(("encode", "reconstruct", "codes", "log_prob"), "example_input"),
    "decode": "code_input",
}
"""The methods that users call with arrays, and what converts these in `genzoo.data.model_input`."""


def takes_arrays(method: Callable[..., Any], convert: str) -> Callable[..., Any]:
    """Return a method of models that also takes arrays, and one example without a batch axis.

    A batch of tensors is passed on as it is, with its gradient; anything else is converted, without one.
    """

    @functools.wraps(method)
    def converting(self: Model, x: Any, *arguments: Any, **named: Any) -> Any:
        if isinstance(x, Tensor) and (torch.compiler.is_compiling() or is_batch(self, x, convert)):
            return method(self, x, *arguments, **named)
        tensor = late(f"genzoo.data.model_input:{convert}")(self, x)
        with torch.set_grad_enabled(isinstance(x, Tensor) and torch.is_grad_enabled()):
            return method(self, tensor, *arguments, **named)

    converting.takes_arrays = True  # type: ignore[attr-defined]  # a subclass that inherits it wraps it no more
    return converting


def is_batch(model: Model, x: Tensor, convert: str) -> bool:
    """Return whether a tensor is what a method of a model takes; of codes, whose shape no model states, all are."""
    if convert == "code_input":
        return True
    if model.spec.is_discrete:
        return x.shape[1:] == model.spec.shape
    return x.is_floating_point() and x.shape[1:] == model.spec.shape and x.ndim > len(model.spec.shape)


class Model(nn.Module):
    """Any generative model.

    A subclass defines a `Config` (see `genzoo.config`) and `sample`. What else it can do it says by its base classes:
    `Density` has log_prob(x), `Encoder` encode(x), `Decoder` prior() and decode(z), `Autoencoder` both of these, and
    `LatentModel` the distributions behind them. A forward pass must not read a tensor's value back to Python
    (`.item()`, `if tensor`, boolean masks, a Python counter): the whole step is compiled and captured.
    """

    Config: ClassVar[type[Any]]
    """The options of the model: of its nets and its distributions."""
    Sampling: ClassVar[type[Any]] = NoOptions
    """The options of drawing samples, such as the steps of a solver: another `genzoo.config` class. They are set for a
    run or for a call. No field may have the name of one in `Config`."""
    conditional: ClassVar[bool] = False
    """Whether `sample` uses y. Only then can a user request classes."""
    kinds: ClassVar[tuple[Kind, ...]] = ("image", "vector", "signal")
    """The kinds of data that the model is for; others are refused. By default those whose values are numbers."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name, convert in INPUTS.items():
            method = getattr(cls, name, None)
            if method is not None and not hasattr(method, "takes_arrays"):
                setattr(cls, name, takes_arrays(method, convert))
        refuse_without_config(cls)
        if issubclass(cls, Encoder) and issubclass(cls, Decoder) and not issubclass(cls, Autoencoder):
            raise TypeError(f"{cls.__name__} encodes and decodes: write Autoencoder for Encoder and Decoder")
        refuse_without_config(cls, "Sampling")
        shared = {field.name for field in fields(cls.Config)} & {field.name for field in fields(cls.Sampling)}
        if shared:
            raise GenzooError(
                f"{cls.__module__}.{cls.__name__}: Config and Sampling both have {', '.join(sorted(shared))}",
                "they are stored and typed together: rename one of the fields",
            )

    def __init__(self, spec: DataSpec, config: Any) -> None:
        if spec.kind not in self.kinds:
            kinds = " or ".join(filter(None, [", ".join(self.kinds[:-1]), self.kinds[-1]]))
            what = f"{type(self).__name__} is for data of kind {kinds}; these are of kind {spec.kind}"
            raise UsageError(what, "choose another model: genzoo list --kind model")
        super().__init__()
        self.spec = spec
        self.config = config
        self.sampling = self.Sampling()
        """How `sample` draws without options: an instance of `Sampling`."""

    @property
    def anchor(self) -> Tensor:
        """Any parameter or, without one, a floating-point buffer, for the device and dtype of new tensors."""
        parameter = first_parameter(self)
        if parameter is not None:
            return parameter
        return next(buffer for buffer in self.buffers() if buffer.is_floating_point())

    def fit(self, batches: Iterable[Batch]) -> None:
        """Fit the model in closed form, or by passes of its own, instead of by gradients. Its weights are buffers.

        A model that defines this is not trained by an optimiser: `fit` is called once, without gradient, and counts as
        one epoch of one step. It is not compiled or captured.

        Args:
            batches: The training data in a fixed order; it may be iterated several times.
        """
        raise NotImplementedError(f"{type(self).__name__} is trained by a loss")

    @classmethod
    def in_closed_form(cls) -> bool:
        """Return whether the model defines `fit`."""
        return cls.fit is not Model.fit

    def prepare(self, batch: Batch) -> None:
        """Called once with a training batch, before the first step, for data-dependent initialisation."""

    def sample(self, n: int, y: Tensor | None = None, *, noise: bool = False) -> Tensor:
        """Draw n examples, [n, *S], in the model's units: `spec.original` converts them to the data's own units.

        Args:
            n: The number of examples.
            y: [n] class numbers, int64, for conditional models; None: any classes.
            noise: Whether to draw x from p(x|z). By default its centre is returned, as papers show it.

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


class Density(Model):
    """A model that knows ln p(x), or a bound on it or an estimate: flows, autoregressive and mixture models.

    A subclass defines `log_prob` and `sample`. It sets the three attributes, in the class or, where they depend on the
    data or the options, in the constructor.
    """

    exactness: Exactness = "exact"
    """What `log_prob` is. The mean of a "bound" over its noise is at most ln p(x)."""
    measure: Measure = "density"
    """What exp(log_prob) is: a probability of discrete values, or a density. Values of both are never compared."""
    support: Support = "any"
    """The values for which `measure` is true."""

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return ln p(x) in nats of the model's view of the data, [B].

        Args:
            x: [B, *S].
            y: [B] class numbers, for conditional models: then ln p(x|y).
        """
        raise NotImplementedError(f"{type(self).__name__} must define log_prob(x): ln p(x)")

    def passes(self) -> int:
        """Return how many passes of the net `log_prob` takes: several make it too slow for every run of large data."""
        return 1


class LatentModel(Autoencoder, Model):
    """A model p(z) p(x|z) with posterior q(z|x) (Kingma & Welling 2014). A subclass defines these three."""

    def posterior(self, x: Tensor) -> Distribution:
        """Return q(z|x) for x [B, *S]: batch shape [B], event shape D."""
        raise NotImplementedError(f"{type(self).__name__} must define posterior(x): q(z|x)")

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
        """Return the centre of the posterior, its mean if it has one: [B, *D], deterministic."""
        return self.posterior(x).centre

    def decode(self, z: Tensor) -> Tensor:
        """Return the centre of p(x|z), its mean if it has one: [N, *S]."""
        return self.likelihood(z).centre

    def sample(self, n: int, y: Tensor | None = None, *, noise: bool = False) -> Tensor:
        prior = self.prior()
        if prior is None:
            raise UsageError(f"{type(self).__name__} has no prior p(z) to sample from")
        px = self.likelihood(prior.rsample((n,)))
        return px.rsample() if noise else px.centre


CAPABILITIES: dict[type, str] = {
    Encoder: "encodes",
    Decoder: "decodes",
    Autoencoder: "encodes and decodes",
    LatentModel: "has a posterior q(z|x)",
    Density: "has a density p(x)",
}
"""What a model of each kind does, in messages."""


def require_capability(model: Model, kind: type, what: str, name: str, hint: str) -> None:
    """Refuse a model that lacks a capability.

    Args:
        model: The model.
        kind: One of `CAPABILITIES`.
        what: What needs it, such as a command.
        name: The model's name in the message.
        hint: What to type instead.

    Raises:
        UsageError: The model is not of this kind.
    """
    if not isinstance(model, kind):
        raise UsageError(f"{what} needs a model that {CAPABILITIES[kind]}; {name} does not", hint)


def without_prior(model: Model) -> bool:
    """Return whether a model decodes codes but has no distribution to draw them from."""
    return isinstance(model, Decoder) and model.prior() is None


@torch.no_grad()
def count_parameters(module: nn.Module) -> int:
    """Return the number of trainable parameters; of values fitted in closed form, if the model has none."""
    if isinstance(module, Model) and module.in_closed_form():
        return sum(buffer.numel() for buffer in module.buffers() if buffer.is_floating_point())
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)
