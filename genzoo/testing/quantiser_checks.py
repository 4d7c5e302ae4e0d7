"""Checks of a quantiser alone: its codes are those of the nearest vectors, and gradients pass straight through."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from genzoo.core.noise import seeded
from genzoo.testing.check import Check, require

if TYPE_CHECKING:
    from genzoo.testing.part_checks import PartTarget

CODES, DIM, ROWS = 6, 2, 4
"""K and D that a codebook gets, and B."""
TOLERANCE = 1e-3


def check_codes(target: PartTarget) -> None:
    """Every code comes back from its vector, no two codes have one vector, and codes are below K."""
    part = quantiser(target)
    every = torch.arange(part.size)[:, None]
    with torch.no_grad():
        vectors = part.look_up(every)
        again = part.nearest(vectors)
    require(tuple(vectors.shape) == (part.dim, part.size, 1), f"look_up of {part.size} codes in a column has the shape "
            f"{tuple(vectors.shape)}, not {(part.dim, part.size, 1)}")  # fmt: skip
    wrong = int((again != every).sum())
    require(again.dtype == torch.int64, f"nearest(vectors) is {again.dtype}, not torch.int64")
    require(wrong == 0, f"{wrong} of {part.size} codes do not come back from their vectors")


def check_nearest(target: PartTarget) -> None:
    """The first code of a point is that of the nearest vector, and what it stands for is the point itself."""
    part, points = quantiser(target), _points(target)
    with torch.no_grad():
        left, codes = part(points)
        table = part.look_up(torch.arange(part.size)[:, None])[..., 0].mT
        distances = torch.cdist(points.movedim(1, -1).flatten(0, -2), table)
    rows = part.depth * points.shape[2]
    require(tuple(codes.shape) == (ROWS, rows, 3), f"codes have the shape {tuple(codes.shape)}, not {(ROWS, rows, 3)}")
    require(torch.equal(left[:, :, :2], points), "the first vector at a place does not stand for the point")
    chosen = distances.gather(1, codes[:, :2].reshape(-1, 1))[:, 0]
    far = (chosen - distances.amin(1)).max().item()
    require(far < TOLERANCE, f"a point's vector is {far:.2g} farther away than the nearest")


def check_straight(target: PartTarget) -> None:
    """The points have a gradient to the encoder's output, and what the vectors stand for has the gradient 1 to them."""
    part = quantiser(target)
    with seeded(7):
        encoded = torch.randn(ROWS, part.dim, 2, 3).requires_grad_()
    points = part.bound(encoded)
    left, _ = part(points)
    direction = torch.randn(points.shape, generator=torch.Generator().manual_seed(0))
    weights = direction if part.depth == 1 else torch.cat([direction] * part.depth, -2) / part.depth
    (through,) = torch.autograd.grad((left * weights).sum(), points, retain_graph=True)
    off = (through - direction).abs().max().item()
    require(off < TOLERANCE, f"the gradient of what the vectors stand for is off by {off:.2g}")
    (back,) = torch.autograd.grad((points * direction).sum(), encoded)
    require(
        bool(back.isfinite().all() and back.any()), "bound(encoded) has no finite gradient for the encoder's output"
    )
    penalty = part.penalty(points)
    require(penalty is None or penalty.dim() == 0, "penalty(points) is no scalar")


def quantiser(target: PartTarget) -> Any:
    """Return the quantiser with drawn weights."""
    with seeded(6), torch.no_grad():
        part = target.build(CODES, DIM)
        part.reset()
    return part


def _points(target: PartTarget) -> Tensor:
    """Return points [B, D, 2, 3] that a quantiser gets."""
    part = quantiser(target)
    with seeded(7), torch.no_grad():
        points: Tensor = part.bound(torch.randn(ROWS, part.dim, 2, 3))
    return points


OF_QUANTISERS: dict[str, Check[PartTarget]] = {
    "codes": Check(check_codes, "let nearest invert look_up; number codes from 0 to size − 1"),
    "nearest": Check(check_nearest, "choose the nearest vector; return the points and the codes"),
    "straight": Check(check_straight, "detach nothing in bound, and return the points with their gradient"),
}
