"""`genzoo samplers`, and the order of samplers for a plain autoencoder."""

from __future__ import annotations

import json

import pytest
import torch
from commandline import genzoo, refused, trained
from torch import Tensor

import genzoo as package
from genzoo.runs.run import Run


def test_samplers_are_compared_in_one_table(ae_run: Run) -> None:
    words = ("samplers", ae_run.path, "--samplers", "gaussian,gmm:2", "--metrics", "frechet,memorisation,latent-nll")
    lines = genzoo(*words).out.splitlines()
    assert [line.split()[0] for line in lines[1:3]] == ["gaussian", "gmm:2"]
    assert (
        "not available: Fréchet distance @mnist-v1 (features are for images of 1x28x28: --data.resize 28)" in lines[3]
    )
    found = json.loads(genzoo(*words, "--json").out)["samplers"]
    assert found["gmm:2"]["latent-nll"] < found["gaussian"]["latent-nll"]
    assert found["gaussian"]["frechet"] is None
    assert 0 < found["gaussian"]["standard_error"]["latent-nll"] < 1
    own = json.loads(genzoo("evaluate", ae_run.path, "--metrics", "latent-nll:gmm:2", "--json").out)
    assert own["latent_nll_gmm_2"] == found["gmm:2"]["latent-nll"]


def test_a_model_without_codes_is_refused(tmp_path_factory: pytest.TempPathFactory) -> None:
    run = trained(tmp_path_factory.mktemp("gan"), "gan", "--dataset", "moons", "--epochs", 1, "--hidden", 8)
    said = "gan has no codes to fit a density to"
    assert refused(genzoo("samplers", run.path, "--samplers", "gmm:2")) == said
    assert refused(genzoo("samplers", run.path, "--samplers", "gmn")) == "no sampler named 'gmn'. Did you mean 'gmm'?"


class Unfitted(package.Sampler):
    """N(0, I), whatever the codes are."""

    def fit(self, codes: Tensor) -> None:
        pass

    def sample(self, n: int) -> Tensor:
        return torch.randn(n, self.dim)

    def log_prob(self, z: Tensor) -> Tensor:
        return package.StandardNormal((self.dim,), like=z).log_prob(z)


@pytest.mark.long
@pytest.mark.parametrize("seed", [0, 1])
def test_a_mixture_beats_a_gaussian_and_both_beat_none(seed: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The order of Ghosh et al. 2020, table 1, for a plain autoencoder: N(0, I), N(μ, C), ten Gaussians."""
    package.register_part("sampler", "none", Unfitted, summary="N(0, I)")
    words = ("--dataset", "digits", "--epochs", 40, "--latent-dim", 8, "--seed", seed)
    run = trained(tmp_path_factory.mktemp("ae"), "ae", *words)
    words = ("--samplers", "none,gaussian,gmm:10", "--metrics", "sliced-wasserstein,latent-nll", "--json")
    found = json.loads(genzoo("samplers", run.path, *words).out)["samplers"]
    for metric in ("sliced-wasserstein", "latent-nll"):  # classifiers and kernels see no difference in 360 digits
        assert found["none"][metric] > found["gaussian"][metric] > found["gmm:10"][metric], metric
