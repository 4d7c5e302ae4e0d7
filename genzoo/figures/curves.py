"""The learning curves."""

from __future__ import annotations

import math
from pathlib import Path

from genzoo.errors import GenzooError
from genzoo.evaluation.evaluate import find_metrics, key
from genzoo.figures.canvas import DATA_COLOUR, MODEL_COLOUR, TITLE, new_figure, own_style, save
from genzoo.figures.subject import Subject
from genzoo.registry import registry
from genzoo.training.objective import GIVEN_CLASS


@own_style()
def curves(subject: Subject, path: Path) -> None:
    """Each term of the loss over the epochs, in training and validation."""
    history = subject.run.history
    if not history:
        raise GenzooError("no epochs to draw")
    names = list(history[-1]["train"])
    others = [name for name in names if name != "loss"]
    if any(all(epoch["train"].get(name) == epoch["train"].get("loss") for epoch in history) for name in others):
        names = others  # the objective says what another term says
    figure = new_figure(3.4 * len(names), 3.2)
    epochs = [epoch["epoch"] for epoch in history]
    for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        for part, colour, style in (("train", DATA_COLOUR, "o-"), ("validation", MODEL_COLOUR, "s--")):
            values = [epoch[part].get(name, math.nan) for epoch in history]
            if any(not math.isnan(float(value)) for value in values):
                axes.plot(epochs, [float(value) for value in values], style, c=colour, ms=3, lw=1.5, label=part)
        title, unit = labels(name)
        axes.set_title(title, **TITLE)
        axes.set_ylabel(unit)
        axes.set(xlabel="epoch", xlim=(epochs[0] - 0.5, epochs[-1] + 0.5))
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].legend(frameon=False)
    save(figure, path)


def labels(term: str) -> tuple[str, str]:
    """What a curve of the loss's term is called, and its unit: that of the metric of the same name, if there is one."""
    plain = term.removesuffix(GIVEN_CLASS)
    units = {key(name): metric.unit for name, metric in find_metrics(registry()).items()}
    title = {"negative_elbo": "−ELBO", "kl": "KL"}.get(plain, plain)
    unit = units.get(plain, "")
    return title + (" given the class" if plain != term else ""), f"{unit} an example" if unit else ""
