"""The sheet of a sweep: configurations sorted by their validation data, and the best one."""

from __future__ import annotations

from genzoo.comparison.ranking import MOST_SEEDS
from genzoo.comparison.references import shortest
from genzoo.comparison.selection import Selection
from genzoo.comparison.statistics import Estimate
from genzoo.comparison.tables import Row
from genzoo.evaluation.order import heading, metric_for, named, order_of
from genzoo.reporting.format import COLLAPSED, LEAST_ACTIVE
from genzoo.reporting.tables import ReportTable, estimate_text
from genzoo.reporting.warnings import sentence_list, test_sentence

INTERVAL = (
    "all metrics in the table are of the validation data; ± is the 95 % t-interval of the mean over seeds; examples ± "
    "is the 95 % interval over the choice of examples"
)

PREFERS: dict[str, str] = {
    "bound": "counts both equally, and so favours training that does, too",
    **dict.fromkeys(("distortion", "error", "quality"), "does not count the rate, and so favours a high one"),
    "rate": "does not count the distortion, and so favours a high one",
}
"""By the role of a metric, how it weighs rate against distortion, and what it favours."""


def selection_table(selection: Selection, looked_at: str) -> ReportTable:
    """Return a selection as texts.

    Args:
        selection: The configurations.
        looked_at: How many were looked at to choose among, such as "6 combinations".
    """
    metrics = selection.metrics
    header = ["model", "seeds", *map(heading, metrics)]
    rows = [row_texts(selection, row, metrics) for row in selection.rows]
    counts = sorted({result["validation"]["n"] for row in selection.rows for result in row.results})
    count = " or ".join(f"{count:,}" for count in counts)
    title = f"{selection.table.brief or selection.table.protocol} · {count} validation examples"
    return ReportTable(title, [header, *rows], notes(selection, looked_at))


def row_texts(selection: Selection, row: Row, metrics: list[str]) -> list[str]:
    """Return a configuration as texts."""
    texts = [estimate_text(row.estimate(name, "validation"), "examples") for name in metrics]
    return [selection.label(row), str(row.seeds), *texts]


def notes(selection: Selection, looked_at: str) -> list[str]:
    """Return which configuration is the best, of how many, and its test metric: it was chosen without it."""
    label = heading(selection.metric)
    best = selection.best
    if best is None:
        return [f"no best one: no run has a {label} of validation data"]
    name, found = selection.label(best), estimate_text(best.estimate(selection.metric, "validation"), "examples")
    return [
        f"best: {name}, of {looked_at}, by its validation {label} {found}",
        *next_best(selection),
        *trade_off(selection),
        *collapsed(selection),
        f"chosen as the best, it looks better there than it is; its test {label}: "
        f"{estimate_text(best.estimate(selection.metric), 'examples')}",
        f"to draw from it: genzoo sample {(run := shortest([best.runs[0].path])[0])}",
        f"to train it again: genzoo run --config {run} --seed N",
    ]


def collapsed(selection: Selection) -> list[str]:
    """Return a warning for the configurations that have no active latent, whatever a metric of their codes says."""
    every = [(row, row.estimate(metric_for("active"), "validation")) for row in selection.rows]
    found = [selection.label(row) for row, n in every if isinstance(n, Estimate) and n.mean < LEAST_ACTIVE]
    return [f"collapse: of {sentence_list(found)} no latent is active: {COLLAPSED}"] if found else []


def trade_off(selection: Selection) -> list[str]:
    """Return a note if options that trade rate for distortion are judged by a metric that prefers one such trade."""
    traded, metric = selection.traded, selection.metric
    why = PREFERS.get(order_of(metric).role or "")
    if not (traded and why):
        return []
    options = " and ".join(name.replace("_", "-") for name in traded)
    verb = "trades" if len(traded) == 1 else "trade"
    return [
        f"{options} {verb} rate for distortion in training; {named(metric)} {why}, whatever the model is for. "
        "Choose by what it is for: --metrics NAME --sort NAME (genzoo list --kind metric)"
    ]


def next_best(selection: Selection) -> list[str]:
    """Return whether the best one differs significantly from the next one, and how many seeds are missing to tell."""
    test = selection.paired
    if test is None:
        return []
    lines = [test_sentence(test)]
    if not test.settled and test.interval:
        enough, there = selection.seeds_enough, min(test.seeds)
        if enough is None:
            lines.append(f"not even {MOST_SEEDS} seeds of each would show so small a difference")
        elif enough > there:
            more = f"{enough - there} more seed{'s' * (enough - there > 1)} of each"
            lines.append(f"{more} would show a difference of this size, if it stayed: {enough} in all")
    return lines
