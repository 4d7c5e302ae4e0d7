"""Where the test examples lie in the latent space, and how much each latent tells."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from genzoo.data.splits import fixed_permutation
from genzoo.evaluation.metric import ACTIVE
from genzoo.figures.canvas import (
    CLASS_COLOURS,
    DATA_COLOUR,
    QUIET_COLOUR,
    TITLE,
    as_drawn,
    coordinate,
    new_figure,
    own_style,
    save,
)
from genzoo.figures.codes import principal_axes, share_text
from genzoo.figures.points import tidy
from genzoo.figures.subject import Subject, has_encoder

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SHOWN = 5000
MOST_CLASSES = 20
"""Of more classes than this, colours and labels would tell nothing."""
MOST_BARS = 64


class Plane(NamedTuple):
    """Codes as they are drawn."""

    points: Tensor
    """[N, 2], or [N, 1] for a single latent."""
    classes: Tensor | None
    """[N] class numbers."""
    names: list[str]
    """Of the axes."""
    title: str


def latent_plane(subject: Subject) -> Plane:
    """The posterior means of at most 5,000 test examples, in the plane in which they vary most."""
    chosen = fixed_permutation(len(subject.test))[:SHOWN].sort().values
    codes = subject.posteriors.mean[chosen]
    y = subject.test.y
    classes = None if y is None else y.cpu()[chosen]
    count, title = codes.shape[1], f"posterior means of {len(chosen):,} test examples"
    if count <= 2:
        return Plane(codes, classes, [coordinate("z", n) for n in range(count)], title)
    axes = principal_axes(codes)
    names = [f"principal axis {n + 1} ({share_text(axes.share[n])})" for n in range(2)]
    title += f"\nPCA: {share_text(sum(axes.share))} of {count} latents"
    return Plane((codes - axes.centre) @ axes.vectors, classes, names, title)


@own_style()
def latent(subject: Subject, path: Path) -> None:
    """The codes of test examples, coloured by class."""
    plane = latent_plane(subject)
    spread = plane.points.amax(0) - plane.points.amin(0)
    height = 5.6 * min(1.1, max(0.55, float(spread[1] / spread[0].clamp_min(1e-9)))) if len(spread) > 1 else 3.5
    figure = new_figure(7.2, height + 0.9)
    axes = figure.subplots()
    axes.set_title(plane.title, **TITLE)
    labels = [] if plane.classes is None else plane.classes.unique().tolist()
    names = [as_drawn(subject.model.spec.class_name(label)) for label in labels]
    if not labels or len(labels) > MOST_CLASSES:
        show_codes(axes, plane.points, DATA_COLOUR, 0, "")
    else:
        assert plane.classes is not None
        for place, label in enumerate(labels):
            here = plane.points[plane.classes == label]
            show_codes(axes, here, CLASS_COLOURS[place % len(CLASS_COLOURS)], place, names[place])
        legend = axes.legend(title="class", frameon=False, markerscale=2.5, loc="center left", bbox_to_anchor=(1, 0.5))
        for handle in legend.legend_handles:
            if handle is not None:
                handle.set_alpha(1)
    axes.set(xlabel=plane.names[0], ylabel=plane.names[1] if len(plane.names) > 1 else "class (jittered)")
    if len(plane.names) > 1:
        axes.set_aspect("equal", adjustable="datalim")
    else:
        axes.set_yticks(range(len(labels)) if labels else [], names)
    tidy(axes)
    save(figure, path)


def show_codes(axes: Axes, points: Tensor, colour: str, place: int, label: str) -> None:
    """The codes of one class with its label in their midst; a single latent is spread over a line of its own."""
    if points.shape[1] == 1:
        points = torch.stack([points[:, 0], place + 0.6 * (torch.arange(len(points)) * 0.618 % 1 - 0.5)], 1)
    axes.scatter(points[:, 0], points[:, 1], s=9, c=colour, alpha=0.8, linewidths=0, label=label, rasterized=True)
    if label:
        from matplotlib.patheffects import withStroke

        middle = points.median(0).values
        text = axes.text(float(middle[0]), float(middle[1]), label, ha="center", va="center", weight="bold", size=13)
        text.set_path_effects([withStroke(linewidth=3, foreground="white")])


def has_kl(subject: Subject) -> bool:
    """Whether each latent has a KL in closed form."""
    return has_encoder(subject) and subject.latent_model.prior() is not None and subject.posteriors.kl is not None


@own_style()
def kl_per_dim(subject: Subject, path: Path) -> None:
    """The KL of each latent, largest first, and below it the variance that decides whether it is active."""
    found = subject.posteriors
    assert found.kl is not None
    order = found.ranking()[:MOST_BARS]
    kl, variance, count = found.kl[order], found.variance[order], len(found.kl)
    active = int((found.variance > ACTIVE).sum())
    figure = new_figure(max(5.0, 0.27 * len(order) + 1.6), 5)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    colours = [DATA_COLOUR if value > ACTIVE else QUIET_COLOUR for value in variance.tolist()]
    places = range(len(order))
    above.bar(places, kl.tolist(), color=colours)
    above.set(ylabel="KL (nats an example)")
    first = f", the {len(order)} largest shown" if count > len(order) else ""
    above.set_title(f"{active} of {count} latents active · KL {float(found.kl.sum()):.2f} nats in all{first}", **TITLE)
    floor = 1e-5
    below.bar(places, variance.clamp_min(floor).tolist(), color=colours)
    below.axhline(ACTIVE, color="black", lw=1, ls="--")
    below.set(yscale="log", ylim=(floor, None), ylabel="variance of\nthe posterior mean", xlabel="latent")
    below.set_xticks(list(places), [str(n + 1) for n in order.tolist()], fontsize=8)
    below.text(1, ACTIVE, f" active above {ACTIVE}", transform=below.get_yaxis_transform(), ha="right", va="bottom",
               fontsize=8, bbox={"facecolor": "white", "alpha": 0.8, "lw": 0, "pad": 1})  # fmt: skip
    for axes in (above, below):
        tidy(axes)
        axes.grid(visible=False, axis="x")
    save(figure, path)
