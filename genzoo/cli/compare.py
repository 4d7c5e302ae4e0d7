"""genzoo compare: tables of finished runs, one for each protocol."""

from __future__ import annotations

import argparse
import shlex
from dataclasses import asdict, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from genzoo.cli.made_file import add_file, add_open, open_file, tell_left_out, tell_replaced
from genzoo.cli.saved_run import RUN_HELP
from genzoo.cli.terminal import harmless, print_tables
from genzoo.cli.words import add_formats, add_sort
from genzoo.core.errors import UsageError
from genzoo.core.text import names_in
from genzoo.system.json_output import json_result

if TYPE_CHECKING:
    from genzoo.comparison.tables import Row, Table
    from genzoo.reporting.tables import ReportTable

MOST_COMMANDS = 3
"""How many commands a hint has."""


def add_verb(verbs: Any) -> None:
    """Add `compare`."""
    text = "compare finished runs in tables, one for each protocol"
    parser = verbs.add_parser("compare", help=text, description=text)
    parser.add_argument(
        "places", nargs="*", metavar="RUN|FOLDER", help=f"{RUN_HELP}; or a folder of runs (default: runs/)"
    )
    parser.add_argument("--dataset", metavar="NAME", help="only runs on this dataset")
    add_sort(parser)
    parser.add_argument("--metrics", metavar="A,B", help="the columns, in this order (default: all that any run has)")
    add_formats(parser, "markdown", "csv", "html")
    picture = "draw the metric of --sort with its intervals; without --sort, rate and distortion, as for a sweep of β"
    add_file(parser, "--figure", metavar="FILE.png", help=picture)
    add_open(parser, "the picture of --figure")
    parser.set_defaults(handler=show)


def show(options: argparse.Namespace) -> int:
    """Print the tables and, below each, whether the best row is significantly better than the second."""
    from genzoo.cli.saved_run import refuse_output
    from genzoo.comparison.references import default_runs, finished_in
    from genzoo.comparison.tables import tables
    from genzoo.figures.formats import PICTURES
    from genzoo.reporting.tables import as_markdown
    from genzoo.runs.overview import runs_beside
    from genzoo.system.messages import warn

    refuse_output(options.figure, tuple(PICTURES), "--figure")
    outdated: list[str] = []
    places = options.places or [default_runs(), *runs_beside(default_runs())]
    found = tables(finished_in(places, default_runs()), options.dataset, outdated.append)
    if not found and outdated:
        raise UsageError(outdated[0], "resume it: genzoo resume RUN")
    for line in outdated:
        warn(line, "resume it: genzoo resume RUN")
    if not found:
        if options.dataset:
            raise UsageError(f"no finished runs on {options.dataset!r} here", "leave --dataset out to see all")
        raise UsageError("all finished runs here are damaged", "genzoo report RUN says what is wrong with one")
    chosen = ordered(found, options.sort, options.metrics)
    if options.figure:
        draw(options.figure, chosen, bool(options.sort))
        tell_replaced(options.figure, options)
        open_file(options.figure, options)
    if options.json:
        json_result(tables=as_records(chosen), figure=options.figure)
    elif options.format == "csv":
        from genzoo.reporting.csv_tables import compared

        print(compared([table for table, _ in chosen]))
    elif options.format == "html":
        print(as_html(chosen))
    else:
        shown = [report_table(table, metric) for table, metric in chosen]
        if options.format == "markdown":
            print("\n".join(map(harmless, as_markdown(shown).split("\n"))))
        else:
            print_tables(shown)
        if options.figure:
            print(options.figure)
    return 0


def ordered(found: list[Table], sort: str | None, columns: str | None) -> list[tuple[Table, str]]:
    """Return the tables with the chosen columns, each sorted by a metric, and that metric.

    Args:
        found: The tables.
        sort: The metric of `--sort`; a table in which no run has it is sorted by its own first one.
        columns: The metrics of `--metrics`.

    Raises:
        UsageError: No run has one of these metrics, or `sort` has no order.
    """
    from genzoo.comparison import ranking
    from genzoo.evaluation.order import key, metrics_near, refuse_unordered
    from genzoo.registry.current import registry

    known = list(dict.fromkeys(name for table in found for name in table.measured()))
    shown = names_in(columns or "")
    for option, name in [*([("--sort", sort)] if sort else []), *(("--metrics", name) for name in shown)]:
        if key(name) not in known:
            spelled = [other.replace("_", "-") for other in known]
            hint = f"known: {', '.join(spelled)}"
            if registry().called(name.partition(":")[0], ["metric"]):
                how = "\n".join([*ways_to_have(name, found), hint])
                raise UsageError(f"{option} {name}: no run has it, and compare computes none", how)
            meant = metrics_near(name, spelled)
            raise UsageError(f"{option} {name}: no run has it{meant and '.'}{meant}", hint)
    if sort:
        refuse_unordered(key(sort), f"--sort {sort}", known)
    return [ranking.ordered(replace(table, columns=tuple(map(key, shown))), sort) for table in found]


