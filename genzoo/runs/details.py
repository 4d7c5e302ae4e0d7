"""What is stored beside the metrics of a run's results: whether a value is exact, and whether it is shown already."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from genzoo.runs.schema import is_number

SIGNS = {"bound": "≤ ", "estimate": "≈ "}
"""What stands before a value that is not exact: −ln p(x) is at most, or about, the value."""


def detail(metrics: Mapping[str, Any], name: str, what: str) -> str:
    """Return a text beside a metric of one split, such as its "exactness"; "" if there is none."""
    details = metrics.get("details")
    own = details.get(name) if isinstance(details, Mapping) else None
    found = own.get(what) if isinstance(own, Mapping) else None
    return found if isinstance(found, str) else ""


def sign(metrics: Mapping[str, Any], name: str) -> str:
    """Return the sign before the value of a metric of one split: "≤ ", "≈ ", or "" if it is exact."""
    return SIGNS.get(detail(metrics, name, "exactness"), "")


def original_of(metrics: Mapping[str, Any], name: str) -> str:
    """Return the metric of the same split that a metric is equal to by definition; "" if there is none."""
    other = detail(metrics, name, "same_as")
    return other if is_number(metrics.get(other)) and is_number(metrics.get(name)) else ""


def without_copies(splits: list[Mapping[str, Any]], names: list[str]) -> list[str]:
    """Return the metrics of several runs without those whose values are all shown by another metric.

    A copy is left out if it is one in every run that has it. Where other runs have it in their own right, its column
    shows all of them, and the original is left out instead.

    Args:
        splits: The test metrics of each run.
        names: The metrics.
    """
    hidden = set()
    for name in names:
        originals = {original_of(metrics, name) for metrics in splits if is_number(metrics.get(name))}
        if len(originals) == 1:
            hidden |= {name} if originals <= {*names} else set()
            continue
        for other in originals - {""}:
            having = [metrics for metrics in splits if is_number(metrics.get(other))]
            hidden |= {other} if all(original_of(metrics, name) == other for metrics in having) else set()
    return [name for name in names if name not in hidden]
