"""Which of two figures is the better one: as the metric says that they are of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from genzoo.entries import Entry
from genzoo.errors import PluginError
from genzoo.evaluation.evaluate import key
from genzoo.evaluation.metric import Metric
from genzoo.plugins import GROUP
from genzoo.registry import registry
from genzoo.runconfig import field_names


@dataclass(frozen=True)
class Order:
    """How the figures of a metric are ordered."""

    better: Literal["lower", "higher"] | None = "lower"
    """None: no figure is better than another."""
    ideal: float | None = None
    """Where given, the figure nearest to it is the best one."""
    known: bool = True
    """Whether the metric is installed here; if not, lower figures are taken to be better."""

    def cost(self, value: float) -> float:
        """A number that is smaller for a better figure; as it is where there is no order."""
        if self.ideal is not None:
            return abs(value - self.ideal)
        return -value if self.better == "higher" else value

    @property
    def comparative(self) -> str:
        """What the better of two figures is, such as "lower"."""
        return self.better or "lower" if self.ideal is None else f"nearer to {self.ideal:g}"


def order_of(figure: str) -> Order:
    """How the figures called `figure` in results are ordered, such as iwae_100."""
    found = metric_of(figure)
    return Order(known=False) if found is None else Order(found.better, found.ideal)


def metric_of(figure: str) -> type[Metric] | None:
    """The class of the registered metric that gives a figure of results; None if it is not installed."""
    found: dict[str, Entry] = {}
    for entry in registry().matching("metric"):
        for name in {key(entry.name), key(entry.full_name)}:
            if (figure == name or figure.startswith(f"{name}_")) and (
                name not in found or entry.origin.distribution == GROUP
            ):
                found[name] = entry
    for name, entry in sorted(found.items(), key=lambda item: -len(item[0])):  # the longest name first
        try:
            metric: type[Metric] = entry.load()
        except PluginError:
            continue
        if figure == name or field_names(metric.Config):  # another name would be a value of its option
            return metric
    return None
