"""The interface of a metric, and its inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import torch
from torch import Tensor

from genzoo.core.dataset import Batch
from genzoo.core.model import Autoencoder, Density, Inference, LatentModel, Model
from genzoo.core.noise import of_examples
from genzoo.core.options import refuse_without_config

if TYPE_CHECKING:
    from genzoo.core.parts import Sampler
    from genzoo.data.resident import Resident

ACTIVE = 0.01
"""Variance of the posterior mean above which a latent counts as active (Burda et al. 2016, section 5.2)."""
Role = Literal["bound", "rate", "distortion", "error", "quality", "active"]
"""What tables and figures of runs use a metric for:

bound: an upper bound on −E ln p(x) in nats per example, compared with a known density and with `bench --target`;
rate, distortion: the axes of the rate–distortion plane, in nats per example (Alemi et al. 2018), whose sum is a bound;
error, quality: the squared error of a reconstruction per dimension, and its quality in dB, in `genzoo compress`;
active: the number of latents in use, of which less than half is a collapse."""
Baseline = Literal["pca", "independent_pixels", "uniform"]
"""A trivial model whose value is in the results of each run: PCA with as many components as the model has latents
(squared error per dimension), and probabilities of independent or uniform pixels (nats per example)."""


@dataclass(eq=False)
class EvaluationContext:
    """The model and the whole split that are evaluated."""

    model: Model
    data: Resident
    train: Resident | None = None
    """The training data, in the same view as `data`, for metrics that fit something; None if not given."""
    samplers: Callable[[str], Sampler | None] = field(default_factory=lambda: lambda name: None)
    """Returns a fitted sampler of the model by its name; None for the prior. It may raise a UsageError."""
    shared: dict[str, Any] = field(default_factory=dict)
    """Results that a metric computes in `begin` and shares with other metrics."""

    @cached_property
    def example(self) -> Inference:
        """The model's inference for the first example, which shows the classes of its distributions."""
        assert isinstance(self.model, LatentModel)
        batch = self.data.batch(torch.zeros(1, dtype=torch.int64, device=self.data.device))
        with of_examples(self.data.keys[:1]):  # does not use up noise of the metric that asks first
            return self.model.infer(Batch(batch.x))


class EvaluationBatch:
    """One batch under evaluation. Quantities that several metrics need are computed once, on first access.

    Args:
        model: The model that is evaluated.
        batch: The examples.
        keys: [B], the keys of the examples' noise; None: use the current noise context.
    """

    def __init__(self, model: Model, batch: Batch, keys: Tensor | None = None) -> None:
        self.model = model
        self.batch = batch
        self.keys = keys

    @cached_property
    def inference(self) -> Inference:
        """Inference with one posterior sample per example. Labels are not given, so it is of p(x) and not of p(x|y)."""
        assert isinstance(self.model, LatentModel)
        with self._noise():
            return self.model.infer(Batch(self.batch.x))

    @cached_property
    def reconstruction(self) -> Tensor:
        """decode(encode(x)), [B, *S]."""
        assert isinstance(self.model, Autoencoder)
        code = self.inference.q.centre if isinstance(self.model, LatentModel) else self.model.encode(self.batch.x)
        with self._noise():
            return self.model.decode(code)

    @cached_property
    def log_prob(self) -> Tensor:
        """ln p(x) of a density, [B] nats. Labels are not given, so it is of p(x) and not of p(x|y)."""
        assert isinstance(self.model, Density)
        with self._noise():
            return self.model.log_prob(self.batch.x)

    @cached_property
    def originals(self) -> tuple[Tensor, Tensor]:
        """x and its reconstruction in the data's own units, [B, *S]: images are in [0, 1] in any view."""
        spec = self.model.spec
        return spec.original(self.batch.x), spec.original(self.reconstruction)

    @cached_property
    def squared_error(self) -> Tensor:
        """Squared error of the reconstruction in the data's own units, mean over an example's dimensions: [B]."""
        x, again = self.originals
        return (again - x).square().flatten(1).mean(1)

    def parts(self, size: int) -> Iterator[EvaluationBatch]:
        """Yield the examples `size` at a time; inside the loop each example has the same noise as in the whole batch.

        Without keys, the noise belongs to the whole batch, which is then the only part.
        """
        if self.keys is None:
            yield self
            return
        for index in torch.arange(len(self.keys), device=self.keys.device).split(size):
            y = None if self.batch.y is None else self.batch.y[index]
            part = EvaluationBatch(self.model, Batch(self.batch.x[index], y), self.keys[index])
            with part._noise():
                yield part

    def _noise(self) -> AbstractContextManager[None]:
        return nullcontext() if self.keys is None else of_examples(self.keys)


