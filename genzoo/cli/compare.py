"""genzoo compare: many runs as one table a protocol."""

from __future__ import annotations

import argparse
import csv
import io
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genzoo.core.errors import UsageError, did_you_mean, printable

if TYPE_CHECKING:
    from genzoo.comparison.tables import Row, Table
    from genzoo.reporting.tables import ReportTable

FORMATS = ("text", "markdown", "csv", "json", "html")


def add_verb(verbs: Any) -> None:
    """Adds `compare`."""
    text = "many runs in one table: seeds together, protocols apart"
    parser = verbs.add_parser("compare", help=text, description=text)
    parser.add_argument("places", nargs="*", type=Path, metavar="FOLDER", help="runs, or folders of runs (runs/)")
    parser.add_argument("--dataset", metavar="NAME", help="only runs on this dataset")
    parser.add_argument(
        "--sort",
        metavar="METRIC",
        help="best first, by validation data where there are any (default: the first figure all rows have)",
    )
    for name in FORMATS[1:]:
        parser.add_argument(f"--{name}", dest="format", action="store_const", const=name, help=f"as {name}")
    parser.add_argument(
        "--figure", type=Path, metavar="FILE.png", help="draw rates and distortions: β or capacity swept"
    )
    parser.set_defaults(handler=show, format="text")


def show(options: argparse.Namespace) -> int:
    """Prints the tables and, below each, whether the best row is better than the second."""
    from genzoo.cli.saved_run import refuse_output
    from genzoo.comparison.tables import collect, tables
    from genzoo.evaluation.order import key
    from genzoo.reporting import tables as sheets
    from genzoo.system.messages import warn

    refuse_output(options.figure, (".png",), "--figure")
    outdated: list[str] = []
    found = tables(collect(options.places or [Path("runs")]), options.dataset, outdated.append)
    if not found and outdated:
        raise UsageError(outdated[0], "go on with it: genzoo resume RUN")
    for line in outdated:
        warn(line, "go on with it: genzoo resume RUN")
    if not found:
        if options.dataset:
            raise UsageError(f"no finished runs on {options.dataset!r} here", "leave --dataset out to see all")
        raise UsageError("all finished runs here are damaged", "genzoo report RUN says what is wrong with one")
    made = []
    for table in found:
        figure = key(options.sort) if options.sort else default_figure(table)
        if figure not in table.metrics():
            known = [name.replace("_", "-") for name in table.metrics()]
            meant = did_you_mean(str(options.sort), known)
            raise UsageError(
                f"--sort {options.sort}: no run has it{meant and '.'}{meant}", f"known: {', '.join(known)}"
            )
        made.append((table.sorted_by(figure), figure))
    if options.figure:
        draw_planes(options.figure, made)
    if options.format == "csv":
        print(as_csv(made))
    elif options.format == "json":
        print(as_json(made))
    elif options.format == "html":
        print(as_html(made))
    else:
        pages = [sheet(table, figure) for table, figure in made]
        text = sheets.as_markdown(pages) if options.format == "markdown" else sheets.as_text(pages)
        # For people, to whose terminal a run of a stranger's says nothing.
        print("\n".join(printable(line, len(line) + 1) for line in text.split("\n")))
        if options.figure:
            print(options.figure)
    return 0


def default_figure(table: Table) -> str:
    """The first figure that every row has."""
    figures = table.metrics()
    everywhere = [name for name in figures if not any(isinstance(row.estimate(name), str) for row in table.rows)]
    return (everywhere or figures)[0]


def sheet(table: Table, figure: str) -> ReportTable:
    """One table for people."""
    from genzoo.comparison.ranking import ranks
    from genzoo.reporting.tables import ReportTable

    figures, places = table.metrics(), ranks(table, figure)
    header = ["model", "seeds", "rank", *(name.replace("_", " ") for name in figures), "PCA MSE", "images/s"]
    rows = [row_cells(table, row, rank, figures) for row, rank in zip(table.rows, places, strict=True)]
    return ReportTable(table.title, [header, *rows], remarks(table, figure))


