"""Quantisers without a codebook: the vectors of their codes are fixed points of a lattice."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

import genzoo

MARGIN = 1e-3
"""How far the encoder's output reaches beyond the outermost levels, as a share of their distance."""
ENTROPY = 0.1
"""Weight of the entropies of lookup-free codes, relative to a nat (Yu et al. 2024, section 3.1)."""

TINY = 1e-6


class Lattice(genzoo.Quantiser):
    """A quantiser whose first batch sets the centre and the scale of the encoder's output.

    Otherwise the first outputs hardly differ, and all examples may have the same codes.
    """

    centre: Tensor
    spread: Tensor

    def __init__(self, size: int, dim: int) -> None:
        super().__init__(size, dim)
        self.register_buffer("centre", torch.zeros(dim, 1, 1))
        self.register_buffer("spread", torch.ones(dim, 1, 1))

    def start(self, encoded: Tensor) -> None:
        each = encoded.movedim(-3, 0).flatten(1)
        self.centre.copy_(each.mean(1)[:, None, None])
        self.spread.copy_(each.std(1).clamp_min(TINY)[:, None, None])

    def bound(self, encoded: Tensor) -> Tensor:
        return (encoded - self.centre) / self.spread


class FiniteScalar(Lattice):
    """Number d of a vector is rounded to one of L_d equidistant levels (Mentzer et al. 2024, section 3.1).

    The K = Π L_d codes need no loss of their own. An even number of levels has one more below 0 than above.
    """

    symbol = "L₁,L₂,…, the number of levels of each dimension,"
    default = "8,5,5,5"
    levels: Tensor
    basis: Tensor

    def __init__(self, size: int, dim: int, levels: str) -> None:
        numbers = [int(level) for level in levels.split(",")]
        super().__init__(math.prod(numbers), len(numbers))
        before = [math.prod(numbers[:place]) for place in range(len(numbers))]
        for name, values in (("levels", numbers), ("basis", before)):
            self.register_buffer(name, torch.tensor(values)[:, None, None], persistent=False)

    @classmethod
    def parse(cls, text: str) -> str:
        levels = text.split(",")
        if not all(level.isascii() and level.isdecimal() and 2 <= int(level) <= 256 for level in levels):
            raise ValueError(f"{cls.symbol} are whole numbers from 2 to 256")
        return ",".join(str(int(level)) for level in levels)

    @property
    def steps_below(self) -> Tensor:
        """The number of steps from the lowest level to 0, ⌊L/2⌋, [D, 1, 1]: vectors are in units of it."""
        return self.levels // 2

    def bound(self, encoded: Tensor) -> Tensor:
        reach = (self.levels - 1) * (1 + MARGIN) / 2
        offset = 0.5 * (1 - self.levels % 2)
        return ((super().bound(encoded) + (offset / reach).atanh()).tanh() * reach - offset) / self.steps_below

    def nearest(self, vectors: Tensor) -> Tensor:
        steps = (vectors.detach() * self.steps_below).round().long() + self.steps_below
        return (steps.clamp_min(0).minimum(self.levels - 1) * self.basis).sum(-3)

    def look_up(self, codes: Tensor) -> Tensor:
        steps = codes.unsqueeze(-3) // self.basis % self.levels
        return (steps - self.steps_below) / self.steps_below


class LookupFree(Lattice):
    """B bits: the signs of the encoder's output, whose 2ᴮ codes are vectors of ±1 (Yu et al. 2024, section 3.1).

    The penalty makes each bit sure, and both of its values equally frequent in a batch: for the probabilities σ(4z) of
    a 1, of the softmax of −‖z − c‖² over the vectors c, it is the mean entropy minus the entropy of the mean.
    """

    symbol = "B, the number of bits,"
    default = 9
    commits = True
    basis: Tensor

    def __init__(self, size: int, dim: int, bits: int) -> None:
        if bits > 16:
            raise genzoo.UsageError(f"--quantiser lfq:{bits}: at most 16 bits", "lfq:9")
        super().__init__(2**bits, bits)
        self.register_buffer("basis", 2 ** torch.arange(bits)[:, None, None], persistent=False)

    def nearest(self, vectors: Tensor) -> Tensor:
        return ((vectors.detach() > 0) * self.basis).sum(-3)

    def look_up(self, codes: Tensor) -> Tensor:
        return (2 * (codes.unsqueeze(-3) // self.basis % 2) - 1).to(torch.get_default_dtype())

    def penalty(self, points: Tensor) -> Tensor:
        logits = 4 * points
        shares = torch.sigmoid(logits)
        unsure = (F.softplus(logits) - shares * logits).mean((0, 2, 3)).sum()  # finite for every logit
        mean = genzoo.gather(shares).mean((0, 2, 3)).clamp(TINY, 1 - TINY)
        mixed = (torch.special.entr(mean) + torch.special.entr(1 - mean)).sum()
        penalty: Tensor = ENTROPY * points.shape[-2] * points.shape[-1] * (unsure - mixed)
        return penalty
