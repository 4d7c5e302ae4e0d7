"""Compare captured steps with eager ones, and with a step captured by hand."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

import torch
from bench import Bench
from ceiling import bare_steps
from subjects import Case, build
from timing import rounds, speed
from torch import Tensor
from training import bare_captured, fit, timed

MODEL, BATCH = "vae", 128
MODES = ("eager", "graph")
IN_A_GRAPH = (1, 8)
"""Steps in one graph of the bare loop."""


def run(bench: Bench) -> None:
    """Measure weights, then the bound, then the ceiling."""
    bench.row("weights after 200 steps", lambda: weights(bench, 4 if bench.tiny else 200))
    for seed in range(1 if bench.tiny else 3):
        for mode in MODES:
            bench.row(f"bound after 3 epochs, {mode}, seed {seed}", bound(bench, mode, seed))
    for batch in (16,) if bench.tiny else (BATCH, 4096, 1024):
        for precision in ("bf16",) if bench.tiny else ("fp32", "bf16"):
            bench.row(f"ceiling {batch} {precision}", ceiling(bench, batch, precision), needs=4)


def case_of(bench: Bench, mode: str, batch: int = BATCH, precision: str = "fp32") -> Case:
    """Return the case of the model in a mode."""
    return Case(MODEL, batch, mode, precision, bench.device.type)


def flat(parameters: list[torch.nn.Parameter]) -> Tensor:
    """Return all weights as one vector in float64."""
    return torch.cat([parameter.detach().double().flatten() for parameter in parameters])


def weights(bench: Bench, steps: int) -> dict[str, Any]:
    """Return the distance between the weights of captured and of eager steps, as a share of their change in training.

    Two eager trainings, which differ only in the order of sums, are compared too.
    """
    x = bench.many(steps * BATCH)
    model, *_ = build(case_of(bench, "eager"), "mnist")
    start = flat([parameter for parameter in model.parameters() if parameter.requires_grad])
    ends, losses = {}, {}
    for name in ("eager", "graph", "eager again", "graph again"):
        trainer, values = fit(bench, case_of(bench, name.split()[0]), x, epochs=1)
        ends[name], losses[name] = flat(trainer.parameters), values["loss"]
    way = (ends["eager"] - start).norm()
    pairs = {"graph_to_eager": ("graph", "eager"), "eager_to_eager": ("eager again", "eager")}
    pairs["graph_to_graph"] = ("graph again", "graph")
    apart = {name: float((ends[one] - ends[other]).norm() / way) for name, (one, other) in pairs.items()}
    return {"steps": steps, **apart, "loss_eager": losses["eager"], "loss_graph": losses["graph"]}


def bound(bench: Bench, mode: str, seed: int) -> Callable[[], dict[str, Any]]:
    """Return a row: −ELBO on the test images in nats after three epochs."""

    def work() -> dict[str, Any]:
        train, test, source = bench.images
        trainer, values = fit(bench, case_of(bench, mode), train, test, epochs=3, seed=seed)
        history = [epoch.validation["loss"] for epoch in trainer.outcome.epochs]
        return {"negative_elbo": history[-1], "history": history, "data": source, **values}

    return work


def ceiling(bench: Bench, batch: int, precision: str) -> Callable[[], dict[str, Any]]:
    """Return a row: the trainer's captured steps, and a bare loop of the same mathematics, eager and captured."""

    def work() -> dict[str, Any]:
        steps = 8 if bench.tiny else max(64, 12_800 // batch * 2)
        values = {"genzoo": timed(bench, case_of(bench, "graph", batch, precision), steps)["images_per_second"]}
        x = bench.many(steps * batch)
        turns = bare_steps(x, batch, precision)
        values["bare_eager"] = median_speed(steps * batch, lambda: [next(turns) for _ in range(steps)], bench)
        for together in IN_A_GRAPH:
            train = bare_captured(x, batch, precision, together)

            def epoch(train: Callable[[Tensor], None] = train, together: int = together) -> None:
                order = torch.randperm(len(x), device=x.device)[: steps // together * together * batch]
                for index in order.view(-1, together, batch):
                    train(index)

            values[f"bare_graph_of_{together}"] = median_speed(steps // together * together * batch, epoch, bench)
        best = max(values[f"bare_graph_of_{together}"] for together in IN_A_GRAPH)
        return {**values, "share_of_bare_graph": values["genzoo"] / values["bare_graph_of_1"],
                "share_of_best": values["genzoo"] / best}  # fmt: skip

    return work


def median_speed(images: int, epoch: Callable[[], object], bench: Bench) -> float:
    """Return the median images per second of epochs of `images` images."""
    return statistics.median([speed(images, [one])["images_per_second"] for one in rounds(epoch, bench.device)])