def ways_to_have(metric: str, found: list[Table]) -> list[str]:
    """Return what to type so that runs have a metric that can be computed: the commands that made them, or others."""
    from genzoo.reporting.warnings import words_of_many
    from genzoo.runs.record import former_record

    commands = [words_of_many(former_record(run)) for table in found for row in table.rows for run in row.runs]
    again = dict.fromkeys(shlex.join(with_metric(words, metric)) for words in commands if words)
    lines = [f"the same command stores it in its runs: genzoo {command}" for command in [*again][:MOST_COMMANDS]]
    if all(commands) and len(again) == 1:
        return lines
    return [
        *lines,
        f"to see it, of one run or several, without storing it: genzoo evaluate RUN --metrics {metric}",
        f"a new run that has it: genzoo run --config RUN --metrics {metric}",
    ]


def with_metric(words: list[str], metric: str) -> list[str]:
    """Return the words of a command with one more metric, without what only its workers need."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--metrics")
    for name in ("--worker", "--quiet", "-q", "--json"):
        parser.add_argument(name, action="store_true")
    own, rest = parser.parse_known_args(words)
    return [*rest, "--metrics", ",".join(filter(None, [own.metrics, metric]))]


def report_table(table: Table, metric: str) -> ReportTable:
    """Return a table, sorted by a metric, as texts."""
    from genzoo.comparison.ranking import ranks
    from genzoo.comparison.statistics import estimated
    from genzoo.evaluation.order import heading
    from genzoo.reporting.tables import ReportTable, estimate_text, gap_heading, rounded_mean

    metrics, places = table.metrics(), ranks(table, metric)
    baselines = [pca_of(row, metrics) for row in table.rows]
    header = ["model", "rank", "seeds", *map(heading, metrics), *gap_heading(table)]
    header += [*(["PCA MSE"] if any(baselines) else []), "images/s"]
    rows = [
        [table.label(row), "" if rank is None else str(rank), str(row.seeds)]
        + [estimate_text(row.estimate(name)) for name in metrics]
        + [estimate_text(row.gap) for _ in gap_heading(table)]
        + ([pca or "n/a"] if any(baselines) else [])
        + [rounded_mean(estimated(result["training"]["images_per_second"] for result in row.results))]
        for row, rank, pca in zip(table.rows, places, baselines, strict=True)
    ]
    return ReportTable(table.title, [header, *rows], notes(table, metric), names=2)


def pca_of(row: Row, metrics: list[str]) -> str:
    """Return the error of PCA with as many components as a row has latents, and whether it is beaten; "" if unknown."""
    from genzoo.comparison.leaderboard import baselines_of
    from genzoo.core.text import number
    from genzoo.reporting.warnings import excused

    pca = next((one for one in baselines_of(row.results[0], metrics) if one.latents is not None), None)
    if pca is None:
        return ""
    error = row.estimate(pca.metric)
    beaten = isinstance(error, str) or pca.is_beaten_by(error.mean)
    return number(pca.value) + ("" if beaten else " not beaten" if excused(row, pca.metric) else " NOT beaten")


def as_records(chosen: list[tuple[Table, str]]) -> list[dict[str, Any]]:
    """Return all tables as JSON values, with the value of each seed."""
    from genzoo.comparison.rate_distortion import curves
    from genzoo.comparison.tables import paired
    from genzoo.reporting.warnings import warnings

    tables = []
    for table, metric in chosen:
        test = paired(table, metric)
        tables.append(
            {
                "protocol": table.protocol,
                "sorted_by": metric,
                "sorted_on": table.sorted_on(metric),
                "rows": table.records(metric),
                "paired": None if test is None else test.as_json(),
                "warnings": warnings(table),
                "rate_distortion": [asdict(curve) for curve in curves(table)],
            }
        )
    return tables


def as_html(chosen: list[tuple[Table, str]]) -> str:
    """Return all tables as one HTML page."""
    from genzoo.reporting.comparison_page import Section, comparison_figures, page
    from genzoo.reporting.warnings import warnings

    sections = [
        Section(report_table(table, metric), warnings(table), comparison_figures(table, metric))
        for table, metric in chosen
    ]
    return page("Comparison of runs", sections)


def notes(table: Table, metric: str) -> list[str]:
    """Return the notes below a table: its order, the test of the best two rows, warnings, rate and distortion."""
    from genzoo.comparison.rate_distortion import curve_notes, curves
    from genzoo.reporting.warnings import ranking_notes, warnings

    return [*ranking_notes(table, metric), *warnings(table), *curve_notes(curves(table))]


def draw(path: Path | IO[bytes], chosen: list[tuple[Table, str]], sorted_by: bool) -> None:
    """Draw the tables, and warn of each row that the figure cannot show.

    Args:
        path: The file.
        chosen: The tables, and the metric that each is sorted by.
        sorted_by: Whether to draw that metric of each table, instead of its rate–distortion plane.

    Raises:
        UsageError: No row has what is drawn.
    """
    from genzoo.comparison.rate_distortion import axes, curves
    from genzoo.figures.comparisons import intervals, rate_distortion

    if sorted_by:
        if all(len(table.without(metric)) == len(table.rows) for table, metric in chosen):
            raise UsageError("--figure: no run here has a value of its metric", "draw another one: --sort METRIC")
        intervals(path, chosen)
    else:
        planes = [(table.brief or table.protocol, found) for table, _ in chosen if (found := curves(table))]
        if not planes:
            raise UsageError("--figure: no run here has a rate", "draw a metric: --sort METRIC, such as --sort mse")
        rate_distortion(path, planes)
    names = [(table, name) for table, metric in chosen for name in ([metric] if sorted_by else axes())]
    tell_left_out("the figure", {label: why for table, name in names for label, why in table.without(name).items()})
