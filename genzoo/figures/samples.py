"""New examples, and old ones made again."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from genzoo.data.resident import Resident
from genzoo.figures.canvas import save_grid, save_pairs
from genzoo.figures.points import displacements, scatter
from genzoo.figures.subject import Subject
from genzoo.noise import mix, seeded
from genzoo.protocols import LatentModel, Model

SAMPLES = 64
POINTS = 1000


@torch.no_grad()
def draw_samples(model: Model, train: Resident | None, n: int, seed: int = 0) -> tuple[Tensor, str]:
    """n new examples [n, *S] on the CPU, in the data's own units, and how they were made.

    A model without a prior is sampled from a Gaussian fitted to the codes of training data (Ghosh et al. 2020,
    section 3): the caption says so, since it is not a property of the model. Only then is `train` needed.
    """
    noise = len(model.spec.shape) == 1  # points are drawn from p(x|z); of images the mean is shown
    with seeded(mix(seed, "samples")):
        if needs_codes(model):
            assert isinstance(model, LatentModel)
            assert train is not None
            px = model.likelihood(fitted_codes(model, train, n))
            x, how = px.rsample() if noise else px.mean, "z from a Gaussian fitted to training codes"
        else:
            x, how = model.sample(n, noise=noise), "z from the prior"
    return model.spec.original(x).cpu(), how


def needs_codes(model: Model) -> bool:
    """Whether sampling takes training data, for want of a prior."""
    return isinstance(model, LatentModel) and model.prior() is None


def fitted_codes(model: LatentModel, train: Resident, n: int) -> Tensor:
    """n codes [n, *D] from a Gaussian with the mean and covariance of the training data's codes."""
    index = torch.arange(len(train), device=train.device)
    codes = torch.cat([model.encode(train.batch(part).x) for part in index.split(500)])
    flat = codes.flatten(1).double().cpu()
    values, vectors = torch.linalg.eigh(torch.atleast_2d(flat.T.cov(correction=0)))
    noise = torch.randn(n, flat.shape[1], dtype=torch.float64) * values.clamp_min(0).sqrt()
    drawn: Tensor = (flat.mean(0) + noise @ vectors.T).to(codes)
    return drawn.view(n, *codes.shape[1:])


def samples(subject: Subject, path: Path) -> None:
    """New images, or new points beside the data's."""
    model, train, test = subject.model, subject.view["train"], subject.test
    if not model.spec.is_image:
        new, how = draw_samples(model, train, POINTS)
        scatter(path, test.x[:POINTS].cpu(), new, f"{POINTS:,} samples, {how}")
        return
    new, how = draw_samples(model, train, SAMPLES)
    save_grid(path, new, f"{SAMPLES} samples, {how}")


def reconstructions(subject: Subject, path: Path) -> None:
    """Test examples beside what the model makes of them."""
    model, test = subject.latent_model, subject.test
    shown = 30 if model.spec.is_image else POINTS
    view = subject.examples(torch.arange(min(shown, len(test))))
    x, again = (model.spec.original(values).cpu() for values in (view, model.reconstruct(view)))
    if not model.spec.is_image:
        displacements(path, x, again, "test points and their reconstructions")
        return
    save_pairs(path, x, again, "test images (upper rows) and reconstructions (lower rows)")
