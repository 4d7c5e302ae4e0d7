"""A run as one page: a file that opens anywhere, offline, and loads nothing."""

from __future__ import annotations

import base64
import shlex
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from genzoo.core.errors import GenzooError
from genzoo.core.text import number
from genzoo.registry.answer_cache import cached
from genzoo.registry.entries import describe
from genzoo.reporting.format import SPLITS, cell, objective_rows, remarks
from genzoo.runs.record import total_seconds, why_outdated
from genzoo.runs.run import DAMAGED, Run, read_json

FILE = "report.html"
NO_METRIC = {"n", "standard_error", "monte_carlo_error", "not_available", "details"}


def write_report(run: Run) -> Path:
    """Writes report.html into the run's folder from what lies there; returns its path.

    Raises:
        GenzooError: A file of the run is missing or damaged.
    """
    from genzoo.system.atomic import to_bytes, write_atomically

    path = run.path / FILE
    try:
        text = page(run)
    except (ArithmeticError, AttributeError, LookupError, OSError, TypeError, ValueError) as error:
        what = f"{run.path}: config.json, run.json or results.json is damaged ({describe(error)[:80]})"
        raise GenzooError(what, DAMAGED) from error
    write_atomically(path, to_bytes(text))
    return path


def page(run: Run) -> str:
    """The report as HTML. Every text in it is escaped by the template."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    said = cached("report", labels_and_captions)
    templates = Environment(loader=PackageLoader("genzoo.reporting"), autoescape=True, undefined=StrictUndefined)
    config, record, results = read_json(run.path / "config.json"), run.record, run.results
    return templates.get_template("report.html.jinja").render(
        title=f"{config['model']['name']} on {config['data']['name']}",
        name=run.path.resolve().name,
        status=when(record),
        warnings=[*outdated(run, config, results, record), *collapse(config, results)],
        what=what(config, record, results),
        table=table(results, said["metrics"]),
        remarks=remarks(results),
        figures=pictures(run.path / "figures", said["figures"]),
        command=command(config),
        configuration=[
            (section, [(key, shown(value)) for key, value in config[section].items()]) for section in config
        ],
        provenance=provenance(record),
    )


def when(record: Mapping[str, Any]) -> str:
    """How the run ended, when it began and how long it took; it may be ending just now."""
    began, seconds = record["started"], total_seconds(record)
    status = "finished" if record["status"] == "running" else record["status"]
    return f"{status} · {time.strftime('%Y-%m-%d %H:%M', time.gmtime(began))} UTC · {seconds:.0f} s in all"


def what(config: Mapping[str, Any], record: Mapping[str, Any], results: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The run in a few lines."""
    took, origins = results["training"], record["plugins"]
    kinds = {"model": "model", "dataset": "data", "loss": "loss"}
    rows = [(kind, f"{config[section]['name']} ({origins[kind]['origin']})") for kind, section in kinds.items()]
    epochs = f"{took['epochs']} epoch{'' if took['epochs'] == 1 else 's'}, {took['seconds']:.0f} s, "
    epochs += f"{took['images_per_second']:,.0f} examples/s"
    if took.get("examples_per_epoch", 0) < took.get("examples", 0):
        epochs += f", each of {took['examples_per_epoch']:,} of {took['examples']:,} examples"
    own = results["likelihood"] if "likelihood" in results else config["training"]["likelihood"]
    return [
        *rows,
        ("likelihood", own or "n/a (no p(x|z))"),
        ("parameters", f"{results['parameters']:,}"),
        ("training", epochs + (f", stopped: {took['stopped']}" if took["stopped"] else "")),
        ("peak memory", f"{took['peak_memory'] / 2**30:.2f} GiB"),
        ("device", record["device"]),
        ("seed", str(record["seed"])),
    ]


