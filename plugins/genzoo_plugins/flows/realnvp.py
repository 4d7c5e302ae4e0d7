"""RealNVP and NICE: affine or additive coupling layers on vectors, or on flattened and dequantised images."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import genzoo
from genzoo.core.nets import Activation
from genzoo_plugins.flows.flow import Flow
from genzoo_plugins.flows.layers import Layer, coupling_layers
from genzoo_plugins.flows.transforms import Additive, Affine


class RealNVP(Flow):
    """A flow of affine couplings (Dinh et al. 2017, section 3), or of additive ones, as in NICE (Dinh et al. 2015).

    Additive couplings preserve volume; then only the act-norms change it, as the one scaling of NICE does.
    """

    @genzoo.config
    class Config:
        couplings: genzoo.Count = 8
        """Number of coupling layers."""
        coupling: Literal["affine", "additive"] = "affine"
        """Whether a coupling scales and shifts values, or only shifts them."""
        hidden: tuple[genzoo.Count, ...] = (128, 128)
        """Widths of the hidden layers of each coupling's net."""
        activation: Activation = "relu"
        """Nonlinearity of these nets."""
        bound: genzoo.Positive = 2.0
        """Largest absolute log-scale of an affine coupling."""
        act_norm: bool = True
        """Whether a scaling and shift of each dimension, set by the first batch, precedes each coupling."""

    def make_layers(self, size: int) -> Iterable[Layer]:
        own = self.config
        transform = Affine(own.bound) if own.coupling == "affine" else Additive()
        return coupling_layers(
            size, own.couplings, own.hidden, transform, activation=own.activation, act_norm=own.act_norm
        )
