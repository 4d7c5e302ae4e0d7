"""Flow matching: an ordinary differential equation that transforms noise into data."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import torch
from torch import Tensor

import genzoo
from genzoo.core.noise import standard_normal, uniform
from genzoo_plugins.diffusion.base import NoiseToData, of_examples, squared_error
from genzoo_plugins.diffusion.nets import WithPerceptron
from genzoo_plugins.diffusion.solver import Solver, integrate

LARGEST = 64
"""Values an example of `FlowNLL` may have: the exact divergence costs a backward pass for each."""
ROUNDS = 64
"""Rounds of exchanges in `transport`. A batch of 128 takes up to 32."""
GAIN = 1e-5
"""The least gain of an exchange, relative to the mean squared distance: rounding must not be one."""


class FlowMatching(NoiseToData, WithPerceptron):
    """dx/dt = v(x, t) from x(0) ~ N(0, I) to the data at t = 1, with x_t = (1 − t)·x₀ + t·x₁ (Lipman et al. 2023,
    section 4.1, σ_min = 0; Liu et al. 2023, section 2.1).

    v is the optimal velocity for data N(m, s²I), in closed form, plus a net that learns the difference.
    """

    @genzoo.config
    class Config:
        width: genzoo.Count = 512
        """Units of each layer."""
        depth: genzoo.Count = 3
        """Residual blocks of two layers each."""

    @genzoo.config
    class Sampling:
        steps: genzoo.Count = 25
        """Steps of the solver that draws samples."""
        solver: Solver = "midpoint"
        """euler evaluates the velocity once a step; midpoint and heun twice, and are far more accurate."""

    def __init__(self, spec: genzoo.DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        self.add_layers(spec.numel, config.width, config.depth)

    def context(self, y: Tensor | None) -> Tensor | None:
        """Return what the net is told of the classes y [B]; nothing here."""
        return None

    def velocity(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        """v(x, t) for x [B, *S] at times t [B] in [0, 1]: [B, *S].

        For data N(m, s²I), x_t has the variance V = (1 − t)² + t²s² about tm, Cov(x₁ − x₀, x_t) = ts² − (1 − t), and
        x₁ − x₀ given x_t the variance s²/V: the units in which the net is given x and answers.
        """
        flat, t = x.flatten(1), t[:, None]
        variance = (1 - t).square() + (t * self.deviation).square()
        slope = (t * self.deviation.square() - (1 - t)) / variance
        centred = flat - t * self.mean
        learned = self.net(centred / variance.sqrt(), t, self.context(y)) * (self.deviation / variance.sqrt())
        return (self.mean + slope * centred + learned).view(x.shape)

    @torch.no_grad()
    def sample(
        self, n: int, y: Tensor | None = None, *, noise: bool = False, options: Sampling | None = None
    ) -> Tensor:
        """Draw n examples, [n, *S], clamped if all data lie in [0, 1]; `noise` has no effect without p(x|z)."""
        return self.in_range(self.transported(self.source().rsample((n,)), y, options or self.sampling))

    def transported(self, x: Tensor, y: Tensor | None, how: Sampling) -> Tensor:
        """Return where the flow takes noise x [n, *S], for classes y [n] if the model is conditional: [n, *S]."""
        return integrate(lambda x, t: self.drift(x, x.new_full((len(x),), t), y, how), x, 0, 1, how.steps, how.solver)

    def seen(self, y: Tensor | None) -> Tensor | None:
        """Return the classes that the loss gives to `velocity`, if the model is conditional."""
        return None

    def drift(self, x: Tensor, t: Tensor, y: Tensor | None, how: Sampling) -> Tensor:
        """Return the velocity that samples follow, [n, *S]."""
        return self.velocity(x, t)

    def log_prob(self, x: Tensor, steps: int = 100) -> Tensor:
        """Return ln p(x) of x [B, *S] in nats an example, [B], without the clamping.

        ln p₁(x₁) = ln p₀(x₀) − ∫ div v(x_t, t) dt (Chen et al. 2018, theorem 1), from t = 1 back to 0 by the midpoint
        method. The divergence is exact: one backward pass for each of the F numbers of an example.
        """

        def rate(state: Tensor, t: float) -> Tensor:
            v, divergence = self.with_divergence(state[:, :-1].view(x.shape), t)
            return torch.cat([v.flatten(1), divergence[:, None]], 1)

        start = torch.cat([x.flatten(1), x.new_zeros(len(x), 1)], 1)
        end = integrate(rate, start, 1, 0, steps)
        return self.source().log_prob(end[:, :-1].view(x.shape)) + end[:, -1]

    @torch.enable_grad()
    def with_divergence(self, x: Tensor, t: float) -> tuple[Tensor, Tensor]:
        """v [B, *S] and Σ ∂vᵢ/∂xᵢ [B]; no gradient reaches the weights."""
        x = x.detach().requires_grad_()
        v = self.velocity(x, x.new_full((len(x),), t))
        columns = v.flatten(1).sum(0)
        rows = (
            torch.autograd.grad(column, x, retain_graph=True)[0].flatten(1)[:, i] for i, column in enumerate(columns)
        )
        return v.detach(), torch.stack(list(rows)).sum(0)


class FlowMatchingLoss(genzoo.Loss):
    """E ‖v(x_t, t) − (x₁ − x₀)‖² with x_t = (1 − t)·x₀ + t·x₁, x₀ ~ N(0, I), x₁ of the data and t uniform on [0, 1].

    Summed over an example and averaged over the batch (Lipman et al. 2023, eq. 23 with σ_min = 0; Liu et al. 2023,
    eq. 1). It does not fall to 0: what remains is the variance of x₁ − x₀ given x_t.
    """

    accepts = FlowMatching

    @genzoo.config
    class Config:
        coupling: Literal["independent", "ot"] = "independent"
        """ot pairs noise with examples of the batch by optimal transport, in training; paths are then straighter (Tong
        et al. 2024)."""
        reflow: Annotated[str, genzoo.RunRef] = ""
        """A run of a flow: train on straight lines between noise and where that flow takes it (Liu et al. 2023)."""

        def __post_init__(self) -> None:
            if self.reflow and self.coupling == "ot":
                raise genzoo.UsageError("--reflow has pairs of its own, and --coupling=ot others", "leave one out")

    def __init__(self, model: genzoo.Model, config: Config) -> None:
        super().__init__(model, config)
        self.teacher = flow_of(config.reflow, model.spec) if config.reflow else None

    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> dict[str, Tensor]:
        assert isinstance(model, FlowMatching)
        x1, y = batch.x, batch.y
        x0 = standard_normal((), x1)
        t = uniform(x1.flatten(1)[:, 0])
        if self.teacher is not None:
            with torch.no_grad():
                x1 = self.teacher.transported(x0, y, self.teacher.sampling)
        elif self.config.coupling == "ot" and self.training:  # in evaluation, examples do not depend on each other
            x0 = x0[transport(x1, x0)]
        along = of_examples(t, x1)
        return squared_error(model.velocity((1 - along) * x0 + along * x1, t, model.seen(y)) - (x1 - x0))


def flow_of(run: str, spec: genzoo.DataSpec) -> FlowMatching:
    """Return the flow of a run, whose weights stay as they are.

    Raises:
        UsageError: The run's model is no flow, or is for other data.
    """
    flow = genzoo.load(run)
    if not isinstance(flow, FlowMatching):
        raise genzoo.UsageError(f"--reflow needs a run of flow-matching; {run} has a {type(flow).__name__}")
    if (flow.spec.shape, flow.spec.shift, flow.spec.scale) != (spec.shape, spec.shift, spec.scale):
        raise genzoo.UsageError(f"--reflow {run}: its data have another shape or scale", "train both on the same data")
    return flow.requires_grad_(False).eval()


@torch.no_grad()
def transport(x: Tensor, noise: Tensor) -> Tensor:
    """Return a permutation [B]: the noise of each example, so that the squared distances of the pairs are small.

    In each round all pairs whose exchange of noise is the best for both are exchanged. What remains is the optimal
    transport in one dimension, and else within some percent: no exchange of two makes it better. It is a fixed number
    of operations on the device, unlike the Hungarian method.

    Args:
        x: [B, *S].
        noise: [B, *S].
    """
    cost = torch.cdist(x.flatten(1).float(), noise.flatten(1).float()).square()
    order = torch.arange(len(x), device=x.device)
    numbers = order
    for _ in range(ROUNDS):
        given = cost[:, order]
        own = given.diagonal()
        gain, best = (own[:, None] + own - given - given.T).max(1)
        agreed = (best[best] == numbers) & (gain > GAIN * own.mean())
        order = torch.where(agreed, order[best], order)
    return order


class FlowNLL(genzoo.Metric):
    """−ln p(x) by the instantaneous change of variables, with the exact divergence (Chen et al. 2018, theorem 1)."""

    label = "−ln p(x) of the flow"
    unit = "nats"

    @genzoo.config
    class Config:
        steps: genzoo.Count = 100
        """Steps of the midpoint method from data to noise."""

    def refuses(self, model: genzoo.Model) -> str | None:
        if not isinstance(model, FlowMatching):
            return "no flow"
        return None if model.spec.numel <= LARGEST else f"for examples of {LARGEST} values at most"

    def per_example(self, examined: genzoo.EvaluationBatch) -> Tensor:
        """[B]."""
        assert isinstance(examined.model, FlowMatching)
        return -examined.model.log_prob(examined.batch.x, self.config.steps)

    def details(self, values: Tensor) -> dict[str, Any]:
        return {"steps": self.config.steps, "note": f"{self.config.steps} steps"}
