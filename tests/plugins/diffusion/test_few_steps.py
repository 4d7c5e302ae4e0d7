"""What edm, vdm, consistency and meanflow promise beside their theory: nets of images, samples, teachers."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from genzoo_plugins.diffusion.base import NoiseToData
from genzoo_plugins.diffusion.consistency import Consistency, ConsistencyLoss
from genzoo_plugins.diffusion.edm import EDM, LEAST, MOST, EDMLoss, noise_levels
from genzoo_plugins.diffusion.meanflow import MeanFlow, MeanFlowLoss
from genzoo_plugins.diffusion.nets import Perceptron, UNet
from genzoo_plugins.diffusion.vdm import VDM

import genzoo
from genzoo.core.noise import seeded

MODELS: tuple[type[NoiseToData], ...] = (EDM, VDM, Consistency, MeanFlow)
IMAGES = genzoo.DataSpec((1, 4, 4), "bernoulli")
STEP = torch.tensor(0)


def made(cls: type[NoiseToData], spec: genzoo.DataSpec = IMAGES, **options: Any) -> Any:
    with seeded(0):
        model = cls(spec, cls.Config(**{"width": 16, "depth": 1, "channels": 8, **options})).eval()
    model.mean.fill_(0.3)
    model.deviation.fill_(0.4)
    return model


@pytest.mark.parametrize("cls", MODELS)
def test_images_have_a_u_net_and_samples_lie_in_their_range(cls: type[NoiseToData]) -> None:
    model = made(cls)
    assert isinstance(model.net, UNet)
    assert isinstance(made(cls, net="perceptron").net, Perceptron)
    with seeded(0):
        x = model.sample(4, options=model.Sampling(steps=2))
    assert x.shape == (4, 1, 4, 4)
    assert 0 <= x.min() <= x.max() <= 1


def test_levels_are_those_of_karras_et_al() -> None:
    """σ_i = (σ_max^(1/ρ) + i/(N − 1)·(σ_min^(1/ρ) − σ_max^(1/ρ)))^ρ with .002, 80 and 7, for data of deviation ½."""
    levels = torch.tensor(noise_levels(18)) / 2
    share = torch.arange(18) / 17
    wanted = (80 ** (1 / 7) + share * (0.002 ** (1 / 7) - 80 ** (1 / 7))) ** 7
    torch.testing.assert_close(levels[:-1], wanted, rtol=1e-4, atol=0)
    assert levels[-1] == 0
    assert noise_levels(1) == [pytest.approx(MOST), 0]
    assert noise_levels(2) == [pytest.approx(MOST), pytest.approx(LEAST), 0]


def test_the_teacher_is_a_moving_average_without_gradient() -> None:
    model = made(Consistency, genzoo.DataSpec((3,), "gaussian"))
    loss = ConsistencyLoss(model, ConsistencyLoss.Config(teacher_decay=0.75))
    batch, weight = genzoo.Batch(torch.randn(8, 3)), model.net.last.bias
    before = weight.detach().clone()
    with torch.no_grad():
        weight += 1
    with seeded(0):
        changed = loss(model, batch, STEP)["loss"]
    with torch.no_grad():
        loss.after_step(model, batch, STEP)
    torch.testing.assert_close(loss.teacher_last_bias, before + 0.25)
    with seeded(0):
        assert loss(model, batch, STEP)["loss"] != changed
    assert not any(buffer.requires_grad for buffer in loss.buffers())
    itself = ConsistencyLoss(model, ConsistencyLoss.Config(teacher_decay=0.0))
    with seeded(0):
        itself(model, batch, STEP)["loss"].backward()
    assert weight.grad.abs().max() > 0


def test_levels_of_a_consistency_training_double_in_equal_stretches() -> None:
    loss = ConsistencyLoss(made(Consistency), ConsistencyLoss.Config(fewest=2, most=8))
    loss.begin(made(Consistency), 30)
    u = torch.linspace(0, 1, 2000)
    found = [len(loss.levels(u, torch.tensor(step))[0].round(decimals=4).unique()) for step in (0, 9, 10, 20, 29, 99)]
    assert found == [2, 2, 4, 8, 8, 8]
    with pytest.raises(genzoo.UsageError, match="--most 1 is less than --fewest 10"):
        ConsistencyLoss.Config(most=1)


def test_the_noise_of_a_training_of_edm_is_that_of_karras_et_al(monkeypatch: pytest.MonkeyPatch) -> None:
    """ln σ ~ N(−1.2, 1.2²) for data of deviation ½ (table 1)."""
    model, seen = made(EDM), []

    def denoise(self: EDM, x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        seen.append(sigma.log())
        return x

    monkeypatch.setattr(EDM, "denoise", denoise)
    model.deviation.fill_(0.5)
    with seeded(0):
        EDMLoss(model, EDMLoss.Config())(model, genzoo.Batch(torch.zeros(10_000, 1, 4, 4)), STEP)
    assert seen[0].mean().item() == pytest.approx(-1.2, abs=0.05)
    assert seen[0].std().item() == pytest.approx(1.2, abs=0.05)


def test_the_target_of_meanflow_has_the_derivative_along_the_path() -> None:
    """v − (t − r)·du/dt with du/dt by a central difference, for a U-Net, and under autocast as well as without."""
    model = made(MeanFlow).double()
    loss = MeanFlowLoss(model, MeanFlowLoss.Config())
    with seeded(1):
        x, noise = torch.rand(2, 1, 4, 4).double(), torch.randn(2, 1, 4, 4).double()
    r, t = torch.tensor([0.2, 0.5]).double(), torch.tensor([0.7, 0.5]).double()

    def u(late: torch.Tensor) -> Any:
        along = late.view(-1, 1, 1, 1)
        return model.mean_velocity((1 - along) * x + along * noise, r, late)

    with torch.no_grad():
        slope = (u(t + 1e-6) - u(t - 1e-6)) / 2e-6
        target = noise - x - (t - r).view(-1, 1, 1, 1) * slope
        torch.testing.assert_close(loss.error(model, x, noise, r, t), u(t) - target, atol=1e-5, rtol=1e-4)
        losses = []
        single = made(MeanFlow)
        trained = MeanFlowLoss(single, MeanFlowLoss.Config())
        for enabled in (False, True):
            with seeded(0), torch.autocast("cpu", torch.bfloat16, enabled=enabled):
                losses.append(trained(single, genzoo.Batch(x.float()), STEP)["loss"])
    assert losses[0] == losses[1]


@pytest.mark.parametrize(("power", "share"), [(0.0, 1.0), (0.5, 0.1), (1.0, 0.01)])
def test_an_example_of_large_error_has_a_small_weight_in_meanflow(power: float, share: float) -> None:
    """Errors of 10 and 1 in three values: the gradients by u are 2·error/(3·error² + c)^p, and halved by the mean."""
    model = made(MeanFlow, genzoo.DataSpec((3,), "gaussian"))
    loss = MeanFlowLoss(model, MeanFlowLoss.Config(weight_power=power))
    error = torch.tensor([[10.0], [1.0]]).expand(2, 3).clone().requires_grad_()
    loss.error = lambda *_: error  # type: ignore[method-assign]
    terms = loss(model, genzoo.Batch(torch.randn(2, 3)), STEP)
    assert terms["per_dim"].item() == pytest.approx(50.5)
    (slope,) = torch.autograd.grad(terms["loss"], error)
    assert (slope[0, 0] / 10 / slope[1, 0]).item() == pytest.approx(share, rel=1e-3)
    assert slope[1, 0].item() == pytest.approx(3**-power, rel=1e-3)


def test_the_weight_of_an_example_is_that_of_geng_et_al() -> None:
    """p = 1 (table 1e); what is watched is the error itself, as the weighted one is about 1 in any epoch."""
    assert MeanFlowLoss.Config().weight_power == 1
    assert MeanFlowLoss.watched == "per_dim"
