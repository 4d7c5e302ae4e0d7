"""genzoo compare: many runs as one table a protocol."""

from __future__ import annotations

import argparse
import csv
import html
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genzoo.errors import UsageError, printable

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
    parser.set_defaults(handler=show, format="text")


def show(options: argparse.Namespace) -> int:
    """Prints the tables and, below each, whether the best row is really better than the second."""
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
            raise UsageError(f"--sort {options.sort}: no run has it", f"known: {', '.join(table.figures())}")
        made.append((table.sorted_by(figure), figure))
    writers: dict[str, Callable[[list[tuple[Table, str]]], str]] = {
        "text": as_text,
        "markdown": as_markdown,
        "csv": as_csv,
        "json": as_json,
        "html": as_html,
    }
    text = writers[options.format](made)
    if options.format in ("text", "markdown"):  # for people, to whose terminal a run of a stranger's says nothing
        text = "\n".join(printable(line, len(line) + 1) for line in text.split("\n"))
    print(text)
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
    from genzoo.tables import number

    results = row.results[0]
    pca = results.get("baselines", {}).get("pca")
    beaten = "" if not pca or results["test"]["mse"] < pca["mse"] else " NOT beaten"
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
    from genzoo.comparison import paired
    from genzoo.tables import aligned

    parts = [f"{title(table)}\n{aligned(grid(table))}\n  {verdict(paired(table, figure))}" for table, figure in made]
    return "\n\n".join([*parts, "± is the 95 % t-interval of the mean over seeds"])


def as_markdown(made: list[tuple[Table, str]]) -> str:
    """For a README."""
    from genzoo.comparison import paired

    parts = []
    for table, figure in made:
        header, *rows = ([text.replace("|", "\\|") for text in line] for line in grid(table))
        lines = [f"| {' | '.join(line)} |" for line in (header, ["---"] * len(header), *rows)]
        parts.append(f"**{title(table)}**\n\n" + "\n".join(lines) + f"\n\n{verdict(paired(table, figure))}")
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
    from genzoo.comparison import paired
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
        tables.append({"protocol": table.protocol, "rows": rows, "paired": None if test is None else vars(test)})
    return json.dumps(plain(tables), indent=2, ensure_ascii=False, allow_nan=False)


STYLE = (
    "body{font:15px system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color-scheme:light dark}"
    "div{overflow-x:auto}table{border-collapse:collapse}td,th{padding:.3rem .7rem;text-align:right;"
    "border-bottom:1px solid #8884}td:first-child,th:first-child{text-align:left}"
)


def as_html(made: list[tuple[Table, str]]) -> str:
    """One self-contained page."""
    from genzoo.comparison import paired

    parts = []
    for table, figure in made:
        header, *rows = ([html.escape(text) for text in line] for line in grid(table))
        head = "".join(f"<th>{text}</th>" for text in header)
        body = "".join(f"<tr>{''.join(f'<td>{text}</td>' for text in row)}</tr>" for row in rows)
        test = html.escape(verdict(paired(table, figure)))
        parts.append(
            f"<h2>{html.escape(title(table))}</h2><div><table><tr>{head}</tr>{body}</table></div><p>{test}</p>"
        )
    page = "".join(parts)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>genzoo compare</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<style>{STYLE}</style></head><body><h1>Comparison of runs</h1>{page}"
        "<p>± is the 95&nbsp;% t-interval of the mean over seeds.</p></body></html>"
    )
