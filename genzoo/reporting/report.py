"""The report of a run: one HTML page."""

from __future__ import annotations

import csv
import shlex
import time
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genzoo.core.errors import GenzooError
from genzoo.core.text import number
from genzoo.evaluation.order import heading, named
from genzoo.registry.answer_cache import cached
from genzoo.registry.entries import describe
from genzoo.registry.parts import figures
from genzoo.reporting.format import (
    SPLITS,
    counts,
    half_width,
    idle_of,
    metric_text,
    missing,
    notes,
    objective_rows,
    reason_of_all,
)
from genzoo.reporting.html import data_url, render
from genzoo.runs.details import without_copies
from genzoo.runs.record import total_seconds, why_outdated
from genzoo.runs.run import DAMAGED, REPORT_FILE, Run, read_json, refuse_without
from genzoo.runs.typed_options import repeated

if TYPE_CHECKING:
    from collections.abc import Callable

    from genzoo.core.loss import Loss

NO_METRIC = {"n", "standard_error", "monte_carlo_error", "not_available", "details"}
"""Keys of a split's results that are not metrics."""
LONGEST_TABLE = 21
"""Largest number of lines of a table in the page, with its header."""


def write_report(run: Run) -> Path:
    """Write report.html into the run's folder from the files there; return its path.

    Raises:
        UsageError: The run has no results yet.
        GenzooError: A file of the run is missing or damaged.
    """
    from genzoo.system.atomic import to_bytes, write_atomically

    path = run.path / REPORT_FILE
    refuse_without(run, "results.json", "results")
    try:
        text = page(run)
    except (ArithmeticError, AttributeError, LookupError, OSError, TypeError, ValueError) as error:
        what = f"{run.path}: config.json, run.json or results.json is damaged ({describe(error)[:80]})"
        raise GenzooError(what, DAMAGED) from error
    write_atomically(path, to_bytes(text))
    return path


def page(run: Run) -> str:
    """Return the report as HTML."""
    config, record, results = read_json(run.path / "config.json"), run.record, run.results
    return render(
        "report.html.jinja",
        title=f"{config['model']['name']} on {config['data']['name']}",
        name=run.path.resolve().name,
        status=status(record, run.history),
        warnings=[*outdated(run, config, results, record), *collapse(config, results)],
        summary=summary(config, record, results),
        table=table(results),
        notes=[*missing(results, labels_in(results)), *notes(results)],
        figures=pictures(run.path / "figures", captions()),
        command=shlex.join(repeated(config)),
        configuration=[
            (section, [(key, option_text(value)) for key, value in config[section].items()]) for section in config
        ],
        provenance=provenance(record),
    )


def status(record: Mapping[str, Any], history: Sequence[Mapping[str, Any]]) -> str:
    """Return how the run ended, when it began and how long it took."""
    began, seconds = record["started"], total_seconds(record, history)
    ended = "finished" if record["status"] == "running" else record["status"]  # the report is written before the end
    return f"{ended} · {time.strftime('%Y-%m-%d %H:%M', time.gmtime(began))} UTC · {seconds:.0f} s in all"


