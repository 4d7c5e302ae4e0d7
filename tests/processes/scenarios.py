"""Scenarios that must give the same result in one process and in two: called by the tests, and by pairs.py in each of
two processes."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import torch
from genzoo_plugins.losses.elbo import ELBO
from genzoo_plugins.mmd.mmd import MMD
from genzoo_plugins.vae.beta_tc_vae import TC
from genzoo_plugins.vae.factor_vae import Factor
from genzoo_plugins.vae.vae import VAE
from safetensors.torch import save_file
from small_game import everything, make_game
from torch import Tensor, nn

import genzoo
from genzoo.core.dataset import Split
from genzoo.core.errors import GenzooError, NonFiniteError, PluginError
from genzoo.core.noise import seeded
from genzoo.data.resident import Resident
from genzoo.evaluation.evaluate import evaluate, find_metrics
from genzoo.registry.current import registry
from genzoo.system.distributed import ALONE, Processes, joined
from genzoo.training.callback import Listener
from genzoo.training.config import Training
from genzoo.training.objective import objective_terms
from genzoo.training.trainer import Trainer

CPU = torch.device("cpu")
SPEC = genzoo.DataSpec((1, 6, 6), "bernoulli", size=130)
GREY = (torch.rand(190, 1, 6, 6, generator=torch.Generator().manual_seed(7)) * 255.99).to(torch.uint8)
BATCH, STEPS = 26, 20


class Odd(ELBO):
    """An ELBO with its own weight, an unused weight, and a running mean of its inputs."""

    def __init__(self, model: genzoo.Model, config: Any) -> None:
        super().__init__(model, config)
        self.offset = nn.Parameter(torch.tensor(3.0))
        self.idle = nn.Parameter(torch.tensor(2.0))
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> dict[str, Tensor]:
        terms = super().forward(model, batch, step)
        if self.training:
            self.seen.lerp_(batch.x.mean(), 0.5)  # type: ignore[operator]
        own = (self.offset * batch.x.flatten(1).mean(1) - 1).square().mean()
        return {**terms, "loss": terms["loss"] + own}


def trainer(processes: Processes, loss_class: type[ELBO] = Odd, **options: Any) -> Trainer:
    """Return a trainer of four epochs with five steps each."""
    with seeded(0):
        model = VAE(SPEC, VAE.Config(latent_dim=3, hidden=(8,)))
        loss = loss_class(model, loss_class.Config(posterior_samples=2))
    training = Training(**{"epochs": 4, "batch_size": BATCH, "binarize": "dynamic", "weight_decay": 0.1, **options})
    train = Resident(Split(GREY[:130]), CPU, "dynamic", training=True)
    return Trainer(model, loss, training, train, Resident(Split(GREY[130:]), CPU, "dynamic"), processes=processes)


def state(trained: Trainer) -> dict[str, Tensor]:
    """Return model and loss."""
    return {name: value.clone() for name, value in trained.trained.state_dict().items()}


def weights(processes: Processes) -> dict[str, Tensor]:
    """Run twenty steps; return the weights and the report of each epoch."""
    made = trainer(processes, ema=0.9, grad_clip=5.0, lr=0.01)
    outcome = made.fit()
    assert made.step == STEPS
    reports = [list(epoch.train.values()) + list(epoch.validation.values()) for epoch in outcome.epochs]
    return {**state(made), "reports": torch.tensor(reports)}


def statistics(processes: Processes) -> dict[str, Tensor]:
    """Return the running statistics of each process after a validation."""
    made = trainer(processes, epochs=1)
    made.fit()
    return {"loss.seen": made.objective.loss.seen.clone()}  # type: ignore[operator]


def metrics(processes: Processes) -> dict[str, Tensor]:
    """Evaluate one model in batches of 7, and in one batch that only one process gets."""
    made = trainer(ALONE)
    data = Resident(Split(GREY), CPU, "dynamic")
    found: dict[str, Tensor] = {}
    for size in (7, 500):
        terms = objective_terms(made.objective, data, torch.tensor(5), size, processes)
        every = find_metrics(registry())
        result = evaluate(made.objective.model, data, every, size, train=data, processes=processes)
        values = {**terms, **{name: value for name, value in result.items() if isinstance(value, float)}}
        found |= {f"{name} {size}": torch.tensor(value, dtype=torch.float64) for name, value in values.items()}
    return found


def stopped(processes: Processes) -> dict[str, Tensor]:
    """Let the second process ask to stop in its seventh step."""

    class Stop(Listener):
        def stepped(self, done: int, terms: object) -> None:
            made.stop_requested = processes.rank == processes.size - 1 and made.step == 6

    made = trainer(processes)
    made.listeners = [Stop()]
    outcome = made.fit()
    assert outcome.stopped == "interrupted"
    return {**state(made), "step": torch.tensor(made.step)}


class Poisoned(Odd):
    """A loss that is nan in the second process's eighth step."""

    rank: ClassVar[int]
    size: ClassVar[int]

    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> dict[str, Tensor]:
        terms = super().forward(model, batch, step)
        last = self.rank == self.size - 1
        return {**terms, "loss": terms["loss"] * torch.where((step == 7) & last, torch.nan, 1.0)}


