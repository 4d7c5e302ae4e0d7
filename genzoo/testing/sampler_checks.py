"""Checks of a registered sampler: its density is normalised, its samples follow it, and it survives being stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from genzoo.core.noise import seeded
from genzoo.core.parts import Sampler
from genzoo.registry.parts import make_part
from genzoo.runs.samplers import restore
from genzoo.testing.check import Check, require

if TYPE_CHECKING:
    from genzoo.testing.part_checks import PartTarget

CODES = 300
"""Codes that it is fitted to."""
DRAWS = 4000
"""Samples that are counted."""
SIDE, REACH = 240, 9.0
"""Points along each side of the square over which the density is integrated, and half of the side."""
TOLERANCE = 0.02
SIGMAS = 5.0


def fitted(target: PartTarget) -> Sampler:
    """Return the sampler, fitted to codes of two dimensions: of two clusters, one of them narrow and correlated."""
    sampler: Sampler = target.build((2,))
    with torch.no_grad(), seeded(0):
        codes = torch.randn(CODES, 2, dtype=torch.float64)
        codes[::3] = torch.stack([0.4 * codes[::3, 0] + 2, 0.4 * codes[::3, 0] + 0.2 * codes[::3, 1]], 1)
    with seeded(1):
        sampler.fit(codes)
    return sampler.eval()


def grid() -> tuple[Tensor, float]:
    """Return the points of the square, [SIDE², 2], and the area of each."""
    line = torch.linspace(-REACH, REACH, SIDE, dtype=torch.float64)
    return torch.cartesian_prod(line, line), (2 * REACH / (SIDE - 1)) ** 2


@torch.no_grad()
def check_fitted(target: PartTarget) -> None:
    """Its samples are finite and a function of the seed; exp(log_prob) integrates to 1, and samples follow it."""
    sampler = fitted(target)

    def drawn(seed: int) -> Tensor:
        with seeded(seed):
            return sampler.sample(DRAWS)

    z = drawn(2)
    require(z.shape == (DRAWS, 2), f"sample({DRAWS}) has shape {tuple(z.shape)}, not [{DRAWS}, 2]")
    require(bool(z.isfinite().all()), "some samples are not finite")
    require(torch.equal(z, drawn(2)) and not torch.equal(z, drawn(3)), "its samples are no function of the seed")
    points, area = grid()
    density = sampler.log_prob(points)
    require(density.shape == (len(points),), f"log_prob of {len(points)} codes has shape {tuple(density.shape)}")
    mass = density.exp() * area
    total = mass.sum().item()
    require(abs(total - 1) < TOLERANCE, f"exp(log_prob) integrates to {total:.4f}, not to 1")
    for name, normal, least in (("z₁ > 1", [1.0, 0.0], 1.0), ("z₁ + z₂ > 0", [1.0, 1.0], 0.0)):
        inside, drawn_inside = (at.double() @ torch.tensor(normal, dtype=torch.float64) > least for at in (points, z))
        expected, found = mass[inside].sum().item(), drawn_inside.double().mean().item()
        error = SIGMAS * (0.25 / DRAWS) ** 0.5
        require(
            abs(found - expected) < error + TOLERANCE / 2,
            f"{name} for {found:.3f} of the samples, and with probability {expected:.3f} by log_prob",
        )


@torch.no_grad()
def check_stored(target: PartTarget) -> None:
    """What it has fitted is in its parameters and persistent buffers: loaded into another one they give the same."""
    sampler, again = fitted(target), make_part("sampler", target.name, (2,))
    restore(again, {name: tensor.clone() for name, tensor in sampler.state_dict().items()})
    points, _ = grid()
    same = torch.equal(sampler.log_prob(points[:100]), again.eval().log_prob(points[:100]))
    require(same, "log_prob differs after its parameters and buffers were stored and loaded")


OF_SAMPLERS: dict[str, Check[PartTarget]] = {
    "fitted": Check(check_fitted, "include every constant in log_prob; draw from torch's generators"),
    "stored": Check(check_stored, "keep what fit(codes) finds in buffers: self.register_buffer"),
}
"""The checks of samplers."""
