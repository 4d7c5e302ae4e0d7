"""Notes and warnings on a table of runs, as sentences."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from genzoo.comparison.identity import short
from genzoo.comparison.leaderboard import baselines_of
from genzoo.comparison.ranking import Paired, usual_metric
from genzoo.comparison.statistics import Estimate
from genzoo.comparison.tables import Part, Row, Table, paired, table_in
from genzoo.core.listener import CLOSED_FORM
from genzoo.core.text import number, significant
from genzoo.evaluation.order import metric_for, named, order_of
from genzoo.reporting.format import idle_latents, impossible_gaps, limited_code
from genzoo.runs.record import former_record

BUDGET = ("epochs", "max_steps", "max_time", "batch_size")
"""Options that say how much a model is trained."""
MAKE_MANY = ("bench", "race", "sweep")
"""Verbs that make several runs, and complete them if they are there."""
MOST_NAMED = 4
"""Rows that a sentence names."""
WORSE, NOT_BETTER = "worse than baseline!", "not better than a baseline:"
"""What is said of a metric that does not beat a baseline, and of one that need not."""
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
    lines += [*not_ranked(table, metric), *unlike_budgets(table), *of_sweep(table)]
    test = paired(table, metric)
    return [*lines, "no test: fewer than two rows have the metric" if test is None else test_sentence(test)]


def not_ranked(table: Table, metric: str) -> list[str]:
    """Return a note where rows have the metric and no rank, because they are of one seed."""
    single = any(row.seeds < 2 and isinstance(row.estimate(metric), Estimate) for row in table.rows)
    return ["rows of one seed are not ranked"] if single else []


def unlike_budgets(table: Table) -> list[str]:
    """Return the options of `BUDGET` in which rows of different models differ, with the rows: their labels do not tell.

    The rows with the commonest value of an option are not named. Models in closed form have no budget.
    """
    rows = [row for row in table.rows if table_in(row.results[0], "training").get("mode") != CLOSED_FORM]
    parts = []
    for name in BUDGET:
        having: dict[str, list[str]] = {}
        for row in rows:
            having.setdefault(short(row.settings.get(name)), []).append(table.label(row, BUDGET))
        if len(having) > 1 and not all(name in table.told(row) for row in rows):
            usual = max(having, key=lambda value: len(having[value]))
            others = having.pop(usual)
            texts = [f"{value} ({sentence_list(own)})" for value, own in having.items()]
            texts.append(f"{usual} ({'the others' if len(others) > 1 else others[0]})")
            parts.append(f"{name} {', '.join(texts)}")
    return [f"not trained alike: {'; '.join(parts)}"] if parts else []


def of_sweep(table: Table) -> list[str]:
    """Return a note for rows that are the configurations of one sweep: it chooses by validation data."""
    runs = [run for row in table.rows for run in row.runs]
    commands = [words_of_many(former_record(run)) for run in runs]
    splits = [table_in(result, "validation") for row in table.rows for result in row.results]
    of_one = len({run.path.parent for run in runs}) == 1 and all(words[:1] == ["sweep"] for words in commands)
    if len(table.rows) < 2 or not of_one or not all(splits):
        return []
    choose = "which chooses by the validation data (the same genzoo sweep again shows it)"
    return [f"the runs are of one sweep, {choose}: choose by that, and report the test data of the chosen one"]


def words_of_many(record: Mapping[str, Any]) -> list[str]:
    """Return the words of the command that made several runs, from its verb on; [] if a run's record has none."""
    command = record.get("command")
    words = [str(word) for word in command] if isinstance(command, list) else []
    verb = next((word for word in words[1:] if not word.startswith("-") and not word.endswith(".py")), "")
    return words[words.index(verb) :] if verb in MAKE_MANY else []


def sentence_list(labels: Sequence[str]) -> str:
    """Return labels as a part of a sentence, not more than `MOST_NAMED` of them."""
    more = [f"{len(labels) - MOST_NAMED} others"] if len(labels) > MOST_NAMED + 1 else []
    *names, last = [*labels[: MOST_NAMED if more else None], *more]
    return " and ".join([", ".join(names), last] if names else [last])


def test_sentence(test: Paired) -> str:
    """Return the result of a test of two rows as one sentence."""
    metric, gap = named(test.metric), significant(round(test.difference, 12), 4)  # equal means differ by rounding
    if test.interval is None:
        return (
            f"{test.better} is not significantly better than {test.other}: {metric} {test.comparative} by {gap}, "
            "which may be the difference between seeds: a test needs at least two seeds of each"
        )
    order = "better than" if test.settled else "not significantly better than"
    over = f"over {test.seeds[0]} and {test.seeds[1]} seeds"
    over += f", paired over {test.n:,} {test.part} examples" if test.n else ""
    level = f", at a level corrected for {test.comparisons} pairs of rows" if test.comparisons > 1 else ""
    gap += f" ± {significant(test.interval, 2)}"
    neither = "; nor than " if not test.settled else "; not significantly better than "
    also = f"{neither}{sentence_list(test.alike)}" if test.alike else ""
    kept = "they are kept of test data only, where genzoo compare pairs them"
    why = kept if test.part == "validation" else "they are not there"
    alone = "" if test.n else f". Values of single examples are not compared: {why}"
    return f"{test.better} is {order} {test.other}: {metric} {test.comparative} by {gap}, {over}{level}{also}{alone}"


def warnings(table: Table) -> list[str]:
    """Return a line for each row that is worse than a baseline, lies below a known density, has most latents inactive
    or unequal copies."""
    lines = []
    for row in table.rows:
        faults = [*behind_baselines(table, row), *idle(row, "test")]
        faults += [line for results in row.results[:1] for line in impossible_gaps(results)]
        faults += unequal_copies(row)
        if faults:
            lines.append(f"{table.label(row)}: {'; '.join(faults)}")
    return lines


def idle(row: Row, part: Part) -> list[str]:
    """Return what it means that less than half of a row's latents are active, if they are."""
    latents, active = row.results[0].get("latents"), row.estimate(metric_for("active"), part)
    found = idle_latents(active.mean, latents) if latents and isinstance(active, Estimate) else ""
    return [found] if found else []


def behind_baselines(table: Table, row: Row) -> list[str]:
    """Return each metric of a row that does not beat a baseline, beside the first baseline that it does not beat."""
    usual: list[str] = []
    worse: list[str] = []
    for name in table.metrics():
        estimate = row.estimate(name)
        if isinstance(estimate, str):
            continue
        unbeaten = (one for one in baselines_of(row.results[0], [name]) if not one.is_beaten_by(estimate.mean))
        if baseline := next(unbeaten, None):
            found = f"{named(name)} {number(estimate.mean)}, {baseline.words} {number(baseline.value)}"
            why = excused(row, name)
            (usual if why else worse).append(f"{NOT_BETTER} {found}{why}" if why else found)
    return [*([f"{WORSE} {'; '.join(worse)}"] if worse else []), *usual]


def excused(row: Row, name: str) -> str:
    """Return why a row may be worse than a baseline by a metric; "" if it may not. Its rate is the mean over seeds."""
    rate = row.estimate(metric_for("rate"))
    return limited_code({metric_for("rate"): rate.mean} if isinstance(rate, Estimate) else {}, name)


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
