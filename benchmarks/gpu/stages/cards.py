"""Reproductions that need a GPU: the table of the importance-weighted autoencoder, with a shortened schedule, and every
reproduction card that says so, as far as time allows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench import Bench

from genzoo.core.dataset import Split
from genzoo.data.resident import Resident
from genzoo.evaluation.evaluate import evaluate, find_metrics
from genzoo.experiment.cards import Card, cards, results
from genzoo.experiment.experiment import Experiment
from genzoo.experiment.sweep import run_sweep
from genzoo.registry.current import registry
from genzoo.runs.run import RunPaths

SAMPLES = (1, 5, 50)
EPOCHS, IMAGES, K = 10, 1000, 1000
"""The paper trains for 3,280 epochs and estimates −ln p(x) of all test images from 5,000 samples each."""
OPTIONS: dict[str, Any] = {
    "hidden": (200, 200),
    "latent_dim": 50,
    "activation": "tanh",
    "batch_size": 20,
    "binarize": "dynamic",
}
"""The nets of one stochastic layer (Burda et al. 2016, section 5)."""
PAPER = {("vae", 1): 86.76, ("vae", 5): 86.47, ("vae", 50): 86.35,
         ("iwae", 1): 86.76, ("iwae", 5): 85.54, ("iwae", 50): 84.78}  # fmt: skip
"""The paper's −ln p(x) in nats, table 1."""


def run(bench: Bench) -> None:
    """Measure VAE and IWAE with k samples."""
    for k in SAMPLES[: 1 if bench.tiny else None]:
        for model in ("iwae", "vae"):
            bench.row(f"{model} k={k}", of_model(bench, model, k), needs=10)
    for card in cards().values():
        if card.fits == "gpu":
            bench.row(f"card {card.name}", of_card(bench, card), needs=0 if bench.tiny else 60 * card.minutes)


def of_model(bench: Bench, model: str, k: int) -> Callable[[], dict[str, Any]]:
    """Train without figures, then bound −ln p(x) on some test images."""

    def work() -> dict[str, Any]:
        from subjects import Case
        from training import fit

        train, test, source = bench.images
        epochs, images, samples = (1, 16, 10) if bench.tiny else (EPOCHS, IMAGES, K)
        named = {"posterior_samples": k, "seed": 0, "epochs": epochs, **OPTIONS}
        case = Case(model, OPTIONS["batch_size"], "graph", "fp32", bench.device.type)
        trainer, values = fit(bench, case, train, **named)
        held_out = Resident(Split(test[:images]), bench.device, "static")
        metric = f"iwae:{samples}"
        found = evaluate(trainer.objective.model, held_out, find_metrics(registry(), [metric]))
        bound = next(value for name, value in found.items() if name.startswith("iwae"))
        return {"negative_log_likelihood": bound, "paper": PAPER[model, k], "epochs": epochs, "data": source, **values}

    return work


def of_card(bench: Bench, card: Card) -> Callable[[], dict[str, Any]]:
    """Reproduce a card with one seed; a rehearsal only checks its options."""

    def work() -> dict[str, Any]:
        plan = card.plan([0], device=str(bench.device))
        if bench.tiny:
            for _, planned in plan:
                Experiment(planned.config, RunPaths(), quiet=True)
            return {"runs": len(plan)}
        with TemporaryDirectory() as folder:
            runs, failures = run_sweep([planned for _, planned in plan], RunPaths(Path(folder)), True, print)
            claims = results(card, plan, runs)
        first = claims[0]
        return {"expected": first["expected"], "verdict": first["verdict"], "claims": claims, "failures": failures}

    return work
