"""Draw hidden values of examples given the others, by any model that can."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from genzoo.core.combinators import Composite
from genzoo.core.distributions import Delta, Distribution
from genzoo.core.errors import UsageError
from genzoo.core.imputer import Imputer, each_value
from genzoo.core.model import Exactness, LatentModel, Model

WARM_UP = 0.2
"""Share of the steps in the latents that accept every proposal, to leave the starting point."""
OTHERS = "other models: genzoo list --kind model"


class Imputation(NamedTuple):
    """Draws of hidden values, and how probable the true ones are."""

    draws: Tensor
    """[K, B, *S]: x with the hidden values drawn."""
    log_hidden: Tensor | None
    """ln p(hidden|known) in nats, [B]; None if it is not known."""
    exactness: Exactness = "exact"
    """What `log_hidden` is; a bound is too low on average."""


def impute(model: Model, x: Tensor, known: Tensor, draws: int, steps: int) -> Imputation:
    """Draw hidden values of examples from p(hidden|known).

    Args:
        model: An `Imputer`, or a latent model with p(z) and independent values given z.
        x: [B, *S]; what it holds at hidden places is used for `log_hidden` alone.
        known: [B, *S] bool.
        draws: K.
        steps: Steps of the chain of a latent model.

    Raises:
        UsageError: The model can draw none of these values given the others.
    """
    many, given = (values.repeat(draws, *[1] * (x.dim() - 1)) for values in (x, known))
    if isinstance(model, Imputer):
        drawn = torch.where(given, many, model.impute(many, given))
        return Imputation(drawn.unflatten(0, (draws, len(x))), model.log_hidden(x, known))
    if not isinstance(model, LatentModel):
        raise UsageError(f"{type(model).__name__} cannot draw some values given others", OTHERS)
    if reason := why_not(model, x[:1]):
        raise UsageError(f"{type(model).__name__} cannot draw some values given others: {reason}", OTHERS)
    drawn, found = by_latents(model, many, given, steps)
    log_hidden = None if found is None else found.view(draws, -1).logsumexp(0) - math.log(draws)
    return Imputation(drawn.unflatten(0, (draws, len(x))), log_hidden, "bound")


def why_not(model: LatentModel, x: Tensor) -> str | None:
    """Return why the hidden values of a latent model cannot be drawn; None if they can."""
    q, p = model.posterior(x), model.prior()
    if p is None:
        return "it has no prior p(z)"
    if isinstance(q, Delta) or q.measure != p.measure or q.measure == "none":
        return "its q(z|x) is a point"
    px = model.likelihood(q.rsample())
    independent = isinstance(px, Composite) or each_value(px, x) is not None
    return None if independent else "its values depend on each other, given z"


def by_latents(model: LatentModel, x: Tensor, known: Tensor, steps: int) -> tuple[Tensor, Tensor | None]:
    """Draw z given the known values and the hidden ones given z in turn (Mattei & Frellsen 2018, algorithm 2).

    A proposal of z from q(z|x) is accepted as by Metropolis and Hastings, so that the chain approaches the exact
    p(hidden|known), however good q is. At first every proposal is accepted, as by Rezende, Mohamed & Wierstra 2014.

    Grey pixels of a model of black and white ones are not draws: there the hidden values are the centre of p(x|z), and
    have no probability.

    Args:
        model: Has p(z), q(z|x) and p(x|z) of independent values.
        x: [N, *S]; the values at hidden places are used for the second result alone.
        known: [N, *S] bool.
        steps: Steps of each chain.

    Returns:
        x with the hidden values of the last step, [N, *S]; ln of the mean of p(hidden|z) over the later half of the
        steps, [N], or None where p(x|z) has no single values.
    """
    p, truth = model.prior(), x
    assert p is not None
    px = model.likelihood(p.rsample((len(x),)))
    grey = px.support == "binary" and bool(((x != 0) & (x != 1) & known).any())
    x, z, found = torch.where(known, x, px.rsample()), None, []
    for step in range(steps):
        q = model.posterior(x)
        new = q.rsample()
        if z is None or step < WARM_UP * steps:
            z = new
        else:
            gain = log_weight(model, p, q, x, new) - log_weight(model, p, q, x, z)
            accepted = torch.rand_like(gain).log() < gain
            z = torch.where(accepted.view(-1, *[1] * (z.dim() - 1)), new, z)
        px = model.likelihood(z)
        x = torch.where(known, x, px.centre if grey else px.rsample())
        if not grey and 2 * step >= steps and (terms := each_value(px, truth)) is not None:
            found.append(terms.masked_fill(known, 0.0).flatten(1).sum(1))
    return x, torch.stack(found).logsumexp(0) - math.log(len(found)) if found else None


def log_weight(model: LatentModel, p: Distribution, q: Distribution, x: Tensor, z: Tensor) -> Tensor:
    """Return ln p(x|z) + ln p(z) − ln q(z|x), [N]."""
    return model.likelihood(z).log_prob(x) + p.log_prob(z) - q.log_prob(z)


SIDES = ("left", "right", "top", "bottom")
"""The halves of an image that can be hidden."""


def hidden_half(side: str, shape: tuple[int, ...]) -> Tensor:
    """Return which values of an image of shape (C, H, W) lie in a half, [C, H, W] bool; a middle line does not."""
    axis = -1 if side in ("left", "right") else -2
    length = shape[axis]
    number = torch.arange(length)
    half = number < length // 2 if side in ("left", "top") else number >= length - length // 2
    return (half if axis == -1 else half[:, None]).expand(shape).clone()
