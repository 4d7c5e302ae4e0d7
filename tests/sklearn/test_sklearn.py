"""`genzoo.sklearn.Generative` is an estimator of scikit-learn, by scikit-learn's own checks."""

from __future__ import annotations

import pickle
import subprocess
import sys
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from genzoo_plugins.own_data import arrays
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks

import genzoo
from genzoo.registry.current import registry
from genzoo.sklearn import ROWS, Generative

SMALL: dict[str, Any] = {"epochs": 1, "hidden": (8,), "latent_dim": 2}
X = np.random.Generator(np.random.Philox(0)).normal(size=(70, 4))
QUICK = (
    *("check_estimators_pickle", "check_methods_subset_invariance", "check_no_attributes_set_in_init"),
    *("check_dict_unchanged", "check_n_features_in"),
)


@cache
def fitted(model: str = "vae") -> Generative:
    return Generative(model, **SMALL if model != "gmm" else {"components": 2}).fit(X)


@pytest.mark.long
@parametrize_with_checks([Generative(**SMALL), Generative("ae", **SMALL), Generative("ppca", latent_dim=1)])
def test_all_checks_of_scikit_learn(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.mark.parametrize("name", QUICK)
def test_some_checks_of_scikit_learn(name: str) -> None:
    """Those that need a pickle, equal results in batches, and parameters."""
    found = [pair for pair in estimator_checks_generator(Generative(**SMALL)) if pair[1].func.__name__ == name]
    assert found
    for estimator, check in found:
        check(estimator)


def test_it_trains_the_model_of_these_options_on_all_rows() -> None:
    estimator = fitted()
    assert type(estimator.model_) is registry().get("model", "vae").load()
    assert estimator.model_.config.latent_dim == 2
    assert estimator.model_.spec.size == len(X)
    codes = estimator.transform(X)
    assert codes == pytest.approx(estimator.model_.encode(X).numpy(), abs=1e-5)
    decoded = estimator.model_.decode(codes).numpy()
    assert estimator.inverse_transform(codes) == pytest.approx(decoded, abs=1e-5)
    assert list(estimator.get_feature_names_out()) == ["generative0", "generative1"]
    assert len(X) not in [len(one.parts.train.x) for one in arrays._kept.values()], "the rows are not kept"


def test_seeds_and_options_change_the_model() -> None:
    again, other = (Generative(random_state=seed, **SMALL).fit(X).transform(X) for seed in (0, 1))
    assert np.array_equal(again, fitted().transform(X))
    assert not np.allclose(again, other)
    assert not np.array_equal(fitted().sample(5), fitted().sample(6)[1:])
    assert np.array_equal(fitted().sample(5), fitted().sample(5))


def test_the_score_of_a_model_with_latents_is_below_that_of_its_density() -> None:
    model, x = fitted(), X[:20]
    scores = model.score_samples(x)
    assert scores.shape == (20,)
    assert model.score(x) == pytest.approx(scores.mean())
    with (
        torch.no_grad(),
        genzoo.seeded(0),
    ):  # ln p(x) by importance sampling of the posterior, which the bound must not exceed
        batch = genzoo.Batch(torch.from_numpy(x).float())
        inference = model.model_.infer(batch, 2000)  # type: ignore[operator]
        weights = inference.px.log_prob(batch.x) + inference.p.log_prob(inference.z) - inference.q.log_prob(inference.z)
        known = weights.logsumexp(0) - np.log(2000)
    assert model.score(x) <= float(known.mean()) + 0.5
    assert model.score(x) == pytest.approx(float(weights.mean()), abs=1.5)


def test_the_score_of_a_density_is_its_own() -> None:
    estimator = fitted("gmm")
    x = torch.from_numpy(X).float()
    with torch.no_grad():
        known = estimator.model_.log_prob(x)  # type: ignore[operator]
    assert estimator.score_samples(X) == pytest.approx(known.numpy(), abs=1e-4)


def test_it_is_pickled_as_a_file_of_weights() -> None:
    estimator = fitted()
    state = estimator.__getstate__()["model_"]
    assert isinstance(state, bytes)
    assert b'"genzoo' in state[:4000]
    assert b"torch" not in pickle.dumps(estimator).replace(state, b"")
    assert np.array_equal(pickle.loads(pickle.dumps(estimator)).transform(X), estimator.transform(X))
    assert pickle.loads(pickle.dumps(Generative(**SMALL))).get_params() == Generative(**SMALL).get_params()


def test_options_are_parameters() -> None:
    estimator = clone(Generative("ae", lr=0.1, **SMALL)).set_params(lr=0.2, model="vae", latent_dim=3)
    found = {"model": "vae", "loss": "", "random_state": None, "verbose": False, "lr": 0.2, **SMALL, "latent_dim": 3}
    assert estimator.get_params() == found
    assert repr(Generative("ae", epochs=3)) == "Generative(epochs=3, model='ae')"


def test_it_works_in_a_pipeline() -> None:
    steps = make_pipeline(StandardScaler(), Generative(**SMALL)).fit(100 * X + 7)
    again = steps.inverse_transform(steps.transform(100 * X + 7))
    assert again.shape == X.shape
    assert abs(again.mean() - 7) < 50


@pytest.mark.parametrize("rows", [1, ROWS, ROWS + 1])
def test_the_result_of_a_row_does_not_depend_on_the_others(rows: int) -> None:
    many = np.resize(X, (rows, 4))
    assert np.array_equal(fitted().transform(many)[:1], fitted().transform(X[:1]))
    assert np.array_equal(fitted().score_samples(many)[:1], fitted().score_samples(X)[:1])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: Generative().transform(X), NotFittedError, "is not fitted yet"),
        (lambda: Generative("vea").fit(X), genzoo.UsageError, "no model named 'vea'"),
        (lambda: Generative(epoch=3).fit(X), genzoo.UsageError, "unknown option 'epoch'"),
        (lambda: Generative(**{"data.scale": "unit"}).fit(X), genzoo.UsageError, "StandardScaler"),
        (lambda: fitted().transform(X[:, :2]), ValueError, "X has 2 features, but Generative is expecting 4"),
        (lambda: fitted().inverse_transform(X), ValueError, "X has 4 features, but codes have 2"),
        (lambda: fitted("ae").score(X), AttributeError, "has no attribute 'score'"),
        (lambda: Generative("ppca", latent_dim=1).fit(X[:, :1]), ValueError, "n_features = 1"),
        (lambda: Generative("gan").transform(X), AttributeError, "has no attribute 'transform'"),
        (lambda: Generative("conv-vae").fit(X), genzoo.UsageError, "needs images"),
    ],
)
def test_misuse_is_refused(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as refused:
        call()
    assert message in str(refused.value)


@pytest.mark.long
def test_without_scikit_learn_it_says_what_to_install() -> None:
    code = "import sys, genzoo; sys.modules['sklearn'] = None; genzoo.sklearn"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100)
    wanted = 'ImportError: genzoo.sklearn makes estimators of scikit-learn: pip install "genzoo[sklearn]"'
    assert ran.stderr.splitlines()[-1] == wanted
