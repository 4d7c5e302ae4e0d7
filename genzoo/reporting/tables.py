"""A table for people with its title and notes, as plain text and as Markdown; `comparison_page` has the HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from genzoo.comparison.statistics import Estimate
from genzoo.comparison.tables import Table
from genzoo.core.text import number

INTERVAL = (
    "± is the 95 % t-interval of the mean over seeds; test ± is the 95 % interval over the choice of test examples; "
    "a rank is one more than the number of rows that are significantly better"
)


@dataclass(frozen=True)
class ReportTable:
    """One table with its title and the notes below it."""

    title: str
    rows: Sequence[Sequence[str]]
    """The header, then the rows, as texts."""
    notes: Sequence[str] = ()
    names: int = 1
    """How many columns name the rows: where there is no room for all columns, further tables have these again."""


def estimate_text(estimate: Estimate | str, over: str = "test") -> str:
    """Return "mean ± 95 % interval over seeds, test ± 95 % interval over test examples", or "n/a" with the reason.

    Args:
        estimate: The metric.
        over: What stands before the interval over examples.
    """
    if isinstance(estimate, str):
        return f"n/a ({estimate})"
    mean = number(estimate.mean)
    decimals = len(mean.partition(".")[2])
    seeds = "" if estimate.interval is None else f" ± {interval_text(estimate.interval, decimals)}"
    examples = "" if estimate.test_interval is None else f", {over} ± {interval_text(estimate.test_interval, decimals)}"
    return estimate.sign + mean + seeds + examples


def gap_heading(table: Table) -> list[str]:
    """Return the heading of the column of gaps to the known density of the data; none if no row has a gap."""
    return (
        ["gap to the known density (nats)"]
        if any(result.get("gaps") for row in table.rows for result in row.results)
        else []
    )


def rounded_mean(estimate: Estimate | str) -> str:
    """Return the mean without decimals, as for images per second, or "n/a" with the reason.

    Values that differ by more than a tenth are shown as a range: a mean of fast and slow runs says nothing.
    """
    if isinstance(estimate, str):
        return estimate_text(estimate)
    least, most = min(estimate.values), max(estimate.values)
    return f"{least:,.0f}–{most:,.0f}" if most > 1.1 * least else f"{estimate.mean:,.0f}"


def interval_text(interval: float, decimals: int) -> str:
    """Return an interval with as many decimals as its mean, or with one significant digit if these would all be 0."""
    text = f"{interval:.{decimals}f}"
    return text if float(text) or not interval else f"{interval:.1g}"


def as_markdown(tables: Sequence[ReportTable]) -> str:
    """Return the tables as Markdown."""
    return "\n\n".join("\n\n".join([f"**{one.title}**", markdown_table(one.rows), *one.notes]) for one in tables)


def markdown_table(rows: Sequence[Sequence[str]]) -> str:
    """Return header and rows as a Markdown table."""
    header, *others = ([text.replace("|", "\\|") for text in row] for row in rows)
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, ["---"] * len(header), *others))
