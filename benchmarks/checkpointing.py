"""What checkpoints cost.

    python benchmarks/checkpointing.py [--folder .]

Saves a model of 5 MB (15 MB with Adam's moments) again and again into the folder, and says what share of the time that
is at the default interval; then trains `vae` on the digits with checkpoints and without, in turn, which is as short as
runs get. Exits with 1 where a save takes more than 0.5 % of the interval.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

import torch

import genzoo
from genzoo.build import build_loss, build_model
from genzoo.data.resident import Resident
from genzoo.protocols import DataSpec, Split
from genzoo.registry import registry
from genzoo.runconfig import Components
from genzoo.runs import Run
from genzoo.saving import Saver
from genzoo.training.settings import Training
from genzoo.training.trainer import Trainer

SAVES, TURNS, BOUND = 20, 5, 0.005


def trainer() -> Trainer:
    """A VAE of 1.25 million parameters after one step."""
    components = Components.find(registry(), "vae", "mnist")
    config = components.defaults().replace({}, {"hidden": [760]})
    spec, cpu = DataSpec((1, 28, 28), "bernoulli", size=128), torch.device("cpu")
    model = build_model(components.model, spec, config.model_config, 0, cpu)
    loss = build_loss(components.loss, model, config.loss_config, "vae", 0)
    x = torch.randint(0, 256, (128, 1, 28, 28), dtype=torch.uint8)
    made = Trainer(model, loss, Training(epochs=1), Resident(Split(x), cpu))
    made.fit()
    return made


def seconds_a_save(folder: Path) -> list[float]:
    """How long each of several saves took, hashes, flushes and the removal of older ones included."""
    made = trainer()
    saver, found = Saver(Run(folder), made, dict), []
    for step in range(SAVES):
        made.step = step
        made.outcome.epochs = []
        made.steps_per_epoch = SAVES + 1
        began = time.perf_counter()
        assert saver.write(), saver.error
        found.append(time.perf_counter() - began)
    return found


def seconds_a_run(folder: Path, save_every: float) -> float:
    """Ten epochs of the digits, evaluation and figures included."""
    began = time.perf_counter()
    genzoo.run("vae", "digits", out=folder, epochs=10, save_every=save_every, quiet=True)
    return time.perf_counter() - began


def main() -> int:
    """Measures and prints; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path(), help="where to save: the disk is what is measured")
    with tempfile.TemporaryDirectory(dir=parser.parse_args().folder) as name:
        folder = Path(name)
        saves = seconds_a_save(folder)
        size = sum(file.stat().st_size for file in (folder / "checkpoints").rglob("*.safetensors")) / 2
        usual, interval = statistics.median(saves), Training().save_every
        print(f"a checkpoint of {size / 1e6:.1f} MB: median {usual * 1e3:.0f} ms, longest {max(saves) * 1e3:.0f} ms;")
        print(f"{usual / interval:.3%} of the {interval:g} s between two")
        seconds_a_run(folder / "first", 0)
        ratios = []
        for turn in range(TURNS):
            without, with_them = (seconds_a_run(folder / f"{turn}-{every}", every) for every in (0, 60))
            ratios.append(with_them / without)
        told = ", ".join(f"{ratio:.3f}" for ratio in ratios)
        print(f"digits, 10 epochs, with over without: median {statistics.median(ratios):.3f} ({told})")
    return int(usual / interval > BOUND)


if __name__ == "__main__":
    sys.exit(main())
