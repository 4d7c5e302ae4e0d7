"""Choosing among configurations by their validation data. Test data are looked at for none but the chosen one."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from genzoo.comparison.identity import short_typed
from genzoo.comparison.ranking import Paired, best_two, seeds_enough
from genzoo.comparison.statistics import Estimate, as_json
from genzoo.comparison.tables import Row, Table, is_metric, table_in, tables
from genzoo.core.errors import UsageError
from genzoo.core.text import options_text
from genzoo.evaluation.order import default_metric, order_of, rate_options_of
from genzoo.runs.details import without_copies
from genzoo.runs.run import Run
from genzoo.runs.schema import is_number


@dataclass(frozen=True)
class Selection:
    """The configurations of one protocol, the best first by a metric of the validation data."""

    table: Table
    metric: str
    tried: Mapping[Path, Mapping[str, str]]
    """The options that were tried in the runs, by their paths, as they are typed, such as {"beta": "2"}."""

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
        """Return the model and what was tried; where that is not known, the options in which the rows differ."""
        tried = {name: short_typed(text) for name, text in self.options(row).items()}
        return f"{row.model} {options_text(tried)}" if tried else self.table.label(row)

    def options(self, row: Row) -> Mapping[str, str]:
        """Return the options that were tried in a row, as they are typed."""
        return self.tried.get(row.runs[0].path, {})

    @property
    def traded(self) -> list[str]:
        """The options in which rows differ and that trade rate for distortion, as their losses declare."""
        options = {name for row in self.table.rows for name in rate_options_of(str(row.settings.get("loss")))}
        every = [row.settings for row in self.table.rows]
        return sorted(name for name in options if len({str(settings.get(name)) for settings in every}) > 1)

    def record(self) -> dict[str, Any]:
        """Return it as JSON values; of the best configuration the test data too."""
        best = self.best
        return {
            "protocol": self.table.protocol,
            "sorted_by": self.metric,
            "sorted_on": "validation",
            "rows": [
                {
                    **self.identity(row),
                    "validation": {name: as_json(row.estimate(name, "validation")) for name in self.metrics},
                }
                for row in self.rows
            ],
            "paired": self.paired and self.paired.as_json(),
            "best": best and {
                **self.identity(best),
                "test": {name: as_json(best.estimate(name)) for name in self.metrics},
            },
        }  # fmt: skip

    def identity(self, row: Row) -> dict[str, Any]:
        """Return what a row is, as JSON values."""
        return {
            "model": self.label(row),
            "options": dict(self.options(row)),
            "settings": row.settings,
            "seeds": list(row.by_seed),
            "runs": [str(run.path) for run in row.runs],
        }


def selections(
    runs: Iterable[Run], metric: str = "", tried: Mapping[Path, Mapping[str, str]] | None = None
) -> list[Selection]:
    """Return a selection for each protocol of finished runs.

    Args:
        runs: Of all configurations, with all seeds.
        metric: By its name in results; "": as `genzoo.evaluation.order.default_metric` says.
        tried: The options that were tried in them, by their paths.

    Raises:
        UsageError: No run has a metric of validation data.
    """
    found = []
    for table in tables(runs):
        splits = [table_in(result, "validation") for row in table.rows for result in row.results]
        if not any(splits):
            raise UsageError("there are no validation data to judge by", "hold examples out: --data.validation 1000")
        found.append(Selection(table, metric or metric_of_all(splits), tried or {}))
    return found


def metric_of_all(splits: Iterable[Mapping[str, Any]]) -> str:
    """Return the metric to choose by if none is named: see `genzoo.evaluation.order.default_metric`."""
    measured = [measured_in(split) for split in splits]
    every = dict.fromkeys(itertools.chain(*measured))
    return default_metric(every, lambda name: all(name in known for known in measured))


def measured_in(split: Mapping[str, Any]) -> list[str]:
    """Return the metrics that the results on one split have a value of."""
    return [name for name, value in split.items() if is_metric(name, value) and is_number(value)]
