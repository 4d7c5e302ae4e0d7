"""A pair of a model and a loss to check, on made-up data of any form."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from genzoo.core.dataset import PADDING, Batch, DataSpec, Split, token_type
from genzoo.core.errors import GenzooError
from genzoo.core.noise import derive_seed, seeded
from genzoo.data.resident import Resident
from genzoo.registry.configs import default_config, default_sampling
from genzoo.registry.current import registry
from genzoo.registry.entries import Entry
from genzoo.registry.parts import likelihood_class
from genzoo.runs.build import build_loss, build_model
from genzoo.testing.check import require
from genzoo.training.objective import Objective
from genzoo.training.phases import trained_by

SPECS = {
    "grey images": DataSpec((1, 28, 28), "bernoulli", classes=10, size=1000),
    "colour images": DataSpec((3, 32, 32), "bernoulli", classes=10, size=1000),
    "points": DataSpec((2,), "gaussian-learned", classes=2, size=1000),
    "vectors": DataSpec((5,), "gaussian", size=1000),
    "tokens": DataSpec((12,), "", classes=2, size=1000, kind="tokens", levels=7),
    "signals": DataSpec((1, 32), "gaussian-learned", classes=2, size=1000, kind="signal", rate=8000.0),
}
"""Forms of data to check a model on; it may refuse some of them with a reason."""

SPARE = {
    "black-and-white images": DataSpec((1, 12, 12), "bernoulli", classes=10, size=1000, binary=True),
    "counts": DataSpec((5,), "nb", classes=2, size=1000),
}
"""Forms for models that refuse all of `SPECS`."""

SMALL = {
    "2x2 pixels": DataSpec((1, 2, 2), "bernoulli", classes=2, size=1000, binary=True),
    "single numbers": DataSpec((1,), "gaussian-learned", classes=2, size=1000),
    "3 tokens": DataSpec((3,), "", size=1000, kind="tokens", levels=4),
}
"""Forms so small that a density can be summed or integrated; a model need not support them."""

CPU = torch.device("cpu")
EXAMPLES = 16
TOTAL = 10_000
"""Steps of the training that a loss is told of."""
PERTURBATION = 0.3
"""Standard deviation of the noise that `perturbed` adds to biases and scalars."""
SHARES = (1.0, 0.3, 0.1, 0.0)
"""The shares of its noise that `perturbed` tries."""


@dataclass(frozen=True)
class Pair:
    """A registered model and a registered loss, with their registered defaults, on data of one form."""

    model: Entry
    loss: Entry
    spec: DataSpec
    loss_options: Mapping[str, Any] = field(default_factory=dict)
    """Options of the loss that differ from the defaults."""
    model_options: Mapping[str, Any] = field(default_factory=dict)
    """Options of the model that differ from the defaults."""
    examples: Split | None = field(default=None, repr=False, compare=False)
    """Examples of a dataset; None: made-up examples."""
    counts: bool = False
    """Whether made-up vectors hold counts: 0, 1, 2, …"""

    @classmethod
    def of(cls, model: str, loss: str = "", spec: DataSpec = SPECS["grey images"], **loss_options: Any) -> Pair:
        """Return the pair of registered names; without `loss`, the loss that the model is registered with."""
        entry = registry().get("model", model)
        return cls(entry, registry().get("loss", loss) if loss else registry().loss_of(entry), spec, loss_options)

    def __str__(self) -> str:
        return f"{self.model.name} × {self.loss.name} on {'x'.join(map(str, self.spec.shape))}"

    def build(self) -> Objective:
        """Return model and loss, prepared for training, with the same weights in each call.

        Raises:
            GenzooError: One of them refuses the other, or the data.
        """
        own = self.model.loss_options if self.loss.name == self.model.loss else {}
        loss_config = default_config(self.loss, {**self.loss.options, **own, **self.loss_options})
        options = {**self.model.options, **self.model_options}
        config, sampling = default_config(self.model, options), default_sampling(self.model, options)
        model = build_model(self.model, self.spec, config, 0, CPU, sampling)
        loss = build_loss(self.loss, model, loss_config, self.model.name, 0)
        with torch.no_grad(), seeded(derive_seed(0, "prepare")):
            model.prepare(self.batch(EXAMPLES))
            if model.in_closed_form():
                model.fit([self.batch(EXAMPLES)])
            loss.begin(model, TOTAL)
        return Objective(model, loss).train()

    def perturbed(self, seed: int = 0, most: float = 1.0) -> Objective:
        """Return model and loss with noise added to all weights, since initial values of 0 or 1 hide faults.

        The noise is reduced until the loss is finite, to one of `SHARES`.

        Args:
            seed: Of the noise.
            most: The largest share of the noise.
        """
        objective, batch = self.build(), self.batch(EXAMPLES)
        before = {name: parameter.detach().clone() for name, parameter in objective.named_parameters()}
        for share in (share for share in SHARES if share <= most):
            perturb(objective, before, seed, share)
            with torch.no_grad():
                loss = loss_of(objective.eval(), batch)["loss"]
            if bool(loss.isfinite()):
                break
        return objective.train()

    def refusal(self) -> str | None:
        """Return why the model or the loss refuses to be built, None if it does not; other errors pass through."""
        try:
            self.build()
        except GenzooError as error:
            require(
                "\n" not in error.message and len(error.message) > 10, f"{self}: no reason given: {error.message!r}"
            )
            return error.message
        return None

    def split(self, n: int) -> Split:
        """Return n examples as a dataset stores them: mostly dark uint8 images, float32 values, or padded tokens."""
        if self.examples is not None:
            index = torch.arange(n) % len(self.examples.x)
            y = self.examples.y
            return Split(torch.as_tensor(self.examples.x[index]), None if y is None else y[index])
        generator = torch.Generator().manual_seed(n)
        shape = (n, *self.spec.shape)
        if self.spec.is_discrete:
            x = made_up_tokens(n, self.spec, generator)
        elif self.counts or (self.spec.likelihood and likelihood_class(self.spec.likelihood).values == "counts"):
            x = torch.poisson(torch.full(shape, 3.0), generator=generator)
        elif self.spec.binary:
            x = 255 * (torch.rand(shape, generator=generator) < 0.4).to(torch.uint8)
        elif self.spec.is_image:
            x = (torch.rand(shape, generator=generator) ** 3 * 255.99).to(torch.uint8)
        else:
            x = 2 * torch.randn(shape, generator=generator) + 1
        return Split(x, torch.arange(n) % self.spec.classes if self.spec.classes else None)

    def batch(self, n: int) -> Batch:
        """Return n examples as a model gets them."""
        return Resident(self.split(n), CPU).batch(torch.arange(n))


def made_up_tokens(n: int, spec: DataSpec, generator: torch.Generator) -> Tensor:
    """Return n sequences of any length from 1 on, padded to that of the spec: [n, L]."""
    (length,) = spec.shape
    x = torch.randint(1, spec.levels, (n, length), generator=generator)
    ends = torch.randint(1, length + 1, (n, 1), generator=generator)
    return torch.where(torch.arange(length) < ends, x, PADDING).to(token_type(spec.levels))


@torch.no_grad()
def perturb(objective: Objective, weights: Mapping[str, Tensor], seed: int, share: float = 1.0) -> None:
    """Set the weights to the given ones plus noise from `seed`, large enough to change the output of every layer."""
    generator = torch.Generator().manual_seed(derive_seed(seed, "stir"))
    for name, parameter in objective.named_parameters():
        parameter.copy_(weights[name])
        if parameter.requires_grad and parameter.is_floating_point():
            scale = PERTURBATION if parameter.dim() < 2 else 0.7 / math.sqrt(parameter[0].numel())
            parameter.add_(torch.randn(parameter.shape, generator=generator).to(parameter), alpha=share * scale)


def phase_terms(objective: Objective, batch: Batch, phase: int, step: int = 0, seed: int = 0) -> dict[str, Tensor]:
    """Return the terms of one phase of the loss, with noise drawn from `seed`."""
    with seeded(seed):
        terms: dict[str, Tensor] = objective(batch, torch.tensor(step), phase)
    return terms


def loss_of(objective: Objective, batch: Batch, step: int = 0, seed: int = 0) -> dict[str, Tensor]:
    """Return the loss's terms, with noise drawn from `seed`. "loss" is the sum of what several phases minimise."""
    phases = objective.loss.phases
    every = [phase_terms(objective, batch, number, step, seed) for number in range(len(phases))]
    terms = {name: term for of_phase in every for name, term in of_phase.items()}
    if len(phases) > 1:
        terms["loss"] = torch.stack([terms[phase.term] for phase in phases]).sum()
    return terms


