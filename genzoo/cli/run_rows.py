"""What `genzoo runs` shows of a run: its line in the list, and its page."""

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from genzoo.cli.terminal import harmless
from genzoo.core.text import duration, gigabytes, number, options_text

if TYPE_CHECKING:
    from genzoo.runs.overview import Overview

HEADS = ("run", "options", "status", "age", "epochs", "loss", "size", "tags")
SPARE = ("size", "options", "age", "epochs")
"""Columns that are left out, in this order, where there is no room for whole lines; `genzoo runs show` has them."""


def run_rows(found: Sequence[Overview], names: Sequence[str]) -> list[list[str]]:
    """Return a header and a line for each run, without options and tags where no run has any.

    The options are those in which the listed runs of a model on a dataset differ.

    Args:
        found: The runs.
        names: What each is called.
    """
    from genzoo.comparison.differences import options_apart

    rows = [[*HEADS]]
    for one, name, options in zip(found, names, options_apart(found), strict=True):
        options.pop("epochs", None)  # they have a column
        rows.append([
            name,
            options_text(options),
            one.status,
            age(one.started),
            one.progress,
            "" if one.loss is None else number(one.loss),
            gigabytes(one.size),
            " ".join(one.labels["tags"]) + (" ✎" if one.labels["note"] else ""),
        ])  # fmt: skip
    shown = [place for place, texts in enumerate(zip(*rows[1:], strict=True)) if any(texts)]
    return [[harmless(row[place]) for place in shown] for row in rows]


def age(moment: float) -> str:
    """Return how long ago a moment was: "3 min"; "" if it is not known."""
    return duration(max(time.time() - moment, 0.0)) if moment else ""


def about(one: Overview) -> list[list[str]]:
    """Return the rows of `genzoo runs show`."""
    from genzoo.runs.record import last_session

    done, asked = one.epochs
    first, last = (typed(record.get("command")) for record in (one.record, last_session(one.record)))
    started = time.strftime("%Y-%m-%d %H:%M", time.localtime(one.started))
    rows = {
        "what": f"{one.name_of('model')} with loss {one.name_of('loss')} on {one.name_of('data')}",
        "status": one.state,
        "started": f"{started}, {age(one.started)} ago" if one.started else "",
        "took": f"{duration(one.seconds)} on {one.record.get('device', 'an unknown device')}" if one.record else "",
        "epochs": (f"{done} of {asked}" if asked else str(done)) + saved(one, done),
        "loss": "" if one.loss is None else f"{number(one.loss)} in the last epoch",
        "size": f"{gigabytes(one.size)}, of it checkpoints {gigabytes(one.checkpoints)}",
        "tags": " ".join(one.labels["tags"]),
        "note": one.labels["note"],
        "options": changed_text(one.config),
        "command": first,
        "resumed": last if last != first else "",
    }
    return [[name, harmless(text)] for name, text in rows.items() if text]


def saved(one: Overview, done: int) -> str:
    """Return from which epoch a run goes on when it is resumed, where some are to be repeated; else ""."""
    from genzoo.runs.checkpoints import published, step_of
    from genzoo.runs.run import CHECKPOINTS, FINISHED, RUNNING

    steps = [*map(step_of, published(one.run.path / CHECKPOINTS)[:1])]
    kept = max((int(epoch["epoch"]) for epoch in one.history if steps and epoch.get("step", 0) <= steps[0]), default=0)
    return f"; saved, and so resumed, after {kept}" if kept < done and one.status not in (FINISHED, RUNNING) else ""


def typed(command: object) -> str:
    """Return the command that a record or one of its sessions has, as it was typed; "" if it has none."""
    return shlex.join(map(str, ["genzoo", *command[1:]])) if isinstance(command, list) and command else ""


def changed_text(config: Mapping[str, Any]) -> str:
    """Return the options of a stored configuration that are not at their defaults; "" if it is damaged."""
    from genzoo.runs.schema import is_config
    from genzoo.runs.typed_options import changed

    if not is_config(config):
        return ""
    return " ".join(f"{name} {value}" for name, value in changed(config).items()) or "all at their defaults"


def all_options(config: Mapping[str, Any]) -> list[list[str]]:
    """Return a header and a row for each option of a stored configuration; only the header if it is damaged."""
    from genzoo.runs.schema import is_config
    from genzoo.runs.typed_options import typed_options

    known = typed_options(config) if is_config(config) else {}
    return [["option", "value", "default"], *([*map(harmless, (name, *texts))] for name, texts in known.items())]


def next_commands(one: Overview) -> list[str]:
    """Return what to type next for a run."""
    from genzoo.runs.overview import KILLED
    from genzoo.runs.run import FAILED, FINISHED, REPORT_FILE, RUNNING

    if one.status == RUNNING:
        return []
    if one.status == FINISHED:
        return [f"open {one.run.path / REPORT_FILE}", f"genzoo evaluate {one.run.path}"]
    resumable = one.checkpoints or one.status in (KILLED, FAILED) or one.epochs[0]
    return [f"genzoo resume {one.run.path}" if resumable else f"genzoo runs rm {one.run.path}"]
