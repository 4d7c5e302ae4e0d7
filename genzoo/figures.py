"""The pictures every run draws."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from genzoo.data.resident import Resident
from genzoo.errors import GenzooError
from genzoo.noise import mix, seeded
from genzoo.protocols import LatentModel, Model
from genzoo.registry import describe
from genzoo.runs import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SAMPLES = 64
POINTS = 1000
DATA_COLOUR, MODEL_COLOUR = "#0072b2", "#d55e00"  # Okabe & Ito 2008: told apart by all eyes
TITLE: dict[str, Any] = {"fontsize": 11, "loc": "left"}


def draw_all(run: Run, model: Model, view: Mapping[str, Resident]) -> list[str]:
    """Draws samples.png, reconstructions.png and curves.png.

    Returns:
        A line for each that could not be drawn.
    """
    folder = run.path / "figures"
    folder.mkdir(exist_ok=True)
    figures: dict[str, Callable[[Path], None]] = {
        "samples": lambda path: samples(path, model, view["train"], view["test"]),
        "reconstructions": lambda path: reconstructions(path, model, view["test"]),
        "curves": lambda path: curves(path, run.history),
    }
    failures = []
    for name, draw in figures.items():
        try:
            draw(folder / f"{name}.png")
        except Exception as error:  # whatever it is, the results must not be lost
            failures.append(f"figure {name} could not be drawn: {describe(error)}")
    return failures


def new_figure(width: float, height: float) -> Figure:
    """A figure of its own, outside matplotlib's global state, in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=120, layout="constrained")


def show_images(axes: Axes, images: Tensor, columns: int) -> None:
    """Images [N, C, H, W] in [0, 1] as a grid, `columns` in a row."""
    from torchvision.utils import make_grid

    grid = make_grid(images.clamp(0, 1), nrow=columns, padding=1, pad_value=0.5)
    axes.imshow(grid.permute(1, 2, 0).numpy(), interpolation="nearest")
    axes.set_axis_off()


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
    index = torch.arange(len(train), device=train.x.device)
    codes = torch.cat([model.encode(train.batch(part).x) for part in index.split(500)])
    flat = codes.flatten(1).double().cpu()
    values, vectors = torch.linalg.eigh(torch.atleast_2d(flat.T.cov(correction=0)))
    noise = torch.randn(n, flat.shape[1], dtype=torch.float64) * values.clamp_min(0).sqrt()
    drawn: Tensor = (flat.mean(0) + noise @ vectors.T).to(codes)
    return drawn.view(n, *codes.shape[1:])


def samples(path: Path, model: Model, train: Resident, test: Resident) -> None:
    """New images, or new points beside the data's."""
    if not model.spec.is_image:
        new, how = draw_samples(model, train, POINTS)
        scatter(path, test.x[:POINTS].cpu(), new, f"{POINTS:,} samples, {how}")
        return
    new, how = draw_samples(model, train, SAMPLES)
    save_grid(path, new, f"{SAMPLES} samples, {how}")


def save_grid(path: Path, images: Tensor, title: str) -> None:
    """A square grid of images with a title."""
    columns = math.ceil(len(images) ** 0.5)
    figure = new_figure(6, 6.4)
    axes = figure.subplots()
    axes.set_title(title, **TITLE)
    show_images(axes, images, columns)
    save(figure, path)


@torch.no_grad()
def reconstructions(path: Path, model: Model, test: Resident) -> None:
    """Test examples beside what the model makes of them."""
    if not isinstance(model, LatentModel):
        return
    shown = 30 if model.spec.is_image else POINTS
    index = torch.arange(min(shown, len(test)), device=test.x.device)
    view = test.batch(index).x
    x, again = (model.spec.original(values).cpu() for values in (view, model.reconstruct(view)))
    if not model.spec.is_image:
        scatter(path, x, again, "test points and their reconstructions")
        return
    save_pairs(path, x, again, "test images (upper rows) and reconstructions (lower rows)")


def save_pairs(path: Path, originals: Tensor, again: Tensor, title: str, columns: int = 10) -> None:
    """Rows of originals, each above the row of its reconstructions."""
    columns = min(columns, len(originals))
    rows = math.ceil(len(originals) / columns)
    figure = new_figure(0.75 * columns + 0.4, 1.5 * rows + 0.3 * rows + 0.3)
    for number, axes in enumerate(figure.subplots(rows, 1, squeeze=False)[:, 0]):
        part = slice(number * columns, (number + 1) * columns)
        show_images(axes, torch.cat([originals[part], again[part]]), len(originals[part]))
        if number == 0:
            axes.set_title(title, **TITLE)
    save(figure, path)


def scatter(path: Path, data: Tensor, model_points: Tensor, title: str) -> None:
    """The first two dimensions of data and model, one over the other."""
    figure = new_figure(6, 6)
    axes = figure.subplots()
    axes.set_title(title, **TITLE)
    other = min(1, data.shape[1] - 1)
    for points, colour, label in ((data, DATA_COLOUR, "data"), (model_points, MODEL_COLOUR, "model")):
        axes.scatter(points[:, 0], points[:, other], s=8, c=colour, alpha=0.6, linewidths=0, label=label)
    axes.set(xlabel="x₁", ylabel="x₂", aspect="equal")
    axes.legend(frameon=False, markerscale=2)
    save(figure, path)


def curves(path: Path, history: list[dict[str, Any]]) -> None:
    """Each term of the loss over the epochs, in training and validation."""
    if not history:
        raise GenzooError("no epochs to draw")
    names = list(history[-1]["train"])
    if "negative_elbo" in names and all(epoch["train"]["negative_elbo"] == epoch["train"]["loss"] for epoch in history):
        names.remove("loss")
    figure = new_figure(3.4 * len(names), 3.2)
    epochs = [epoch["epoch"] for epoch in history]
    for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        for part, colour, style in (("train", DATA_COLOUR, "o-"), ("validation", MODEL_COLOUR, "s--")):
            values = [epoch[part].get(name, math.nan) for epoch in history]
            if any(not math.isnan(float(value)) for value in values):
                axes.plot(epochs, [float(value) for value in values], style, c=colour, ms=3, lw=1.5, label=part)
        axes.set_title({"negative_elbo": "−ELBO", "kl": "KL"}.get(name, name), **TITLE)
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_ylabel("nats an example")
    figure.axes[0].legend(frameon=False)
    save(figure, path)


def save(figure: Figure, path: Path) -> None:
    """Writes a figure as PNG."""
    figure.savefig(path, metadata={"Software": "genzoo"})
