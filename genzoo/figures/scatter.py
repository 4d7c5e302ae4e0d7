"""Figures of vector data: generated and real points, and points with their reconstructions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from genzoo.figures.canvas import (
    DATA_COLOUR,
    MODEL_COLOUR,
    QUIET_COLOUR,
    TITLE,
    coordinate,
    new_figure,
    own_style,
    save,
)
from genzoo.figures.latent_space import principal_axes, share_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = {"real": DATA_COLOUR, "generated": MODEL_COLOUR}
MOST = 3
"""Vectors of more dimensions are shown on the two principal axes of the data."""


def planes(data: Tensor, *others: Tensor, whose: str = " of the data") -> list[tuple[str, str, list[Tensor]]]:
    """Return projections of vectors [N, F] to planes: names of the two axes, and each set of points [N, 2]."""
    everything = [points.flatten(1).double() for points in (data, *others)]
    size = everything[0].shape[1]
    if size > MOST:
        axes = principal_axes(everything[0])
        names = [f"principal axis {n + 1}{whose} ({share_text(axes.share[n])})" for n in range(2)]
        return [(names[0], names[1], [(points - axes.centre) @ axes.vectors for points in everything])]
    pairs = [(i, j) for i in range(size) for j in range(i + 1, size)]
    return [
        (coordinate("x", i), coordinate("x", j), [points[:, [i, j]] for points in everything]) for i, j in pairs
    ]  # fmt: skip


@own_style()
def scatter(path: Path, data: Tensor | None, model_points: Tensor, title: str) -> None:
    """Draw real and generated points [N, F] side by side on the same axes; as histograms if F = 1.

    Without `data` only the generated points are drawn.
    """
    sets_shown = {"real": data, "generated": model_points}
    shown = {label: points for label, points in sets_shown.items() if points is not None}
    if model_points.flatten(1).shape[1] == 1:
        histogram(path, shown, title)
        return
    views = planes(*shown.values(), whose="" if data is None else " of the data")
    figure = new_figure(4 * len(shown), 4.2 * len(views) + 0.3)
    for row, (across, up, sets) in zip(figure.subplots(len(views), len(shown), squeeze=False), views, strict=True):
        low, high = limits(sets[0])
        box = {"xlim": (float(low[0]), float(high[0])), "ylim": (float(low[1]), float(high[1]))}
        for axes, points, label in zip(row, sets, shown, strict=True):
            colour = COLOURS[label]
            outside = int(((points < low) | (points > high)).any(1).sum())
            label = f"{label}, {outside:,} outside the axes" if outside else label
            axes.scatter(points[:, 0], points[:, 1], s=8, c=colour, alpha=0.6, linewidths=0, label=label)
            axes.legend(frameon=False, markerscale=2, loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0)
            axes.set(xlabel=across, ylabel=up, aspect="equal", **box)
            tidy(axes)
    figure.axes[0].set_title(title, pad=24, **TITLE)
    save(figure, path)


def limits(real: Tensor) -> tuple[Tensor, Tensor]:
    """Return the limits: the box of the real points with a margin of a third, so that outliers do not set the scale."""
    low, high = real.amin(0), real.amax(0)
    margin = (high - low).max().clamp_min(1e-6) / 3
    return low - margin, high + margin


@own_style()
def histogram(path: Path, sets: dict[str, Tensor], title: str) -> None:
    """Draw histograms of real and of generated numbers."""
    figure = new_figure(6, 4)
    axes = figure.subplots()
    axes.set_title(title, **TITLE)
    numbers = [points.flatten().numpy() for points in sets.values()]
    axes.hist(numbers, bins=40, density=True, color=[COLOURS[label] for label in sets], label=list(sets))
    axes.set(xlabel="x", ylabel="density")
    axes.legend(frameon=False)
    tidy(axes)
    save(figure, path)


@own_style()
def displacements(path: Path, data: Tensor, again: Tensor, title: str) -> None:
    """Draw points [N, F], each with a line to its reconstruction."""
    from matplotlib.collections import LineCollection

    if data.flatten(1).shape[1] == 1:  # the second coordinate is the reconstruction of the first
        views = [("x", "reconstruction of x", [torch.cat([data, data], 1), torch.cat([data, again], 1)])]
    else:
        views = planes(data, again)
    figure = new_figure(6, 5.6 * len(views) + 0.4)
    for axes, (across, up, (points, images)) in zip(
        figure.subplots(len(views), 1, squeeze=False)[:, 0], views, strict=True
    ):
        axes.add_collection(
            LineCollection(
                list(torch.stack([points, images], 1).numpy()), colors=QUIET_COLOUR, lw=0.5, alpha=0.5, zorder=0.5
            )
        )
        for ends, colour, label in ((points, DATA_COLOUR, "real"), (images, MODEL_COLOUR, "reconstruction")):
            axes.scatter(ends[:, 0], ends[:, 1], s=8, c=colour, alpha=0.6, linewidths=0, label=label)
        axes.set(xlabel=across, ylabel=up, aspect="equal")
        tidy(axes)
    figure.axes[0].set_title(title, **TITLE)
    figure.axes[0].legend(frameon=False, markerscale=2)
    save(figure, path)


def tidy(axes: Axes) -> None:
    """Draw a faint grid and no box."""
    axes.grid(alpha=0.25)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
