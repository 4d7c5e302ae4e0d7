"""Neural spline flows with coupling layers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import genzoo
from genzoo.core.nets import Activation
from genzoo_plugins.flows.flow import Flow
from genzoo_plugins.flows.layers import Layer, coupling_layers
from genzoo_plugins.flows.transforms import Spline


class SplineFlow(Flow):
    """A flow of couplings whose transforms are monotone rational-quadratic splines (Durkan et al. 2019).

    The act-norms keep the values inside the box, outside of which a spline is the identity.
    """

    @genzoo.config
    class Config:
        couplings: genzoo.Count = 6
        """Number of coupling layers."""
        hidden: tuple[genzoo.Count, ...] = (64, 64)
        """Widths of the hidden layers of each coupling's net."""
        activation: Activation = "relu"
        """Nonlinearity of these nets."""
        bins: Annotated[int, genzoo.Range(1, 100)] = 8
        """Number of bins of each spline."""
        box: genzoo.Positive = 4.0
        """A spline maps the interval from −box to box to itself."""
        act_norm: bool = True
        """Whether a scaling and shift of each dimension, set by the first batch, precedes each coupling."""

    def make_layers(self, size: int) -> Iterable[Layer]:
        own = self.config
        return coupling_layers(
            size,
            own.couplings,
            own.hidden,
            Spline(own.bins, own.box),
            activation=own.activation,
            act_norm=own.act_norm,
        )
