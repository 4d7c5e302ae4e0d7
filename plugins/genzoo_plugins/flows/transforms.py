"""Increasing maps of single numbers, whose parameters a net puts out. All numbers 0 give the identity."""

from __future__ import annotations

import math
from typing import NamedTuple, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

LARGEST = 2.5
"""The largest absolute parameter of a spline: steeper bins lose too many digits in single precision."""
LEAST = 1e-3
"""The least width and height of a spline's bin, as a share of the box, and its least slope (Durkan et al. 2019)."""


class Transform(Protocol):
    """An increasing map of each value x, with parameters of its own."""

    outputs: int
    """The number of parameters of each value."""

    def __call__(self, x: Tensor, raw: Tensor) -> tuple[Tensor, Tensor]:
        """Return y and ln dy/dx, [*, D] each, for x [*, D] and parameters raw [*, outputs, D]."""
        ...

    def inverse(self, y: Tensor, raw: Tensor) -> tuple[Tensor, Tensor]:
        """Return x and ln dx/dy, [*, D] each, for y [*, D] and parameters raw [*, outputs, D]."""
        ...


class Additive:
    """y = x + t (Dinh et al. 2015, section 3.2)."""

    outputs = 1

    def __call__(self, x: Tensor, raw: Tensor) -> tuple[Tensor, Tensor]:
        return x + raw.squeeze(-2), torch.zeros_like(x)

    def inverse(self, y: Tensor, raw: Tensor) -> tuple[Tensor, Tensor]:
        return y - raw.squeeze(-2), torch.zeros_like(y)


class Affine:
    """y = x·exp(s) + t, with s between −bound and bound (Dinh et al. 2017, eq. 7)."""

    outputs = 2

    def __init__(self, bound: float) -> None:
        self.bound = bound

    def parameters(self, raw: Tensor) -> tuple[Tensor, Tensor]:
        """Return s and t, [*, D] each."""
        scale, shift = raw.unbind(-2)
        return self.bound * torch.tanh(scale / self.bound), shift

    def __call__(self, x: Tensor, raw: Tensor) -> tuple[Tensor, Tensor]:
        log_scale, shift = self.parameters(raw)
        return x * log_scale.exp() + shift, log_scale

    def inverse(self, y: Tensor, raw: Tensor) -> tuple[Tensor, Tensor]:
        log_scale, shift = self.parameters(raw)
        return (y - shift) * (-log_scale).exp(), -log_scale


class Bin(NamedTuple):
    """The bins of a spline in which values lie, [*, D] each."""

    left: Tensor
    bottom: Tensor
    width: Tensor
    height: Tensor
    at_left: Tensor
    """The slope at the left edge."""
    at_right: Tensor

    @property
    def rise(self) -> Tensor:
        """The mean slope s of the bin."""
        return self.height / self.width

    def log_slope(self, share: Tensor) -> Tensor:
        """Return ln dy/dx at a share ξ of the width (Durkan et al. 2019, eq. 5)."""
        both, rise = share * (1 - share), self.rise
        above = self.at_right * share.square() + 2 * rise * both + self.at_left * (1 - share).square()
        below = rise + (self.at_right + self.at_left - 2 * rise) * both
        return 2 * rise.log() + above.log() - 2 * below.log()


class Spline:
    """A rational-quadratic spline in the box [−box, box]², and the identity outside (Durkan et al. 2019, section 3.1).

    Args:
        bins: K, the number of bins. Each value has K widths, K heights and the K − 1 slopes between the bins; the slope
            at the ends of the box is 1.
        box: Half the side of the box.
    """

    def __init__(self, bins: int, box: float) -> None:
        self.bins = bins
        self.box = box
        self.outputs = 3 * bins - 1

    def __call__(self, x: Tensor, raw: Tensor) -> tuple[Tensor, Tensor]:
        # A value outside is computed as the end of the box: no branch that `where` leaves out can overflow.
        inside, at = x.abs() < self.box, x.clamp(-self.box, self.box)
        own = self.bin_of(at, raw, axis=0)
        share, rise = (at - own.left) / own.width, own.rise
        both = share * (1 - share)
        below = rise + (own.at_right + own.at_left - 2 * rise) * both
        y = own.bottom + own.height * (rise * share.square() + own.at_left * both) / below
        return torch.where(inside, y, x), torch.where(inside, own.log_slope(share), 0.0)

    def inverse(self, y: Tensor, raw: Tensor) -> tuple[Tensor, Tensor]:
        inside, at = y.abs() < self.box, y.clamp(-self.box, self.box)
        own = self.bin_of(at, raw, axis=1)
        rise, up = own.rise, at - own.bottom
        bent = up * (own.at_right + own.at_left - 2 * rise)
        a, b, c = own.height * (rise - own.at_left) + bent, own.height * own.at_left - bent, -rise * up
        # Rounding must not make the discriminant negative. This form of the root does not cancel (eq. 29).
        root = (b.square() - 4 * a * c).clamp_min(torch.finfo(y.dtype).tiny).sqrt()
        share = (2 * c / (-b - root)).clamp(0, 1)
        x = own.left + share * own.width
        return torch.where(inside, x, y), torch.where(inside, -own.log_slope(share), 0.0)

    def bin_of(self, at: Tensor, raw: Tensor, axis: int) -> Bin:
        """Return the bins of values `at` [*, D] on the axis of x, 0, or of y, 1, for parameters [*, outputs, D]."""
        raw = LARGEST * torch.tanh(raw / LARGEST)
        widths, heights, slopes = raw.movedim(-2, -1).split([self.bins, self.bins, self.bins - 1], -1)
        slopes = LEAST + F.softplus(slopes + math.log(math.expm1(1 - LEAST)))
        knots = torch.stack([self.edges(widths), self.edges(heights), F.pad(slopes, (1, 1), value=1.0)], -1)
        index = (at[..., None] >= knots[..., 1:-1, axis]).sum(-1)[..., None, None]
        low, high = (torch.take_along_dim(knots, index + step, -2).squeeze(-2) for step in (0, 1))
        (left, bottom, at_left), (right, top, at_right) = low.unbind(-1), high.unbind(-1)
        return Bin(left, bottom, right - left, top - bottom, at_left, at_right)

    def edges(self, raw: Tensor) -> Tensor:
        """Return the K + 1 edges of bins whose sizes are a softmax of raw [*, K], from −box to box."""
        shares = LEAST + (1 - LEAST * self.bins) * raw.softmax(-1)
        between = self.box * (2 * shares[..., :-1].cumsum(-1) - 1)
        return F.pad(F.pad(between, (1, 0), value=-self.box), (0, 1), value=self.box)
