"""Many runs as one honest table: one a protocol, seeds together, the best two tested image by image."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from genzoo.errors import GenzooError, UsageError, did_you_mean
from genzoo.records import is_config, is_results
from genzoo.runs import EXAMPLES_FILE, Run
from genzoo.sealed import read_sealed

# Student's t, 97.5 % quantile, for 1 … 30 degrees of freedom; beyond that the normal's is within 2 %.
T_975 = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
]  # fmt: skip
PROTOCOL = ("binarize", "standardize", "likelihood")
"""Training options that change what the figures mean; runs that differ in them share no table."""
NOT_SETTINGS = ("seed", "device", "mode", "stream", "save_every", "listeners")
"""Training options in which the runs of one row may differ."""


@dataclass(frozen=True)
class Estimate:
    """A figure over seeds."""

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """The mean over seeds."""
        return statistics.fmean(self.values)

    @property
    def interval(self) -> float | None:
        """Half the width of the 95 % t-interval of the mean; None for a single seed."""
        n = len(self.values)
        if n < 2:
            return None
        quantile = T_975[n - 2] if n - 2 < len(T_975) else 1.96
        return quantile * statistics.stdev(self.values) / math.sqrt(n)


def as_json(estimate: Estimate | str) -> dict[str, Any]:
    """An estimate, or the reason why there is none, as plain JSON values."""
    if isinstance(estimate, str):
        return {"not_available": estimate}
    return {"mean": estimate.mean, "interval_95": estimate.interval, "values": estimate.values}


def estimated(values: Iterable[float | str]) -> Estimate | str:
    """Values of one figure over the seeds, or the reason why one of them cannot be had."""
    known = tuple(values)
    reason = next((value for value in known if isinstance(value, str)), None)
    return Estimate(tuple(map(float, known))) if reason is None else reason


@dataclass(frozen=True)
class Row:
    """Runs that differ in their seed alone."""

    model: str
    settings: dict[str, Any]
    """Every option but the seed, as one flat mapping."""
    runs: tuple[Run, ...]
    results: tuple[dict[str, Any], ...]

    @property
    def seeds(self) -> int:
        """How many runs there are."""
        return len(self.runs)

    def estimate(self, figure: str) -> Estimate | str:
        """A test figure over the seeds, or why there is none."""
        return estimated(_test_figure(result["test"], figure) for result in self.results)

    @cached_property
    def examples(self) -> dict[str, Any]:
        """For each figure, its value on every test example, averaged over the seeds: [N] float64."""
        try:
            loaded = [read_sealed(run.path / EXAMPLES_FILE)[1] for run in self.runs]
        except GenzooError:
            return {}
        shared = set.intersection(*(set(values) for values in loaded))
        return {name: sum(values[name].double() for values in loaded) / len(loaded) for name in shared}


def _test_figure(test: dict[str, Any], figure: str) -> float | str:
    value = test.get(figure)
    if value is None or isinstance(value, (dict, list)):
        return str(test.get("not_available", {}).get(figure, "not computed"))
    return value if isinstance(value, str) else float(value)  # "nan", "inf"


@dataclass(frozen=True)
class Table:
    """Rows of one protocol: the same data, seen the same way, under the same kind of likelihood."""

    protocol: str
    rows: tuple[Row, ...]

    def figures(self) -> list[str]:
        """The figures that some row has, in the order of the results."""
        names: dict[str, None] = {}
        for row in self.rows:
            for name, value in row.results[0]["test"].items():
                if name != "n" and not isinstance(value, (dict, list)):
                    names.setdefault(name)
        return list(names)

    @property
    def title(self) -> str:
        """What the rows have in common."""
        sizes = sorted({result["test"]["n"] for row in self.rows for result in row.results})
        return f"{self.protocol} · {' or '.join(f'{size:,}' for size in sizes)} test examples"

    def label(self, row: Row, leaving_out: Sequence[str] = ()) -> str:
        """The model, and the options in which rows of that model differ."""
        others = [other for other in self.rows if other.model == row.model]
        differing = [
            name
            for name in row.settings
            if name not in leaving_out
            and row.settings[name] is not None
            and any(other.settings.get(name) != row.settings[name] for other in others)
        ]
        return " ".join([row.model, *(f"{name}={_short(row.settings[name])}" for name in differing)])

    def record(self, row: Row) -> dict[str, Any]:
        """A row as plain JSON values, each seed's value too."""
        return {
            "model": self.label(row),
            "settings": row.settings,
            "runs": [str(run.path) for run in row.runs],
            "test": {name: as_json(row.estimate(name)) for name in self.figures()},
        }

    def sorted_by(self, figure: str) -> Table:
        """The rows with the smallest figure first, those without it last."""

        def order(row: Row) -> tuple[bool, float]:
            estimate = row.estimate(figure)
            return (True, 0.0) if isinstance(estimate, str) else (False, estimate.mean)

        return Table(self.protocol, tuple(sorted(self.rows, key=order)))