def row_cells(table: Table, row: Row, rank: int | None, figures: list[str]) -> list[str]:
    """One row as texts."""
    from genzoo.core.text import number
    from genzoo.reporting.tables import cell, whole

    results = row.results[0]
    pca = results.get("baselines", {}).get("pca")
    mse = row.estimate("mse")
    beaten = "" if not pca or isinstance(mse, str) or mse.mean < pca["mse"] else " NOT beaten"
    speed = row.over_seeds(result["training"]["images_per_second"] for result in row.results)
    return [
        table.label(row),
        str(row.seeds),
        "" if rank is None else str(rank),
        *(cell(row.estimate(name)) for name in figures),
        f"{number(pca['mse'])}{beaten}" if pca else "n/a",
        whole(speed),
    ]


def as_csv(made: list[tuple[Table, str]]) -> str:
    """One line for each row and figure: protocol, model, figure, mean, intervals, seeds, rank by that figure."""
    from genzoo.comparison.ranking import ranks

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ["protocol", "model", "figure", "mean", "interval_95", "test_interval_95", "seeds", "rank", "not_available"]
    )
    for table, _ in made:
        places = {name: ranks(table, name) for name in table.metrics()}
        for number, row in enumerate(table.rows):
            for name in table.metrics():
                estimate = row.estimate(name)
                known = ["", "", ""] if isinstance(estimate, str) else [
                    estimate.mean, estimate.interval, estimate.test_interval
                ]  # fmt: skip
                reason = estimate if isinstance(estimate, str) else ""
                end = [row.seeds, places[name][number], reason]
                writer.writerow([table.protocol, table.label(row), name, *known, *end])
    return text.getvalue().rstrip("\n")


def as_json(made: list[tuple[Table, str]]) -> str:
    """Everything, each seed's value too."""
    from genzoo.comparison.rate_distortion import curves
    from genzoo.comparison.tables import paired
    from genzoo.reporting.warnings import warnings
    from genzoo.runs.run import plain

    tables = []
    for table, figure in made:
        test = paired(table, figure)
        tables.append(
            {
                "protocol": table.protocol,
                "sorted_by": figure,
                "sorted_on": table.sorted_on(figure),
                "rows": table.records(figure),
                "paired": None if test is None else test.as_json(),
                "warnings": warnings(table),
                "rate_distortion": [asdict(curve) for curve in curves(table)],
            }
        )
    return json.dumps(plain(tables), indent=2, allow_nan=False)


def as_html(made: list[tuple[Table, str]]) -> str:
    """One self-contained page."""
    from genzoo.reporting.comparison_page import Part, page
    from genzoo.reporting.warnings import warnings

    parts = []
    for table, figure in made:
        shown = sheet(table, figure)
        header, *rows = shown.rows
        alarms = warnings(table)
        notes = [line for line in shown.remarks if line not in alarms]
        parts.append(Part(table, figure, shown.title, header, rows, alarms, notes))
    return page(parts)


def remarks(table: Table, figure: str) -> list[str]:
    """What is to be said of a table: its order, the test of the best two, what is behind its baseline, rates."""
    from genzoo.comparison.rate_distortion import curves, told
    from genzoo.reporting.warnings import ranking_remarks, warnings

    return [*ranking_remarks(table, figure), *warnings(table), *told(curves(table))]


def draw_planes(path: Path, made: list[tuple[Table, str]]) -> None:
    """Writes the rate–distortion planes of all tables that have one.

    Raises:
        UsageError: None has.
    """
    from genzoo.comparison.rate_distortion import curves

    planes = [(table.protocol, found) for table, _ in made if (found := curves(table))]
    if not planes:
        raise UsageError("--figure: none of these runs has a rate", "models with a prior have: genzoo run vae …")
    from genzoo.figures.comparisons import rate_distortion

    rate_distortion(path, planes)
