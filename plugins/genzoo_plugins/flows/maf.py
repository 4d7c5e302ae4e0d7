"""Masked autoregressive flows."""

from __future__ import annotations

from collections.abc import Iterable

import genzoo
from genzoo.core.nets import Activation
from genzoo_plugins.flows.flow import Flow
from genzoo_plugins.flows.layers import Layer, autoregressive_layers
from genzoo_plugins.flows.transforms import Affine


class MAF(Flow):
    """A flow of affine autoregressive layers (Papamakarios, Pavlakou & Murray 2017, section 3.1).

    ln p(x) takes one pass, and a sample as many small steps as there are values, for each layer. Act-norms stand in the
    place of the paper's batch normalisation.
    """

    @genzoo.config
    class Config:
        layers: genzoo.Count = 5
        """Number of autoregressive layers; the order of the values is reversed after each."""
        hidden: tuple[genzoo.Count, ...] = (128,)
        """Widths of the hidden layers of each masked net. Empty: linear conditionals."""
        activation: Activation = "relu"
        """Nonlinearity of these nets."""
        bound: genzoo.Positive = 3.0
        """Largest absolute log-scale of a layer."""
        act_norm: bool = True
        """Whether a scaling and shift of each dimension, set by the first batch, precedes each layer."""

    def make_layers(self, size: int) -> Iterable[Layer]:
        own = self.config
        return autoregressive_layers(
            size, own.layers, own.hidden, Affine(own.bound), activation=own.activation, act_norm=own.act_norm
        )
