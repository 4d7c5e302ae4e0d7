"""Untrained models on data of several forms, as the input of figures."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from genzoo.core.dataset import DataSpec, Split
from genzoo.data.resident import Resident
from genzoo.data.store import Store
from genzoo.figures.context import FigureContext
from genzoo.registry.configs import default_config
from genzoo.registry.current import registry
from genzoo.runs.build import build_model
from genzoo.runs.run import Run

CPU = torch.device("cpu")


SHAPES = {"digits": (1, 8, 8), "moons": (2,), "mnist-shaped": (1, 28, 28), "colour": (3, 16, 16), "vectors": (5,)}

HISTORY = '{"epoch": 1, "train": {"loss": 3.0, "kl": 1.0}, "validation": {"loss": 3.5, "kl": 1.1}}\n'


def examples(form: str) -> Split:
    """Real digits or moons, or 300 random examples of that shape."""
    if form in ("digits", "moons"):
        entry = registry().get("dataset", form)
        test: Split = entry.load()(default_config(entry, entry.options)).load(Store()).test
        return test
    generator = torch.Generator().manual_seed(0)
    shape = SHAPES[form]
    if len(shape) == 1:
        return Split(torch.randn(300, *shape, generator=generator))
    x = torch.randint(0, 256, (300, *shape), generator=generator, dtype=torch.uint8)
    return Split(x, torch.randint(0, 10, (300,), generator=generator))


def subject_of(folder: Path, name: str, form: str, **options: int) -> FigureContext:
    """An untrained model, with weights large enough to tell examples apart, on data of one form."""
    split, entry = examples(form), registry().get("model", name)
    likelihood = "bernoulli" if len(SHAPES[form]) == 3 else "gaussian-learned"
    spec = DataSpec(SHAPES[form], likelihood, classes=10 if split.y is not None else 0, size=len(split.x))
    model = build_model(entry, spec, default_config(entry, {**entry.options, **options}), seed=0, device=CPU)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.5)
    (folder / "metrics.jsonl").write_text(HISTORY)
    view = Resident(split, CPU)
    return FigureContext(Run(folder), model, {"train": view, "test": view})


@pytest.fixture(params=["vae", "ae"])
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> FigureContext:
    made = subject_of(tmp_path, request.param, "digits", latent_dim=6)
    made.model.requires_grad_(False)
    return made


def reconstructed(subject: FigureContext, *index: int) -> Tensor:
    return subject.autoencoder.reconstruct(subject.examples(torch.tensor(index)))
