"""The order of a metric's values: which direction is better, as the metric's class declares."""

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
    """How the values of a metric are ordered."""

    better: Literal["lower", "higher"] | None = "lower"
    """Which values are better; None: neither."""
    ideal: float | None = None
    """If given, the best value; values nearer to it are better."""
    known: bool = True
    """Whether the metric is installed; if not, lower is assumed to be better."""

    def cost(self, value: float) -> float:
        """Return a number that is smaller for a better value; the value itself without an order."""
        if self.ideal is not None:
            return abs(value - self.ideal)
        return -value if self.better == "higher" else value

    @property
    def comparative(self) -> str:
        """What the better of two values is, such as "lower"."""
        return self.better or "lower" if self.ideal is None else f"nearer to {self.ideal:g}"


def key(metric_name: str) -> str:
    """Return a metric's name in results: negative-elbo → negative_elbo, frechet:gmm:10 → frechet_gmm_10."""
    return re.sub("[-:=/]", "_", metric_name)


def of_every_run(registry: Registry) -> dict[str, Entry]:
    """Return the metrics that each run reports, by their names in results, in order of registration."""
    metrics = {}
    for entry in registry.entries:
        if entry.in_every_run:
            own = entry.origin.distribution == GROUP  # other packages cannot take these names
            metrics[entry.name if own else registry.spelling(entry)] = entry
    return metrics


def order_of(metric: str) -> Order:
    """Return the order of a metric by its name in results, such as iwae_100."""
    candidates: dict[str, Entry] = {}
    for entry in registry().matching("metric"):
        for name in {key(entry.name), key(entry.full_name)}:
            if (metric == name or metric.startswith(f"{name}_")) and (
                name not in candidates or entry.origin.distribution == GROUP
            ):
                candidates[name] = entry
    for name, entry in sorted(candidates.items(), key=lambda item: -len(item[0])):  # the longest name first
        declared = _declared(entry)
        if declared and (metric == name or declared["options"]):  # what follows the name is an option's value
            return Order(declared["better"], declared["ideal"])
    return Order(known=False)


def _declared(entry: Entry) -> dict[str, Any] | None:
    """Return the order and the options that a metric's class declares; None if it cannot be imported."""
    if torch_is_imported():  # importing this class alone is cheap
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
