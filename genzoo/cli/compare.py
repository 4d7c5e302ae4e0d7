"""genzoo compare: many runs as one table a protocol."""

from __future__ import annotations

import argparse
import csv
import io
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genzoo.errors import UsageError, did_you_mean, printable

if TYPE_CHECKING:
    from genzoo.comparison import Row, Table
    from genzoo.sheets import Sheet

FORMATS = ("text", "markdown", "csv", "json", "html")


def add_verb(verbs: Any) -> None:
    """Adds `compare`."""
    text = "many runs in one table: seeds together, protocols apart"
    parser = verbs.add_parser("compare", help=text, description=text)
    parser.add_argument("places", nargs="*", type=Path, metavar="FOLDER", help="runs, or folders of runs (runs/)")
    parser.add_argument("--dataset", metavar="NAME", help="only runs on this dataset")
    parser.add_argument("--sort", metavar="METRIC", help="smallest first (default: the first figure all rows have)")
    for name in FORMATS[1:]:
        parser.add_argument(f"--{name}", dest="format", action="store_const", const=name, help=f"as {name}")
    parser.add_argument(
        "--figure", type=Path, metavar="FILE.png", help="draw rates and distortions: β or capacity swept"
    )
    parser.set_defaults(handler=show, format="text")


def show(options: argparse.Namespace) -> int:
    """Prints the tables and, below each, whether the best row is really better than the second."""
    from genzoo import sheets
    from genzoo.comparison import collect, tables
    from genzoo.evaluation.evaluate import key

    found = tables(collect(options.places or [Path("runs")]), options.dataset)
    if not found:
        if options.dataset:
            raise UsageError(f"no finished runs on {options.dataset!r} here", "leave --dataset out to see all")
        raise UsageError("all finished runs here are damaged", "genzoo report RUN says what is wrong with one")
    made = []
    for table in found:
        figure = key(options.sort) if options.sort else default_figure(table)
        if figure not in table.figures():
            known = [name.replace("_", "-") for name in table.figures()]
            meant = did_you_mean(str(options.sort), known)
            raise UsageError(
                f"--sort {options.sort}: no run has it{meant and '.'}{meant}", f"known: {', '.join(known)}"
            )
        made.append((table.sorted_by(figure), figure))
    if options.figure:
        draw_planes(options.figure, made)
    if options.format == "csv":
        print(as_csv([table for table, _ in made]))
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
    figures = table.figures()
    everywhere = [name for name in figures if not any(isinstance(row.estimate(name), str) for row in table.rows)]
    return (everywhere or figures)[0]


def sheet(table: Table, figure: str) -> Sheet:
    """One table for people."""
    from genzoo.sheets import Sheet

    figures = table.figures()
    header = ["model", "seeds", *(name.replace("_", " ") for name in figures), "PCA MSE", "images/s"]
    rows = [header, *(row_cells(table, row, figures) for row in table.rows)]
    return Sheet(table.title, rows, remarks(table, figure))


def row_cells(table: Table, row: Row, figures: list[str]) -> list[str]:
    """One row as texts."""
    from genzoo.sheets import cell
    from genzoo.tables import number

    results = row.results[0]
    pca = results.get("baselines", {}).get("pca")
    mse = row.estimate("mse")
    beaten = "" if not pca or isinstance(mse, str) or mse.mean < pca["mse"] else " NOT beaten"
    speeds = [result["training"]["images_per_second"] for result in row.results]
    return [
        table.label(row),
        str(row.seeds),
        *(cell(row.estimate(name)) for name in figures),
        f"{number(pca['mse'])}{beaten}" if pca else "n/a",
        f"{sum(speeds) / len(speeds):,.0f}",
    ]


def as_csv(made: list[Table]) -> str:
    """One line a row and figure: protocol, model, figure, mean, interval, seeds."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["protocol", "model", "figure", "mean", "interval_95", "seeds", "not_available"])
    for table in made:
        for row in table.rows:
            for name in table.figures():
                estimate = row.estimate(name)
                known = ["", "", row.seeds, estimate] if isinstance(estimate, str) else [
                    estimate.mean, "" if estimate.interval is None else estimate.interval, row.seeds, ""
                ]  # fmt: skip
                writer.writerow([table.protocol, table.label(row), name, *known])
    return text.getvalue().rstrip("\n")


def as_json(made: list[tuple[Table, str]]) -> str:
    """Everything, each seed's value too."""
    from genzoo.comparison import paired
    from genzoo.rate_distortion import curves
    from genzoo.runs import plain
    from genzoo.verdicts import warnings

    tables = []
    for table, figure in made:
        rows = [table.record(row) for row in table.rows]
        test = paired(table, figure)
        tables.append(
            {
                "protocol": table.protocol,
                "rows": rows,
                "paired": None if test is None else vars(test),
                "warnings": warnings(table),
                "rate_distortion": [asdict(curve) for curve in curves(table)],
            }
        )
    return json.dumps(plain(tables), indent=2, allow_nan=False)


def as_html(made: list[tuple[Table, str]]) -> str:
    """One self-contained page."""
    from genzoo.comparison_page import Part, page
    from genzoo.verdicts import warnings

    parts = []
    for table, figure in made:
        shown = sheet(table, figure)
        header, *rows = shown.rows
        alarms = warnings(table)
        notes = [line for line in shown.remarks if line not in alarms]
        parts.append(Part(table, figure, shown.title, header, rows, alarms, notes))
    return page(parts)


def remarks(table: Table, figure: str) -> list[str]:
    """What is to be said of a table: the paired test, what is behind its baseline, what was traded for what."""
    from genzoo.comparison import paired
    from genzoo.rate_distortion import curves, told
    from genzoo.verdicts import verdict, warnings

    return [verdict(paired(table, figure)), *warnings(table), *told(curves(table))]


def draw_planes(path: Path, made: list[tuple[Table, str]]) -> None:
    """Writes the rate–distortion planes of all tables that have one.

    Raises:
        UsageError: None has, or the file is no .png.
    """
    from genzoo.cli.use import refuse_output
    from genzoo.figures.comparisons import rate_distortion
    from genzoo.rate_distortion import curves

    refuse_output(path, (".png",), "--figure")
    planes = [(table.protocol, found) for table, _ in made if (found := curves(table))]
    if not planes:
        raise UsageError("--figure: none of these runs has a rate", "models with a prior have: genzoo run vae …")
    rate_distortion(path, planes)
