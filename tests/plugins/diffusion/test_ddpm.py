"""What denoising diffusion promises, held against closed forms for Gaussian data."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
import torch
from genzoo_plugins.diffusion import ddpm
from genzoo_plugins.diffusion.ddpm import DDPM, DDPMLoss, Schedule, signal_powers
from torch import Tensor

import genzoo
from genzoo.core.noise import content_keys, keyed, seeded

MEAN, DEVIATION = 1.5, 0.4
SPEC = genzoo.DataSpec((3,), "gaussian")
ALL = pytest.param(1000, 1000, marks=pytest.mark.long)
SCHEDULES: tuple[Schedule, ...] = ("linear", "cosine")


def made(spec: genzoo.DataSpec = SPEC, sampling: dict[str, Any] | None = None, **options: Any) -> DDPM:
    """A small model with random weights, in evaluation mode."""
    with seeded(0):
        model = DDPM(spec, DDPM.Config(**{"width": 16, "depth": 1, "channels": 8, **options}))
    model.sampling = DDPM.Sampling(**sampling or {})
    model.mean.fill_(MEAN)
    model.deviation.fill_(DEVIATION)
    return model.eval()


def optimal(sampling: dict[str, Any] | None = None, **options: Any) -> DDPM:
    """The model that predicts best for N(MEAN, DEVIATION²): its net is silent."""
    model = made(SPEC, sampling, **options)
    for parameter in model.net.last.parameters():  # type: ignore[union-attr, operator]
        torch.nn.init.zeros_(parameter)
    return model


def signs() -> tuple[Tensor, Tensor]:
    """Data and noise, one standard deviation off in all combinations: [4, 3] each. Means over them of polynomials of
    second degree are those over independent normal distributions.
    """
    x = torch.tensor([1.0, 1.0, -1.0, -1.0]).double()[:, None].expand(-1, 3)
    noise = torch.tensor([1.0, -1.0, 1.0, -1.0]).double()[:, None].expand(-1, 3)
    return x, noise


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("timesteps", [1, 10, 1000])
def test_noise_grows_from_none_to_all(schedule: Schedule, timesteps: int) -> None:
    powers = signal_powers(schedule, timesteps)
    assert len(powers) == timesteps + 1
    assert powers[0] == 1
    assert all(later < earlier for earlier, later in pairwise(powers))
    assert powers[-1] < (0.91 if (schedule, timesteps) == ("linear", 1) else 1.1e-3)


def test_many_small_steps_give_the_marginal_of_one() -> None:
    """x_t = √(1 − β)·x_{t−1} + √β·ε, step by step, has mean √ᾱ_t·x_0 and variance 1 − ᾱ_t."""
    powers = signal_powers("cosine", 50)
    scale, variance = 1.0, 0.0
    for step in reversed(made(timesteps=50, schedule="cosine").steps(50)):
        kept = 1 - step.beta
        scale, variance = scale * math.sqrt(kept), variance * kept + step.beta
        assert scale**2 == pytest.approx(powers[step.t], rel=1e-9)
        assert variance == pytest.approx(1 - powers[step.t], rel=1e-9)


def test_the_step_back_is_bayes_rule() -> None:
    """q(x_s|x_t, x_0) ∝ q(x_t|x_s)·q(x_s|x_0), by the precisions of the two normal densities in x_s."""
    for step in made(timesteps=40).steps(7)[:-1]:
        kept = step.power / step.earlier
        precision = kept / step.beta + 1 / (1 - step.earlier)
        assert step.variance == pytest.approx(1 / precision, rel=1e-9)
        assert step.pull == pytest.approx(math.sqrt(step.earlier) / (1 - step.earlier) / precision, rel=1e-9)


def test_the_loss_is_the_mean_over_the_batch_of_the_squared_error_of_the_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    model, x = made(timesteps=10), MEAN + DEVIATION * torch.randn(64, 3)
    loss = DDPMLoss(model, DDPMLoss.Config())
    with seeded(3):
        terms = loss(model, genzoo.Batch(x), torch.tensor(0))
    with seeded(3):
        noise, t = torch.randn_like(x), 1 + (10 * torch.rand(64)).long()
    power = torch.tensor(model.schedule)[t]
    _, predicted = model.predict(power.sqrt()[:, None] * x + (1 - power).sqrt()[:, None] * noise, t, power)
    torch.testing.assert_close(terms["loss"], (noise - predicted).square().sum(1).mean())
    torch.testing.assert_close(terms["per_dim"], terms["loss"].detach() / 3)
    assert set(t.tolist()) == set(range(1, 11))


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_no_linear_prediction_of_gaussian_data_is_better(schedule: Schedule) -> None:
    """The closed form is the regression of x_0 and ε on x_t: the errors' means and their products with x_t are 0."""
    model, (sign, noise) = optimal(schedule=schedule).double(), signs()
    x = MEAN + DEVIATION * sign
    for t in (1, 100, 900):
        power = torch.full((4,), model.schedule[t]).double()
        along = power[:, None]
        xt = along.sqrt() * x + (1 - along).sqrt() * noise
        for wanted, found in zip((x, noise), model.predict(xt, torch.full((4,), t), power), strict=True):
            torch.testing.assert_close((wanted - found).mean(0), torch.zeros(3).double())
            torch.testing.assert_close(((wanted - found) * xt).mean(0), torch.zeros(3).double(), atol=1e-7, rtol=0)