def backward(objective: Objective, batch: Batch, step: int = 0, seed: int = 0) -> None:
    """Add each phase's gradient to the parameters that it trains."""
    for number, parameters in enumerate(trained_by(objective)):
        term = objective.loss.phases[number].term
        phase_terms(objective, batch, number, step, seed)[term].backward(inputs=list(parameters.values()))


def train(objective: Objective, batch: Batch, steps: int, new_noise: bool = True) -> None:
    """Run `steps` steps of Adam on one batch; a model in closed form is fitted to it.

    All phases are active in each step, with the gradients of the same weights.

    Args:
        objective: Model and loss.
        batch: The examples.
        steps: How many.
        new_noise: Whether each step draws other noise; else that of seed 0, as `loss_of` does.
    """
    if objective.model.in_closed_form():
        with torch.no_grad():
            objective.model.fit([batch])
        return
    groups = [
        {"params": list(own.values()), "lr": 1e-3 * phase.lr, "betas": phase.betas or (0.9, 0.999)}
        for phase, own in zip(objective.loss.phases, trained_by(objective), strict=True)
    ]
    optimizer = torch.optim.Adam(groups, fused=True)
    for step in range(steps):
        optimizer.zero_grad()
        backward(objective, batch, step, seed=step if new_noise else 0)
        optimizer.step()
