"""The leaderboard: quality, speed and size of models trained alike, beside baselines."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from genzoo.comparison.ranking import ranks
from genzoo.comparison.statistics import Estimate, as_json, estimated
from genzoo.comparison.tables import Row, Table, paired
from genzoo.core.errors import GenzooError
from genzoo.experiment.sweep import SPEED_FILE
from genzoo.reporting.format import NO_DENSITY, number
from genzoo.reporting.report import metric_labels
from genzoo.reporting.tables import Sheet, cell, whole
from genzoo.reporting.warnings import is_probability, unequal_copies, verdicts
from genzoo.runs.record import former_record
from genzoo.runs.run import Run, read_json
from genzoo.runs.schema import is_number

WORSE = "worse than baseline!"
BOUND = "negative_elbo"
BASELINES = {"pca": "mse", "independent_pixels": BOUND, "uniform": BOUND}
"""The figure that each baseline of a run's results is one of."""


@dataclass(frozen=True)
class Baseline:
    """What needs no training."""

    name: str
    figure: str
    value: float
    latents: int | None = None
    """Only models with codes of this size are held against it; None: every model."""


@dataclass(frozen=True)
class Board:
    """One table of `comparison.tables`, with what a leaderboard says beside the test figures."""

    table: Table
    figure: str
    """The rows are sorted by it."""
    target: float | None = None
    """A −ELBO; the time until the validation data reach it is a column."""

    def sheet(self) -> Sheet:
        """For people."""
        figures, labels = self.table.figures(), metric_labels()
        names = [labels.get(name, name) for name in figures]
        header = ["model", "seeds", "rank", *names, "train images/s", "infer images/s"]
        if self.target is not None:
            header.append(f"training to −ELBO ≤ {number(self.target)}")
        rows = [[*header, "parameters", "peak memory", "device"]]
        places = ranks(self.table, self.figure)
        rows += [self._cells(row, place, figures) for row, place in zip(self.table.rows, places, strict=True)]
        for baseline in self.baselines():
            texts = [number(baseline.value) if name == baseline.figure else "" for name in figures]
            rows.append([baseline.name, "", "", *texts, *[""] * (len(rows[0]) - 3 - len(texts))])
        said = [*self.warnings(), *verdicts(self.table, self.figure), *self._notes()]
        return Sheet(self.table.title, rows, said)

    def _cells(self, row: Row, rank: int | None, figures: Sequence[str]) -> list[str]:
        from genzoo.runs.build import gigabytes

        behind = {baseline.figure for baseline in self.behind(row)}
        texts = [cell(row.estimate(name)) + (f" {WORSE}" if name in behind else "") for name in figures]
        speeds = [whole(speed(row, kind)) for kind in ("train", "inference")]
        took = [] if self.target is None else [self._seconds(row)]
        memory = [used for result in row.results if is_number(used := result["training"].get("peak_memory"))]
        parameters = row.results[0].get("parameters")
        devices = sorted({str(record.get("device", "n/a")) for record in map(former_record, row.runs)})
        return [
            *(self.table.label(row), str(row.seeds), "" if rank is None else str(rank), *texts, *speeds, *took),
            "n/a" if parameters is None else f"{parameters:,}",
            gigabytes(max(memory)) if memory else "n/a",
            " / ".join(devices),
        ]

    def _seconds(self, row: Row) -> str:
        assert self.target is not None
        estimate = time_to(row, self.target)
        return cell(estimate) if isinstance(estimate, str) else f"{cell(estimate)} s"

    def baselines(self) -> list[Baseline]:
        """Those of the table's runs, each once: PCA for every size of code that there is."""
        found: dict[Baseline, None] = {}
        for row in self.table.rows:
            results = row.results[0]
            for name, value in results.get("baselines", {}).items():
                if value is None or name not in BASELINES or BASELINES[name] not in self.table.figures():
                    continue
                if BASELINES[name] == BOUND and not is_probability(results):
                    continue
                latents = value["components"] if isinstance(value, dict) else None
                label = f"PCA, {latents} components" if latents else name.replace("_", " ")
                nats = value["mse"] if isinstance(value, dict) else value
                found.setdefault(Baseline(label, BASELINES[name], nats, latents))
        return sorted(found, key=lambda baseline: (baseline.figure, baseline.value))

    def behind(self, row: Row) -> list[Baseline]:
        """The baselines that a row does not beat."""
        lost = []
        for baseline in self.baselines():
            estimate = row.estimate(baseline.figure)
            comparable = baseline.latents in (None, row.results[0].get("latents"))
            if comparable and isinstance(estimate, Estimate) and not estimate.mean < baseline.value:
                lost.append(baseline)
        return lost

    def warnings(self) -> list[str]:
        """A line for each row that is behind a baseline, or whose copies differ."""
        lines = []
        for row in self.table.rows:
            for baseline in self.behind(row):
                label = metric_labels().get(baseline.figure, baseline.figure)
                text = f"{label} {cell(row.estimate(baseline.figure))}, {baseline.name} {number(baseline.value)}"
                lines.append(f"{self.table.label(row)}: {WORSE} {text}")
            lines += [f"{self.table.label(row)}: {line}" for line in unequal_copies(row)]
        return lines

    def _notes(self) -> list[str]:
        """What must be known to read the figures: no density, or runs by different versions or machines."""
        grey = any(result.get("measure") == "none" for row in self.table.rows for result in row.results)
        origins = {
            f"genzoo {record.get('genzoo', 'unknown')}{commit(record)} on {record.get('device', 'unknown')}"
            for record in self._records()
        }
        mixed = [f"not all runs were made alike: {'; '.join(sorted(origins))}"] if len(origins) > 1 else []
        return [*([NO_DENSITY] if grey else []), *mixed]

    def _records(self) -> list[dict[str, Any]]:
        return [former_record(run) for row in self.table.rows for run in row.runs]

    def record(self) -> dict[str, Any]:
        """Everything as plain JSON values."""
        rows = []
        for row, record in zip(self.table.rows, self.table.records(self.figure), strict=True):
            taken = {} if self.target is None else {"seconds_to_target": as_json(time_to(row, self.target))}
            rows.append({
                **record,
                "train_images_per_second": as_json(speed(row, "train")),
                "inference_images_per_second": as_json(speed(row, "inference")),
                **taken,
                "parameters": row.results[0].get("parameters"),
                "latents": row.results[0].get("latents"),
                "peak_memory": [result["training"].get("peak_memory") for result in row.results],
                "worse_than": [baseline.name for baseline in self.behind(row)],
            })  # fmt: skip
        test = paired(self.table, self.figure)
        kept = ("genzoo", "python", "packages", "source", "platform", "device", "threads", "matmul", "data")
        made = [{name: record.get(name) for name in kept} for record in self._records()]
        return {
            "protocol": self.table.protocol,
            "sorted_by": self.figure,
            "target": self.target,
            "rows": rows,
            "baselines": [vars(baseline) for baseline in self.baselines()],
            "sorted_on": self.table.sorted_on(self.figure),
            "paired": None if test is None else test.as_json(),
            "environments": [one for number, one in enumerate(made) if one not in made[:number]],
        }


