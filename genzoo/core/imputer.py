"""The capability to draw hidden values given the others."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from genzoo.core.distributions import Distribution


class Imputer:
    """The capability to draw hidden values given the others. It is a base class beside `Model`.

    `genzoo impute` uses it. Latent models need not have it: their hidden values are drawn by p(z) and p(x|z).
    """

    def impute(self, x: Tensor, known: Tensor) -> Tensor:
        """Draw the hidden values of each example from p(hidden|known).

        Args:
            x: [N, *S]; what it holds at hidden places has no meaning.
            known: [N, *S] bool.

        Returns:
            [N, *S]: x with one draw at the hidden places.

        Raises:
            UsageError: The model cannot draw these values given those.
        """
        raise NotImplementedError(f"{type(self).__name__} must define impute(x, known)")

    def log_hidden(self, x: Tensor, known: Tensor) -> Tensor | None:
        """Return ln p(hidden|known) of complete examples in nats, [N]; None if it is not known.

        Args:
            x: [N, *S].
            known: [N, *S] bool.
        """
        return None


def each_value(px: Distribution, x: Tensor) -> Tensor | None:
    """Return ln p of each value, [*batch, *event], of a distribution of independent values; None of any other.

    Args:
        px: Batch shape [*batch].
        x: [*batch, *event].
    """
    alone = copy.copy(px)
    alone.event_dims = 0
    try:
        terms, whole = alone.log_prob(x), px.log_prob(x)
    except (ValueError, RuntimeError, IndexError):  # its event has axes that it cannot do without
        return None
    if terms.shape != px.shape:
        return None
    together = terms.flatten(len(whole.shape)).sum(-1) if terms.dim() > whole.dim() else terms
    return terms if torch.allclose(together, whole, rtol=1e-3, atol=1e-3) else None
