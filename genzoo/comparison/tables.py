"""Finished runs as tables: one table for each protocol, one row for all seeds of a configuration."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from genzoo.comparison.identity import (
    Data,
    as_key,
    completed,
    differing,
    file_names,
    not_default,
    protocol_words,
    settings_of,
    short,
    view_of,
    with_digests,
)
from genzoo.comparison.ranking import Paired as Paired
from genzoo.comparison.ranking import paired as paired
from genzoo.comparison.ranking import ranks
from genzoo.comparison.statistics import Estimate as Estimate
from genzoo.comparison.statistics import as_json, estimated
from genzoo.core.errors import GenzooError, UsageError
from genzoo.evaluation.order import order_of
from genzoo.runs.details import sign, without_copies
from genzoo.runs.overview import run_folders
from genzoo.runs.record import former_record, why_outdated
from genzoo.runs.run import EXAMPLES_FILE, Run
from genzoo.runs.schema import is_config, is_number, is_results
from genzoo.system.checksummed import read_arrays
from genzoo.system.progress import working

if TYPE_CHECKING:
    from numpy.typing import NDArray

Part = Literal["validation", "test"]


@dataclass(frozen=True)
class Row:
    """Runs of one configuration. Several runs of one seed count as one."""

    model: str
    settings: dict[str, Any]
    """Every option but the seed, see `settings_of`."""
    runs: tuple[Run, ...]
    results: tuple[dict[str, Any], ...]

    @cached_property
    def by_seed(self) -> dict[int | str, list[int]]:
        """For each seed, the positions of its runs."""
        found: dict[int | str, list[int]] = {}
        for place, run in enumerate(self.runs):
            seed = run.plain_config["training"].get("seed")
            found.setdefault(seed if isinstance(seed, int) else str(seed), []).append(place)
        return found

    @property
    def seeds(self) -> int:
        """The number of seeds."""
        return len(self.by_seed)

    def over_seeds(self, values: Iterable[float | str], standard_error: float | None = None) -> Estimate | str:
        """Return the estimate from one value for each run: the runs of a seed count by their mean."""
        of_runs = list(values)
        of_seeds = [estimated(of_runs[place] for place in places) for places in self.by_seed.values()]
        return estimated((one if isinstance(one, str) else one.mean for one in of_seeds), standard_error)

    def estimate(self, metric: str, part: Part = "test") -> Estimate | str:
        """Return a metric over the seeds, or the reason why it is not available."""
        parts = [table_in(result, part) for result in self.results]
        errors = [table_in(one, "standard_error").get(metric) for one in parts]
        known = [float(error) for error in errors if is_number(error)]
        error = sum(known) / len(known) if known and len(known) == len(errors) else None
        found = self.over_seeds((metric_of(one, metric) for one in parts), error)
        return found if isinstance(found, str) else replace(found, sign=sign(parts[0], metric))

    @property
    def gap(self) -> Estimate | str:
        """−ln p(x) minus that of the known density of the data, in nats over the seeds, or why it is not available."""
        gaps = [next(iter(table_in(result, "gaps").values()), None) for result in self.results]
        known = [float(gap["standard_error"]) for gap in gaps if gap and is_number(gap["nats"])]
        error = sum(known) / len(known) if known else None
        found = self.over_seeds((metric_of(gap, "nats") if gap else "no density" for gap in gaps), error)
        return found if isinstance(found, str) else replace(found, sign=self.sign_of_gap)

    @property
    def sign_of_gap(self) -> str:
        """The sign of the metric whose gap is shown."""
        test, gaps = self.results[0]["test"], table_in(self.results[0], "gaps")
        return sign(test, next(iter(gaps), ""))

    @cached_property
    def examples(self) -> dict[str, NDArray[Any]]:
        """For each metric, its value on every test example, the mean over the seeds: [N] float64."""
        try:
            loaded = [read_arrays(run.path / EXAMPLES_FILE) for run in self.runs]
        except GenzooError:
            return {}
        found = {}
        for name in set.intersection(*(set(values) for values in loaded)):
            values = [one[name].astype("float64") for one in loaded]
            if len({value.shape for value in values}) == 1 and values[0].ndim == 1:
                of_seeds = [_mean([values[place] for place in places]) for places in self.by_seed.values()]
                found[name] = _mean(of_seeds)
        return found


def _mean(values: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Return the elementwise mean of arrays, added in their order."""
    import numpy as np

    with np.errstate(all="ignore"):  # a metric may be infinite
        mean: NDArray[Any] = sum(values[1:], values[0]) / len(values)
    return mean


