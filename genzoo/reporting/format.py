"""Results as text."""

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
"""What beside the figures of the last split has a column of its own."""


def results_table(results: Mapping[str, Any], metrics: Mapping[str, Metric]) -> str:
    """One row a metric, one column a split, and one for each kind of error of the last split's figures."""
    splits = [split for split in SPLITS if split in results]
    last = results[splits[-1]]
    errors = [kind for kind in ERRORS if any(value is not None for value in last.get(kind, {}).values())]
    header = ["", *(f"{split} ({results[split]['n']:,})" for split in splits), *(ERRORS[kind] for kind in errors)]
    body = []
    for name, metric in metrics.items():
        label = f"{metric.label} ({metric.unit})" if metric.unit else metric.label
        beside = [last[kind].get(key(name)) for kind in errors]
        figures = [cell(results[split], key(name)) for split in splits]
        body.append([label, *figures, *("" if error is None else rounded(error) for error in beside)])
    blanks = [""] * len(errors)
    body += [[label, *map(number, values), *blanks] for label, values in objective_rows(results, splits)]
    return aligned([header, *body])


def rounded(error: float | str) -> str:
    """An error, of which two digits say enough."""
    return error if isinstance(error, str) else f"{error:.2g}"


def objective_rows(results: Mapping[str, Any], splits: Sequence[str]) -> list[tuple[str, list[float]]]:
    """The loss's own terms on each split, which results have where no metric has a figure."""
    terms = results.get("objective", {})
    return [(f"{name} (objective)", [terms[split][name] for split in splits]) for name in terms.get("test", {})]


def cell(figures: Mapping[str, Any], name: str) -> str:
    """A figure as a table shows it, with its note; one that cannot be had says why, and is never 0."""
    value = figures.get(name)
    if value is None:
        return f"n/a ({figures['not_available'][name]})" if name in figures.get("not_available", {}) else "n/a"
    note = figures.get("details", {}).get(name, {}).get("note")
    return f"{number(value)} ({note})" if note else number(value)


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Rows as columns: the first flush left, the others flush right, two blanks at the left edge."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        first, *others = row
        cells = [first.ljust(widths[0]), *(text.rjust(width) for text, width in zip(others, widths[1:], strict=True))]
        lines.append(("  " + "   ".join(cells)).rstrip())
    return "\n".join(lines)


def remarks(results: Mapping[str, Any]) -> list[str]:
    """What the figures mean beside their baselines, a line each."""
    lines = []
    pca, mse = results.get("baselines", {}).get("pca"), results["test"].get("mse")
    if pca and isinstance(mse, float):
        verdict = "better than" if mse < pca["mse"] else "WORSE than"
        lines.append(f"MSE {number(mse)} is {verdict} PCA with {pca['components']} components: {number(pca['mse'])}")
    pixels, bound = results.get("baselines", {}).get("independent_pixels"), results["test"].get("negative_elbo")
    if pixels and isinstance(bound, float) and results.get("measure", "probability") == "probability":
        verdict = "better than" if bound < pixels else "WORSE than"
        lines.append(f"−ELBO {number(bound)} is {verdict} pixels that know nothing of each other: {number(pixels)}")
    if known := results.get("baselines", {}).get("known_density"):
        lines += gaps(results["test"], known, results.get("measure", "density"))
    if results.get("measure") == "none" and isinstance(results["test"].get("reconstruction"), float):
        lines.append(NO_DENSITY if results.get("likelihood") == "bernoulli" else NO_MEASURE)
    return lines


def gaps(figures: Mapping[str, Any], known: Mapping[str, float], measure: str | None = "density") -> list[str]:
    """How far bounds on −ln p(x), where they are of a density, lie above what it is under the density that the data
    were drawn from."""
    truth = known["nats"]
    lines = [f"the data's own −E ln p(x) is known: {number(truth)} ± {number(known['standard_error'])} nats"]
    for name, value in figures.items() if measure == "density" else ():
        if (name == "negative_elbo" or name.startswith("iwae")) and isinstance(value, float):
            side = "above" if value >= truth else "BELOW"
            label = "−ELBO" if name == "negative_elbo" else name.replace("_", ":")
            lines.append(f"  {label} {number(value)} lies {number(abs(value - truth))} nats {side} it")
    return lines
