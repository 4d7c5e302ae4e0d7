"""What is to be said of a table of runs, in sentences."""

from __future__ import annotations

import math

from genzoo.comparison.leaderboard import is_probability
from genzoo.comparison.ranking import Paired
from genzoo.comparison.statistics import Estimate
from genzoo.comparison.tables import Row, Table, paired
from genzoo.core.text import number
from genzoo.evaluation.order import order_of
from genzoo.runs.record import former_record

ROUNDING = 1e-5
"""Relative difference of two metrics that may come from the order of additions."""


def ranking_remarks(table: Table, metric: str) -> list[str]:
    """What the metric that a table is sorted by says of its rows: the order, and the test of the best two."""
    name, order = metric.replace("_", " "), order_of(metric)
    rows = [row for row in table.rows if isinstance(row.estimate(metric), Estimate)]
    lines = []
    if len(rows) > 1:
        lines.append(
            f"rows are in the order of their {table.sorted_on(metric)} {name}; metrics are those of the test data"
        )
    if not order.known:
        lines.append(f"the metric of {name} is not installed: lower is taken to be better")
    if order.better is None:
        return [*lines, f"no test: of two models neither the lower nor the higher {name} is the better one"]
    test = paired(table, metric)
    return [*lines, "no test: it needs two rows with the metric" if test is None else test_sentence(test)]


def test_sentence(test: Paired) -> str:
    """The test of two rows in one sentence."""
    metric, gap = test.metric.replace("_", " "), f"{test.difference:.4g}"
    if test.interval is None:
        return (
            f"{test.better} is not told apart from {test.other}: {metric} {test.comparative} by {gap}, "
            "which may be the difference between seeds: it takes two seeds or more of each"
        )
    sure = "better than" if test.settled else "not told apart from"
    over = f"over {test.seeds[0]} and {test.seeds[1]} seeds"
    over += f", paired over {test.n:,} test examples" if test.n else " alone: no values of single test examples"
    level = f", at a level corrected for {test.comparisons} pairs of rows" if test.comparisons > 1 else ""
    gap += f" ± {test.interval:.2g}"
    return f"{test.better} is {sure} {test.other}: {metric} {test.comparative} by {gap}, {over}{level}"


def warnings(table: Table) -> list[str]:
    """Which rows are behind what they have to beat, leave most latents unused, or have unequal copies: a line each."""
    lines = []
    for row in table.rows:
        results, said = row.results[0], []
        baselines, latents = results.get("baselines", {}), results.get("latents")
        mse, bound, active = (row.estimate(name) for name in ("mse", "negative_elbo", "active_units"))
        pca, pixels = baselines.get("pca"), baselines.get("independent_pixels")
        if pca and isinstance(mse, Estimate) and mse.mean >= pca["mse"]:
            said.append(f"MSE {number(mse.mean)}, PCA with {pca['components']} components {number(pca['mse'])}")
        if pixels and is_probability(results) and isinstance(bound, Estimate) and bound.mean >= pixels:
            said.append(f"−ELBO {number(bound.mean)}, independent pixels {number(pixels)} nats")
        if said:
            said[0] = f"worse than baseline! {said[0]}"
        if latents and isinstance(active, Estimate) and (share := 1 - active.mean / latents) > 0.5:
            said.append(f"collapse: {share:.0%} of {latents} latents are dead")
        said += unequal_copies(row)
        if said:
            lines.append(f"{table.label(row)}: {'; '.join(said)}")
    return lines


def unequal_copies(row: Row) -> list[str]:
    """A line for each seed whose runs have other metrics than each other, and how they were run."""
    lines = []
    for seed, places in row.by_seed.items():
        tests = [row.results[place]["test"] for place in places]
        for name in tests[0]:
            known = [float(value) for test in tests if isinstance(value := test.get(name), (int, float))]
            if len(known) > 1 and not all(math.isclose(value, known[0], rel_tol=ROUNDING) for value in known):
                ways = dict.fromkeys(way(row, place) for place in places)
                how = f" ({', '.join(ways)})" if len(ways) > 1 else ""
                metrics = " and ".join(number(value) for value in dict.fromkeys(known))
                lines.append(
                    f"{len(places)} runs of seed {seed} differ in {name.replace('_', ' ')}: {metrics}{how}; "
                    "they count as one, by their mean"
                )
                break
    return lines


def way(row: Row, place: int) -> str:
    """How a run was made, as "cpu, 1 thread, eager, genzoo 1.0"."""
    record, training = former_record(row.runs[place]), row.results[place].get("training", {})
    parts = [record.get("device"), training.get("mode"), f"genzoo {record['genzoo']}" if "genzoo" in record else None]
    return ", ".join(str(part) for part in parts if part)
