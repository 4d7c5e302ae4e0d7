"""The interface of a loss."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor, nn

from genzoo.core.dataset import Batch
from genzoo.core.model import Model, without_prior
from genzoo.core.options import refuse_without_config


class Loss(nn.Module):
    """A training objective. Its own parameters are trained together with the model's."""

    Config: ClassVar[type[Any]]
    accepts: ClassVar[type[Model]] = Model
    """The type of model it can train. Other models are refused before training."""
    needs_prior: ClassVar[bool] = False
    """Whether models without a prior p(z) are also refused."""
    rate_options: ClassVar[Mapping[str, str]] = {}
    """Options that trade rate for distortion, and their symbols, such as {"beta": "β"}. Runs that differ in no other
    option are points of one rate–distortion curve, labelled by the first of these options that is set and has a symbol.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        refuse_without_config(cls)

    def __init__(self, model: Model, config: Any) -> None:
        super().__init__()
        self.config = config

    @classmethod
    def refuses(cls, model: Model) -> str | None:
        """Return why this loss cannot train a model, as the end of a sentence; None if it can."""
        if not isinstance(model, cls.accepts):
            return f"it needs a {cls.accepts.__name__}, and {type(model).__name__} is not one"
        if cls.needs_prior and without_prior(model):
            return f"it needs a prior p(z), and {type(model).__name__} has none"
        return None

    @classmethod
    def against_collapse(cls, options: Mapping[str, Any]) -> list[str]:
        """Return what to change in options of a run whose model ignores most of its latents, as parts of a sentence.

        Args:
            options: The run's options of this loss, as JSON values; old runs may lack some.
        """
        return []

    def forward(self, model: Model, batch: Batch, step: Tensor) -> dict[str, Tensor]:
        """Return named scalars, each a mean over the B examples. "loss" is minimised; all are logged.

        Args:
            model: The model given to the constructor.
            batch: x [B, *S], y [B] or None.
            step: The number of optimiser steps so far, a 0-d int64 tensor on the device.
        """
        raise NotImplementedError(f"{type(self).__name__} must define forward(model, batch, step)")
