"""What a metric's class declares: which of its values are better, its baselines, and what tables use it for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from genzoo.core.errors import PluginError, UsageError, did_you_mean
from genzoo.registry.answer_cache import cached, saves_time
from genzoo.registry.configs import field_names
from genzoo.registry.current import registry
from genzoo.registry.discovery import GROUP
from genzoo.registry.entries import Entry, Registry

if TYPE_CHECKING:
    from genzoo.core.loss import Loss
    from genzoo.core.metric import Metric, Role


@dataclass(frozen=True)
class Order:
    """How the values of a metric are ordered."""

    better: Literal["lower", "higher"] | None = "lower"
    """Which values are better; None: neither."""
    ideal: float | None = None
    """If given, the best value; values nearer to it are better."""
    known: bool = True
    """Whether the metric is installed; if not, lower is assumed to be better."""
    label: str = ""
    """The name in tables."""
    unit: str = ""
    """The unit of the values."""
    variant: str = ""
    """The values of its options in the name, such as "gmm:10" of frechet_gmm_10."""
    role: str | None = None
    """What tables and figures of runs use the metric for, see `genzoo.core.metric.Role`."""
    baselines: tuple[str, ...] = ()
    """The trivial models that a model must beat."""

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
    return {name_of(entry, registry): entry for entry in registry.entries if entry.in_every_run}


def name_of(entry: Entry, within: Registry | None = None) -> str:
    """Return a metric's name, with its package's where two have the name; other packages cannot take genzoo's names."""
    return entry.name if entry.origin.distribution == GROUP else (within or registry()).spelling(entry)


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
            typed = f"{name.replace('_', '-')}:{metric[len(name) + 1 :].replace('_', ':')}"
            return replace(_order(declared), variant=variant_of(typed))
    return Order(known=False)


def metrics_for(role: Role) -> list[str]:
    """Return the names of the metrics with a role: those of every run and genzoo's own first."""
    entries = [entry for entry in registry().entries if entry.kind == "metric"]
    entries.sort(key=lambda entry: (not entry.in_every_run, entry.origin.distribution != GROUP))
    found = [(entry, _declared(entry)) for entry in entries]
    return [name_of(entry) for entry, declared in found if declared and declared["role"] == role]


def raced_metrics() -> list[str]:
    """Return the names of the metrics that `genzoo race` ranks models by, in order of registration."""
    entries = [entry for entry in registry().entries if entry.kind == "metric"]
    return [name_of(entry) for entry in entries if (declared := _declared(entry)) and declared["raced"]]


def metric_for(role: Role) -> str:
    """Return the first metric with a role, by its name in results; "" if none is installed."""
    return key(next(iter(metrics_for(role)), ""))


def default_metric(names: Iterable[str], everywhere: Callable[[str], bool] = lambda name: True) -> str:
    """Return the metric that rows are sorted by if none is named: the first with an order that all of them have.

    If there is none, it is the first with an order, or else the first; "" without names.

    Args:
        names: Metrics that any row has, by their names in results.
        everywhere: Whether all rows have a metric.
    """
    every = list(names)
    ordered = [name for name in every if order_of(name).better] or every
    return next(filter(everywhere, ordered), next(iter(ordered), ""))


def refuse_unordered(metric: str, option: str, names: Iterable[str]) -> Order:
    """Return the order of a metric that rows are ranked by.

    Args:
        metric: Its name in results.
        option: What the user typed, for the message.
        names: The metrics to choose from.

    Raises:
        UsageError: Neither lower nor higher values of it are better; the hint names metrics with an order.
    """
    order = order_of(metric)
    if order.better is None:
        ranked = [name.replace("_", "-") for name in names if order_of(name).better]
        message = f"{option}: neither lower nor higher values of this metric are better"
        raise UsageError(message, f"choose one of: {', '.join(ranked)}" if ranked else "genzoo list --kind metric")
    return order


def label_of(term: str) -> str:
    """Return the label of a term of a loss: that of the metric of the same name in results, or else the term itself."""
    return order_of(term).label or term


def variant_of(typed: str) -> str:
    """Return what a metric as it is typed says of its options: all of it where a number alone would not say of what."""
    options = typed.partition(":")[2]
    return typed if options[:1].isdigit() else options


def metrics_near(name: str, known: Iterable[str]) -> str:
    """Return which of the metrics known, or else of all, was meant; each is known by its summary too."""
    about = registry().summaries("metric")
    return did_you_mean(name, known, about) or did_you_mean(name, about, about)


def named(metric: str, typed: str = "") -> str:
    """Return what every text calls a metric, by its name in results and as it was typed: label and values of options.

    Without `typed` the values are as the name in results has them, which does not tell "=" from ":".
    """
    order = order_of(metric)
    variant = variant_of(typed) if typed else order.variant
    return ", ".join(filter(None, (order.label or metric.replace("_", " "), variant)))


def heading(metric: str, typed: str = "") -> str:
    """Return what every table calls a metric, by its name in results and as it was typed: `named`, and the unit."""
    unit = order_of(metric).unit
    return f"{named(metric, typed)} ({unit})" if unit else named(metric, typed)


def _order(declared: Mapping[str, Any]) -> Order:
    fields = ("better", "ideal", "label", "unit", "role")
    return Order(**{name: declared[name] for name in fields}, baselines=tuple(declared["baselines"]))


def _declared(entry: Entry) -> dict[str, Any] | None:
    """Return the order and the options that a metric's class declares; None if it cannot be imported."""
    if not saves_time():  # importing this class alone is cheap
        return _read(entry)
    every = registry().matching("metric")
    declared: dict[str, dict[str, Any] | None] = cached("metrics", lambda: {one.full_name: _read(one) for one in every})
    return declared[entry.full_name]


def _read(entry: Entry) -> dict[str, Any] | None:
    try:
        metric: type[Metric] = entry.load()
    except PluginError:
        return None
    fields = ("better", "ideal", "role", "raced", "baselines")
    label = getattr(metric, "label", "")  # a class without one is refused by `genzoo check` only
    return {
        **{name: getattr(metric, name) for name in fields},
        "label": label,
        "unit": getattr(metric, "unit", ""),
        "options": list(field_names(metric.Config)),
    }


def rate_options_of(loss: str) -> dict[str, str]:
    """Return the options of a registered loss that trade rate for distortion, and their symbols; {} if unknown."""
    entries = registry().called(loss, ["loss"])
    if len(entries) != 1:
        return {}
    if not saves_time():
        return _rate_options(entries[0])
    every = registry().matching("loss")
    found: dict[str, dict[str, str]] = cached("losses", lambda: {one.full_name: _rate_options(one) for one in every})
    return found[entries[0].full_name]


def _rate_options(entry: Entry) -> dict[str, str]:
    try:
        loss: type[Loss] = entry.load()
    except PluginError:
        return {}
    return dict(loss.rate_options)
