"""Reproduction cards: a published figure, the runs that should reproduce it, and the verdict on what they found.

A plugin keeps its cards in `cards.toml`, beside the module that registers it:

    [fvsbn]
    summary = "a fully visible belief network on dynamically binarised MNIST"
    source = "Germain et al. 2015, arXiv 1502.03509, table 6"
    fits = "cpu"          # or "gpu"
    minutes = 3           # for each seed
    [fvsbn.runs.fvsbn]    # any options of `genzoo run`; those of the dataset are written as "data.NAME"
    model = "fvsbn"
    dataset = "mnist"
    binarize = "dynamic"
    [[fvsbn.claims]]
    value = "fvsbn.nll"   # RUN.METRIC of the test data; minus = "RUN.METRIC" compares two
    at_most = 97.7        # or at_least
    published = "96.58"
    measured = [96.9]     # what it was found to be, a value for each seed
    [without]             # a sentence for each model that no card is about
    made = "Its paper publishes no figure."
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from genzoo.comparison.statistics import Estimate, as_json, estimated
from genzoo.comparison.tables import metric_of
from genzoo.core.errors import PluginError, UsageError, did_you_mean
from genzoo.core.options import config, from_json
from genzoo.evaluation.order import key
from genzoo.experiment.sweep import SweepRun, sweep_runs
from genzoo.registry.current import registry
from genzoo.registry.discovery import Plugin, plugins
from genzoo.registry.entries import Entry, describe
from genzoo.runs.config import Components, RunConfig
from genzoo.runs.run import Run

WITHOUT = "without"
"""The table of the models that no card is about, and why."""
Fits = Literal["cpu", "gpu"]
Verdict = Literal["reproduced", "not reproduced", "undecided"]


@config
class Claim:
    """One published figure: a metric, or the difference of two, and its bound."""

    value: str
    """RUN.METRIC."""
    minus: str = ""
    """RUN.METRIC that is subtracted; empty: nothing."""
    at_most: float | None = None
    at_least: float | None = None
    published: str = ""
    """The figure as the source prints it."""
    measured: tuple[float, ...] = ()
    """What was found, a value for each seed; empty before the card was run."""

    def __post_init__(self) -> None:
        if (self.at_most is None) == (self.at_least is None):
            raise UsageError(f"the claim on {self.value} needs at_most or at_least, and not both")

    @property
    def names(self) -> tuple[str, ...]:
        """The metrics that it compares."""
        return (self.value, self.minus) if self.minus else (self.value,)

    @property
    def run(self) -> str:
        """The run that it is about; of a difference, the second one, which should be the better one."""
        return split(self.names[-1])[0]

    @property
    def expected(self) -> str:
        """The claim as text, such as "vae.nll − iaf.nll ≥ 1"."""
        bound = f"≤ {self.at_most:g}" if self.at_most is not None else f"≥ {self.at_least:g}"
        return f"{' − '.join(self.names)} {bound}"

    def verdict(self, found: Estimate | str) -> Verdict:
        """Return whether the whole 95 % interval over seeds keeps the bound, or none of it; of one seed its value."""
        if isinstance(found, str):
            return "undecided"
        room = found.mean - self.at_least if self.at_least is not None else (self.at_most or 0.0) - found.mean
        half = found.interval or 0.0
        return "reproduced" if room >= half else "not reproduced" if room < -half else "undecided"

    def outcome(self) -> list[str]:
        """Return "mean ± interval", the number of seeds and the verdict of what was measured, as texts."""
        estimate = Estimate(self.measured)
        return [*ours(as_json(estimate)), self.verdict(estimate)]


@dataclass(frozen=True, kw_only=True)
class Card:
    """A published figure and how to reproduce it."""

    name: str
    summary: str
    source: str
    """Where the figure was read."""
    fits: Fits
    """The least machine."""
    minutes: float
    """Time of one seed on that machine."""
    runs: dict[str, dict[str, Any]]
    """The options of each run by its name."""
    claims: tuple[Claim, ...]

    def __post_init__(self) -> None:
        if self.fits not in get_args(Fits) or not self.claims:
            raise UsageError(f"card {self.name}: fits is cpu or gpu, and there is at least one claim")
        for run, _ in (split(name) for claim in self.claims for name in claim.names):
            if run not in self.runs:
                raise UsageError(f"card {self.name}: there is no run {run!r}.{did_you_mean(run, self.runs)}")

    def statements(self, model: Entry) -> list[str]:
        """Return the claims about a model and what was found for each, as texts."""
        found = []
        for claim in self.claims:
            if self.runs[claim.run]["model"] not in (model.name, model.full_name):
                continue
            cost = f"{self.minutes:g} minutes a seed on a {self.fits.upper()}"
            outcome = f"not yet run: genzoo reproduce {self.name}, {cost}"
            if claim.measured:
                mean, number, verdict = claim.outcome()
                outcome = f"{mean}, {number} seed{'' if number == '1' else 's'}, {verdict}"
            published = f" (published: {claim.published})" if claim.published else ""
            found.append(f"{claim.expected}{published}: {outcome}")
        return found

    def configs(self, **changed: Any) -> dict[str, RunConfig]:
        """Return the configuration of each run, which is evaluated by the metrics that the claims name.

        Args:
            **changed: Options that differ from those of the card.

        Raises:
            UsageError: An option is unknown or has a wrong value.
        """
        asked = [split(name) for claim in self.claims for name in claim.names]
        found = {}
        for name, options in self.runs.items():
            options = {**options, **changed}
            names = [options.pop(part, "") for part in ("model", "dataset", "loss")]
            metrics = tuple(dict.fromkeys(metric for run, metric in asked if run == name))
            components = Components.find(registry(), *names)
            found[name] = components.defaults().replace({}, {**options, "metrics": metrics})
        return found

    def plan(self, seeds: Sequence[int], **changed: Any) -> list[tuple[str, SweepRun]]:
        """Return every run with every seed, and its name in the card."""
        configs = self.configs(**changed)
        return list(zip([*configs] * len(seeds), sweep_runs(configs.values(), seeds), strict=True))


def split(name: str) -> tuple[str, str]:
    """Return run and metric of "RUN.METRIC"."""
    run, _, metric = name.partition(".")
    return run, metric


def ours(found: Mapping[str, Any]) -> list[str]:
    """Return "mean ± interval" and the number of seeds of an estimate as JSON values, or why there is none."""
    if "mean" not in found:
        return [f"n/a ({found['not_available']})", ""]
    interval = found["interval_95"]
    return [f"{found['mean']:.2f}" + ("" if interval is None else f" ± {interval:.2f}"), str(len(found["values"]))]


def results(card: Card, plan: Iterable[tuple[str, SweepRun]], runs: Mapping[str, Run]) -> list[dict[str, Any]]:
    """Return what was found for each claim of a card, as JSON values.

    Args:
        card: The card.
        plan: Its runs, from `Card.plan`.
        runs: The finished ones by their keys.
    """
    tests: dict[str, list[dict[str, Any]]] = {name: [] for name in card.runs}
    for name, planned in plan:
        if planned.key in runs:
            tests[name].append(runs[planned.key].results["test"])
    found = []
    for claim in card.claims:
        estimate = of_claim(claim, tests)
        about = {"expected": claim.expected, "published": claim.published, "found": as_json(estimate)}
        found.append({**about, "verdict": claim.verdict(estimate)})
    return found


def of_claim(claim: Claim, tests: Mapping[str, Sequence[dict[str, Any]]]) -> Estimate | str:
    """Return the metric of a claim, or the difference of two of the same seeds, over seeds."""
    columns = [
        [metric_of(test, key(metric)) for test in tests[run]] for run, metric in (split(name) for name in claim.names)
    ]
    if len({len(column) for column in columns}) != 1 or not columns[0]:
        return "a run failed"
    values = []
    for row in zip(*columns, strict=True):
        reason = next((value for value in row if isinstance(value, str)), None)
        values.append(reason or float(row[0]) - sum(map(float, row[1:])))
    return estimated(values)


def cards() -> dict[str, Card]:
    """Return the cards of all plugins by their names.

    Raises:
        PluginError: A file of cards is malformed, or two plugins have a card of one name.
    """
    found: dict[str, Card] = {}
    for _, file in files():
        for card in read(file)[0]:
            if card.name in found:
                raise PluginError(f"{file}: there is another card {card.name!r}", "rename one")
            found[card.name] = card
    return dict(sorted(found.items()))


def files() -> list[tuple[Plugin, Path]]:
    """Return the plugins with cards, and their files."""
    registry()  # finds the plugins
    return [(plugin, file) for plugin in plugins if (file := plugin.cards)]


def published(model: Entry) -> list[str]:
    """Return what its package reproduced of a model's published figures, or else why nothing was.

    Empty if the package says neither. A malformed file of cards is one line, and is all that is returned.
    """
    found, reasons = [], []
    try:
        for plugin, file in files():
            if plugin.origin.distribution == model.origin.distribution:
                own, without = read(file)
                found += [text for card in own for text in card.statements(model)]
                reasons += [without[model.name]] if model.name in without else []
    except PluginError as error:
        return [error.message]
    return found or reasons


def read(file: Path) -> tuple[list[Card], dict[str, str]]:
    """Return the cards in a file, and the models without a card with the reasons.

    Raises:
        PluginError: It is malformed; the message says in what.
    """
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
        without = {str(name): str(reason) for name, reason in tables.pop(WITHOUT, {}).items()}
        return [
            Card(name=name, **values | {"claims": tuple(from_json(Claim, one, name) for one in values["claims"])})
            for name, values in tables.items()
        ], without
    except (OSError, ValueError, TypeError, KeyError, AttributeError, UsageError) as error:
        message = error.message if isinstance(error, UsageError) else describe(error)
        raise PluginError(f"{file}: {message}", "what a card holds: genzoo/experiment/cards.py") from None


def card(name: str) -> Card:
    """Return the card of a name.

    Raises:
        UsageError: There is none.
    """
    known = cards()
    if name not in known:
        raise UsageError(f"no card named {name!r}.{did_you_mean(name, known)}", "type: genzoo reproduce --list")
    return known[name]
