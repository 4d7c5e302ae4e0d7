"""Results as attributes and as a mapping."""

from __future__ import annotations

import json

import pytest

from genzoo.runs.results import Results

STORED = {"test": {"n": 3, "negative_elbo": 1.5, "nll": None}, "training": {"epochs": 2}, "odd name": 1}


def test_items_are_attributes_too() -> None:
    results = Results(STORED)
    assert results.test.negative_elbo == results["test"]["negative_elbo"] == 1.5
    assert results.test.nll is None
    assert results == STORED
    assert json.loads(json.dumps(results)) == STORED


def test_editors_complete_them() -> None:
    assert {"test", "training", "items"} <= {*dir(Results(STORED))}
    assert "odd name" not in dir(Results(STORED))
    assert {"negative_elbo", "nll"} <= {*dir(Results(STORED).test)}


def test_a_result_that_is_not_there_is_named() -> None:
    with pytest.raises(AttributeError, match=r"no result 'negativ_elbo'. Did you mean 'negative_elbo'\?"):
        _ = Results(STORED).test.negativ_elbo
    assert not hasattr(Results(), "_repr_png_")
