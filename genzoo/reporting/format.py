"""The results of one run as text: a table of metrics, and notes on how they compare with the baselines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from genzoo.comparison.leaderboard import baselines_of
from genzoo.comparison.statistics import interval_of
from genzoo.core.text import number, significant
from genzoo.evaluation.order import heading, key, metric_for, named, order_of
from genzoo.runs.details import detail, sign, without_copies
from genzoo.runs.schema import is_number

if TYPE_CHECKING:
    from genzoo.core.metric import Metric

SPLITS = ("train", "validation", "test")
NO_DENSITY = (
    "pixels between black and white: the cross-entropy is a training loss, not a density; "
    "--binarize dynamic, or --likelihood discretised-logistic, gives a bound on ln p(x)"
)
NO_MEASURE = "−ln p(x|z) of these values is neither a density nor a probability: −ELBO bounds nothing"
BASELINES = {"pca": "the error of PCA"}
"""What is not available for a whole run, by its name in results."""
LEAST_RATE = 1.0
"""Nats of a code below which it tells next to nothing, and excuses no error."""
LEAST_ACTIVE = 0.5
"""With a smaller mean number of active latents, none counts as active."""
COLLAPSED = "codes hardly differ, and all samples are alike"
"""What it means that no latent is active."""
SIGMAS = 4
"""Standard errors of the gap to a known density below which it may be negative by chance."""
ERRORS = {"standard_error": "± 95 %, examples", "monte_carlo_error": "± 95 %, samples"}
"""Errors of the last split's metrics, and the heading of the column of 95 % intervals that each one gets."""


def results_table(results: Mapping[str, Any], metrics: Mapping[str, Metric]) -> str:
    """Return `results_rows` as aligned text."""
    return aligned(results_rows(results, metrics))


def results_rows(results: Mapping[str, Any], metrics: Mapping[str, Metric]) -> list[list[str]]:
    """Return a header, a row for each metric, and how many examples were measured.

    There is a column for each split, and for each error of the last split.
    Metrics that no split has are in `not_available`.
    """
    splits = [split for split in SPLITS if split in results]
    last = results[splits[-1]]
    errors = [kind for kind in ERRORS if any(value is not None for value in last.get(kind, {}).values())]
    header = ["", *splits, *(ERRORS[kind] for kind in errors)]
    body = []
    shown = without_copies([last], list(map(key, metrics)))
    for name in metrics:
        if key(name) not in shown or reason_of_all(results, key(name)):
            continue
        of_last = [last[kind].get(key(name)) for kind in errors]
        values = [metric_text(results[split], key(name)) for split in splits]
        body.append([heading(key(name), name), *values, *map(half_width, of_last)])
    blanks = [""] * len(errors)
    body += [[label, *map(number, values), *blanks] for label, values in objective_rows(results, splits)]
    body.append(["examples", *counts(results, splits), *blanks])
    return [header, *body]


def counts(results: Mapping[str, Any], splits: Sequence[str]) -> list[str]:
    """Return on how many examples each split was measured: of the training data perhaps on some of all."""
    whole = results.get("training", {}).get("examples")
    of_all = {"train": f" of {whole:,}"} if whole and "train" in splits and results["train"]["n"] < whole else {}
    return [f"{results[split]['n']:,}{of_all.get(split, '')}" for split in splits]


def reason_of_all(results: Mapping[str, Any], name: str) -> str:
    """Return why no split has a metric; "" if one has it, or if the reasons differ."""
    reasons = {results[split].get("not_available", {}).get(name, "") for split in SPLITS if split in results}
    return reasons.pop() if len(reasons) == 1 else ""


def not_available(results: Mapping[str, Any], metrics: Mapping[str, Metric]) -> list[str]:
    """Return the metrics that no split has as one line, by reason; no line if there are none."""
    return missing(results, {key(name): metric.label for name, metric in metrics.items()})


def missing(results: Mapping[str, Any], labels: Mapping[str, str]) -> list[str]:
    """Return the line of `not_available` for metrics by their names in results, with labels, and for baselines."""
    by_reason: dict[str, list[str]] = {}
    for name, label in labels.items():
        if reason := reason_of_all(results, name):
            by_reason.setdefault(reason, []).append(label)
    of_run = results.get("not_available")
    for name, reason in of_run.items() if isinstance(of_run, dict) else ():
        by_reason.setdefault(str(reason), []).append(BASELINES.get(name, str(name)))
    found = "; ".join(f"{', '.join(own)} ({reason})" for reason, own in by_reason.items())
    return [f"not available: {found}"] if found else []


def half_width(standard_error: float | str | None) -> str:
    """Return what stands behind ±: half of the 95 % interval, with two significant digits; "" without an error."""
    if standard_error is None or isinstance(standard_error, str):
        return standard_error or ""
    return significant(interval_of(standard_error), 2)


