"""The values of a leaderboard: quality, speed and size of models trained under the same conditions, and baselines."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from genzoo.comparison.statistics import Estimate, as_json, estimated
from genzoo.comparison.tables import Row, Table, paired
from genzoo.core.errors import GenzooError
from genzoo.core.text import number
from genzoo.evaluation.order import label_of, metric_for, order_of
from genzoo.runs.record import former_record
from genzoo.runs.run import SPEED_FILE, Run, read_json
from genzoo.runs.schema import is_number, pca_error


@dataclass(frozen=True)
class Baseline:
    """A value that a model must beat, known without training."""

    name: str
    metric: str
    value: float
    latents: int | None = None
    """The size of the codes that it is compared with; None: every model."""

    @property
    def words(self) -> str:
        """Its name within a sentence."""
        return self.name if self.latents is None else f"PCA with {self.latents} components"

    def is_beaten_by(self, value: float) -> bool:
        """Return whether a model's value of the metric is better."""
        cost = order_of(self.metric).cost
        return cost(value) < cost(self.value)


@dataclass(frozen=True)
class Leaderboard:
    """A table with baselines, speed, size and the training time to a target."""

    table: Table
    metric: str
    """The metric that the rows are sorted by."""
    target: float | None = None
    """A validation −ELBO in nats; a column shows the training time to reach it."""

    @property
    def other_metric(self) -> str:
        """The last metric that all rows have beside this one and that has an order, as it is typed; "" if none."""

        def orders(name: str) -> bool:
            known = all(isinstance(row.estimate(name), Estimate) for row in self.table.rows)
            return known and name != self.metric and bool(order_of(name).better)

        return next((name.replace("_", "-") for name in reversed(self.table.metrics()) if orders(name)), "")

    def baselines(self) -> list[Baseline]:
        """Return the baselines of the table's runs, each once; PCA once for each size of code."""
        every = [one for row in self.table.rows for one in baselines_of(row.results[0], self.table.metrics())]
        return sorted(dict.fromkeys(every), key=lambda baseline: (baseline.metric, baseline.value))

    def behind(self, row: Row) -> list[Baseline]:
        """Return the baselines that a row does not beat."""
        unbeaten = []
        for baseline in self.baselines():
            estimate = row.estimate(baseline.metric)
            comparable = baseline.latents in (None, row.results[0].get("latents"))
            if comparable and isinstance(estimate, Estimate) and not baseline.is_beaten_by(estimate.mean):
                unbeaten.append(baseline)
        return unbeaten

    def records(self) -> list[dict[str, Any]]:
        """Return the records of all runs of the table."""
        return [former_record(run) for row in self.table.rows for run in row.runs]

    def record(self) -> dict[str, Any]:
        """Return the leaderboard as JSON values."""
        rows = []
        for row, record in zip(self.table.rows, self.table.records(self.metric), strict=True):
            time = {} if self.target is None else {"seconds_to_target": as_json(time_to(row, self.target))}
            rows.append({
                **record,
                "train_images_per_second": as_json(speed(row, "train")),
                "inference_images_per_second": as_json(speed(row, "inference")),
                **time,
                "parameters": row.results[0].get("parameters"),
                "latents": row.results[0].get("latents"),
                "peak_memory": [result["training"].get("peak_memory") for result in row.results],
                "worse_than": [baseline.name for baseline in self.behind(row)],
            })  # fmt: skip
        test = paired(self.table, self.metric)
        names = ("genzoo", "python", "packages", "source", "platform", "device", "threads", "matmul", "data")
        environments = [{name: record.get(name) for name in names} for record in self.records()]
        return {
            "protocol": self.table.protocol,
            "sorted_by": self.metric,
            "target": self.target,
            "rows": rows,
            "baselines": [vars(baseline) for baseline in self.baselines()],
            "sorted_on": self.table.sorted_on(self.metric),
            "paired": None if test is None else test.as_json(),
            "environments": [one for place, one in enumerate(environments) if one not in environments[:place]],
        }


def baselines_of(results: Mapping[str, Any], metrics: Iterable[str]) -> list[Baseline]:
    """Return the baselines in a run's results that these metrics declare, in the order of the declarations."""
    stored, found = results.get("baselines", {}), []
    for metric in metrics:
        for name in order_of(metric).baselines:
            value = stored.get(name)
            if isinstance(value, Mapping):
                latents = value["components"]
                found.append(Baseline(f"PCA, {latents} components", metric, pca_error(value), latents))
            elif value is not None and is_probability(results):
                found.append(Baseline(name.replace("_", " "), metric, value))
    return found


def speed(row: Row, kind: str) -> Estimate | str:
    """Return images per second over the seeds: of training, of encoding and decoding ("inference"), of sampling."""
    if kind == "train":
        return row.over_seeds(float(result["training"]["images_per_second"]) for result in row.results)
    name = {"inference": "images_per_second", "sampling": "samples_per_second"}[kind]
    return row.over_seeds(_measured(run, name) for run in row.runs)


def _measured(run: Run, name: str) -> float | str:
    try:
        measured = read_json(run.path / SPEED_FILE)
    except GenzooError:
        return "not measured"
    found = measured.get(name, "")
    if found is None:
        return "no samples"
    return float(found) if is_number(found) else str(measured.get("not_available", "not measured"))


def time_to(row: Row, target: float) -> Estimate | str:
    """Return seconds of training until the validation bound is `target` nats or less, over the seeds, or why not.

    The bound is checked after each epoch. The time of validation does not count.
    """
    name = metric_for("bound")
    bound = row.estimate(name)
    if isinstance(bound, str):
        return bound
    times = [_time_to(run, name, target) for run in row.runs]
    of_seeds = [estimated(times[place] for place in places) for places in row.by_seed.values()]
    missed = sum(isinstance(time, str) for time in of_seeds)
    if missed and missed < len(of_seeds):
        return f"reached by {len(of_seeds) - missed} of {len(of_seeds)} seeds"
    return row.over_seeds(times)


def _time_to(run: Run, bound: str, target: float) -> float | str:
    seconds, best = 0.0, math.inf
    for epoch in run.history:
        seconds += float(epoch.get("seconds", 0.0))
        value = epoch.get("validation", {}).get(bound)
        if not isinstance(value, (int, float)):
            continue
        if value <= target:
            return seconds
        best = min(best, value)
    return (
        f"not reached, best {number(best)}"
        if best < math.inf
        else f"no {label_of(bound)} of validation data in the log"
    )


def is_probability(results: Mapping[str, Any]) -> bool:
    """Return whether −ln p(x|z) is of a probability, as in the pixel baselines; assumed for results of older runs."""
    return bool(results.get("measure", "probability") == "probability")
