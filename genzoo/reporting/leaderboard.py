"""A leaderboard as a table of texts, with its warnings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from genzoo.comparison.leaderboard import Leaderboard, speed, time_to
from genzoo.comparison.ranking import ranks
from genzoo.comparison.tables import Row
from genzoo.core.text import gigabytes, number
from genzoo.evaluation.order import heading
from genzoo.reporting.format import NO_DENSITY
from genzoo.reporting.tables import ReportTable, estimate_text, gap_heading, rounded_mean
from genzoo.reporting.warnings import NOT_BETTER, WORSE, excused, idle, ranking_notes, unequal_copies
from genzoo.runs.record import former_record
from genzoo.runs.schema import is_number


def leaderboard_table(board: Leaderboard) -> ReportTable:
    """Return a leaderboard as texts."""
    metrics = board.table.metrics()
    header = ["model", "rank", "seeds", *map(heading, metrics), *gap_heading(board.table)]
    header += ["train images/s", "infer images/s"]
    if board.target is not None:
        header.append(f"training to −ELBO ≤ {number(board.target)}")
    devices = {device for row in board.table.rows for device in devices_of(row)}
    rows = [[*header, "parameters", "peak memory", *(["device"] if len(devices) != 1 else [])]]
    places = ranks(board.table, board.metric)
    for row, place in zip(board.table.rows, places, strict=True):
        own = [" / ".join(devices_of(row))] if len(devices) != 1 else []
        rows.append([*_row_texts(board, row, place, metrics), *own])
    for baseline in board.baselines():
        texts = [number(baseline.value) if name == baseline.metric else "" for name in metrics]
        rows.append([baseline.name, "", "", *texts, *[""] * (len(rows[0]) - 3 - len(texts))])
    everywhere = [f"trained on {next(iter(devices))}"] if len(devices) == 1 else []
    notes = [*warnings(board), *ranking_notes(board.table, board.metric), *_notes(board), *everywhere]
    return ReportTable(board.table.title, rows, notes, names=2)


def _row_texts(board: Leaderboard, row: Row, rank: int | None, metrics: Sequence[str]) -> list[str]:
    behind = {baseline.metric for baseline in board.behind(row) if not excused(row, baseline.metric)}
    texts = [estimate_text(row.estimate(name)) + (f" {WORSE}" if name in behind else "") for name in metrics]
    texts += [estimate_text(row.gap) for _ in gap_heading(board.table)]
    speeds = [rounded_mean(speed(row, kind)) for kind in ("train", "inference")]
    times = [] if board.target is None else [_seconds(board, row)]
    memory = [used for result in row.results if is_number(used := result["training"].get("peak_memory"))]
    parameters = row.results[0].get("parameters")
    return [
        *(board.table.label(row), "" if rank is None else str(rank), str(row.seeds), *texts, *speeds, *times),
        "n/a" if parameters is None else f"{parameters:,}",
        gigabytes(max(memory)) if memory else "n/a",
    ]


def devices_of(row: Row) -> list[str]:
    """Return the devices that the runs of a row were trained on."""
    return sorted({str(record.get("device", "an unknown device")) for record in map(former_record, row.runs)})


def _seconds(board: Leaderboard, row: Row) -> str:
    assert board.target is not None
    estimate = time_to(row, board.target)
    return estimate_text(estimate) if isinstance(estimate, str) else f"{estimate_text(estimate)} s"


def warnings(board: Leaderboard) -> list[str]:
    """Return a warning for each metric that is worse than a baseline, and for each seed whose runs differ."""
    lines = []
    for row in board.table.rows:
        for baseline in board.behind(row):
            found = f"{heading(baseline.metric)} {estimate_text(row.estimate(baseline.metric))}"
            why = excused(row, baseline.metric)
            text = f"{found}, {baseline.name} {number(baseline.value)}{why}"
            lines.append(f"{board.table.label(row)}: {NOT_BETTER if why else WORSE} {text}")
        lines += [f"{board.table.label(row)}: {line}" for line in [*idle(row, "test"), *unequal_copies(row)]]
    return lines


def _notes(board: Leaderboard) -> list[str]:
    """Return what a reader of the metrics must know: no density, or runs by different versions or machines."""
    grey = any(result.get("measure") == "none" for row in board.table.rows for result in row.results)
    origins = {
        f"genzoo {record.get('genzoo', 'unknown')}{commit(record)} on {record.get('device', 'unknown')}"
        for record in board.records()
    }
    mixed = (
        [f"the runs were made by different versions or devices: {'; '.join(sorted(origins))}"]
        if len(origins) > 1
        else []
    )
    return [*([NO_DENSITY] if grey else []), *mixed]


def commit(record: Mapping[str, Any]) -> str:
    """Return the commit of a run as " (1a2b3c4)", or "" outside a checkout."""
    source = record.get("source")
    if not isinstance(source, dict):
        return ""
    return f" ({str(source.get('commit'))[:7]}{', changed' if source.get('dirty') else ''})"