def table(results: Mapping[str, Any], labels: Mapping[str, str]) -> dict[str, Any]:
    """Every figure of every split, with its unit and its standard error, or the reason why it cannot be had."""
    splits = [split for split in SPLITS if split in results]
    names = list(dict.fromkeys(name for split in splits for name in results[split] if name not in NO_METRIC))
    rows = []
    for name in names:
        cells = []
        for split in splits:
            error = results[split].get("standard_error", {}).get(name)
            cells.append({"value": cell(results[split], name), "error": "" if error is None else number(error)})
        rows.append({"label": labels.get(name, name), "cells": cells})
    for label, values in objective_rows(results, splits):
        rows.append({"label": label, "cells": [{"value": number(value), "error": ""} for value in values]})
    return {"columns": [f"{split} ({results[split]['n']:,})" for split in splits], "rows": rows}


def outdated(run: Run, config: Mapping[str, Any], results: Mapping[str, Any], record: Mapping[str, Any]) -> list[str]:
    """A warning where the figures are not those of the model that is there, or of the training that was asked for."""
    why = why_outdated(run, config, results, record)
    return [f"This page is outdated: of this run, {why}. Go on with it: genzoo resume {run.path}"] if why else []


def collapse(config: Mapping[str, Any], results: Mapping[str, Any]) -> list[str]:
    """A warning with advice when less than half of the latents are active."""
    active, latents = results["test"].get("active_units"), results.get("latents")
    if not isinstance(active, float) or not latents or active >= latents / 2:
        return []
    loss = config["loss"]
    advice = ["train for longer"]
    if loss.get("kl_warmup") == 0:
        advice.append("let the KL in slowly (--kl-warmup STEPS)")
    if loss.get("beta", 0) > 1:
        advice.append(f"lower --beta, now {number(loss['beta'])}")
    if not active:
        text = f"Posterior collapse: none of {latents} latents is active, so the code says nothing about the data."
    else:
        text = f"Only {active:.0f} of {latents} latents are active. Simple data need no more: try a smaller code."
    return [f"{text} If that is not wanted: {', or '.join(advice)}."]


def labels_and_captions() -> dict[str, dict[str, str]]:
    """Return the label of each metric, and what each figure shows, in the order of the page."""
    from genzoo.evaluation.evaluate import metric_labels
    from genzoo.figures.draw import FIGURES

    return {"metrics": metric_labels(), "figures": {name: drawing.about for name, drawing in FIGURES.items()}}


def pictures(folder: Path, about: Mapping[str, str]) -> list[dict[str, str]]:
    """The run's figures, each whole within the page."""
    found = []
    for name, caption in about.items():
        file = folder / f"{name}.png"
        if file.is_file():
            source = "data:image/png;base64," + base64.b64encode(file.read_bytes()).decode()
            found.append({"name": name, "about": caption, "source": source})
    return found


def command(config: Mapping[str, Any]) -> str:
    """The command that repeats the run, every option said."""
    from genzoo.runs.config import to_arguments

    options = {section: {k: v for k, v in values.items() if k != "name"} for section, values in config.items()}
    names = [config["model"]["name"], "--dataset", config["data"]["name"], "--loss", config["loss"]["name"]]
    return shlex.join(["genzoo", "run", *names, *to_arguments(options, "config.json")])


def provenance(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Versions, source, hardware and data."""
    source = record["source"]
    commit = f"{source['commit']}{' with changes' if source['dirty'] else ''}" if source else "not from a checkout"
    rows = [
        ("genzoo", record["genzoo"]),
        ("commit", commit),
        ("python", record["python"]),
        *record["packages"].items(),
        ("platform", record["platform"]),
        ("device", f"{record['device']}; {record['threads']} threads"),
        ("started as", shlex.join(record["command"])),
    ]
    rows += [(kind, f"{made['name']} of {made['origin']}") for kind, made in record["plugins"].items()]
    for name, data in record["data"].items():
        rows.append((f"data {name}", str(data["source"])))
        rows += [(f"sha256 {file}", digest) for file, digest in data["sha256"].items()]
    return [(label, str(value)) for label, value in rows]


def shown(value: Any) -> str:
    """An option's value as the page shows it."""
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
