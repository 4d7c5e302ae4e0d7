"""Validation of a run's files, so that code that compares runs need not check them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeGuard

SECTIONS = ("model", "loss", "data")
PCA_ERROR = "mse"
"""The key of a PCA baseline's error in results.json."""
LARGEST = 1e300
"""The largest number of which a mean can be computed."""
NOT_FINITE = ("nan", "inf", "-inf")
"""How numbers that are not finite are written: a model that diverged is evaluated too."""


def is_config(values: Mapping[str, Any]) -> bool:
    """Return whether values are a run's configuration: four sections, three of them with a name."""
    if not all(isinstance(values.get(section), dict) for section in (*SECTIONS, "training")):
        return False
    return all(isinstance(values[section].get("name"), str) for section in SECTIONS)


def is_results(values: Mapping[str, Any]) -> bool:
    """Return whether values are the results of a finished run, in the parts that a comparison reads."""
    test, training, baselines = (values.get(name, {}) for name in ("test", "training", "baselines"))
    if not (isinstance(test, dict) and isinstance(training, dict) and isinstance(baselines, dict)):
        return False
    if not is_count(test.get("n")) or not is_number(training.get("images_per_second")):
        return False
    if not isinstance(test.get("not_available", {}), dict):
        return False
    if not all(is_errors(test.get(name, {})) for name in ("standard_error", "monte_carlo_error")):
        return False
    if not (values.get("latents") is None or is_count(values["latents"])):
        return False
    gaps = values.get("gaps", {})
    if not (isinstance(gaps, dict) and all(is_gap(value) for value in gaps.values())):
        return False
    metrics = [value for value in test.values() if not isinstance(value, (dict, list))]
    if not all(value is None or is_number(value) or is_pca(value) or is_known(value) for value in baselines.values()):
        return False
    return all(value is None or is_number(value) or isinstance(value, str) for value in metrics)


def is_ranked(results: Mapping[str, Any], record: Mapping[str, Any], history: Iterable[Mapping[str, Any]]) -> bool:
    """Return whether results, record and epochs of a run have everything that a leaderboard shows."""
    if not is_results(results) or not is_count(results.get("parameters")):
        return False
    if not is_number(results["training"].get("peak_memory")) or not is_count(record.get("seed")):
        return False
    if not isinstance(record.get("device"), str):
        return False
    return all(is_number(epoch.get("seconds")) and isinstance(epoch.get("validation"), dict) for epoch in history)


def is_pca(value: Any) -> bool:
    """Return whether a value is a PCA baseline: MSE and number of components."""
    return isinstance(value, dict) and is_number(value.get(PCA_ERROR)) and is_count(value.get("components"))


def pca_error(value: Mapping[str, Any]) -> float:
    """Return the squared error per dimension of a PCA baseline."""
    return float(value[PCA_ERROR])


def is_known(value: Any) -> bool:
    """Return whether a value is −ln p(x) in nats under the true density, with its standard error."""
    return isinstance(value, dict) and is_number(value.get("nats")) and is_error(value.get("standard_error"))


def is_gap(value: Any) -> bool:
    """Return whether a value is a distance from the true density in nats; of a model that diverged it is not finite."""
    return is_known(value) or (isinstance(value, dict) and value.get("nats") in NOT_FINITE)


def is_errors(values: Any) -> bool:
    """Return whether values are standard errors by metric; None where a metric has none."""
    return isinstance(values, dict) and all(
        value is None or value in NOT_FINITE or is_error(value) for value in values.values()
    )


def is_error(value: Any) -> bool:
    """Return whether a value is a standard error: a number that is not negative."""
    return is_number(value) and value >= 0


def is_number(value: Any) -> TypeGuard[float]:
    """Return whether a value is a finite number whose sums stay finite."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < LARGEST


def is_count(value: Any) -> bool:
    """Return whether a value is a count: an integer ≥ 0."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