@dataclass(frozen=True)
class Paired:
    """The difference between two rows on the same test examples."""

    better: str
    other: str
    figure: str
    difference: float
    """Mean of other − better over the examples."""
    interval: float
    """Half the width of its 95 % interval over the examples."""
    n: int

    @property
    def settled(self) -> bool:
        """Whether the interval leaves out 0."""
        return abs(self.difference) > self.interval


def paired(table: Table, figure: str) -> Paired | None:
    """The paired test of the best two rows, image by image; None where the examples' values are not there.

    Single images differ by tens of nats, so the means of two models are compared on the same images: the spread of the
    differences is what counts.
    """
    rows = [row for row in table.sorted_by(figure).rows if not isinstance(row.estimate(figure), str)][:2]
    if len(rows) < 2 or any(figure not in row.examples for row in rows):
        return None
    one, other = (row.examples[figure] for row in rows)
    if len(one) != len(other) or len(one) < 2:
        return None
    differences = other - one
    interval = 1.96 * (differences.std() / len(differences) ** 0.5).item()
    labels = [table.label(row) for row in rows]
    return Paired(labels[0], labels[1], figure, differences.mean().item(), interval, len(differences))


def collect(places: Sequence[Path]) -> list[Run]:
    """The finished runs in folders, which may be runs themselves or hold some.

    Raises:
        UsageError: There is none.
    """
    candidates: dict[Path, None] = {}
    for place in places:
        inside = sorted(path.parent for path in place.glob("*/results.json"))
        for path in [place] if (place / "results.json").is_file() else inside:
            candidates.setdefault(path.resolve())
    if not candidates:
        where = ", ".join(map(str, places))
        raise UsageError(f"no finished runs in {where}", "make some: genzoo run MODEL --dataset NAME")
    return [Run(path) for path in candidates]


def tables(runs: Iterable[Run], dataset: str | None = None) -> list[Table]:
    """The runs grouped: one table a protocol, one row a configuration, seeds together. Damaged ones are left out.

    Args:
        runs: Finished runs.
        dataset: The only one to show; None: all.
    """
    groups: dict[str, dict[str, list[tuple[Run, dict[str, Any], dict[str, Any]]]]] = {}
    for run in runs:
        try:
            config, results = run.plain_config, run.results
        except GenzooError:  # a damaged run is nobody's baseline
            continue
        if not (is_config(config) and is_results(results)) or dataset not in (None, config["data"]["name"]):
            continue
        protocol, settings = _protocol(config), _settings(config)
        key = json.dumps(settings, sort_keys=True)
        groups.setdefault(protocol, {}).setdefault(key, []).append((run, settings, results))
    made = []
    for protocol, rows in sorted(groups.items()):
        built = [
            Row(str(members[0][1]["model"]), members[0][1], tuple(m[0] for m in members), tuple(m[2] for m in members))
            for members in rows.values()
        ]
        made.append(Table(protocol, tuple(sorted(built, key=lambda row: row.model))))
    return made


def best(root: Path, figure: str) -> Run:
    """The finished run in a folder with the smallest test figure.

    Raises:
        UsageError: None has that figure, or several protocols have, under which it does not mean the same.
    """
    made = tables(collect([root]))
    found = [
        (float(value), table.protocol, run)
        for table in made
        for row in table.rows
        for run, results in zip(row.runs, row.results, strict=True)
        if isinstance(value := results["test"].get(figure.replace("-", "_")), (int, float))
    ]
    if not found:
        known = [name.replace("_", "-") for table in made for name in table.figures()]
        hint = f"known: {', '.join(dict.fromkeys(known))}"
        raise UsageError(f"@best:{figure}: no finished run in {root}/ has it.{did_you_mean(figure, known)}", hint)
    protocols = sorted({protocol for _, protocol, _ in found})
    if len(protocols) > 1:
        words = [protocol.split(" · ") for protocol in protocols]
        own = [[word for word in part if not all(word in other for other in words)] for part in words]
        enough = next(n for n in range(1, 99) if len({tuple(part[:n]) for part in own}) == len(own))
        shown = [*(" ".join(part[:enough]) for part in own[:3]), *(["more"] if len(own) > 3 else [])]
        raise UsageError(
            f"@best:{figure}: the runs in {root}/ do not compare: {' | '.join(shown)}",
            f"compare them, and name one: genzoo compare {root}",
        )
    return min(found, key=lambda item: item[0])[2]


def _protocol(config: dict[str, Any]) -> str:
    """What must agree before two figures may stand in one table."""
    data = {name: value for name, value in config["data"].items() if name != "name" and value is not None}
    options = {**data, **{name: config["training"][name] for name in PROTOCOL if name in config["training"]}}
    return " · ".join([config["data"]["name"], *(f"{name} {_short(value)}" for name, value in options.items())])


def _settings(config: dict[str, Any]) -> dict[str, Any]:
    """Every option but the seed, in one flat mapping."""
    training = {name: value for name, value in config["training"].items() if name not in NOT_SETTINGS}
    model, loss = dict(config["model"]), dict(config["loss"])
    return {"model": model.pop("name"), **model, "loss": loss.pop("name"), **loss, "data": config["data"], **training}


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return ",".join(f"{name}={_short(item)}" for name, item in value.items())
    return "-".join(map(str, value)) if isinstance(value, list) else str(value)
