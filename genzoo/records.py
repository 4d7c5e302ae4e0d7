"""Whether a run's records have the form that genzoo gives them, so that those who compare runs need not ask."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SECTIONS = ("model", "loss", "data")
LARGEST = 1e300
"""Of larger figures no mean can be taken."""


def is_config(values: Mapping[str, Any]) -> bool:
    """Whether values are a run's configuration: four sections, three of which name something."""
    if not all(isinstance(values.get(section), dict) for section in (*SECTIONS, "training")):
        return False
    return all(isinstance(values[section].get("name"), str) for section in SECTIONS)


def is_results(values: Mapping[str, Any]) -> bool:
    """Whether values are a finished run's results, as far as a comparison reads them."""
    test, training, baselines = (values.get(name, {}) for name in ("test", "training", "baselines"))
    if not (isinstance(test, dict) and isinstance(training, dict) and isinstance(baselines, dict)):
        return False
    if not is_count(test.get("n")) or not is_number(training.get("images_per_second")):
        return False
    if not isinstance(test.get("not_available", {}), dict):
        return False
    figures = [value for value in test.values() if not isinstance(value, (dict, list))]
    pca = baselines.get("pca")
    beaten = pca is None or (isinstance(pca, dict) and is_number(pca.get("mse")) and is_number(test.get("mse")))
    return beaten and all(value is None or is_number(value) or isinstance(value, str) for value in figures)


def is_number(value: Any) -> bool:
    """Whether a value is a figure that can be added to others."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < LARGEST


def is_count(value: Any) -> bool:
    """Whether a value says how many there are."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