def metric_of(metrics: dict[str, Any], name: str) -> float | str:
    """Return a metric of one split, or the reason why it is not available."""
    value = metrics.get(name)
    if isinstance(value, str):  # "nan", "inf"
        return value
    return float(value) if is_number(value) else str(table_in(metrics, "not_available").get(name, "not computed"))


def is_metric(name: str, value: Any) -> bool:
    """Return whether an item of the results on one split is a metric; the others are details of metrics."""
    return name != "n" and not isinstance(value, (dict, list))


def table_in(values: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the mapping called `name` in values, or an empty one."""
    found = values.get(name)
    return found if isinstance(found, dict) else {}


@dataclass(frozen=True)
class Table:
    """Rows of one protocol: the same data, the same preprocessing, the same kind of likelihood."""

    protocol: str
    rows: tuple[Row, ...]
    columns: tuple[str, ...] = ()
    """The metrics to show, in this order; empty: those that any row has."""
    brief: str = ""
    """The protocol without the options that are at their defaults."""
    asked: bool = False
    """Whether the user named the metric that the rows are sorted by."""

    @property
    def dataset(self) -> str:
        """The name of the dataset."""
        return self.protocol.partition(" · ")[0]

    def metrics(self) -> list[str]:
        """Return the metrics of the columns: the chosen ones, or all that were measured, without copies of another."""
        return list(self.columns) or without_copies([row.results[0]["test"] for row in self.rows], self.measured())

    def measured(self) -> list[str]:
        """Return the metrics of which any run has a value, in the order of the results; all, if no run has any."""
        tests = [result["test"] for row in self.rows for result in row.results]
        asked = {name: None for test in tests for name, value in test.items() if is_metric(name, value)}
        return [name for name in asked if any(test.get(name) is not None for test in tests)] or list(asked)

    @property
    def title(self) -> str:
        """The protocol, without defaults, and the number of test examples."""
        sizes = sorted({result["test"]["n"] for row in self.rows for result in row.results})
        return f"{self.brief or self.protocol} · {' or '.join(f'{size:,}' for size in sizes)} test examples"

    def told(self, row: Row) -> list[str]:
        """Return the options in which the rows of a row's model differ."""
        return differing(row.settings, (other.settings for other in self.rows if other.model == row.model))

    def label(self, row: Row, leaving_out: Sequence[str] = ()) -> str:
        """Return the model and the options in which the rows of this model differ."""
        names = [name for name in self.told(row) if name not in leaving_out]
        return " ".join([row.model, *(f"{name}={short(row.settings[name])}" for name in names)])

    def records(self, metric: str) -> list[dict[str, Any]]:
        """Return the rows as JSON values, with the value of each seed and the rank by one metric."""
        return [
            {
                "model": self.label(row),
                "rank": rank,
                "settings": row.settings,
                "runs": [str(run.path) for run in row.runs],
                "seeds": list(row.by_seed),
                "test": {name: as_json(row.estimate(name)) for name in self.metrics()},
            }
            for row, rank in zip(self.rows, ranks(self, metric), strict=True)
        ]

    def without(self, metric: str) -> dict[str, str]:
        """Return why rows have no value of a metric, by their labels; {} if all have one."""
        found = {self.label(row): row.estimate(metric) for row in self.rows}
        return {label: reason for label, reason in found.items() if isinstance(reason, str)}

    def sorted_on(self, metric: str) -> Part:
        """Return the split that rows are sorted on: validation if all rows with the metric have it there, else test."""
        rows = [row for row in self.rows if isinstance(row.estimate(metric), Estimate)]
        known = all(isinstance(row.estimate(metric, "validation"), Estimate) for row in rows)
        return "validation" if known else "test"

    def sorted_by(self, metric: str) -> Table:
        """Return the table with the best row first and rows without the metric last."""
        order, part = order_of(metric), self.sorted_on(metric)

        def place(row: Row) -> tuple[bool, float]:
            estimate = row.estimate(metric, part)
            return (True, 0.0) if isinstance(estimate, str) else (False, order.cost(estimate.mean))

        return replace(self, rows=tuple(sorted(self.rows, key=place)))


def collect(places: Sequence[Path]) -> list[Run]:
    """Return the finished runs in folders, each a run, a folder of runs or one of sweeps, as `genzoo runs` lists them.

    Raises:
        UsageError: There are no finished runs.
    """
    finished = [Run(path.resolve()) for path in run_folders(places) if (path / "results.json").is_file()]
    if not finished:
        where = ", ".join(map(str, places))
        raise UsageError(f"no finished runs in {where}", "train a model: genzoo run MODEL --dataset NAME")
    return finished


class Member(NamedTuple):
    """A run and the contents of its files."""

    run: Run
    config: dict[str, Any]
    results: dict[str, Any]
    record: dict[str, Any]
    data: Data


def members(runs: Iterable[Run], dataset: str | None, say: Callable[[str], None]) -> list[Member]:
    """Return the runs that can be compared. Damaged runs are left out, outdated ones with a line to `say`."""
    found = []
    for run in runs:
        working(f"reading {run.path}")
        try:
            config, results = run.plain_config, run.results
        except GenzooError:  # damaged
            continue
        if not (is_config(config) and is_results(results)) or dataset not in (None, config["data"]["name"]):
            continue
        record = former_record(run)
        if why := why_outdated(run, config, results, record):
            say(f"{run.path} is left out: {why}")
            continue
        data = Data.of(config["data"], record.get("data_digest"), record.get("data"))
        found.append(Member(run, config, results, record, data))
    known = with_digests(member.data for member in found)
    return [member._replace(data=data) for member, data in zip(found, known, strict=True)]


def tables(
    runs: Iterable[Run], dataset: str | None = None, say: Callable[[str], None] = lambda line: None
) -> list[Table]:
    """Return the runs as tables: one for each protocol, one row for each configuration.

    Args:
        runs: Finished runs.
        dataset: Use only runs on this dataset; None: all runs.
        say: Called with a line for each run that is left out because its metrics are outdated.
    """
    groups: dict[str, list[Member]] = {}
    for member in members(runs, dataset, say):
        groups.setdefault(as_key([member.data.plain, view_of(member.config, member.results)]), []).append(member)
    texts = [protocol(group) for group in groups.values()]
    found = []
    for group, text in zip(groups.values(), texts, strict=True):
        rows: dict[str, list[tuple[Member, dict[str, Any]]]] = {}
        every = completed([settings_of(member.config, member.record, member.data) for member in group])
        for member, settings in zip(group, every, strict=True):
            rows.setdefault(as_key(settings), []).append((member, settings))
        built = [
            Row(str(own[0][1]["model"]), own[0][1], tuple(m.run for m, _ in own), tuple(m.results for m, _ in own))
            for own in rows.values()
        ]
        alike = texts.count(text) > 1
        unique, brief = (protocol(group, alike, every) for every in (True, False))
        found.append(Table(unique, tuple(sorted(built, key=lambda row: row.model)), brief=brief))
    return sorted(found, key=lambda table: table.protocol)


def protocol(group: Sequence[Member], digest: bool = False, defaults: bool = True) -> str:
    """Return the protocol of runs as text; without options that are at their defaults unless `defaults`."""
    data, view = group[0].data, view_of(group[0].config, group[0].results)
    names = [name for member in group for name in file_names(member.data)]
    return " · ".join(protocol_words(*((data, view) if defaults else not_default(data, view)), names, digest))
