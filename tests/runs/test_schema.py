"""Which values of a run's files can be compared."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from genzoo.runs.schema import is_config, is_count, is_number, is_ranked, is_results

CONFIG: dict[str, Any] = {"model": {"name": "m"}, "loss": {"name": "l"}, "data": {"name": "d"}, "training": {}}
RESULTS: dict[str, Any] = {
    "test": {"n": 10, "mse": 0.5, "psnr": None, "note": "inf", "not_available": {}, "standard_error": {"mse": 0.1}},
    "training": {"images_per_second": 100.0, "peak_memory": 5},
    "baselines": {
        "pca": {"mse": 0.1, "components": 2},
        "known": {"nats": 1.0, "standard_error": 0.1},
        "x": None,
        "y": 2,
    },
    "latents": 2,
    "parameters": 7,
}
RECORD: dict[str, Any] = {"seed": 0, "device": "cpu"}
EPOCHS: list[dict[str, Any]] = [{"seconds": 1.5, "validation": {}}]


def changed(values: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    values = copy.deepcopy(values)
    *sections, last = path.split(".")
    inner = values
    for section in sections:
        inner = inner[section]
    inner[last] = value
    return values


def test_numbers_and_counts() -> None:
    assert all(map(is_number, (0, -1.5, 1e299)))
    assert not any(map(is_number, (True, "1", None, 1e300, float("inf"), float("nan"))))
    assert all(map(is_count, (0, 7)))
    assert not any(map(is_count, (-1, 1.0, True, "1", None)))


def test_a_configuration_has_four_sections_and_three_names() -> None:
    assert is_config(CONFIG)
    assert not is_config({name: part for name, part in CONFIG.items() if name != "training"})
    assert not is_config(changed(CONFIG, "loss", "elbo"))
    assert not is_config(changed(CONFIG, "data.name", 3))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("test", []),
        ("test.n", -1),
        ("test.mse", [1.0]),
        ("test.mse", True),
        ("test.not_available", []),
        ("test.standard_error", 0.1),
        ("test.standard_error.mse", -0.1),
        ("test.standard_error.mse", "0.1"),
        ("baselines.known.standard_error", -0.1),
        ("training.images_per_second", None),
        ("baselines.pca", {"mse": "0.1", "components": 2}),
        ("baselines.pca", {"mse": 0.1}),
        ("baselines.known", {"nats": 1.0}),
        ("baselines.known", {"nats": "nan", "standard_error": "nan"}),
        ("gaps", {"nll": {"nats": 1.0, "standard_error": "nan"}}),
        ("gaps", {"nll": {"nats": "none", "standard_error": 0.1}}),
        ("latents", -2),
    ],
)
def test_results_that_cannot_be_compared(path: str, value: Any) -> None:
    assert is_results(RESULTS)
    wrong = changed(RESULTS, path, value)
    ignored = (path, value) == ("test.mse", [1.0])  # lists are not metrics
    assert is_results(wrong) == ignored


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_results_of_a_model_that_diverged_are_whole(value: str) -> None:
    gaps = {"gaps": {"nll": {"nats": value, "standard_error": "nan"}}}
    test = {**RESULTS["test"], "mse": value, "standard_error": {"mse": value}, "monte_carlo_error": {"mse": value}}
    assert is_ranked({**RESULTS, **gaps, "test": test}, RECORD, EPOCHS)


def test_a_leaderboard_needs_more() -> None:
    assert is_ranked(RESULTS, RECORD, EPOCHS)
    for path, value in (("parameters", None), ("training.peak_memory", "5"), ("test.n", None)):
        assert not is_ranked(changed(RESULTS, path, value), RECORD, EPOCHS)
    assert not is_ranked(RESULTS, {**RECORD, "seed": -1}, EPOCHS)
    assert not is_ranked(RESULTS, {**RECORD, "device": None}, EPOCHS)
    assert not is_ranked(RESULTS, RECORD, [{"seconds": 1.5}])
    assert not is_ranked(RESULTS, RECORD, [{"seconds": "1.5", "validation": {}}])
