"""What flow matching promises, held against closed forms, an independent computation and data of known density."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from genzoo_plugins.diffusion.flow_matching import FlowMatching, FlowMatchingLoss, FlowNLL
from genzoo_plugins.diffusion.solver import Solver, integrate
from torch import Tensor

import genzoo
from genzoo.core.noise import content_keys, keyed, reseed, seeded, shared

MEAN, DEVIATION = 1.5, 0.4
SPEC = genzoo.DataSpec((3,), "gaussian")
STEP = torch.tensor(0)


def made(spec: genzoo.DataSpec = SPEC, **options: Any) -> FlowMatching:
    """A small model with random weights, in evaluation mode."""
    with seeded(0):
        model = FlowMatching(spec, FlowMatching.Config(width=32, depth=1))
    model.sampling = FlowMatching.Sampling(**options)
    model.mean.fill_(MEAN)
    model.deviation.fill_(DEVIATION)
    return model.eval()


def optimal(**options: Any) -> FlowMatching:
    """The model whose velocity is the best for N(MEAN, DEVIATION²): its net is silent."""
    model = made(**options)
    for parameter in model.last.parameters():
        torch.nn.init.zeros_(parameter)
    return model


def gaussian(n: int, seed: int = 0) -> Tensor:
    return MEAN + DEVIATION * torch.randn(n, 3, generator=torch.Generator().manual_seed(1000 + seed))


def losses_of(model: FlowMatching, x: Tensor, seed: int = 0) -> Tensor:
    """The loss of each example alone, under the same noise."""

    with seeded(seed):
        x0 = torch.randn_like(x)
        t = torch.rand(len(x))
    along = t[:, None]
    return (model.velocity((1 - along) * x0 + along * x, t) - (x - x0)).square().sum(1)


def test_the_loss_is_the_mean_over_the_batch_of_the_squared_error_of_an_example() -> None:
    model, x = made(), gaussian(64)
    loss = FlowMatchingLoss(model, FlowMatchingLoss.Config())
    with seeded(3):
        terms = loss(model, genzoo.Batch(x), STEP)
    torch.testing.assert_close(terms["loss"], losses_of(model, x, seed=3).mean())
    torch.testing.assert_close(terms["per_dim"], terms["loss"].detach() / 3)


def test_paths_are_straight_from_noise_to_data_and_times_are_uniform() -> None:
    class Watched(FlowMatching):
        def velocity(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
            self.given = x, t
            return torch.zeros_like(x)

    x = gaussian(100_000)
    model = Watched(SPEC, FlowMatching.Config(width=8, depth=1))
    with seeded(0):
        FlowMatchingLoss(model, FlowMatchingLoss.Config())(model, genzoo.Batch(x), STEP)
    along, t = model.given
    levels = torch.linspace(0, 1, len(t))
    assert (t.sort().values - levels).abs().max() < 1.95 / math.sqrt(len(t))  # Kolmogorov, at 0.1 %
    noise = (along - t[:, None] * x) / (1 - t)[:, None]
    assert (noise[t < 0.9].mean(0)).abs().max() < 0.02
    assert (noise[t < 0.9].std(0) - 1).abs().max() < 0.02
    correlation = torch.corrcoef(torch.stack([t, noise[:, 0], x[:, 0]])[:, t < 0.9])
    assert (correlation - torch.eye(3)).abs().max() < 0.02


@pytest.mark.long
def test_there_the_gradient_is_zero_on_average_and_elsewhere_it_is_not() -> None:
    model = optimal()

    def errors() -> Tensor:
        """The gradients with respect to the net's last bias, in standard errors of their means."""
        model.last.weight.grad = model.last.bias.grad = None
        gradients = []
        for seed in range(200):
            loss = losses_of(model, gaussian(500, seed), seed).mean()
            gradients.append(torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(model.last.parameters()))]))
        every = torch.stack(gradients)
        return every.mean(0) / (every.std(0) / math.sqrt(len(every)))

    assert errors().abs().max() < 4.5
    model.mean.add_(0.05)
    assert errors().abs().max() > 10


