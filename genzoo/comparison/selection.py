"""Choosing among configurations by their validation data. Test data are looked at for none but the chosen one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from genzoo.comparison.ranking import Paired, best_two, seeds_enough
from genzoo.comparison.statistics import Estimate, as_json
from genzoo.comparison.tables import Row, Table, is_metric, table_in, tables
from genzoo.core.errors import UsageError
from genzoo.evaluation.order import metric_for, order_of
from genzoo.runs.details import without_copies
from genzoo.runs.run import Run
from genzoo.runs.schema import is_number


@dataclass(frozen=True)
class Selection:
    """The configurations of one protocol, the best first by a metric of the validation data."""

    table: Table
    metric: str
    names: Mapping[Path, str]
    """What was tried in the runs, by their paths, such as "beta=2"."""

    @cached_property
    def rows(self) -> list[Row]:
        """The configurations, those without the metric last."""
        order = order_of(self.metric)

        def place(row: Row) -> tuple[bool, float]:
            found = row.estimate(self.metric, "validation")
            return (False, order.cost(found.mean)) if isinstance(found, Estimate) else (True, 0.0)

        return sorted(self.table.rows, key=place)

    @property
    def best(self) -> Row | None:
        """The chosen configuration; None if none has the metric."""
        return self.rows[0] if isinstance(self.rows[0].estimate(self.metric, "validation"), Estimate) else None

    @property
    def metrics(self) -> list[str]:
        """The metrics of which any run has a value on validation data; the one that it is chosen by is the first."""
        splits = [table_in(result, "validation") for row in self.table.rows for result in row.results]
        names = {name: None for split in splits for name in measured_in(split)}
        return [self.metric, *(name for name in without_copies([*splits], [*names]) if name != self.metric)]

    @property
    def paired(self) -> Paired | None:
        """The test of the best two on validation data; None if there are fewer."""
        return best_two(self.rows, self.metric, self.label, "validation")

    @property
    def seeds_enough(self) -> int | None:
        """How many seeds of each of the best two would show their difference, if it stayed; see `ranking`."""
        return seeds_enough(self.rows, self.metric, "validation")

    def label(self, row: Row) -> str:
        """Return the model and what was tried; without names, the options in which the rows differ."""
        name = self.names.get(row.runs[0].path)
        return f"{row.model} {name}" if name else self.table.label(row)

    def record(self) -> dict[str, Any]:
        """Return it as JSON values; of the best configuration the test data too."""
        best = self.best
        return {
            "protocol": self.table.protocol,
            "sorted_by": self.metric,
            "sorted_on": "validation",
            "rows": [
                {
                    "model": self.label(row),
                    "settings": row.settings,
                    "seeds": list(row.by_seed),
                    "runs": [str(run.path) for run in row.runs],
                    "validation": {name: as_json(row.estimate(name, "validation")) for name in self.metrics},
                }
                for row in self.rows
            ],
            "paired": self.paired and self.paired.as_json(),
            "best": best and {
                "model": self.label(best),
                "settings": best.settings,
                "test": {name: as_json(best.estimate(name)) for name in self.metrics},
            },
        }  # fmt: skip


def selections(runs: Iterable[Run], metric: str = "", names: Mapping[Path, str] | None = None) -> list[Selection]:
    """Return a selection for each protocol of finished runs.

    Args:
        runs: Of all configurations, with all seeds.
        metric: By its name in results; "": as `default_metric` says.
        names: What was tried in them, by their paths.

    Raises:
        UsageError: No run has a metric of validation data.
    """
    found = []
    for table in tables(runs):
        splits = [table_in(result, "validation") for row in table.rows for result in row.results]
        if not any(splits):
            raise UsageError("there are no validation data to judge by", "hold examples out: --data.validation 1000")
        measured = [name for split in splits for name in measured_in(split)]
        found.append(Selection(table, metric or default_metric(measured), names or {}))
    return found


def default_metric(measured: Iterable[str]) -> str:
    """Return the metric to choose by of those that were measured: the bound of −ln p(x), or the first with an order."""
    names, bound = list(measured), metric_for("bound")
    return bound if bound in names else next((name for name in names if order_of(name).better), bound)


def measured_in(split: Mapping[str, Any]) -> list[str]:
    """Return the metrics that the results on one split have a value of."""
    return [name for name, value in split.items() if is_metric(name, value) and is_number(value)]
