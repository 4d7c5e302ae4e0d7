"""Bounds on data of known density: training brings them near the truth, and never beyond it."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from genzoo_plugins.diffusion.mdlm import MDLM
from genzoo_plugins.diffusion.vdm import VDM
from genzoo_plugins.toy.densities import Pinwheel
from genzoo_plugins.toy.markov import Markov
from torch import Tensor

import genzoo
from genzoo.core.noise import seeded

BATCH = 256


def gaps(model: genzoo.Density, data: Any, steps: int, draws: int) -> Tensor:
    """ln p(x) − bound of each test example after some steps of training, [N]."""
    train, _, test = (split and torch.as_tensor(split.x) for split in data.load(store=None))
    train, test = (x.long() if data.spec.is_discrete else x for x in (train, test))
    model.prepare(genzoo.Batch(train))
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for _ in range(steps):
        optimizer.zero_grad()
        loss = -model.log_prob(train[torch.randint(len(train), (BATCH,))]).mean()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    with torch.no_grad():
        bounds = torch.stack([model.eval().log_prob(test) for _ in range(draws)]).mean(0)
    found: Tensor = data.log_density(test) - bounds
    return found


LONG = pytest.mark.long
CASES = [
    ("vdm", 60, 1.6),
    ("mdlm", 30, 1.0),
    pytest.param("vdm", 2000, 0.25, marks=LONG),
    pytest.param("mdlm", 1500, 0.15, marks=LONG),
]


@pytest.mark.every(2)
@pytest.mark.parametrize(("name", "steps", "largest"), CASES)
def test_bounds_come_near_a_known_density_from_below(name: str, steps: int, largest: float) -> None:
    with seeded(0):
        if name == "vdm":
            data: Any = Pinwheel(Pinwheel.Config(train=4000, test=2000))
            model: genzoo.Density = VDM(data.spec, VDM.Config(width=64, depth=1))
        else:
            data = Markov(Markov.Config(train=4000, test=2000, length=6))
            model = MDLM(data.spec, MDLM.Config(width=16, depth=1, heads=2))
        found = gaps(model, data, steps, draws=1 if steps < 1000 else 16)
    mean, error = found.mean().item(), found.std().item() / math.sqrt(len(found))
    assert -4 * error < mean < largest
