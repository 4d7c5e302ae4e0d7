"""The base of normalising flows: ln p(x) by the change of variables, exact for vectors and a bound for pixels."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import Tensor, nn

import genzoo
from genzoo_plugins.flows.dequantisation import Dequantisation
from genzoo_plugins.flows.layers import Layer, back, through


class Flow(genzoo.Density, genzoo.Autoencoder):
    """z = f(x) with z ~ N(0, I): ln p(x) = ln N(f(x); 0, I) + ln |det ∂f/∂x| (Dinh et al. 2017, eq. 3).

    For vectors ln p(x) is exact. Pixels are discrete: their noise within a level is part of the model, and what is
    reported is a bound on the logarithm of their probability. A subclass defines `make_layers`.
    """

    def __init__(self, spec: genzoo.DataSpec, config: Any) -> None:
        super().__init__(spec, config)
        self.pixels = Dequantisation(spec) if spec.is_image or spec.binary else None
        if self.pixels is not None:
            self.exactness, self.measure = "bound", "probability"
            self.support = "binary" if spec.binary else "levels"
        self.layers = nn.ModuleList(self.make_layers(spec.numel))

    def make_layers(self, size: int) -> Iterable[Layer]:
        """Return the layers of f, for vectors of this length."""
        raise NotImplementedError(f"{type(self).__name__} must define make_layers(size)")

    def to_noise(self, x: Tensor, *, prepare: bool = False) -> tuple[Tensor, Tensor]:
        """Return z = f(x) of real numbers [B, D] and ln |det ∂f/∂x|, [B]; `prepare` initialises the layers first."""
        return through(self.layers, x, prepare=prepare)

    def from_noise(self, z: Tensor) -> Tensor:
        """Return the real numbers f⁻¹(z) of z [N, D], [N, D]."""
        return back(self.layers, z)[0]

    def prepare(self, batch: genzoo.Batch) -> None:
        self.to_noise(batch.x.flatten(1) if self.pixels is None else self.pixels.noisy(batch.x)[0], prepare=True)

    def prior(self) -> genzoo.Distribution:
        return genzoo.StandardNormal((self.spec.numel,), like=self.anchor)

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        numbers, slope = (x.flatten(1), 0.0) if self.pixels is None else self.pixels.noisy(x)
        z, log_det = self.to_noise(numbers)
        return self.prior().log_prob(z) + log_det + slope

    def encode(self, x: Tensor) -> Tensor:
        """Return z = f(x), [B, D]; of pixels in the middle of their levels."""
        return self.to_noise(x.flatten(1) if self.pixels is None else self.pixels.numbers(x, 0.5)[0])[0]

    def decode(self, z: Tensor) -> Tensor:
        """Return x = f⁻¹(z), [N, *S]."""
        x = self.from_noise(z)
        return x.view(-1, *self.spec.shape) if self.pixels is None else self.pixels.pixels(x)

    def sample(self, n: int, y: Tensor | None = None, *, noise: bool = False) -> Tensor:
        return self.decode(self.prior().rsample((n,)))
