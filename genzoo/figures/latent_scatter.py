"""The codes of test examples in the latent space, and the KL of each latent."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from genzoo.core.errors import printable
from genzoo.core.metric import ACTIVE
from genzoo.core.model import LatentModel
from genzoo.data.splits import fixed_permutation
from genzoo.figures.canvas import CLASS_COLOURS, DATA_COLOUR, DPI, LONGEST_NAME, QUIET_COLOUR, coordinate
from genzoo.figures.chart import Canvas, Panel, Place, Scale, linear, powers, room_beside
from genzoo.figures.context import FigureContext
from genzoo.figures.image_grid import AXIS_POINTS, MARGIN, TITLE_POINTS, text_size
from genzoo.figures.latent_space import principal_axes, share_text

SHOWN = 5000
"""Largest number of codes."""
MOST_CLASSES = 20
"""With more classes than this, colours and labels would not be readable."""
MOST_BARS = 64
"""Largest number of latents in the bar chart."""
FLOOR = 1e-5
"""The smallest variance on the axis."""
DOT = 2.5
"""Radius of a dot in pixels."""
NEAR, ROUNDS = 22.0, 50
"""Pixels between labels that do not overlap, and how often they are moved apart at most."""


class Plane(NamedTuple):
    """Codes projected for drawing."""

    points: Tensor
    """[N, 2], or [N, 1] for a single latent."""
    classes: Tensor | None
    """[N] class numbers; None without labels."""
    names: list[str]
    """The names of the axes."""
    title: str


def latent_plane(context: FigureContext) -> Plane:
    """Return the posterior means of at most 5,000 test examples, on their two principal axes."""
    chosen = fixed_permutation(len(context.test))[:SHOWN].sort().values
    codes = context.posteriors.mean[chosen]
    y = context.test.y
    classes = None if y is None else y.cpu()[chosen]
    called = "posterior means" if isinstance(context.model, LatentModel) else "codes"
    count, title = codes.shape[1], f"{called} of {len(chosen):,} test examples"
    if count <= 2:
        return Plane(codes, classes, [coordinate("z", n) for n in range(count)], title)
    axes = principal_axes(codes)
    names = [f"principal axis {n + 1} ({share_text(axes.share[n])})" for n in range(2)]
    title += f"\nPCA: {share_text(sum(axes.share))} of {count} latents"
    return Plane((codes - axes.centre) @ axes.vectors, classes, names, title)


def latent(context: FigureContext, path: Path) -> None:
    """Draw the codes of test examples, coloured by class."""
    plane = latent_plane(context)
    labels = [] if plane.classes is None else plane.classes.unique().tolist()
    names = [printable(context.model.spec.class_name(label), LONGEST_NAME) for label in labels]
    labelled = 0 < len(labels) <= MOST_CLASSES
    if labelled:
        assert plane.classes is not None
        groups = [on_a_plane(plane.points[plane.classes == label], place) for place, label in enumerate(labels)]
    else:
        groups = [on_a_plane(plane.points, 0)]
    panel = _axes(plane, torch.cat(groups), names if labelled else [])
    panel.frame(plane.title, plane.names[0], plane.names[1] if len(plane.names) > 1 else "class (jittered)")
    canvas = panel.canvas
    for place, points in enumerate(groups):
        colour = CLASS_COLOURS[place % len(CLASS_COLOURS)] if labelled else DATA_COLOUR
        canvas.dots([panel.at(x, y) for x, y in points.tolist()], colour, DOT, 0.8)
    centres = apart([panel.at(*points.median(0).values.tolist()) for points in groups])
    for place, (centre, name) in enumerate(zip(centres, names, strict=True) if labelled else ()):
        canvas.text(centre, name, "mm", 13, True, stroke_width=5, stroke_fill="white")
        height = (panel.top + panel.bottom) / 2 + 22 * (place - (len(names) - 1) / 2)
        canvas.dots([(panel.right + 20, height)], CLASS_COLOURS[place % len(CLASS_COLOURS)], 2 * DOT)
        canvas.text((panel.right + 36, height), name, "lm")
    if labelled:
        canvas.text((panel.right + 12, (panel.top + panel.bottom) / 2 - 11 * len(names) - 4), "class", "ld")
    canvas.save(path)


def apart(places: Sequence[Place]) -> list[Place]:
    """Return places in pixels, moved until labels there do not overlap, or for a number of rounds."""
    moved = [list(place) for place in places]
    for _ in range(ROUNDS):
        still = True
        for one, other in itertools.combinations(range(len(moved)), 2):
            across, up = (moved[other][axis] - moved[one][axis] for axis in (0, 1))
            if (far := math.hypot(across, up)) < NEAR:
                still = False
                angle = math.atan2(up, across) if far else 1.0 + other  # labels at one place part in their directions
                for label, way in ((one, -0.5), (other, 0.5)):
                    moved[label][0] += way * (NEAR - far + 0.1) * math.cos(angle)
                    moved[label][1] += way * (NEAR - far + 0.1) * math.sin(angle)
        if still:
            break
    return [(x, y) for x, y in moved]


def on_a_plane(points: Tensor, place: int) -> Tensor:
    """Return points [N, 2] unchanged; points [N, 1] of a single latent get a jittered row for each class."""
    if points.shape[1] == 2:
        return points
    return torch.stack([points[:, 0], place + 0.6 * (torch.arange(len(points)) * 0.618 % 1 - 0.5)], 1)


def _axes(plane: Plane, points: Tensor, names: list[str]) -> Panel:
    """Return axes around all points, with equal scales for two latents, and room for the class names."""
    low, high = points.amin(0), points.amax(0)
    spread = torch.maximum(high - low, 1e-6 * points.abs().amax(0) + 1e-9)
    shape = min(1.1, max(0.55, float(spread[1] / spread[0]))) if plane.points.shape[1] == 2 else 0.55
    legend = max((text_size(name, AXIS_POINTS)[0] for name in ["class", *names]), default=0) + 44 if names else MARGIN
    top = MARGIN + text_size(plane.title, TITLE_POINTS)[1] + MARGIN
    width = 6.4 * DPI - legend
    height = shape * width
    room = 0.05 * spread
    if plane.points.shape[1] == 2:  # equal scales
        unit = torch.maximum((spread + 2 * room)[0] / width, (spread + 2 * room)[1] / height)
        room = (unit * torch.tensor([width, height]) - spread) / 2
        across, up = (linear(float(low[d] - room[d]), float(high[d] + room[d])) for d in (0, 1))
    else:
        across = linear(float(low[0] - room[0]), float(high[0] + room[0]))
        up = Scale(float(low[1] - room[1]), float(high[1] + room[1]), range(len(names)), names)
    left = room_beside(up, "y")
    canvas = Canvas(left + width + legend, top + height + 58)
    return Panel(canvas, (left, top, left + width, top + height), across, up)


def has_kl(context: FigureContext) -> bool:
    """Return whether each latent of a model with an encoder has a KL in closed form."""
    return context.posteriors.kl is not None


def kl_per_dim(context: FigureContext, path: Path) -> None:
    """Draw the KL of each latent, largest first, and below it the variance that makes it active."""
    posteriors = context.posteriors
    assert posteriors.kl is not None
    order = posteriors.ranking()[:MOST_BARS]
    kl, variance, count = (
        posteriors.kl[order].tolist(),
        posteriors.variance[order].clamp_min(FLOOR).tolist(),
        len(posteriors.kl),
    )
    active = int((posteriors.variance > ACTIVE).sum())
    first = f", the {len(order)} largest shown" if count > len(order) else ""
    title = f"{active} of {count} latents active · KL {float(posteriors.kl.sum()):.2f} nats in total{first}"
    top = linear(min(0.0, *kl), 1.05 * max(*kl, 1e-9))
    low = powers(FLOOR, 2 * max(*variance, ACTIVE))
    quiet = [value <= ACTIVE for value in posteriors.variance[order].tolist()]
    names = ("KL (nats per example)", "variance of\nthe posterior mean")
    left = max(room_beside(up, name) for up, name in zip((top, low), names, strict=True))
    width = max(5.0 * DPI - left, 0.27 * DPI * len(order), text_size(title, TITLE_POINTS)[0])
    canvas = Canvas(left + width + MARGIN, 5 * DPI)
    places = range(len(order))
    upper = Scale(-0.6, len(order) - 0.4, places, [""] * len(order))
    lower = upper._replace(names=[str(number) for number in order.tolist()])
    above = Panel(canvas, (left, 34, left + width, 310), upper, top)
    below = Panel(canvas, (left, 332, left + width, 5 * DPI - 58), lower, low)
    above.frame(title, "", names[0], "y")
    below.frame("", "latent", names[1], "y", 8)
    for panel, values, base in ((above, kl, 0.0), (below, variance, FLOOR)):
        for place, value in zip(places, values, strict=True):
            corners = (*panel.at(place - 0.4, max(value, base)), *panel.at(place + 0.4, min(value, base)))
            canvas.box(*corners, QUIET_COLOUR if quiet[place] else DATA_COLOUR)
    ends = [below.at(place, ACTIVE) for place in (lower.low, lower.high)]
    canvas.line(ends, "black", 1.5, 6)
    canvas.text((ends[1][0], ends[1][1] - 3), f"active above {ACTIVE}", "rd", 8, stroke_width=3, stroke_fill="white")
    canvas.save(path)
