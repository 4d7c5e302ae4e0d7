"""The interface of a metric, and what it is given to look at."""

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
"""Variance of the posterior mean above which a latent counts as active (Burda et al. 2016, section 5.2)."""


@dataclass(eq=False)
class EvaluationContext:
    """What is evaluated: a model on the whole of a split."""

    model: Model
    data: Resident
    train: Resident | None = None
    """The training data, seen as `data` are: for metrics that fit something. None if nobody gave any."""
    shared: dict[str, Any] = field(default_factory=dict)
    """What one metric computed in `begin` and others can use."""

    @cached_property
    def example(self) -> Inference:
        """What the model says of the first example: the kinds of its distributions."""
        assert isinstance(self.model, LatentModel)
        batch = self.data.batch(torch.zeros(1, dtype=torch.int64, device=self.data.device))
        with of_examples(self.data.keys[:1]):  # it takes nothing from the noise of whoever asks first
            return self.model.infer(Batch(batch.x))


class EvaluationBatch:
    """One batch under evaluation. What several metrics need is computed once, when first asked for.

    Args:
        model: What is evaluated.
        batch: On what.
        keys: [B], whose noise the examples have here, whichever metric asks first; None: that of the place.
    """

    def __init__(self, model: Model, batch: Batch, keys: Tensor | None = None) -> None:
        self.model = model
        self.batch = batch
        self.keys = keys

    @cached_property
    def inference(self) -> Inference:
        """One posterior sample an example. The model is not told the classes: it speaks of p(x), not of p(x|y)."""
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
        """x and its reconstruction in the data's own units, [B, *S]: images lie in [0, 1], however they are seen."""
        spec = self.model.spec
        return spec.original(self.batch.x), spec.original(self.reconstruction)

    @cached_property
    def squared_error(self) -> Tensor:
        """Of the reconstruction, in the data's own units, the mean over an example's dimensions: [B]."""
        x, again = self.originals
        return (again - x).square().flatten(1).mean(1)

    def parts(self, size: int) -> Iterator[EvaluationBatch]:
        """Yield the examples `size` at a time; inside the loop each has the noise that it has in the whole batch.

        Where the noise is that of the place, which is for the whole batch, so is the only part.
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
    """A figure of a model on a split: one value an example, and how the values become a figure.

    Metrics are computed without gradients, in evaluation mode, with noise that depends on nothing but the examples.
    """

    Config: ClassVar[type[Any]]
    """Its first field is what `--metrics name:VALUE` sets; `name:OPTION=VALUE` sets any."""
    label: ClassVar[str]
    """How tables call it, such as "KL"."""
    unit: ClassVar[str] = ""
    """Such as "nats"; empty for a pure number."""
    better: ClassVar[Literal["lower", "higher"] | None] = "lower"
    """Which of two figures is the better one; None: neither, the figure only describes a model."""
    ideal: ClassVar[float | None] = None
    """The best figure of all where both lower and higher ones are worse, such as one half of an AUROC."""
    needs_train: bool = False
    """Whether it, or this instance of it, looks at the training data too; where there are none, it is not available."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        refuse_without_config(cls)

    def __init__(self, config: Any) -> None:
        self.config = config

    def refuses(self, model: Model) -> str | None:
        """Why this model has no such figure, such as "no prior"; None if it has."""
        return None

    def begin(self, context: EvaluationContext) -> str | None:
        """Called once a split, before its first batch: the place to compute what all batches are held against.

        Returns:
            Why these data have no such figure, such as "no labels"; None if they have.
        """
        return None

    def per_example(self, examined: EvaluationBatch) -> Tensor:
        """[B] values, or [B, …] of what `summarise` needs."""
        raise NotImplementedError(f"{type(self).__name__} must define per_example(examined)")

    def why_not_available(self, values: Tensor) -> str | None:
        """Why values [N, …] of a whole split make no figure, such as "all codes are equal"; None if they do.

        Asked for before `summarise`, which then need not guard against them.
        """
        return None

    def summarise(self, values: Tensor) -> float:
        """One figure from the values of the whole split, [N, …] float64. The mean over examples unless overridden."""
        return values.mean().item()

    def of_each(self, values: Tensor) -> Tensor | None:
        """The figure of every single example, [N], whose mean is that of the split; None where single ones have none.

        Where there is one, it is averaged over `evaluate --samples` draws, and can be a score of `genzoo anomaly`.
        """
        return values if values.dim() == 1 else None

    def standard_error(self, values: Tensor) -> float | None:
        """Of the figure over the choice of examples; None unless it is the mean of those of each, [N]."""
        each = self.of_each(values)
        return None if each is None or len(each) < 2 else (each.std() / len(each) ** 0.5).item()

    def details(self, values: Tensor) -> dict[str, Any]:
        """What belongs beside the figure of values [N], as plain JSON values; asked for once `summarise` has had them.

        The text under "note" is shown in tables.
        """
        return {}
