"""The force of the dynamics of a Hamiltonian VAE."""

from __future__ import annotations

import pytest
import torch
from genzoo_plugins.vae import hamiltonian_vae
from genzoo_plugins.vae.hamiltonian_vae import HamiltonianVAE, Leapfrogs

import genzoo
from genzoo.core.noise import seeded
from genzoo.testing import SPECS


def test_the_force_of_many_codes_takes_the_memory_of_some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is that of a linear decoder with p(x|z) = N(Wz + b, I): Wᵀ(x − b − Wz) − z."""
    with seeded(0):
        spec = SPECS["vectors"]._replace(likelihood="gaussian:1")
        model = HamiltonianVAE(spec, HamiltonianVAE.Config(latent_dim=2, hidden=()))
        z, x = torch.randn(10, 2), torch.randn(10, 5)
    decoded: list[int] = []
    decode = model.likelihood

    def likelihood(z: torch.Tensor) -> genzoo.Distribution:
        decoded.append(len(z))
        return decode(z)

    monkeypatch.setattr(model, "likelihood", likelihood)
    monkeypatch.setattr(hamiltonian_vae, "ROWS", 4)
    with torch.no_grad():
        force = Leapfrogs(model).force(z, x)
        zero, basis = decode(torch.zeros(1, 2)).centre, decode(torch.eye(2)).centre
        weight = basis - zero
        torch.testing.assert_close(force, (x - zero - z @ weight) @ weight.T - z)
    assert decoded == [4, 4, 2]
