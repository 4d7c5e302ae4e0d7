"""The rankings of a race as tables of texts."""

from __future__ import annotations

from genzoo.comparison.leaderboard import speed
from genzoo.comparison.race import Contest, Race, epochs, seconds
from genzoo.comparison.ranking import ranks
from genzoo.comparison.statistics import Estimate
from genzoo.comparison.tables import Row
from genzoo.core.text import gigabytes, number
from genzoo.evaluation.order import heading, order_of
from genzoo.reporting.tables import ReportTable, estimate_text, rounded_mean
from genzoo.reporting.warnings import not_ranked, ranking_notes
from genzoo.runs.schema import is_number

BASELINE = "baseline"
"""What stands in place of a rank."""


def race_tables(race: Race) -> list[ReportTable]:
    """Return a table for each ranking, and one of what the models took."""
    return [*map(contest_table, race.contests), cost_table(race)]


def contest_table(contest: Contest) -> ReportTable:
    """Return one ranking, with the baselines in their places by the metric."""
    table, order = contest.table, order_of(contest.metric)
    metrics = table.metrics()
    lines: list[tuple[float, list[str]]] = []
    for row, rank in zip(table.rows, ranks(table, contest.metric), strict=True):
        place = "" if rank is None else str(rank)
        texts = [estimate_text(row.estimate(name)) for name in metrics]
        lines.append((order.cost(mean(row, contest.metric)), [table.label(row), place, str(row.seeds), *texts]))
    for baseline in contest.baselines():
        texts = [number(baseline.value) if name == baseline.metric else "" for name in metrics]
        lines.append((order.cost(baseline.value), [baseline.name, BASELINE, "", *texts]))
    header = ["model", "rank", "seeds", *map(heading, metrics)]
    rows = [header, *(texts for _, texts in sorted(lines, key=lambda line: line[0]))]
    title = f"{header[3]}, {order.comparative} is better · {table.title}"
    notes = [*not_ranked(table, contest.metric), *ranking_notes(table, contest.metric)[-1:]]
    return ReportTable(title, rows, notes, names=2)


def mean(row: Row, metric: str) -> float:
    """Return the mean of a metric that the row has."""
    estimate = row.estimate(metric)
    assert isinstance(estimate, Estimate)
    return estimate.mean


def cost_table(race: Race) -> ReportTable:
    """Return what each model took: time, data, parameters, memory, and the time to draw."""
    header = ["model", "training s", "epochs", "train images/s", "samples/s", "parameters", "peak memory", "ended by"]
    rows = [[*header]]
    for row in sorted(race.everyone.rows, key=lambda row: race.everyone.label(row)):
        memory = [used for result in row.results if is_number(used := result["training"].get("peak_memory"))]
        rows.append([
            race.everyone.label(row),
            *(of_three_digits(value) for value in (seconds(row), epochs(row))),
            rounded_mean(speed(row, "train")),
            of_three_digits(speed(row, "sampling")),
            f"{row.results[0].get('parameters'):,}",
            gigabytes(max(memory)) if memory else "n/a",
            race.ended(row),
        ])  # fmt: skip
    devices = sorted({str(run.record.get("device")) for row in race.everyone.rows for run in row.runs})
    notes = [
        f"each run was given {race.budget:g} s of training steps on {' and '.join(devices)}; evaluation does not count"
    ]
    return ReportTable("what each model took", rows, notes)


def of_three_digits(estimate: Estimate | str) -> str:
    """Return the mean with three significant digits, or "n/a" with the reason."""
    if isinstance(estimate, str):
        return estimate_text(estimate)
    return f"{estimate.mean:,.0f}" if estimate.mean >= 100 else f"{estimate.mean:.3g}"
