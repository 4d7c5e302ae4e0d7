"""The results of one run as text."""

from __future__ import annotations

import pytest

from genzoo.evaluation.evaluate import find_metrics
from genzoo.registry.current import registry
from genzoo.reporting.format import (
    aligned,
    gaps,
    half_width,
    impossible_gaps,
    metric_text,
    not_available,
    notes,
    objective_rows,
    results_rows,
    results_table,
)

RESULTS = {
    "train": {"n": 1257, "mse": 0.02, "kl": None, "not_available": {"kl": "no prior p(z)"}},
    "test": {
        "n": 360,
        "mse": 0.025,
        "kl": None,
        "not_available": {"kl": "no prior p(z)"},
        "standard_error": {"mse": 0.0012345, "kl": None},
    },
}


def test_a_row_for_each_metric_and_a_column_for_each_split_and_error() -> None:
    assert results_rows(RESULTS, find_metrics(registry(), ["mse", "kl"])) == [
        ["", "train", "test", "± 95 %, examples"],
        ["MSE per dimension", "0.02000", "0.02500", "0.0024"],
        ["examples", "1,257", "360", ""],
    ]
    of_more = {**RESULTS, "training": {"examples": 50_000}}
    assert results_rows(of_more, find_metrics(registry(), ["mse"]))[-1][1:3] == ["1,257 of 50,000", "360"]
    assert not_available(RESULTS, find_metrics(registry(), ["mse", "kl"])) == ["not available: KL (no prior p(z))"]


def test_a_metric_that_one_split_has_keeps_its_row() -> None:
    results = {"train": RESULTS["train"], "test": {"n": 360, "kl": 1.5}}
    metrics = find_metrics(registry(), ["kl"])
    assert results_rows(results, metrics)[1] == ["KL (nats)", "n/a (no prior p(z))", "1.5000"]
    assert not_available(results, metrics) == []


def test_a_table_is_its_rows_aligned() -> None:
    metrics = find_metrics(registry(), ["mse"])
    assert results_table(RESULTS, metrics) == aligned(results_rows(RESULTS, metrics))
    assert aligned([["", "a", "long"], ["name", "12", "3"]]) == "          a   long\n  name   12      3"
    assert aligned([["a", "b", "1"], ["aa", "bb", "22"]], left=2) == "  a    b     1\n  aa   bb   22"


def test_terms_of_the_loss_have_rows_of_their_own() -> None:
    results = {"objective": {"train": {"distance": 2.0}, "test": {"distance": 3.0}}}
    assert objective_rows(results, ["train", "test"]) == [("distance (objective)", [2.0, 3.0])]


def test_a_missing_metric_is_never_a_number() -> None:
    assert metric_text({"kl": None}, "kl") == "n/a"
    assert metric_text({"kl": None, "not_available": {"kl": "why"}}, "kl") == "n/a (why)"
    assert metric_text({"kid": 0.5, "details": {"kid": {"note": "of 500"}}}, "kid") == "0.5000 (of 500)"
    assert half_width("nan") == "nan"
    assert [half_width(error) for error in (81.6, 148.0, 1.5, 0.0012345)] == ["160", "290", "2.9", "0.0024"]


def test_a_bound_and_an_estimate_have_a_sign_and_equal_rows_are_shown_once() -> None:
    details = {"nll": {"exactness": "bound", "same_as": "negative_elbo"}, "bits_per_dim": {"exactness": "estimate"}}
    both = {"n": 9, "nll": 85.123, "negative_elbo": 85.123, "bits_per_dim": 1.5, "details": details}
    assert metric_text(both, "nll") == "≤ 85.12"
    assert metric_text(both, "bits_per_dim") == "≈ 1.5000"
    assert metric_text({"nll": 85.123, "details": {"nll": {"exactness": "exact"}}}, "nll") == "85.12"
    metrics = find_metrics(registry(), ["negative-elbo", "nll"])
    assert [row[0] for row in results_rows({"test": both}, metrics)] == ["", "−ELBO (nats)", "examples"]
    alone = {**both, "negative_elbo": None}
    assert results_rows({"test": alone}, metrics)[2] == ["−ln p(x) (nats)", "≤ 85.12"]


def test_a_likelihood_better_than_the_truth_by_more_than_its_errors_is_wrong() -> None:
    gap = {"nats": -0.39, "standard_error": 0.1}
    assert impossible_gaps({"test": {}, "gaps": {"nll": gap}}) == []
    (line,) = impossible_gaps({"test": {}, "gaps": {"nll": {**gap, "nats": -0.41}}})
    assert line == (
        "−ln p(x) lies 0.4100 ± 0.2 nats below that of the data's own density: no likelihood can, so this one is wrong"
    )
    assert notes({"test": {}, "gaps": {"nll": {**gap, "nats": -0.41}}}) == [f"  {line}"]


def test_notes_compare_with_the_baselines() -> None:
    results = {
        "test": {"mse": 0.03, "negative_elbo": 100.0},
        "baselines": {"pca": {"mse": 0.0235, "components": 20}, "independent_pixels": 205.85},
    }
    assert notes(results) == [
        "MSE per dimension 0.03000 is WORSE than PCA with 20 components: 0.02350",
        "−ELBO 100 is better than independent pixels: 205.85",
    ]


def test_a_worse_error_is_told_with_what_the_code_holds() -> None:
    """PCA's code is a vector of real numbers, which no bound on the information limits."""
    pca = {"pca": {"mse": 0.0235, "components": 20}}
    (line,) = notes({"test": {"mse": 0.03, "kl": 3.8}, "baselines": pca})
    assert line == (
        "MSE per dimension 0.03000 is not better than PCA with 20 components: 0.02350, as is usual: the loss keeps "
        "codes short, here 3.8000 nats each (the KL), and the baseline's are not"
    )
    (line,) = notes({"test": {"mse": 0.02, "kl": 3.8}, "baselines": pca})
    assert line.endswith(" is better than PCA with 20 components: 0.02350")
    (line,) = notes({"test": {"mse": 0.03, "kl": 0.35}, "baselines": pca})
    assert line.endswith("0.03000 is WORSE than PCA with 20 components: 0.02350")  # such a code excuses nothing


@pytest.mark.parametrize(
    ("active", "told"),
    [(0, "collapse: no latent of 20"), (0.4, "collapse: no"), (6.0, "6 of 20 latents are"), (10, "")],
)
def test_idle_latents_are_told(active: float, told: str) -> None:
    found = notes({"test": {"active_units": active}, "latents": 20})
    assert [line[: len(told)] for line in found] == [told] * bool(told)


def test_bounds_are_compared_with_a_known_density_only_where_they_are_of_one() -> None:
    known = {"nats": 2.0, "standard_error": 0.5}
    assert len(gaps({"negative_elbo": 3.0}, known)) == 2
    assert len(gaps({"negative_elbo": 3.0}, known, "probability")) == 1
