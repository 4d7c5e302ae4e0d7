"""The best run by a metric, among runs that can be compared: @best:METRIC and @best:METRIC@DATASET."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from genzoo.comparison.tables import Table, collect, metric_of, table_in, tables
from genzoo.core.errors import UsageError, did_you_mean
from genzoo.evaluation.order import key, metrics_near, refuse_unordered
from genzoo.runs.overview import run_folders, runs_beside
from genzoo.runs.run import Run
from genzoo.system.messages import warn


def best(root: Path, metric: str) -> Run:
    """Return the best finished run in a folder, its path spelled as for @last; see `best_of`."""
    folders = [root, *runs_beside(root)]
    chosen = best_of(collect(folders), metric, f"{root}/").path.resolve()
    return Run(next((path for path in run_folders(folders) if path.resolve() == chosen), chosen))


def best_of(runs: Iterable[Run], metric: str, where: str) -> Run:
    """Return the finished run with the best validation metric, or test metric without validation data.

    Args:
        runs: The runs; those that are not finished are left out.
        metric: The metric, as it is typed; METRIC@DATASET leaves out runs on other datasets.
        where: Where they are, in messages.

    Raises:
        UsageError: No run has the metric, neither lower nor higher is better, or the runs are not comparable.
    """
    typed, at, dataset = metric.partition("@")
    comparable = tables(runs, say=lambda line: warn(line, "resume it: genzoo resume RUN"))
    comparable = on_dataset(comparable, metric, dataset, where) if at else comparable
    name = key(typed)
    found = [
        (metric_of(table_in(results, "validation"), name), value, table, run)
        for table in comparable
        for row in table.rows
        for run, results in zip(row.runs, row.results, strict=True)
        if not isinstance(value := metric_of(results["test"], name), str)
    ]
    if not found:
        known = [name.replace("_", "-") for table in comparable for name in table.metrics()]
        hint = f"known: {', '.join(dict.fromkeys(known))}"
        meant = metrics_near(typed, known)
        raise UsageError(f"@best:{metric}: no finished run in {where} has it.{meant}", hint)
    refuse_unlike(where, metric, {table.protocol: table.dataset for _, _, table, _ in found})
    order = refuse_unordered(
        name, f"@best:{metric}", dict.fromkeys(name for one in comparable for name in one.metrics())
    )
    if not order.known:
        warn(f"@best:{metric}: its metric is not installed", "lower is assumed to be better")
    validated = [(order.cost(value), run) for value, _, _, run in found if not isinstance(value, str)]
    if not validated:
        warn(f"@best:{metric}: chosen by test metrics", "these runs do not have it on validation data")
    choice = validated or [(order.cost(value), run) for _, value, _, run in found]
    return min(choice, key=lambda item: item[0])[1]


def on_dataset(comparable: Sequence[Table], metric: str, dataset: str, where: str) -> list[Table]:
    """Return the tables of runs on one dataset.

    Raises:
        UsageError: There are none.
    """
    known = sorted({table.dataset for table in comparable})
    found = [table for table in comparable if table.dataset == dataset]
    if not found:
        what = f"@best:{metric}: no finished run in {where} is on {dataset!r}.{did_you_mean(dataset, known)}"
        raise UsageError(what.rstrip("."), f"datasets of these runs: {', '.join(known) or 'none'}")
    return found


def refuse_unlike(where: str, metric: str, protocols: Mapping[str, str]) -> None:
    """Refuse a choice among runs of several protocols.

    Args:
        where: Where they are.
        metric: The metric, as it is typed.
        protocols: The dataset of each protocol.

    Raises:
        UsageError: There are several; the message says in what they differ, the hint names their datasets.
    """
    if len(protocols) < 2:
        return
    words = [protocol.split(" · ") for protocol in sorted(protocols)]
    own = [[word for word in part if not all(word in other for other in words)] for part in words]
    enough = next((n for n in range(1, 99) if len({tuple(part[:n]) for part in own}) == len(own)), 99)
    shown = [*(" ".join(part[:enough]) for part in own[:3]), *(["more"] if len(own) > 3 else [])]
    alone = [dataset for dataset, n in Counter(protocols.values()).items() if n == 1]  # others stay incomparable
    narrower = " or ".join(f"@best:{metric}@{dataset}" for dataset in sorted(alone)[:3])
    raise UsageError(
        f"@best:{metric}: the runs in {where} are not comparable: {' | '.join(shown)}",
        f"narrow it: {narrower}" if alone else f"compare them and name one: genzoo compare {where}",
    )
