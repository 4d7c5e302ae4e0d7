"""The interface of a loss."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

from torch import Tensor, nn

from genzoo.core.dataset import Batch
from genzoo.core.model import Model, without_prior
from genzoo.core.options import refuse_without_config


class Phase(NamedTuple):
    """One of the updates that make up a training step: a forward pass, a backward pass and an update of its own."""

    term: str = "loss"
    """The name of the term that is minimised."""
    of: str = ""
    """Whose parameters are trained: "model", "loss", or the beginning of parameter names, such as "model.critic"; "":
    all. The phases of a loss share no parameter and leave none out."""
    every: int = 1
    """The phase is active in every `every`-th step, first in step number every − 1 (from 0). One phase at least is
    active in every step."""
    lr: float = 1.0
    """Factor of the learning rate."""
    betas: tuple[float, float] | None = None
    """Adam's decay rates; None: those of the training."""


class Loss(nn.Module):
    """A training objective. Its own parameters are trained together with the model's.

    A loss of several phases trains parts of the parameters in turn, each by its own term: `forward` then gets the
    number of the phase. All active phases of a step see the same batch and have noise of their own.
    """

    Config: ClassVar[type[Any]]
    accepts: ClassVar[type[Model]] = Model
    """The type of model it can train. Other models are refused before training."""
    needs_prior: ClassVar[bool] = False
    """Whether models without a prior p(z) are also refused."""
    rate_options: ClassVar[Mapping[str, str]] = {}
    """Options that trade rate for distortion, and their symbols, such as {"beta": "β"}. Runs that differ in no other
    option are points of one rate–distortion curve, labelled by the first of these options that is set and has a symbol.
    """
    phases: tuple[Phase, ...] = (Phase(),)
    """The updates of a step, in order. A loss whose options decide assigns `self.phases` in its constructor."""
    watched: ClassVar[str] = "loss"
    """The validation term that early stopping compares; "": none tells which epoch is better, as in a game."""
    second_order: bool = False
    """Whether `forward` differentiates, as for a gradient penalty. Such a loss is not compiled."""

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

        A loss of several phases defines forward(model, batch, step, phase=0) and returns the terms of that phase, which
        no other phase returns. The phase's own term is minimised.

        Args:
            model: The model given to the constructor.
            batch: x [B, *S], y [B] or None.
            step: The number of optimiser steps so far, a 0-d int64 tensor on the device.
        """
        raise NotImplementedError(f"{type(self).__name__} must define forward(model, batch, step)")

    def begin(self, model: Model, total_steps: int) -> None:
        """Called once before the first step, also of a resumed training, whose buffers are then restored.

        Buffers are changed in place. A number derived from `total_steps` may be kept as an attribute.
        """

    def after_step(self, model: Model, batch: Batch, step: Tensor) -> None:
        """Called after the last update of each step, without gradient, in training mode.

        It is part of the captured step, so it reads no value back. It may change buffers, in place, and the data of
        parameters, and nothing else. What it changed is restored if the step is not finite.

        Args:
            model: The model given to the constructor, after the step's updates.
            batch: The step's x [B, *S] and y [B] or None; in several processes this process's own: `genzoo.gather`.
            step: The number of steps before this one, a 0-d int64 tensor on the device.
        """

    def acts_after_step(self) -> bool:
        """Return whether the class, or this loss alone, defines `after_step`."""
        return getattr(self.after_step, "__func__", None) is not Loss.after_step
