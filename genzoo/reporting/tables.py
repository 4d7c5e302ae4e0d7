"""Tables for people: the same sheet as text, as Markdown and as a page."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from genzoo.comparison.statistics import Estimate
from genzoo.core.text import number
from genzoo.reporting.format import aligned

INTERVAL = (
    "± is the 95 % t-interval of the mean over seeds; test ± is the 95 % interval over the choice of test examples; "
    "rows that are not told apart share a rank"
)
STYLE = (
    "body{font:15px system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color-scheme:light dark}"
    "div{overflow-x:auto}table{border-collapse:collapse}td,th{padding:.3rem .7rem;text-align:right;"
    "border-bottom:1px solid #8884}td:first-child,th:first-child{text-align:left}img{max-width:100%}"
)


@dataclass(frozen=True)
class ReportTable:
    """One table with what stands above and below it."""

    title: str
    rows: Sequence[Sequence[str]]
    """The header, then the rows, as texts."""
    remarks: Sequence[str] = ()


def cell(estimate: Estimate | str) -> str:
    """mean ± 95 % interval over seeds, test ± 95 % interval over test examples; or n/a with the reason."""
    if isinstance(estimate, str):
        return f"n/a ({estimate})"
    mean = number(estimate.mean)
    digits = len(mean.partition(".")[2])
    seeds = "" if estimate.interval is None else f" ± {like(estimate.interval, digits)}"
    examples = "" if estimate.test_interval is None else f", test ± {like(estimate.test_interval, digits)}"
    return mean + seeds + examples


def whole(estimate: Estimate | str) -> str:
    """Such as images a second, which need no decimals."""
    return cell(estimate) if isinstance(estimate, str) else f"{estimate.mean:,.0f}"


def like(interval: float, digits: int) -> str:
    """An interval with as many decimals as its mean, or with one figure where these would all be 0."""
    text = f"{interval:.{digits}f}"
    return text if float(text) or not interval else f"{interval:.1g}"


def as_text(sheets: Sequence[ReportTable]) -> str:
    """For the terminal."""
    parts = [[sheet.title, aligned(sheet.rows), *(f"  {line}" for line in sheet.remarks)] for sheet in sheets]
    return "\n\n".join([*("\n".join(part) for part in parts), INTERVAL])


def as_markdown(sheets: Sequence[ReportTable]) -> str:
    """For a README."""
    return "\n\n".join("\n\n".join([f"**{sheet.title}**", grid(sheet.rows), *sheet.remarks]) for sheet in sheets)


def grid(rows: Sequence[Sequence[str]]) -> str:
    """Header and rows as a Markdown table."""
    header, *others = ([text.replace("|", "\\|") for text in row] for row in rows)
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, ["---"] * len(header), *others))


def as_html(sheets: Sequence[ReportTable], heading: str, picture: Path | None = None) -> str:
    """One self-contained page, with a PNG in it if there is one."""
    parts = []
    for sheet in sheets:
        header, *rows = ([html.escape(text) for text in row] for row in sheet.rows)
        head = "".join(f"<th>{text}</th>" for text in header)
        body = "".join(f"<tr>{''.join(f'<td>{text}</td>' for text in row)}</tr>" for row in rows)
        remarks = "".join(f"<p>{html.escape(line)}</p>" for line in sheet.remarks)
        parts.append(f"<h2>{html.escape(sheet.title)}</h2><div><table><tr>{head}</tr>{body}</table></div>{remarks}")
    if picture:
        source = base64.b64encode(picture.read_bytes()).decode()
        parts.append(f'<p><img alt="{html.escape(picture.stem)}" src="data:image/png;base64,{source}"></p>')
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(heading)}</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<style>{STYLE}</style></head><body><h1>{html.escape(heading)}</h1>{''.join(parts)}"
        f"<p>{INTERVAL.replace('95 %', '95&nbsp;%')}.</p></body></html>"
    )