def commit(record: Mapping[str, Any]) -> str:
    """ " (1a2b3c4)", or "" outside a checkout."""
    source = record.get("source")
    if not isinstance(source, dict):
        return ""
    return f" ({str(source.get('commit'))[:7]}{', changed' if source.get('dirty') else ''})"


def speed(row: Row, kind: str) -> Estimate | str:
    """Images a second in training steps ("train"), or of encoding and decoding ("inference"), over the seeds."""
    if kind == "train":
        return row.over_seeds(float(result["training"]["images_per_second"]) for result in row.results)
    return row.over_seeds(_inference(run) for run in row.runs)


def _inference(run: Run) -> float | str:
    try:
        measured = read_json(run.path / SPEED_FILE)
    except GenzooError:
        return "not measured"
    found = measured.get("images_per_second", "")
    return float(found) if is_number(found) else str(measured.get("not_available", "not measured"))


def time_to(row: Row, target: float) -> Estimate | str:
    """Seconds of training until the validation −ELBO is `target` nats or less, over the seeds, or why not.

    It is looked at after each epoch, so the answer is a whole number of epochs; validation itself does not count.
    """
    bound = row.estimate(BOUND)
    if isinstance(bound, str):
        return bound
    times = [_time_to(run, target) for run in row.runs]
    of_seeds = [estimated(times[place] for place in places) for places in row.by_seed.values()]
    missed = sum(isinstance(time, str) for time in of_seeds)
    if missed and missed < len(of_seeds):
        return f"reached by {len(of_seeds) - missed} of {len(of_seeds)} seeds"
    return row.over_seeds(times)


def _time_to(run: Run, target: float) -> float | str:
    seconds, best = 0.0, math.inf
    for epoch in run.history:
        seconds += float(epoch.get("seconds", 0.0))
        value = epoch.get("validation", {}).get(BOUND)
        if not isinstance(value, (int, float)):
            continue
        if value <= target:
            return seconds
        best = min(best, value)
    return f"not reached, best {number(best)}" if best < math.inf else "no −ELBO of validation data in the log"
