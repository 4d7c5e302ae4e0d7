"""A model and a loss to examine, on made-up data of any form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from genzoo.build import build_loss, build_model
from genzoo.data.resident import Resident
from genzoo.entries import Entry
from genzoo.errors import GenzooError
from genzoo.noise import mix, seeded
from genzoo.protocols import Batch, DataSpec, Split
from genzoo.registry import registry
from genzoo.runconfig import default_config
from genzoo.testing.check import require
from genzoo.training.objective import Objective

SPECS = {
    "grey images": DataSpec((1, 28, 28), "bernoulli", classes=10, size=1000),
    "colour images": DataSpec((3, 32, 32), "bernoulli", classes=10, size=1000),
    "points": DataSpec((2,), "gaussian-learned", classes=2, size=1000),
    "vectors": DataSpec((5,), "gaussian", size=1000),
}
"""Forms of data to try a model on; it may refuse some of them, with its reason."""

CPU = torch.device("cpu")
EXAMPLES = 16


@dataclass(frozen=True)
class Pair:
    """A registered model and a registered loss, with their registered defaults, on data of one form."""

    model: Entry
    loss: Entry
    spec: DataSpec
    loss_options: Mapping[str, Any] = field(default_factory=dict)
    """Options of the loss that differ from the defaults."""

    @classmethod
    def of(cls, model: str, loss: str = "", spec: DataSpec = SPECS["grey images"], **loss_options: Any) -> Pair:
        """Looks the names up; without `loss`, the one the model is registered with."""
        entry = registry().get("model", model)
        return cls(entry, registry().get("loss", loss) if loss else registry().loss_of(entry), spec, loss_options)

    def __str__(self) -> str:
        return f"{self.model.name} × {self.loss.name} on {'x'.join(map(str, self.spec.shape))}"

    def build(self) -> Objective:
        """Model and loss, always with the same weights, prepared for training.

        Raises:
            GenzooError: One of them refuses the other, or the data.
        """
        own = self.model.loss_options if self.loss.name == self.model.loss else {}
        loss_config = default_config(self.loss, {**self.loss.options, **own, **self.loss_options})
        model = build_model(self.model, self.spec, default_config(self.model, self.model.options), 0, CPU)
        loss = build_loss(self.loss, model, loss_config, self.model.name, 0)
        with torch.no_grad(), seeded(mix(0, "prepare")):
            model.prepare(self.batch(EXAMPLES))
        return Objective(model, loss).train()

    def refusal(self) -> str | None:
        """Why the pair cannot be built, None if it can; any other error passes through."""
        try:
            self.build()
        except GenzooError as error:
            require(
                "\n" not in error.message and len(error.message) > 10, f"{self}: no reason given: {error.message!r}"
            )
            return error.message
        return None

    def split(self, n: int) -> Split:
        """n examples as a dataset stores them: mostly dark uint8 images, or float32 values."""
        generator = torch.Generator().manual_seed(n)
        shape = (n, *self.spec.shape)
        if self.spec.is_image:
            x = (torch.rand(shape, generator=generator) ** 3 * 255.99).to(torch.uint8)
        else:
            x = 2 * torch.randn(shape, generator=generator) + 1
        return Split(x, torch.arange(n) % self.spec.classes if self.spec.classes else None)

    def batch(self, n: int) -> Batch:
        """n examples as a model gets them."""
        return Resident(self.split(n), CPU).batch(torch.arange(n))


def loss_of(objective: Objective, batch: Batch, step: int = 0, seed: int = 0) -> dict[str, Tensor]:
    """The loss's terms, with noise drawn from `seed`."""
    with seeded(seed):
        terms: dict[str, Tensor] = objective(batch, torch.tensor(step))
    return terms


def train(objective: Objective, batch: Batch, steps: int) -> None:
    """So many steps of Adam on one batch."""
    optimizer = torch.optim.Adam(objective.parameters(), lr=1e-3, fused=True)
    for step in range(steps):
        optimizer.zero_grad()
        loss_of(objective, batch, step, seed=step)["loss"].backward()
        optimizer.step()
