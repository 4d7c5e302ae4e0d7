"""Reproductions that need a GPU, with a shortened schedule: the table of the importance-weighted autoencoder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench import Bench

from genzoo.core.dataset import Split
from genzoo.data.resident import Resident
from genzoo.evaluation.evaluate import evaluate, find_metrics
from genzoo.registry.current import registry

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