def poisoned(processes: Processes) -> dict[str, Tensor]:
    """Train with a loss that is not finite in one process."""
    Poisoned.rank, Poisoned.size = processes.rank, processes.size
    made = trainer(processes, Poisoned)
    with contextlib.suppress(NonFiniteError):
        made.fit()
    assert made.step == 7
    return {name: value for name, value in state(made).items() if "seen" not in name}


class Bare(Odd):
    """A model that draws noise with torch's own generator."""

    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> dict[str, Tensor]:
        if self.training:
            self.drawn = torch.randn(len(batch.x))
        return super().forward(model, batch, step)


def bare(processes: Processes) -> dict[str, Tensor]:
    """Return the noise of a model that does not use genzoo's noise."""
    made = trainer(processes, Bare, epochs=1)
    made.fit()
    assert isinstance(made.objective.loss, Bare)
    return {"drawn": made.objective.loss.drawn}


def game(processes: Processes) -> dict[str, Tensor]:
    """Train a critic and a model in turn, with a hook that sees the whole batch."""
    made = make_game(processes=processes, epochs=4, ema=0.9, grad_clip=0.5)
    outcome = made.fit()
    reports = [[*epoch.train.values(), *epoch.validation.values()] for epoch in outcome.epochs]
    return {**everything(made), "reports": torch.tensor(reports)}


def compared(loss_class: type[genzoo.Loss], processes: Processes, **options: Any) -> dict[str, Tensor]:
    """Run ten steps of a loss that holds the examples of a batch against each other."""
    with seeded(0):
        model = VAE(SPEC, VAE.Config(latent_dim=3, hidden=(8,)))
        loss = loss_class(model, loss_class.Config(**options))
    training = Training(epochs=2, batch_size=BATCH, lr=0.01)
    made = Trainer(model, loss, training, Resident(Split(GREY[:130]), CPU), processes=processes)
    reports = torch.tensor([list(epoch.train.values()) for epoch in made.fit().epochs])
    return {**state(made), **{f"{name} of the loss": value.clone() for name, value in loss.named_parameters()}} | {
        "reports": reports
    }


def total_correlation(processes: Processes) -> dict[str, Tensor]:
    """Compare every code with the posteriors of the whole batch."""
    return compared(TC, processes)


def discriminator(processes: Processes) -> dict[str, Tensor]:
    """Shuffle the codes of the whole batch."""
    return compared(Factor, processes, discriminator=(8,))


def discrepancy(processes: Processes) -> dict[str, Tensor]:
    """Compare the codes of the whole batch with samples of the prior."""
    return compared(MMD, processes, lam=100.0)


SCENARIOS: list[Callable[[Processes], dict[str, Tensor]]] = [weights, statistics, metrics, stopped, poisoned, bare]
SCENARIOS += [game, total_correlation, discriminator, discrepancy]


def main(folder: Path) -> None:
    """Write the result of each scenario in this process; finally the second process fails while the first one waits."""
    with joined() as processes:
        for scenario in SCENARIOS:
            found = {name: value.contiguous() for name, value in scenario(processes).items()}
            save_file(found, folder / f"{scenario.__name__}-{processes.rank}.safetensors")
        if processes.rank == 1:
            raise PluginError("the second one fails")
        processes.all_reduce(torch.zeros(3))


def run(folder: Path) -> int:
    """Return the exit code of `main`, after a line that tells of a failure."""
    try:
        main(folder)
    except GenzooError as failure:
        print(f"{type(failure).__name__} {failure.exit_code} {failure}", file=sys.stderr)
        return 1
    return 0
