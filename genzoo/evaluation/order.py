"""Which of two figures is the better one: as the metric says that they are of."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from genzoo.core.errors import PluginError
from genzoo.registry.answer_cache import cached, torch_is_imported
from genzoo.registry.configs import field_names
from genzoo.registry.current import registry
from genzoo.registry.discovery import GROUP
from genzoo.registry.entries import Entry, Registry

if TYPE_CHECKING:
    from genzoo.core.metric import Metric


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


def key(metric_name: str) -> str:
    """The name of a metric in results: negative-elbo → negative_elbo, frechet:gmm:10 → frechet_gmm_10."""
    return re.sub("[-:=/]", "_", metric_name)


def of_every_run(registry: Registry) -> dict[str, Entry]:
    """The metrics that each run reports, by their names in results; in the order registered."""
    found = {}
    for entry in registry.entries:
        if entry.in_every_run:
            own = entry.origin.distribution == GROUP  # whose names nobody can take
            found[entry.name if own else registry.spelling(entry)] = entry
    return found


def order_of(figure: str) -> Order:
    """How the figures called `figure` in results are ordered, such as iwae_100."""
    found: dict[str, Entry] = {}
    for entry in registry().matching("metric"):
        for name in {key(entry.name), key(entry.full_name)}:
            if (figure == name or figure.startswith(f"{name}_")) and (
                name not in found or entry.origin.distribution == GROUP
            ):
                found[name] = entry
    for name, entry in sorted(found.items(), key=lambda item: -len(item[0])):  # the longest name first
        declared = _declared(entry)
        if declared and (figure == name or declared["options"]):  # another name would be a value of its option
            return Order(declared["better"], declared["ideal"])
    return Order(known=False)


def _declared(entry: Entry) -> dict[str, Any] | None:
    """What a metric's class says of its order, and its options; None if it cannot be imported."""
    if torch_is_imported():  # the others need not be imported too
        return _read(entry)
    every = registry().matching("metric")
    declared: dict[str, dict[str, Any] | None] = cached("metrics", lambda: {one.full_name: _read(one) for one in every})
    return declared[entry.full_name]


def _read(entry: Entry) -> dict[str, Any] | None:
    try:
        metric: type[Metric] = entry.load()
    except PluginError:
        return None
    return {"better": metric.better, "ideal": metric.ideal, "options": list(field_names(metric.Config))}