def test_the_velocity_is_the_regression_of_the_difference_on_the_place() -> None:
    """By least squares on drawn pairs at one time: intercept and slope are those of the closed form."""
    x1 = gaussian(400_000)[:, :1]
    x0 = torch.randn(len(x1), 1, generator=torch.Generator().manual_seed(9))
    model = optimal(spec=SPEC._replace(shape=(1,)))
    for t in (0.0, 0.3, 0.7, 1.0):
        x = (1 - t) * x0 + t * x1
        line = torch.linalg.lstsq(torch.cat([torch.ones_like(x), x], 1), x1 - x0).solution
        ends = torch.tensor([[-1.0], [2.0]])
        found = model.velocity(ends, torch.full((2,), t))
        torch.testing.assert_close(found, line[0] + line[1] * ends, atol=0.02, rtol=0)


@pytest.mark.parametrize(("solver", "order"), [("euler", 1), ("midpoint", 2)])
def test_half_the_step_is_half_or_a_quarter_of_the_error(solver: Solver, order: int) -> None:
    """For dx/dt = x·cos t, whose solution is exp(sin t), forwards and backwards."""
    one, end = torch.ones(1, dtype=torch.float64), math.exp(math.sin(2))
    there, back = [], []
    for steps in (40, 80, 160):
        there.append(abs(integrate(lambda x, t: x * math.cos(t), one, 0, 2, steps, solver).item() - end))
        back.append(abs(integrate(lambda x, t: x * math.cos(t), end * one, 2, 0, steps, solver).item() - 1))
    ratios = [coarse / fine for errors in (there, back) for coarse, fine in pairwise(errors)]
    assert ratios == pytest.approx([2.0**order] * 4, rel=0.1)


def test_options_are_those_of_the_model_unless_others_are_given() -> None:
    model, other = made(), FlowMatching.Sampling(steps=3, solver="euler")

    def drawn(options: FlowMatching.Sampling | None = None) -> Tensor:
        with seeded(0):
            return model.sample(4, options=options)

    defaults, changed = drawn(), drawn(other)
    assert not torch.equal(defaults, changed)
    model.sampling = other
    torch.testing.assert_close(drawn(), changed, atol=0, rtol=0)
    torch.testing.assert_close(drawn(FlowMatching.Sampling()), defaults, atol=0, rtol=0)


@pytest.mark.parametrize(("solver", "order"), [("euler", 1), ("midpoint", 3)])
def test_the_optimal_flow_is_the_line_from_noise_to_data(solver: Solver, order: int) -> None:
    """x₀ comes to tm + √V·x₀ with V = (1 − t)² + t²s². On square roots of parabolas the midpoint method is of order 3:
    x times its error of order 2 is a multiple of the third derivative of x², which is 0.
    """
    model = optimal().double()
    start = torch.linspace(-2, 2, 9).double()[:, None].expand(-1, 3)
    wanted = 0.7 * MEAN + math.hypot(0.3, 0.7 * DEVIATION) * start
    errors = []
    for steps in (10, 20, 40):
        end = integrate(lambda x, t: model.velocity(x, x.new_full((9,), t)), start, 0, 0.7, steps, solver)
        errors.append((end - wanted).abs().max().item())
    assert [coarse / fine for coarse, fine in pairwise(errors)] == pytest.approx([2.0**order] * 2, rel=0.15)


@pytest.mark.long
def test_noise_is_carried_to_the_datas_distribution() -> None:
    with seeded(0):
        x = optimal().sample(50_000)
    torch.testing.assert_close(x.mean(0), torch.full((3,), MEAN), atol=0.01, rtol=0)
    torch.testing.assert_close(x.T.cov(), DEVIATION**2 * torch.eye(3), atol=0.005, rtol=0)


def test_the_divergence_is_the_trace_of_the_jacobian() -> None:
    model, x = made(), gaussian(5)
    v, divergence = model.with_divergence(x, 0.6)
    for i in range(5):
        jacobian = torch.func.jacrev(lambda one: model.velocity(one[None], torch.tensor([0.6]))[0])(x[i])
        torch.testing.assert_close(divergence[i], cast("Tensor", jacobian).trace())
    torch.testing.assert_close(v, model.velocity(x, torch.full((5,), 0.6)).detach())


@pytest.mark.long
def test_any_velocity_gives_a_density() -> None:
    """Whatever the net says, p integrates to 1, and its mean and variance are those of samples."""
    model = made(spec=genzoo.DataSpec((1,), "gaussian"), steps=100)
    with torch.no_grad(), seeded(1):
        for parameter in model.last.parameters():
            parameter.normal_(std=0.1)
        drawn = model.sample(20_000)[:, 0]
    x = torch.linspace(drawn.min().item() - 0.1, drawn.max().item() + 0.1, 401)
    density = model.log_prob(x[:, None]).exp()
    assert torch.trapezoid(density, x).item() == pytest.approx(1, abs=5e-3)
    mean = torch.trapezoid(density * x, x).item()
    assert mean == pytest.approx(drawn.mean().item(), abs=5 * drawn.std().item() / 141)
    variance = torch.trapezoid(density * (x - mean) ** 2, x).item()
    assert variance == pytest.approx(drawn.var().item(), rel=0.05)
    assert (
        density - torch.distributions.Normal(MEAN, DEVIATION).log_prob(x).exp()
    ).abs().max() > 0.3  # not the optimal


