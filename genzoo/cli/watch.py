"""genzoo watch: runs while they train, from what their files say."""

from __future__ import annotations

import argparse
import itertools
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genzoo.cli.saved_run import RUN_HELP, RUNS_HELP
from genzoo.core.errors import UsageError
from genzoo.core.text import duration, number
from genzoo.system import lock
from genzoo.system.json_output import json_result

if TYPE_CHECKING:
    from rich.console import RenderableType

    from genzoo.runs.overview import Overview

RUNNING = "running"
BARS = "▁▂▃▄▅▆▇█"
WIDTH = 16
"""Characters of a curve."""
SECONDS = 1.0
"""Between two looks at the files."""
SILENT = 600.0
"""Seconds after which a run of another host, whose lock says nothing here, is said to be silent."""
SHOWN = 30
"""Runs that are shown at most, the newest first."""
DESCRIPTION = """\
Show runs while they train: epochs, loss, remaining time and the curve of the loss. Ends when none is running any more,
or with Ctrl-C. Runs of other machines in a shared folder are seen too. Into a pipe or a file, one line is printed for
each change."""


def add_verb(verbs: Any) -> None:
    """Add `watch`."""
    watch = verbs.add_parser("watch", help="show runs while they train", description=DESCRIPTION)
    watch.add_argument("run", nargs="*", metavar="RUN|FOLDER", help=f"{RUN_HELP}; or a folder of runs (default: all)")
    watch.add_argument("--runs", type=Path, default=Path("runs"), metavar="FOLDER", help=RUNS_HELP)
    watch.add_argument("--once", action="store_true", help="show the present state, and end")
    watch.set_defaults(handler=handle)


def handle(options: argparse.Namespace) -> int:
    """Show the runs until none is running."""
    from genzoo.cli.terminal import in_terminal

    found = watched(options)
    if not found:
        raise UsageError("no runs to watch", "train a model: genzoo run …")
    try:
        (watch_live if in_terminal() and not options.once else watch_lines)(options)
    except KeyboardInterrupt:
        print(file=sys.stderr)
    return 0


def watched(options: argparse.Namespace) -> list[Overview]:
    """Return the runs that are named, or those of the usual folders; the newest first, as their files are now.

    Raises:
        UsageError: There is no such run or folder.
    """
    from genzoo.comparison.references import find, places
    from genzoo.runs.overview import runs_in

    folders: list[Path] = []
    for name in options.run:
        is_folder = Path(name).is_dir() and not (Path(name) / "config.json").exists()
        folders.append(Path(name) if is_folder else find(name, options.runs).path)
    return runs_in(folders or places(options.runs))


def watch_lines(options: argparse.Namespace) -> None:
    """Print a line for each run and for each change."""
    before: dict[Path, tuple[str, int]] = {}
    while True:
        every = watched(options)
        found = every[:SHOWN]
        if len(found) < len(every) and not before:
            print(f"… {len(every) - len(found):,} older runs: genzoo runs")
        for one in reversed(found):
            now = state(one), one.epochs[0]
            if before.get(one.run.path) != now:
                before[one.run.path] = now
                print("  ".join(filter(None, line_of(one))), flush=True)
        if options.once or not any(map(is_running, found)):
            json_result(runs=[one.as_json() for one in found])
            return
        time.sleep(SECONDS)


def watch_live(options: argparse.Namespace) -> None:
    """Draw a table again and again."""
    from rich.live import Live

    from genzoo.cli.terminal import console

    with Live(console=console(), auto_refresh=False, vertical_overflow="ellipsis") as live:
        while True:
            found = watched(options)[:SHOWN]
            live.update(table(found), refresh=True)
            if not any(map(is_running, found)):
                return
            time.sleep(SECONDS)


def table(found: Sequence[Overview]) -> RenderableType:
    """Return the table of a terminal. The name loses characters where there is too little room, numbers do not."""
    from rich.table import Table

    from genzoo.cli.terminal import styled

    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    made.add_column("run", overflow="ellipsis")
    made.add_column("status")
    for name in ("epoch", "loss", "left"):
        made.add_column(name, justify="right", no_wrap=True)
    made.add_column("loss of the epochs", no_wrap=True)
    for one in found:
        cells = line_of(one)
        style = {RUNNING: "bold", "killed": "red", "failed": "red"}.get(one.status, "")
        made.add_row(styled(cells[0], style), styled(cells[1], style), *map(styled, cells[2:]))
    return made


def line_of(one: Overview) -> list[str]:
    """Return name, status, epochs, loss, remaining time and the curve of a run as texts."""
    left = remaining(one)
    return [
        one.run.path.name,
        state(one),
        one.progress,
        "" if one.loss is None else number(one.loss),
        "" if left is None else duration(left),
        sparkline(list(losses(one))),
    ]


def state(one: Overview) -> str:
    """Return the status, with the reason of a failure. The lock of a run of another host may say nothing here: such a
    run is running while its files change, and then silent."""
    if one.reason or one.status not in (RUNNING, "killed") or lock.host_of(one.run.path) in ("", socket.gethostname()):
        return one.state
    quiet = time.time() - last_change(one)
    return RUNNING if quiet < max(SILENT, 3 * max(seconds_of(one), default=0.0)) else f"silent for {duration(quiet)}"


def is_running(one: Overview) -> bool:
    """Return whether a run may still change."""
    return state(one) == RUNNING


def last_change(one: Overview) -> float:
    """Return when a file of a run was last written, in seconds since 1970."""
    paths = [one.run.path, *one.run.path.glob("*")]
    return max((path.stat().st_mtime for path in paths if path.exists()), default=0.0)


def losses(one: Overview) -> Iterator[float]:
    """Yield the loss of each epoch, on validation data if there are any."""
    from genzoo.runs.schema import is_number

    for epoch in one.history:
        terms = epoch.get("validation") or epoch.get("train")
        value = terms.get("loss") if isinstance(terms, dict) else None
        if is_number(value):
            yield float(value)


def remaining(one: Overview) -> float | None:
    """Return the seconds that the other epochs of a running run will take, by the mean of those done, or None."""
    done, asked = one.epochs
    spent = seconds_of(one)
    return sum(spent) / len(spent) * (asked - done) if spent and asked > done and is_running(one) else None


def seconds_of(one: Overview) -> list[float]:
    """Return the seconds that each epoch took."""
    from genzoo.runs.schema import is_number

    return [float(epoch["seconds"]) for epoch in one.history if is_number(epoch.get("seconds"))]


def sparkline(values: Sequence[float]) -> str:
    """Return values as a line of at most `WIDTH` bars, each the mean of its share, from the lowest to the highest."""
    if len(values) < 2:
        return ""
    count = min(WIDTH, len(values))
    bounds = [round(number * len(values) / count) for number in range(count + 1)]
    means = [sum(values[a:b]) / (b - a) for a, b in itertools.pairwise(bounds)]
    low, high = min(means), max(means)
    steps = (len(BARS) - 1) / (high - low) if high > low else 0.0
    return "".join(BARS[round((mean - low) * steps)] for mean in means)