def summary(config: Mapping[str, Any], record: Mapping[str, Any], results: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the run in a few lines: label and text of each."""
    training, origins = results["training"], record["plugins"]
    kinds = {"model": "model", "dataset": "data", "loss": "loss"}
    rows = [(kind, f"{config[section]['name']} ({origins[kind]['origin']})") for kind, section in kinds.items()]
    epochs = f"{training['epochs']} epoch{'' if training['epochs'] == 1 else 's'}, {training['seconds']:.0f} s, "
    epochs += f"{training['images_per_second']:,.0f} examples/s"
    if training.get("examples_per_epoch", 0) < training.get("examples", 0):
        epochs += f", each of {training['examples_per_epoch']:,} of {training['examples']:,} examples"
    own = results["likelihood"] if "likelihood" in results else config["training"]["likelihood"]
    return [
        *rows,
        ("likelihood", "the model's own p(x)" if own == config["model"]["name"] else own or "n/a (no p(x|z))"),
        ("parameters", f"{results['parameters']:,}"),
        ("training", epochs + (f", stopped: {training['stopped']}" if training["stopped"] else "")),
        ("peak memory", f"{training['peak_memory'] / 2**30:.2f} GiB"),
        ("device", record["device"]),
        ("seed", str(record["seed"])),
    ]


def table(results: Mapping[str, Any]) -> dict[str, Any]:
    """Return every metric of every split with its 95 % interval, or the reason why that split has none."""
    splits = [split for split in SPLITS if split in results]
    rows = []
    for name in without_copies([results[splits[-1]]], list(labels_in(results))):
        if reason_of_all(results, name):
            continue
        cells = []
        for split in splits:
            error = results[split].get("standard_error", {}).get(name)
            cells.append({"value": metric_text(results[split], name), "error": half_width(error)})
        rows.append({"label": heading(name), "cells": cells})
    for label, values in objective_rows(results, splits):
        rows.append({"label": label, "cells": [{"value": number(value), "error": ""} for value in values]})
    rows.append({"label": "examples", "cells": [{"value": text, "error": ""} for text in counts(results, splits)]})
    return {"columns": splits, "rows": rows}


def labels_in(results: Mapping[str, Any]) -> dict[str, str]:
    """Return the label of each metric that any split was asked for."""
    names = (name for split in SPLITS for name in results.get(split, {}) if name not in NO_METRIC)
    return {name: named(name) for name in names}


def outdated(run: Run, config: Mapping[str, Any], results: Mapping[str, Any], record: Mapping[str, Any]) -> list[str]:
    """Return a warning if the metrics are not those of the saved model or of the requested training."""
    why = why_outdated(run, config, results, record)
    return [f"This page is outdated: of this run, {why}. Resume it: genzoo resume {run.path}"] if why else []


def collapse(config: Mapping[str, Any], results: Mapping[str, Any]) -> list[str]:
    """Return a warning with advice if less than half of the latents are active."""
    idle = idle_of(results)
    if not idle:
        return []
    advice = ["train for longer", *advice_of_loss(config["loss"])]
    return [f"{idle[:1].upper()}{idle[1:]}. To use more of them: {', or '.join(advice)}."]


def advice_of_loss(section: Mapping[str, Any]) -> list[str]:
    """Return what the loss of a configuration advises against a collapse; nothing if it is not installed."""
    from genzoo.registry.current import registry

    def advice() -> list[str]:
        try:
            loss: type[Loss] = registry().get("loss", section["name"]).load()
            return loss.against_collapse(section)
        except (GenzooError, TypeError):  # TypeError: an option of a damaged configuration
            return []

    found: list[str] = cached(["advice against a collapse", dict(section)], advice)
    return found


def captions() -> dict[str, str]:
    """Return what each registered figure shows, as a sentence, in the order of the page."""
    return {name: f"{entry.summary[:1].upper()}{entry.summary[1:]}." for name, entry in figures().items()}


def pictures(folder: Path, captions: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the figures in a folder, those with a caption first: pictures and sound as data URLs, texts and tables."""
    found = []
    others = sorted({file.stem for file in folder.glob("*.*") if file.suffix in READERS} - captions.keys())
    for name, caption in [*captions.items(), *((name, "") for name in others)]:
        files = {ending: file for ending in READERS if (file := folder / f"{name}{ending}").is_file()}
        if files:
            shown: dict[str, Any] = dict.fromkeys(what for what, _ in READERS.values())
            shown |= {READERS[ending][0]: READERS[ending][1](file) for ending, file in files.items()}
            found.append({"name": name, "caption": caption, **shown})
    return found


def _table(file: Path) -> list[list[str]]:
    """Return the first rows of a CSV file, with the header."""
    with file.open(encoding="utf-8", errors="replace", newline="") as lines:
        return list(islice(csv.reader(lines), LONGEST_TABLE))


READERS: dict[str, tuple[str, Callable[[Path], Any]]] = {
    ".png": ("source", lambda file: data_url(file.read_bytes())),
    ".wav": ("sound", lambda file: data_url(file.read_bytes(), "audio/wav")),
    ".txt": ("text", lambda file: file.read_text(encoding="utf-8", errors="replace")),
    ".csv": ("table", _table),
}
"""What the page shows of a figure's files, by their ending, and how it is read."""


def provenance(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return versions, source, hardware and data: label and text of each."""
    source = record["source"]
    commit = f"{source['commit']}{' with changes' if source['dirty'] else ''}" if source else "not from a checkout"
    rows = [
        ("genzoo", record["genzoo"]),
        ("commit", commit),
        ("python", record["python"]),
        *record["packages"].items(),
        ("platform", record["platform"]),
        ("device", device_text(record["device"], record["threads"])),
        ("started as", shlex.join(record["command"])),
    ]
    rows += [(kind, f"{made['name']} of {made['origin']}") for kind, made in record["plugins"].items()]
    for name, data in record["data"].items():
        rows.append((f"data {name}", str(data["source"])))
        rows += [(f"sha256 {file}", digest) for file, digest in data["sha256"].items()]
    return [(label, str(value)) for label, value in rows]


def device_text(device: str, threads: int) -> str:
    """Return a device with the threads beside it: of a CPU its description has them already."""
    return device if "thread" in device else f"{device}; {threads} thread{'s' * (threads != 1)}"


def option_text(value: Any) -> str:
    """Return the value of an option as text."""
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