def objective_rows(results: Mapping[str, Any], splits: Sequence[str]) -> list[tuple[str, list[float]]]:
    """Return the label of each term of the loss and its values, one for each split.

    Results have these terms only where no metric is available.
    """
    terms = results.get("objective", {})
    return [(f"{name} (objective)", [terms[split][name] for split in splits]) for name in terms.get("test", {})]


def metric_text(metrics: Mapping[str, Any], name: str) -> str:
    """Return a metric with its note, or "n/a" with the reason; a missing metric is never shown as 0."""
    value = metrics.get(name)
    if value is None:
        return f"n/a ({metrics['not_available'][name]})" if name in metrics.get("not_available", {}) else "n/a"
    note, text = detail(metrics, name, "note"), sign(metrics, name) + number(value)
    return f"{text} ({note})" if note else text


def aligned(rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Return rows as aligned columns: the first `left` columns flush left, the others flush right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        columns = enumerate(zip(row, widths, strict=True))
        texts = [text.ljust(width) if column < left else text.rjust(width) for column, (text, width) in columns]
        lines.append(("  " + "   ".join(texts)).rstrip())
    return "\n".join(lines)


def notes(results: Mapping[str, Any]) -> list[str]:
    """Return how the test metrics compare with the baselines, one sentence each."""
    lines = []
    for name in without_copies([results["test"]], list(results["test"])):
        value = results["test"][name]
        for baseline in baselines_of(results, [name])[:1] if isinstance(value, float) else ():
            beaten = baseline.is_beaten_by(value)
            usual = "" if beaten else limited_code(results["test"], name)
            order = "is better than" if beaten else "is not better than" if usual else "is WORSE than"
            lines.append(f"{named(name)} {number(value)} {order} {baseline.words}: {number(baseline.value)}{usual}")
    if idle := idle_of(results):
        lines.append(idle)
    if known := results.get("baselines", {}).get("known_density"):
        own = known.get("measure", "density")
        comparable = own if results.get("gaps") else results.get("measure", "density")
        lines += gaps(results["test"], known, comparable)
    lines += [f"  {line}" for line in impossible_gaps(results)]
    if results.get("measure") == "none" and isinstance(results["test"].get(metric_for("distortion")), float):
        lines.append(NO_DENSITY if results.get("likelihood") == "bernoulli" else NO_MEASURE)
    return lines


def limited_code(metrics: Mapping[str, Any], name: str) -> str:
    """Return why an error of reconstruction may be larger than a baseline's: the model pays for its code; "" if not."""
    rate = metrics.get(metric_for("rate"))
    if name != metric_for("error") or not isinstance(rate, float) or rate < LEAST_RATE:
        return ""
    what = f"the loss keeps codes short, here {number(rate)} nats each (the KL), and the baseline's are not"
    return f", as is usual: {what}"


def idle_of(results: Mapping[str, Any]) -> str:
    """Return what it means that less than half of a run's latents are active; "" if more are, or it is not known."""
    active, latents = results["test"].get(metric_for("active")), results.get("latents")
    return idle_latents(active, latents) if isinstance(active, float | int) and latents else ""


def idle_latents(active: float, latents: int) -> str:
    """Return what it means that less than half of the latents are active; "" if more are."""
    if active >= latents / 2:
        return ""
    if active < LEAST_ACTIVE:
        return f"collapse: no latent of {latents} is active: {COLLAPSED}"
    return f"{active:.0f} of {latents} latents are active: simple data may need no more"


def gaps(metrics: Mapping[str, Any], known: Mapping[str, Any], measure: str | None = "density") -> list[str]:
    """Return the known −E ln p(x) of the data and the distance of each bound from it.

    Args:
        metrics: Of one split.
        known: −E ln p(x) under the density that the data were drawn from, in nats, its standard error and its measure.
        measure: What −ln p(x|z) is; bounds are compared only where both have one measure.
    """
    truth = known["nats"]
    lines = [f"the data's own −E ln p(x) is known: {number(truth)} ± {half_width(known['standard_error'])} nats"]
    for name in without_copies([metrics], list(metrics)) if measure == known.get("measure", "density") else ():
        value = metrics[name]
        if is_number(value) and order_of(name).role == "bound":
            side = "above" if value >= truth else "BELOW"
            lines.append(f"  {named(name)} {number(value)} lies {number(abs(value - truth))} nats {side} it")
    return lines


def impossible_gaps(results: Mapping[str, Any]) -> list[str]:
    """Return a warning for each −ln p(x) that lies below that of the known density by more than its errors allow."""
    lines, gaps = [], results.get("gaps", {})
    for name in without_copies([results["test"]], list(gaps)):
        gap = gaps[name]
        if is_number(gap["nats"]) and gap["nats"] < -SIGMAS * gap["standard_error"]:
            half = half_width(gap["standard_error"])
            below = f"{number(-gap['nats'])} ± {half} nats below that of the data's own density"
            lines.append(f"{named(name)} lies {below}: no likelihood can, so this one is wrong")
    return lines
