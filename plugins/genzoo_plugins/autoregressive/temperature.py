"""The temperature T of sampling: each conditional p is replaced by p^(1/T), normalised. T < 1 favours likely values."""

from __future__ import annotations

import math

import torch
from torch import Tensor

import genzoo
from genzoo.core.imputer import each_value
from genzoo.core.observation import ContinuousBernoulli, Laplace

WHITE = 255
"""The largest grey level."""


@genzoo.config
class Temperature:
    """The sampling options of autoregressive models."""

    temperature: genzoo.Positive = 1.0
    """Each conditional p is drawn from p^(1/temperature), normalised; 1 is the model's own distribution."""


def draw_tempered(p: genzoo.Distribution, temperature: float) -> Tensor:
    """Draw from p^(1/T), normalised, for a distribution of independent values; from p itself at T = 1.

    Raises:
        UsageError: No such draw is known for p.
    """
    if temperature == 1.0:
        return p.rsample()
    if p.support == "levels" and (drawn := _tempered_levels(p, temperature)) is not None:
        return drawn
    if isinstance(p, (genzoo.Bernoulli, ContinuousBernoulli)):
        return type(p)(p.logits / temperature, p.event_dims).rsample()
    if isinstance(p, genzoo.Categorical):
        return genzoo.Categorical(p.log_probabilities / temperature, p.event_dims).rsample()
    if isinstance(p, genzoo.DiagGaussian):
        return genzoo.DiagGaussian(p.mean, p.log_var + math.log(temperature), p.event_dims).rsample()
    if isinstance(p, Laplace):
        return Laplace(p.mean, p.log_scale + math.log(temperature), p.event_dims).rsample()
    raise genzoo.UsageError(f"--temperature is not known for a {type(p).__name__}", "leave it out")


def _tempered_levels(p: genzoo.Distribution, temperature: float) -> Tensor | None:
    """Draw grey levels from p^(1/T), from the probabilities of all 256; None if the values are not independent."""
    every = []
    for level in torch.arange(WHITE + 1, device=p.mean.device) / WHITE:
        terms = each_value(p, level.expand(p.shape))
        if terms is None:
            return None
        every.append(terms)
    return genzoo.Categorical(torch.stack(every, -1) / temperature, p.event_dims).rsample() / WHITE
