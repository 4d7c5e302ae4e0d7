"""Bounds on data of known density: training brings them near the truth, and never beyond it."""

from __future__ import annotations

import math

import pytest
import torch
from genzoo_plugins.diffusion.vdm import VDM
from genzoo_plugins.toy.densities import Pinwheel

import genzoo
from genzoo.core.noise import seeded


@pytest.mark.parametrize("steps", [150, pytest.param(2000, marks=pytest.mark.long)])
def test_vdm_comes_near_the_density_of_a_pinwheel_from_below(steps: int) -> None:
    data = Pinwheel(Pinwheel.Config(train=4000, test=4000))
    train, _, test = data.load(store=None)  # type: ignore[arg-type]
    x = torch.as_tensor(train.x)
    with seeded(0):
        model = VDM(genzoo.DataSpec((2,), "gaussian"), VDM.Config(width=64, depth=2))
        model.prepare(genzoo.Batch(x))
        optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
        for _ in range(steps):
            optimizer.zero_grad()
            loss = -model.log_prob(x[torch.randint(len(x), (256,))]).mean()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        with torch.no_grad():
            gaps = data.log_density(torch.as_tensor(test.x)) - model.eval().log_prob(torch.as_tensor(test.x))
    assert gaps.mean().item() > -4 * gaps.std().item() / math.sqrt(len(gaps))
    assert gaps.mean().item() < (0.9 if steps < 1000 else 0.25)