def test_both_predictions_belong_together() -> None:
    """√ᾱ·x_0 + √(1 − ᾱ)·ε = x_t, whatever the net says."""
    model, xt, t = made(), torch.randn(5, 3), torch.tensor([1, 10, 300, 700, 1000])
    power = torch.tensor(model.schedule)[t]
    x0, epsilon = model.predict(xt, t, power)
    torch.testing.assert_close(power.sqrt()[:, None] * x0 + (1 - power).sqrt()[:, None] * epsilon, xt)


def bound_gap(monkeypatch: pytest.MonkeyPatch, timesteps: int, steps: int, schedule: Schedule, variance: str) -> float:
    """−E[bound] − H(p) of the optimal model for N(0, ¼), exactly, in nats a dimension."""
    model, (sign, noise) = (
        optimal({"steps": steps, "variance": variance}, timesteps=timesteps, schedule=schedule),
        signs(),
    )
    model.mean.zero_()
    model.deviation.fill_(0.5)
    monkeypatch.setattr(ddpm, "standard_normal", lambda shape, like: noise)
    entropy = math.log(2 * math.pi * math.e * 0.25) / 2
    return -model.double().log_prob(0.5 * sign).mean().item() / 3 - entropy


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize(("timesteps", "steps"), [(10, 10), (1000, 50), (1000, 3), ALL])
def test_with_the_exact_variance_the_bound_is_the_entropy_in_any_number_of_steps(
    timesteps: int, steps: int, schedule: Schedule, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert bound_gap(monkeypatch, timesteps, steps, schedule, "large") == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    ("timesteps", "gap"), [(10, 5.390), (100, 1.250), pytest.param(1000, 0.456, marks=pytest.mark.long)]
)
def test_with_the_small_variance_the_bound_is_off_by_a_known_amount(
    timesteps: int, gap: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """½(r − 1 − ln r) for each step, r the ratio of the exact variance to the small one."""
    found = bound_gap(monkeypatch, timesteps, timesteps, "linear", "small")
    assert found == pytest.approx(gap, abs=5e-4)
    model = optimal(timesteps=timesteps)
    model.deviation.fill_(0.5)
    ratios = [model.large_variance(step).item() / step.variance for step in model.steps(timesteps)[:-1]]
    assert found == pytest.approx(sum(r - 1 - math.log(r) for r in ratios) / 2, rel=1e-4)


@torch.no_grad()
def test_a_wrong_prediction_gives_a_lower_bound() -> None:
    """Averaged over the data, the bound of an untrained net is below the negative entropy."""
    x = MEAN + DEVIATION * torch.randn(2000, 3, generator=torch.Generator().manual_seed(1))
    entropy = 3 * math.log(2 * math.pi * math.e * DEVIATION**2) / 2
    with seeded(0):
        bounds = made(sampling={"steps": 20, "variance": "large"}).log_prob(x)
    assert bounds.mean().item() + 5 * bounds.std().item() / math.sqrt(2000) < -entropy


@pytest.mark.parametrize("steps", [3, 20])
def test_ancestral_samples_with_the_exact_variance_are_the_data(steps: int) -> None:
    model = optimal({"steps": steps, "variance": "large"}, schedule="cosine")
    with seeded(0):
        x = model.sample(50_000, noise=True)
    torch.testing.assert_close(x.mean(0), torch.full((3,), MEAN), atol=0.01, rtol=0)
    torch.testing.assert_close(x.T.cov(), DEVIATION**2 * torch.eye(3), atol=0.005, rtol=0)


def test_ddim_is_the_line_from_noise_to_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """For Gaussian data the map is linear: x_T to m + s·(x_T − √ᾱ_T·m)/√V_T, with an error of order 1 in the step."""
    start = torch.linspace(-2, 2, 9).double()[:, None].expand(-1, 3)
    errors = []
    for steps in (100, 200, 400):
        model = optimal({"steps": steps, "sampler": "ddim"}, timesteps=20_000).double()
        monkeypatch.setattr(model, "source", lambda: Given(start))
        signal = math.sqrt(model.schedule[-1])
        scale = math.sqrt(signal**2 * DEVIATION**2 + 1 - signal**2)
        wanted = MEAN + DEVIATION * (start - signal * MEAN) / scale
        errors.append((model.sample(9) - wanted).abs().max().item())
    assert errors[-1] < 0.02
    assert [coarse / fine for coarse, fine in pairwise(errors)] == pytest.approx([2, 2], rel=0.15)


class Given:
    """A source that always gives the same noise."""

    def __init__(self, noise: Tensor) -> None:
        self.noise = noise

    def rsample(self, shape: tuple[int, ...]) -> Tensor:
        return self.noise


def test_ddim_with_all_its_noise_is_ancestral_sampling() -> None:
    samples = []
    for options in ({"sampler": "ancestral"}, {"sampler": "ddim", "eta": 1.0}, {"sampler": "ddim", "eta": 0.5}):
        with seeded(0):
            samples.append(made(sampling={"steps": 10, **options}).sample(50))
    torch.testing.assert_close(samples[0], samples[1], atol=0, rtol=0)
    assert not torch.equal(samples[1], samples[2])


@pytest.mark.parametrize("eta", [0.0, 0.3, 1.0])
def test_eta_scales_the_deviation_of_the_noise(eta: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """In two steps, the only noise reaches the sample through the last one, whose derivative is √ᾱ·s²/V."""
    model = optimal({"steps": 2, "sampler": "ddim", "eta": eta}).double()
    first, last = model.steps(2)

    def drawn(noise: float) -> Tensor:
        given = iter([torch.zeros(1, 3).double(), torch.full((1, 3), noise).double()])
        monkeypatch.setattr(model, "source", lambda: Given(next(given)))
        return model.sample(1)

    scale = last.power * DEVIATION**2 + 1 - last.power
    wanted = eta * math.sqrt(first.variance) * math.sqrt(last.power) * DEVIATION**2 / scale
    torch.testing.assert_close(drawn(1.0) - drawn(0.0), torch.full((1, 3), wanted).double(), atol=1e-6, rtol=0)


def test_steps_are_at_most_the_timesteps_and_end_at_the_data() -> None:
    model = made(timesteps=12)
    assert [step.t for step in model.steps(4)] == [12, 9, 6, 3]
    assert [step.t for step in model.steps(50)] == list(range(12, 0, -1))
    for number in (1, 5, 12):
        steps = model.steps(number)
        assert steps[-1].earlier == 1
        assert all(step.earlier == later.power for step, later in pairwise(steps))


@pytest.mark.parametrize("side", [2, 7, 8])
def test_images_of_any_side_are_taken_and_clamped(side: int) -> None:
    spec = genzoo.DataSpec((1, side, side), "bernoulli")
    with seeded(0):
        x = made(spec, {"steps": 3}).sample(4)
    assert x.shape == (4, 1, side, side)
    assert 0 <= x.min() <= x.max() <= 1
    with pytest.raises(genzoo.UsageError, match="--channels 12 is not a multiple of 8"):
        made(spec, channels=12)


def test_evaluation_does_not_depend_on_the_batch() -> None:
    model, x = made(sampling={"steps": 5}), MEAN + torch.randn(32, 3)
    loss = DDPMLoss(model, DDPMLoss.Config())

    def of(x: Tensor) -> tuple[float, float]:
        with torch.no_grad(), keyed(content_keys(x)):
            term = loss(model, genzoo.Batch(x), torch.tensor(0))["loss"].item()
        with torch.no_grad(), keyed(content_keys(x)):
            return term, model.log_prob(x).mean().item()

    whole, halves = of(x), (of(x[:16]), of(x[16:]))
    for i in range(2):
        assert whole[i] == pytest.approx((halves[0][i] + halves[1][i]) / 2, rel=1e-4)


@torch.no_grad()
def test_hidden_values_of_independent_data_are_drawn_whatever_the_others_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the exact variance each is N(MEAN, DEVIATION²), also when the known one is far off."""
    monkeypatch.setattr(ddpm, "RESAMPLINGS", 2)
    model = optimal({"steps": 100, "variance": "large"})
    x, known = torch.full((4000, 3), 9.0), torch.tensor([True, False, False]).expand(4000, -1)
    with seeded(0):
        drawn = model.impute(x, known)
    assert (drawn[:, 0] == 9.0).all()
    torch.testing.assert_close(drawn[:, 1:].mean(0), torch.full((2,), MEAN), rtol=0, atol=0.04)
    torch.testing.assert_close(drawn[:, 1:].std(0), torch.full((2,), DEVIATION), rtol=0.15, atol=0)


@torch.no_grad()
def test_steps_back_and_forth_bring_hidden_values_into_agreement_with_known_ones() -> None:
    """A net that sees two equal values: the hidden one follows the known one, and more so the more often."""

    class Equal(DDPM):
        def predict(self, x: Tensor, t: Tensor, power: Tensor) -> tuple[Tensor, Tensor]:
            """x_0 is the optimal prediction from the mean of both, for data (a, a) with a ~ N(0, 1)."""
            alpha = power[:, None]
            x0 = (alpha.sqrt() * x.sum(1, keepdim=True) / (2 * alpha + 1 - alpha)).expand_as(x)
            return x0, (x - alpha.sqrt() * x0) / (1 - alpha).sqrt()

    model = Equal(genzoo.DataSpec((2,), "gaussian"), DDPM.Config(width=8, depth=1, timesteps=100)).eval()
    model.sampling = DDPM.Sampling(steps=20)
    x, known = torch.tensor([[2.0, 0.0]]).expand(500, -1), torch.tensor([True, False]).expand(500, -1)
    with seeded(0):
        error = (model.impute(x, known)[:, 1] - 2.0).abs().mean()
    assert error < 0.35
