"""genzoo compare: many runs as one table a protocol."""

from __future__ import annotations

import argparse
import csv
import io
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genzoo.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from genzoo.comparison import Estimate, Paired, Row, Table

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
    from genzoo.comparison import collect, tables
    from genzoo.evaluation.evaluate import key

    runs = collect(options.places or [Path("runs")])
    if options.dataset:
        runs = [run for run in runs if run.plain_config.get("data", {}).get("name") == options.dataset]
        if not runs:
            raise UsageError(f"no finished runs on {options.dataset!r} here", "leave --dataset out to see all")
    made = []
    for table in tables(runs):
        figure = key(options.sort) if options.sort else default_figure(table)
        if figure not in table.figures():
            known = [name.replace("_", "-") for name in table.figures()]
            meant = did_you_mean(str(options.sort), known)
            raise UsageError(
                f"--sort {options.sort}: no run has it{meant and '.'}{meant}", f"known: {', '.join(known)}"
            )
        made.append((table.sorted_by(figure), figure))
    writers: dict[str, Callable[[list[tuple[Table, str]]], str]] = {
        "text": as_text,
        "markdown": as_markdown,
        "csv": as_csv,
        "json": as_json,
        "html": as_html,
    }
    if options.figure:
        draw_planes(options.figure, made)
    print(writers[options.format](made))
    if options.figure and options.format == "text":
        print(options.figure)
    return 0


def default_figure(table: Table) -> str:
    """The first figure that every row has."""
    figures = table.figures()
    everywhere = [name for name in figures if not any(isinstance(row.estimate(name), str) for row in table.rows)]
    return (everywhere or figures)[0]


def cell(estimate: Estimate | str) -> str:
    """mean ± 95 % interval, or n/a with the reason."""
    from genzoo.tables import number

    if isinstance(estimate, str):
        return f"n/a ({estimate})"
    mean = number(estimate.mean)
    if estimate.interval is None:
        return mean
    return f"{mean} ± {estimate.interval:.{len(mean.partition('.')[2])}f}"


def grid(table: Table) -> list[list[str]]:
    """Header and rows of one table as texts."""
    figures = table.figures()
    header = ["model", "seeds", *(name.replace("_", " ") for name in figures), "PCA MSE", "images/s"]
    return [header, *(row_cells(table, row, figures) for row in table.rows)]


def row_cells(table: Table, row: Row, figures: list[str]) -> list[str]:
    """One row as texts."""
    from genzoo.comparison import Estimate
    from genzoo.tables import number

    pca, mse = row.results[0].get("baselines", {}).get("pca"), row.estimate("mse")
    beaten = " NOT beaten" if pca and isinstance(mse, Estimate) and mse.mean >= pca["mse"] else ""
    speeds = [result["training"]["images_per_second"] for result in row.results]
    return [
        table.label(row),
        str(row.seeds),
        *(cell(row.estimate(name)) for name in figures),
        f"{number(pca['mse'])}{beaten}" if pca else "n/a",
        f"{sum(speeds) / len(speeds):,.0f}",
    ]


def verdict(test: Paired | None) -> str:
    """The paired test in one sentence."""
    if test is None:
        return "no paired test: it needs two rows with the figures of every test example"
    figure = test.figure.replace("_", " ")
    sure = "better than" if test.settled else "not told apart from"
    gap = f"{test.difference:.4g} ± {test.interval:.2g}"
    return f"{test.better} is {sure} {test.other}: {figure} lower by {gap}, paired over {test.n:,} test examples"


def title(table: Table) -> str:
    """What the rows of a table have in common."""
    sizes = sorted({result["test"]["n"] for row in table.rows for result in row.results})
    return f"{table.protocol} · {' or '.join(f'{size:,}' for size in sizes)} test examples"


def as_text(made: list[tuple[Table, str]]) -> str:
    """For the terminal."""
    from genzoo.tables import aligned

    parts = [
        "\n".join([title(table), aligned(grid(table)), *(f"  {line}" for line in remarks(table, figure))])
        for table, figure in made
    ]
    return "\n\n".join([*parts, "± is the 95 % t-interval of the mean over seeds"])


def as_markdown(made: list[tuple[Table, str]]) -> str:
    """For a README."""
    parts = []
    for table, figure in made:
        header, *rows = ([text.replace("|", "\\|") for text in line] for line in grid(table))
        lines = [f"| {' | '.join(line)} |" for line in (header, ["---"] * len(header), *rows)]
        parts.append(f"**{title(table)}**\n\n" + "\n\n".join(["\n".join(lines), *remarks(table, figure)]))
    return "\n\n".join(parts)


def as_csv(made: list[tuple[Table, str]]) -> str:
    """One line a row and figure: protocol, model, figure, mean, interval, seeds."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["protocol", "model", "figure", "mean", "interval_95", "seeds", "not_available"])
    for table, _ in made:
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
    from genzoo.comparison import paired, warnings
    from genzoo.rate_distortion import curves
    from genzoo.runs import plain

    tables = []
    for table, figure in made:
        rows = []
        for row in table.rows:
            estimates = {name: row.estimate(name) for name in table.figures()}
            figures = {
                name: {"not_available": estimate}
                if isinstance(estimate, str)
                else {"mean": estimate.mean, "interval_95": estimate.interval, "values": estimate.values}
                for name, estimate in estimates.items()
            }
            runs = [str(run.path) for run in row.runs]
            rows.append({"model": table.label(row), "settings": row.settings, "runs": runs, "test": figures})
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
    return json.dumps(plain(tables), indent=2, ensure_ascii=False, allow_nan=False)


def as_html(made: list[tuple[Table, str]]) -> str:
    """One self-contained page."""
    from genzoo.comparison import warnings
    from genzoo.comparison_page import Part, page

    parts = []
    for table, figure in made:
        header, *rows = grid(table)
        alarms = warnings(table)
        notes = [line for line in remarks(table, figure) if line not in alarms]
        parts.append(Part(table, figure, title(table), header, rows, alarms, notes))
    return page(parts)


def remarks(table: Table, figure: str) -> list[str]:
    """What is to be said of a table: the paired test, what is behind its baseline, what was traded for what."""
    from genzoo.comparison import paired, warnings
    from genzoo.rate_distortion import curves, told

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
