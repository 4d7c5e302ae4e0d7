"""Notes and warnings on a table of runs, as sentences."""

from __future__ import annotations

import math

from genzoo.comparison.leaderboard import baselines_of
from genzoo.comparison.ranking import Paired, usual_metric
from genzoo.comparison.statistics import Estimate
from genzoo.comparison.tables import Row, Table, paired
from genzoo.core.text import number
from genzoo.evaluation.order import metric_for, named, order_of
from genzoo.reporting.format import impossible_gaps
from genzoo.runs.record import former_record

ROUNDING = 1e-5
"""Relative difference of two metrics up to which they count as equal: the order of additions may differ."""


def ranking_notes(table: Table, metric: str) -> list[str]:
    """Return how a table is sorted by a metric, and the test of its best two rows."""
    name, order = named(metric), order_of(metric)
    rows = [row for row in table.rows if isinstance(row.estimate(metric), Estimate)]
    lines = []
    if len(rows) > 1:
        why = ""
        if not table.asked and metric == usual_metric(table):
            which = "the first metric" if len(rows) == len(table.rows) else "as no metric is one"
            why = f", {which} that all rows have (--sort names another)"
        by = f"{table.sorted_on(metric)} {name}{why}"
        lines.append(f"rows are sorted by their {by}; all metrics shown are of the test data")
    if not order.known:
        lines.append(f"the metric {name} is not installed: lower is assumed to be better")
    if order.better is None:
        return [*lines, f"no test: neither a lower nor a higher {name} is better"]
    test = paired(table, metric)
    return [*lines, "no test: fewer than two rows have the metric" if test is None else test_sentence(test)]


def test_sentence(test: Paired) -> str:
    """Return the result of a test of two rows as one sentence."""
    metric, gap = named(test.metric), f"{round(test.difference, 12):.4g}"  # equal means differ by rounding
    if test.interval is None:
        return (
            f"{test.better} is not significantly better than {test.other}: {metric} {test.comparative} by {gap}, "
            "which may be the difference between seeds: a test needs at least two seeds of each"
        )
    order = "better than" if test.settled else "not significantly better than"
    over = f"over {test.seeds[0]} and {test.seeds[1]} seeds"
    kept = "values of single examples are kept of test data only, which genzoo compare pairs"
    alone = f" alone: {kept if test.part == 'validation' else 'values of single examples are not there'}"
    over += f", paired over {test.n:,} {test.part} examples" if test.n else alone
    level = f", at a level corrected for {test.comparisons} pairs of rows" if test.comparisons > 1 else ""
    gap += f" ± {test.interval:.2g}"
    return f"{test.better} is {order} {test.other}: {metric} {test.comparative} by {gap}, {over}{level}"


def warnings(table: Table) -> list[str]:
    """Return a warning for each row that is worse than a baseline, lies below a known density, has most latents
    inactive or unequal copies."""
    lines = []
    for row in table.rows:
        latents, active = row.results[0].get("latents"), row.estimate(metric_for("active"))
        faults = behind_baselines(table, row)
        if faults:
            faults[0] = f"worse than baseline! {faults[0]}"
        if latents and isinstance(active, Estimate) and (share := 1 - active.mean / latents) > 0.5:
            faults.append(f"collapse: {share:.0%} of {latents} latents are inactive")
        faults += [line for results in row.results[:1] for line in impossible_gaps(results)]
        faults += unequal_copies(row)
        if faults:
            lines.append(f"{table.label(row)}: {'; '.join(faults)}")
    return lines


def behind_baselines(table: Table, row: Row) -> list[str]:
    """Return each metric of a row that does not beat a baseline, beside the first baseline that it does not beat."""
    found = []
    for name in table.metrics():
        estimate = row.estimate(name)
        if isinstance(estimate, str):
            continue
        unbeaten = (one for one in baselines_of(row.results[0], [name]) if not one.is_beaten_by(estimate.mean))
        if baseline := next(unbeaten, None):
            found.append(f"{named(name)} {number(estimate.mean)}, {baseline.words} {number(baseline.value)}")
    return found


def unequal_copies(row: Row) -> list[str]:
    """Return a warning for each seed whose runs differ in a metric, with the conditions of these runs."""
    lines = []
    for seed, places in row.by_seed.items():
        tests = [row.results[place]["test"] for place in places]
        for name in tests[0]:
            known = [float(value) for test in tests if isinstance(value := test.get(name), (int, float))]
            if len(known) > 1 and not all(math.isclose(value, known[0], rel_tol=ROUNDING) for value in known):
                conditions = dict.fromkeys(run_conditions(row, place) for place in places)
                how = f" ({', '.join(conditions)})" if len(conditions) > 1 else ""
                metrics = " and ".join(number(value) for value in dict.fromkeys(known))
                lines.append(
                    f"{len(places)} runs of seed {seed} differ in {named(name)}: {metrics}{how}; "
                    "their mean counts as one run"
                )
                break
    return lines


def run_conditions(row: Row, place: int) -> str:
    """Return how a run was made, as "cpu, 1 thread, eager, genzoo 1.0"."""
    record, training = former_record(row.runs[place]), row.results[place].get("training", {})
    parts = [record.get("device"), training.get("mode"), f"genzoo {record['genzoo']}" if "genzoo" in record else None]
    return ", ".join(str(part) for part in parts if part)