class Metric:
    """A number that describes a model on a split: one value per example, and a summary of the values.

    Metrics are computed without gradients, in evaluation mode, with noise that depends on the examples only.
    """

    Config: ClassVar[type[Any]]
    """The options; `--metrics name:VALUE` sets the first field, `name:OPTION=VALUE:OPTION=VALUE` any fields."""
    label: ClassVar[str]
    """The name in tables, such as "KL"."""
    unit: ClassVar[str] = ""
    """The unit, such as "nats"; empty for a dimensionless metric."""
    better: ClassVar[Literal["lower", "higher"] | None] = "lower"
    """Which of two values is better; None: neither, the metric only describes a model."""
    ideal: ClassVar[float | None] = None
    """The best value if lower and higher values are both worse, such as 0.5 for an AUROC."""
    role: ClassVar[Role | None] = None
    """What tables and figures of runs use it for; None: nothing more than its value."""
    raced: ClassVar[bool] = False
    """Whether `genzoo race` ranks models by it."""
    baselines: ClassVar[tuple[Baseline, ...]] = ()
    """The trivial models that a model must beat in this metric."""
    needs_train: bool = False
    """Whether the metric needs the training data; without them it is not available."""
    draws: ClassVar[bool] = False
    """Whether the metric draws samples: `--metrics name:OPTION=VALUE` then also takes the model's sampling options."""
    sampling: Mapping[str, Any] = MappingProxyType({})
    """The options of the model's sampling that were given with the metric's name."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        refuse_without_config(cls)

    def __init__(self, config: Any) -> None:
        self.config = config

    def refuses(self, model: Model) -> str | None:
        """Return why the metric is not available for this model, such as "no prior"; None if it is."""
        return None

    def begin(self, context: EvaluationContext) -> str | None:
        """Called once per split before its first batch, to compute what all batches need.

        Returns:
            Why the metric is not available for these data, such as "no labels"; None if it is.
        """
        return None

    def per_example(self, examined: EvaluationBatch) -> Tensor:
        """Return the examples' values, [B], or [B, …] if `summarise` needs more."""
        raise NotImplementedError(f"{type(self).__name__} must define per_example(examined)")

    def why_not_available(self, values: Tensor) -> str | None:
        """Return why values [N, …] of a split have no summary, such as "all codes are equal"; None if they have.

        Called before `summarise`, which need not check for such values.
        """
        return None

    def summarise(self, values: Tensor) -> float:
        """Return the metric from the values of the whole split, [N, …] float64: their mean unless overridden."""
        return values.mean().item()

    def of_each(self, values: Tensor) -> Tensor | None:
        """Return each example's metric, [N], whose mean is the split's; None if it is not defined for single examples.

        If defined, it is averaged over the draws of `evaluate --samples` and can be a score of `genzoo anomaly`.
        """
        return values if values.dim() == 1 else None

    def standard_error(self, values: Tensor) -> float | None:
        """Return the standard error of values [N, …] over examples; None unless the metric is a mean over examples."""
        each = self.of_each(values)
        return None if each is None or len(each) < 2 else (each.std() / len(each) ** 0.5).item()

    def details(self, values: Tensor) -> dict[str, Any]:
        """Return what is reported beside the metric of values [N, …], as JSON values; called after `summarise`.

        Tables show the text under "note".
        """
        return {}
