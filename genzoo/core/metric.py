"""The interface of a metric, and the batches and context that it is computed from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import torch
from torch import Tensor

from genzoo.core.dataset import Batch
from genzoo.core.model import Inference, LatentModel, Model
from genzoo.core.noise import of_examples
from genzoo.core.options import refuse_without_config

if TYPE_CHECKING:
    from genzoo.data.resident import Resident

ACTIVE = 0.01
"""Variance of the posterior mean above which a latent is active (Burda et al. 2016, section 5.2)."""


@dataclass(eq=False)
class EvaluationContext:
    """The evaluation of a model on a whole split."""

    model: Model
    data: Resident
    train: Resident | None = None
    """The training data, in the same units as `data`, for metrics that fit something; None if not available."""
    shared: dict[str, Any] = field(default_factory=dict)
    """Results of one metric's `begin` that other metrics can use."""

    @cached_property
    def example(self) -> Inference:
        """The model's inference on the first example, for the types of its distributions."""
        assert isinstance(self.model, LatentModel)
        batch = self.data.batch(torch.zeros(1, dtype=torch.int64, device=self.data.device))
        with of_examples(self.data.keys[:1]):  # so that it does not depend on which metric uses it first
            return self.model.infer(Batch(batch.x))


class EvaluationBatch:
    """One batch in evaluation. Results that several metrics need are computed once, on first use.

    Args:
        model: The evaluated model.
        batch: The examples.
        keys: [B], the noise key of each example, so that the noise does not depend on which metric is first; None: use
            the current source of noise.
    """

    def __init__(self, model: Model, batch: Batch, keys: Tensor | None = None) -> None:
        self.model = model
        self.batch = batch
        self.keys = keys

    @cached_property
    def inference(self) -> Inference:
        """The model's inference with one posterior sample for each example, without labels: for p(x), not p(x|y)."""
        assert isinstance(self.model, LatentModel)
        with self._noise():
            return self.model.infer(Batch(self.batch.x))

    @cached_property
    def reconstruction(self) -> Tensor:
        """decode(encode(x)), [B, *S]."""
        assert isinstance(self.model, LatentModel)
        q = self.inference.q
        with self._noise():
            return self.model.decode(q.mean)

    @cached_property
    def originals(self) -> tuple[Tensor, Tensor]:
        """x and its reconstruction in the data's own units, [B, *S] each: images lie in [0, 1]."""
        spec = self.model.spec
        return spec.original(self.batch.x), spec.original(self.reconstruction)

    @cached_property
    def squared_error(self) -> Tensor:
        """The squared error of the reconstruction in the data's own units, mean over dimensions: [B]."""
        x, reconstruction = self.originals
        return (reconstruction - x).square().flatten(1).mean(1)

    def parts(self, size: int) -> Iterator[EvaluationBatch]:
        """Yield parts of at most `size` examples. Inside the loop each example has its noise of the whole batch.

        Without keys, noise is not tied to examples, so the whole batch is the only part.
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
    """A metric of a model on a split: a value for each example, and how the values are summarised.

    Metrics are computed without gradients, in evaluation mode, with noise that depends only on the examples.
    """

    Config: ClassVar[type[Any]]
    """The options. `--metrics name:VALUE` sets the first field, `name:OPTION=VALUE` any field."""
    label: ClassVar[str]
    """The name in tables, such as "KL"."""
    unit: ClassVar[str] = ""
    """The unit, such as "nats"; empty for a pure number."""
    better: ClassVar[Literal["lower", "higher"] | None] = "lower"
    """Which of two values is better; None: neither, the metric only describes a model."""
    ideal: ClassVar[float | None] = None
    """The best value, if both lower and higher values are worse, such as 1/2 for an AUROC."""
    needs_train: bool = False
    """Whether this metric uses the training data. Without training data it is not available."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        refuse_without_config(cls)

    def __init__(self, config: Any) -> None:
        self.config = config

    def refuses(self, model: Model) -> str | None:
        """Return why this metric is not available for a model, such as "no prior"; None if it is available."""
        return None

    def begin(self, context: EvaluationContext) -> str | None:
        """Called once for each split, before its first batch. Compute here what all batches need.

        Returns:
            Why this metric is not available for these data, such as "no labels"; None if it is available.
        """
        return None

    def per_example(self, examined: EvaluationBatch) -> Tensor:
        """Return values [B], or [B, …] if `summarise` needs more."""
        raise NotImplementedError(f"{type(self).__name__} must define per_example(examined)")

    def why_not_available(self, values: Tensor) -> str | None:
        """Return why values [N, …] of a split cannot be summarised, such as "all codes are equal"; None if they can.

        Called before `summarise`, which can then rely on it.
        """
        return None

    def summarise(self, values: Tensor) -> float:
        """Return the metric from the values of a whole split, [N, …] float64. The default is the mean over examples."""
        return values.mean().item()

    def of_each(self, values: Tensor) -> Tensor | None:
        """Return the metric of each example, [N], whose mean is that of the split; None if only the split has one.

        With values for each example, `evaluate --samples` averages over draws, and `genzoo anomaly` can use them as a
        score.
        """
        return values if values.dim() == 1 else None

    def standard_error(self, values: Tensor) -> float | None:
        """Return the standard error for values [N, …] of a split; None unless the metric is the mean of `of_each`."""
        each = self.of_each(values)
        return None if each is None or len(each) < 2 else (each.std() / len(each) ** 0.5).item()

    def details(self, values: Tensor) -> dict[str, Any]:
        """Return additional results for values [N], as plain JSON values. Called after `summarise`.

        Tables show the text under "note".
        """
        return {}
