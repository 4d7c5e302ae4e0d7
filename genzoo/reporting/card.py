"""What notebooks show of a run, its results, its options and its progress: one element of HTML with its own style."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from genzoo.comparison.identity import VIEW
from genzoo.core.errors import GenzooError
from genzoo.core.options import describe_fields
from genzoo.core.spelling import spelled
from genzoo.core.text import duration, number
from genzoo.registry.configs import differing
from genzoo.reporting.format import ERRORS, half_width, metric_text, missing, notes
from genzoo.reporting.html import data_url, render
from genzoo.reporting.report import NO_METRIC, captions, labels_in, outdated, table
from genzoo.runs.config import RunConfig
from genzoo.runs.overview import Overview
from genzoo.runs.run import FINISHED, RUNNING, Run
from genzoo.runs.schema import is_config, is_number, is_results
from genzoo.runs.sections import PARTS

if TYPE_CHECKING:
    from genzoo.reporting.comparison_page import Section

NOTHING: dict[str, Any] = {
    **dict.fromkeys(("title", "status", "about")),
    **dict.fromkeys(("lines", "warnings", "parts", "sections", "notes"), ()),
    **dict.fromkeys(("table", "picture", "curves")),
    "kind": "numbers",
}
COLOURS = {"train": "#8a8f98", "validation": "#3b82c4"}
LONGEST_CURVE = 200
"""Points of a curve; of more epochs only some are shown."""


def card(**values: Any) -> str:
    """Return what a notebook shows of some of the values of the template."""
    return render("card.html.jinja", **{**NOTHING, **values})


def run_html(run: Run) -> str:
    """Return the card of a run: status, protocol, metrics, samples and curve; of an unfinished one what there is."""
    one = Overview(run)
    title = f"{one.name_of('model')} on {one.name_of('data')}"
    about = {"title": title, "status": status(one), "about": str(run.path), "lines": protocol(one)}
    shown = {"picture": first_picture(run), "curves": curves(one.history)}
    try:
        results = run.results
    except GenzooError:
        results = None
    if results is None or not is_config(one.config) or not is_results(results):
        on = f"go on: genzoo.resume({str(run.path)!r})"
        return card(**about, **shown, notes=[on] if one.status not in (FINISHED, RUNNING) else [])
    warnings = outdated(run, one.config, results, one.record)
    return card(**about, **shown, **results_of(results), warnings=warnings)


def status(one: Overview) -> str:
    """Return the state of a run, its epochs and its time."""
    done, asked = one.epochs
    epochs = f"{done} of {asked} epochs" if asked and done != asked else f"{done} epoch{'s' * (done != 1)}"
    return " · ".join([one.state, epochs, duration(one.seconds)])


def protocol(one: Overview) -> list[str]:
    """Return what the numbers of a run depend on: loss, seed, preprocessing, and what arrays were given."""
    training = one.config.get("training", {})
    view = [f"{name} {training[name]}" for name in VIEW if training.get(name) not in (None, "none")]
    first = [f"loss {one.name_of('loss')}", f"seed {training.get('seed', 'not recorded')}", *view]
    data = one.record.get("data")
    sources = [str(found.get("source")) for found in data.values()] if isinstance(data, dict) else []
    return [" · ".join(first), *(text for text in sources if not text.startswith("/"))]


def results_of(results: Mapping[str, Any]) -> dict[str, Any]:
    """Return the table of results and the notes below it, as values of the card."""
    remarks = map(spelled, [*missing(results, labels_in(results)), *notes(results)])
    errors = "means over examples; ± is the 95 % interval over the choice of examples"
    return {"table": table(results), "notes": [*remarks, errors]}


def results_html(results: Mapping[str, Any]) -> str:
    """Return results, or a part of them, as a table."""
    if is_results(dict(results)):
        return card(**results_of(results))
    errors = results.get("standard_error") or {}
    shown = [name for name in results if name not in NO_METRIC]
    rows = [[name, value_text(results, name), half_width(errors.get(name))] for name in shown]
    return card(parts=[("", [["", "value", ERRORS["standard_error"] if errors else ""], *rows])])


def value_text(results: Mapping[str, Any], name: str) -> str:
    """Return one of some results as text: "n/a" with the reason, never 0, where it is missing."""
    value = results[name]
    return metric_text(results, name) if value is None or is_number(value) else str(value)


def first_picture(run: Run) -> dict[str, str] | None:
    """Return the first picture of a run's report: samples, where the model draws some."""
    for name in captions():
        file = run.path / "figures" / f"{name}.png"
        if file.is_file():
            return {"name": name, "source": data_url(file.read_bytes())}
    return None


def curves(history: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Return the loss over the epochs, of training and validation, as lines of a box of 100 by 40; None for less."""
    found = {split: [loss_of(epoch, split) for epoch in history] for split in COLOURS}
    found = {split: values for split, values in found.items() if sum(map(math.isfinite, values)) > 1}
    if not found:
        return None
    every = [value for values in found.values() for value in values if math.isfinite(value)]
    low, high = min(every), max(every)
    lines = [{"points": points(values, low, high), "colour": COLOURS[split]} for split, values in found.items()]
    words = f"loss by epoch ({', '.join(found)}): {number(high)} to {number(low)}"
    return {"lines": lines, "caption": words}


def loss_of(epoch: Mapping[str, Any], split: str) -> float:
    """Return the loss of an epoch; nan if it is not known."""
    terms = epoch.get(split)
    value = terms.get("loss") if isinstance(terms, dict) else None
    return float(value) if is_number(value) else math.nan


def points(values: Sequence[float], low: float, high: float) -> str:
    """Return values as points of a line in a box of 100 by 40."""
    step = max(1, len(values) // LONGEST_CURVE)
    across, up = 100 / max(len(values) - 1, 1), 38 / ((high - low) or 1)
    places = [(place, values[place]) for place in range(0, len(values), step) if math.isfinite(values[place])]
    return " ".join(f"{place * across:.1f},{39 - (value - low) * up:.1f}" for place, value in places)


def options_html(config: RunConfig) -> str:
    """Return every option of a configuration: its value, the default where that is another, and its help."""
    defaults = config.components.defaults()
    parts = []
    for part, section in PARTS.items():
        own = getattr(config, part)
        changed = differing(getattr(defaults, part), own)
        header = ["option", "value", "default", "type", "what it is"]
        rows = [
            [config.sections.key(part, name), value, str(changed[name][0]) if name in changed else "", kind, text]
            for name, kind, value, text in describe_fields(own)
        ]
        parts += [(section if section != "train" else "training", [header, *rows])] if rows else []
    title = f"options of {config.model} with loss {config.loss} on {config.dataset}"
    return card(title=title, parts=parts, kind="texts")


def tables_html(sections: Iterable[Section]) -> str:
    """Return tables of several runs, with their notes."""
    return card(sections=list(sections))


def list_html(rows: Sequence[Sequence[str]]) -> str:
    """Return rows of texts, the first of which is the header."""
    return card(parts=[("", rows)])


def progress_html(title: str, share: float, status: str, lines: Iterable[str]) -> str:
    """Return the progress of a run: a bar, the terms of the loss, the time left."""
    return card(title=title, share=share, status=status, lines=list(lines))
