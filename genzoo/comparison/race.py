"""A race: models trained for the same time, one ranking for each thing that is measured, and what each model took."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from genzoo.comparison.leaderboard import Baseline, baselines_of, speed
from genzoo.comparison.statistics import Estimate, as_json
from genzoo.comparison.tables import Row, Table, table_in, tables
from genzoo.core.listener import CLOSED_FORM
from genzoo.core.text import significant
from genzoo.evaluation.order import order_of
from genzoo.runs.details import detail
from genzoo.runs.run import Run
from genzoo.runs.schema import is_number

REFERENCES = {"floor": "training data", "null": "two sets of one distribution"}
"""What a metric of samples would be for real data, by the name of the detail that holds it."""
UNUSED = 0.95
"""A training that took less than this share of the budget did not use it up."""


@dataclass(frozen=True)
class Contest:
    """One ranking: the rows that have the metric, the best one first."""

    table: Table
    """Its columns are the metric that rows are ranked by, and others of the same measure."""
    metric: str

    def baselines(self) -> list[Baseline]:
        """Return what needs no training: trivial models, the known density of the data, and real data."""
        found = []
        for row in self.table.rows:
            known, own = row.results[0].get("baselines", {}).get("known_density"), row.results[0].get("measure")
            comparable = known and known.get("measure", own) == own
            if comparable and detail(row.results[0]["test"], self.metric, "exactness"):
                found.append(Baseline("the data's own density", self.metric, float(known["nats"])))
            found += [*baselines_of(row.results[0], self.table.metrics()), *references(row, self.metric)]
        return sorted(dict.fromkeys(found), key=lambda baseline: (baseline.metric, baseline.value))

    def record(self) -> dict[str, Any]:
        """Return the ranking as JSON values."""
        order = order_of(self.metric)
        baselines = [{"name": one.name, "metric": one.metric, "value": one.value} for one in self.baselines()]
        about = {"metric": self.metric, "better": order.better, "protocol": self.table.protocol}
        return {**about, "rows": self.table.records(self.metric), "baselines": baselines}


def references(row: Row, metric: str) -> list[Baseline]:
    """Return the values that a metric of samples has for real data."""
    details = table_in(table_in(row.results[0]["test"], "details"), metric)
    return [Baseline(text, metric, float(details[name])) for name, text in REFERENCES.items()
            if is_number(details.get(name))]  # fmt: skip


@dataclass(frozen=True)
class Race:
    """The rankings of a race and the rows of all models."""

    contests: tuple[Contest, ...]
    everyone: Table
    budget: float
    """Seconds of training for each run."""

    def record(self) -> dict[str, Any]:
        """Return the race as JSON values."""
        return {
            "budget": self.budget,
            "protocol": self.everyone.protocol,
            "contests": [contest.record() for contest in self.contests],
            "took": [self.took(row) for row in self.everyone.rows],
        }

    def took(self, row: Row) -> dict[str, Any]:
        """Return what a model took, as JSON values."""
        return {
            "model": self.everyone.label(row),
            "seconds": as_json(seconds(row)),
            "epochs": as_json(epochs(row)),
            "train_images_per_second": as_json(speed(row, "train")),
            "samples_per_second": as_json(speed(row, "sampling")),
            "parameters": row.results[0].get("parameters"),
            "peak_memory": [result["training"].get("peak_memory") for result in row.results],
            "ended": self.ended(row),
        }

    def ended(self, row: Row) -> str:
        """Return how the training of a row ended, compared with the budget."""
        training, took = row.results[0]["training"], seconds(row)
        share = took.mean / self.budget if isinstance(took, Estimate) else 1.0
        if training.get("mode") == CLOSED_FORM:
            return "fitted in closed form" + (f", {significant(share, 3)} × the budget" if share > 1 else "")
        reason = training.get("stopped") or "all epochs"
        return f"{reason}, {share:.0%} of the budget" if share < UNUSED else str(reason)


def seconds(row: Row) -> Estimate | str:
    """Return the seconds of training over the seeds."""
    return row.over_seeds(float(result["training"]["seconds"]) for result in row.results)


def epochs(row: Row) -> Estimate | str:
    """Return the passes over the training data, also a part of one, over the seeds."""
    return row.over_seeds(
        result["training"]["images_per_second"]
        * result["training"]["seconds"]
        / max(result["training"]["examples_per_epoch"], 1)
        for result in row.results
    )


def race(runs: Iterable[Run], metrics: Sequence[str], budget: float) -> Race:
    """Return the rankings of finished runs on the same data.

    −ln p(x) of probabilities and of densities are ranked apart, as in all tables; other metrics rank all models.

    Args:
        runs: Finished runs.
        metrics: Names in results, in the order of the rankings.
        budget: Seconds of training.
    """
    known = tables(runs)
    rows = tuple(row for table in known for row in table.rows)
    everyone = Table(common(table.protocol for table in known), rows, brief=common(table.brief for table in known))
    found: dict[tuple[Any, ...], Contest] = {}
    for metric in metrics:
        of_likelihood = any(is_likelihood(row, metric) for row in everyone.rows)
        for table in known if of_likelihood else [everyone]:
            rows = tuple(row for row in table.rows if isinstance(row.estimate(metric), Estimate))
            place = (table.protocol, "likelihood" if of_likelihood else metric)
            if rows and place in found:  # the same measure in another unit
                first = found[place]
                found[place] = replace(first, table=replace(first.table, columns=(*first.table.columns, metric)))
            elif rows:
                found[place] = Contest(replace(table, rows=rows, columns=(metric,)).sorted_by(metric), metric)
    return Race(tuple(found.values()), everyone, budget)


def is_likelihood(row: Row, metric: str) -> bool:
    """Return whether a row's metric is −ln p(x), which is exact, a bound or an estimate."""
    return bool(detail(row.results[0]["test"], metric, "exactness"))


def common(protocols: Iterable[str]) -> str:
    """Return the parts of protocols that all tables share: not what −ln p(x) is."""
    words = [protocol.split(" · ") for protocol in protocols]
    return " · ".join(word for word in words[0] if all(word in other for other in words))