@pytest.mark.long
def test_a_trained_flow_draws_and_scores_points_as_the_data_do(tmp_path: Path) -> None:
    """Of the pinwheel, whose density is known: no model has a lower −ln p(x) but by chance."""
    options = {"width": 64, "ema": 0.995, "schedule": "cosine", "lr": 3e-3, "epochs": 30}
    run = genzoo.run("flow-matching", "pinwheel", data={"train": 10_000}, runs=tmp_path, quiet=True, **options)
    from genzoo.data.resident import Resident
    from genzoo.evaluation.evaluate import evaluate, find_metrics
    from genzoo.registry.current import registry

    pinwheel = registry().get("dataset", "pinwheel").load()
    data = pinwheel(pinwheel.Config())
    test = data.load(store=None).test
    assert isinstance(run.model, FlowMatching)
    found = evaluate(run.model, Resident(test, torch.device("cpu")), find_metrics(registry(), ["c2st", "flow-nll"]))
    gap = found["flow_nll"] + data.log_density(test.x).mean().item()
    assert -0.03 < gap < 0.15
    assert 0.4 < found["c2st"] < 0.6
    with seeded(0):
        x = run.model.sample(20_000)
    torch.testing.assert_close(x.mean(0), test.x.mean(0), atol=0.1, rtol=0)
    torch.testing.assert_close(x.T.cov(), test.x.T.cov(), atol=0.15, rtol=0)


def test_evaluation_depends_on_neither_the_batch_nor_the_process() -> None:
    model, x = made(), gaussian(32)
    loss = FlowMatchingLoss(model, FlowMatchingLoss.Config())

    def of(x: Tensor) -> float:
        with keyed(content_keys(x)):
            return loss(model, genzoo.Batch(x), STEP)["loss"].item()

    assert of(x) == pytest.approx((of(x[:16]) + of(x[16:])) / 2, rel=1e-5)
    with seeded(5):
        whole = loss(model, genzoo.Batch(x), STEP)["loss"].item()
    parts = []
    for rank in range(2):
        with seeded(0), shared(rank, 2, 16, torch.device("cpu")):
            reseed(5, [])
            parts.append(loss(model, genzoo.Batch(x[16 * rank : 16 * (rank + 1)]), STEP)["loss"].item())
    assert sum(parts) / 2 == pytest.approx(whole, rel=1e-5)


@pytest.mark.parametrize(("shift", "scale"), [(0.0, 1.0), (0.3, 0.5)])
def test_images_are_clamped_and_numbers_of_any_size_are_not(shift: float, scale: float) -> None:
    images = genzoo.DataSpec((1, 8, 8), "gaussian-learned", shift=shift, scale=scale)
    with seeded(0):
        x = images.original(made(spec=images).sample(16))
        points = made().sample(1000)
    assert x.min() >= -1e-6
    assert x.max().item() == pytest.approx(1, abs=1e-6)
    assert points.max() > 1.5


def test_the_first_batch_gives_the_scale() -> None:
    model = made()
    model.prepare(genzoo.Batch(gaussian(10_000)))
    assert model.mean.item() == pytest.approx(MEAN, abs=0.02)
    assert model.deviation.item() == pytest.approx(DEVIATION, abs=0.01)
    model.prepare(genzoo.Batch(torch.ones(1, 3)))  # no spread at all
    assert model.velocity(torch.ones(1, 3), torch.ones(1)).isfinite().all()


def test_others_are_refused() -> None:
    class Other(genzoo.Model):
        pass

    other = Other(SPEC, None)
    assert FlowMatchingLoss.refuses(other) == "it needs a FlowMatching, and Other is not one"
    metric = FlowNLL(FlowNLL.Config())
    assert metric.refuses(other) == "no flow"
    assert metric.refuses(made(spec=SPEC._replace(shape=(65,)))) == "for examples of 64 values at most"
    assert metric.refuses(made()) is None
