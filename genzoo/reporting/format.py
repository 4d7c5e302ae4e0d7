"""The results of one run as text: a table of metrics, and notes on how they compare with the baselines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from genzoo.core.text import number
from genzoo.evaluation.order import key

if TYPE_CHECKING:
    from genzoo.core.metric import Metric

SPLITS = ("train", "validation", "test")
NO_DENSITY = (
    "grey pixels: the cross-entropy is a training loss, not a density; "
    "--binarize dynamic, or --likelihood discretised-logistic, gives a bound on ln p(x)"
)
NO_MEASURE = "−ln p(x|z) of these values is neither a density nor a probability: −ELBO bounds nothing"
ERRORS = {"standard_error": "± over examples", "monte_carlo_error": "± over samples"}
"""Errors of the last split's metrics, and the heading of the column that each one gets."""


def results_table(results: Mapping[str, Any], metrics: Mapping[str, Metric]) -> str:
    """Return `results_rows` as aligned text."""
    return aligned(results_rows(results, metrics))


def results_rows(results: Mapping[str, Any], metrics: Mapping[str, Metric]) -> list[list[str]]:
    """Return a header and one row for each metric: a column for each split, and for each error of the last split."""
    splits = [split for split in SPLITS if split in results]
    last = results[splits[-1]]
    errors = [kind for kind in ERRORS if any(value is not None for value in last.get(kind, {}).values())]
    header = ["", *(f"{split} ({results[split]['n']:,})" for split in splits), *(ERRORS[kind] for kind in errors)]
    body = []
    for name, metric in metrics.items():
        label = f"{metric.label}, {name.partition(':')[2]}" if metric.sampling else metric.label
        label += f" ({metric.unit})" if metric.unit else ""
        of_last = [last[kind].get(key(name)) for kind in errors]
        values = [metric_text(results[split], key(name)) for split in splits]
        body.append([label, *values, *("" if error is None else rounded(error) for error in of_last)])
    blanks = [""] * len(errors)
    body += [[label, *map(number, values), *blanks] for label, values in objective_rows(results, splits)]
    return [header, *body]


def rounded(error: float | str) -> str:
    """Return an error with two significant digits."""
    return error if isinstance(error, str) else f"{error:.2g}"


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
    note = metrics.get("details", {}).get(name, {}).get("note")
    return f"{number(value)} ({note})" if note else number(value)


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
    pca, mse = results.get("baselines", {}).get("pca"), results["test"].get("mse")
    if pca and isinstance(mse, float):
        order = "better than" if mse < pca["mse"] else "WORSE than"
        lines.append(f"MSE {number(mse)} is {order} PCA with {pca['components']} components: {number(pca['mse'])}")
    pixels, bound = results.get("baselines", {}).get("independent_pixels"), results["test"].get("negative_elbo")
    if pixels and isinstance(bound, float) and results.get("measure", "probability") == "probability":
        order = "better than" if bound < pixels else "WORSE than"
        lines.append(f"−ELBO {number(bound)} is {order} a model of independent pixels: {number(pixels)}")
    if known := results.get("baselines", {}).get("known_density"):
        lines += gaps(results["test"], known, results.get("measure", "density"))
    if results.get("measure") == "none" and isinstance(results["test"].get("reconstruction"), float):
        lines.append(NO_DENSITY if results.get("likelihood") == "bernoulli" else NO_MEASURE)
    return lines


def gaps(metrics: Mapping[str, Any], known: Mapping[str, float], measure: str | None = "density") -> list[str]:
    """Return the known −E ln p(x) of the data and the distance of each bound from it.

    Args:
        metrics: Of one split.
        known: −E ln p(x) under the density that the data were drawn from, in nats, and its standard error.
        measure: What −ln p(x|z) is; bounds are compared only where it is a density.
    """
    truth = known["nats"]
    lines = [f"the data's own −E ln p(x) is known: {number(truth)} ± {number(known['standard_error'])} nats"]
    for name, value in metrics.items() if measure == "density" else ():
        if (name == "negative_elbo" or name.startswith("iwae")) and isinstance(value, float):
            side = "above" if value >= truth else "BELOW"
            label = "−ELBO" if name == "negative_elbo" else name.replace("_", ":")
            lines.append(f"  {label} {number(value)} lies {number(abs(value - truth))} nats {side} it")
    return lines
