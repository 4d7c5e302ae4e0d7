"""`genzoo check` tells of no fault in sound models, of whatever family; what is only a warning is named here."""

from __future__ import annotations

from typing import Any

import pytest
import sound
import sound_discrete

from genzoo.registry.current import Entry, registry
from genzoo.registry.entries import Origin
from genzoo.testing import examine
from genzoo.testing.registration_checks import REGISTRATION

ORIGIN = Origin("sound.py", "", "sound")
MODELS: dict[str, tuple[type[Any], str, set[str]]] = {
    "game": (sound.Generator, "adversarial", {"batches", "modes"}),
    "wgan": (sound.Generator, "wasserstein", {"batches", "modes"}),
    "flow": (sound.Flow, "bits", set()),
    "flow-as-latent": (sound.FlowAsLatent, "elbo", set()),
    "flow-prior": (sound.FlowPriorVAE, "elbo", set()),
    "vamp": (sound.VampVAE, "elbo", set()),
    "normalised": (sound.Normalised, "elbo", set()),
    "poisson": (sound_discrete.PoissonVAE, "elbo", {"builds"}),
    "negative-binomial": (sound_discrete.NegativeBinomialVAE, "elbo", {"builds"}),
    "text": (sound_discrete.TextVAE, "elbo", set()),
    "denoising": (sound.Denoising, "elbo", {"modes"}),
}
"""Class, loss and the checks that may warn."""
LOSSES = {"adversarial": sound.Adversarial, "wasserstein": sound.Wasserstein, "bits": sound.NLL}


@pytest.fixture(autouse=True)
def registered() -> None:
    """Everything here is registered as by one plugin."""
    entries = [Entry("loss", name, loss, "made for a test", ORIGIN) for name, loss in LOSSES.items()]
    entries += [Entry("model", name, made[0], "made for a test", ORIGIN, loss=made[1]) for name, made in MODELS.items()]
    entries.append(Entry("dataset", "sentences", sound_discrete.Sentences, "made for a test", ORIGIN))
    for entry in entries:
        registry().replace(entry)


@pytest.mark.long
@pytest.mark.parametrize("name", MODELS)
def test_nothing_is_wrong_with_a_sound_model(name: str) -> None:
    said = list(examine(registry().get("model", name), on=["moons"] if name == "flow" else []))
    told = [finding for finding in said if finding.verdict in ("FAIL", "WARN") and finding.check not in REGISTRATION]
    assert not [finding for finding in told if finding.verdict == "FAIL"], told
    assert {finding.check for finding in told} <= MODELS[name][2], told
    assert {"PASS"} <= {finding.verdict for finding in said if finding.check == "loss"}
