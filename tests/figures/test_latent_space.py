"""Values for figures of the latent space."""

from __future__ import annotations

from pathlib import Path

import pytest
from figure_contexts import subject_of

from genzoo.evaluation.evaluate import evaluate, find_metrics
from genzoo.figures.latent_scatter import ACTIVE
from genzoo.figures.latent_space import posteriors
from genzoo.registry.current import registry

pytestmark = pytest.mark.usefixtures("drawn_figures")


def test_kl_and_active_units_are_the_metrics(tmp_path: Path) -> None:
    subject = subject_of(tmp_path, "vae", "digits", latent_dim=6)
    found = posteriors(subject.autoencoder, subject.test)
    results = evaluate(subject.model, subject.test, find_metrics(registry(), ["kl", "active-units"]))
    assert found.kl is not None
    assert found.kl.sum().item() == pytest.approx(results["kl"], rel=1e-5)
    assert int((found.variance > ACTIVE).sum()) == results["active_units"]
    assert found.ranking().tolist() == sorted(range(6), key=lambda d: -float(found.kl[d]))  # type: ignore[index]
