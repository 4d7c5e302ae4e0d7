"""The VAE of tables: what it takes from the data, and rows that it draws. Its numbers are in its theory."""

from __future__ import annotations

from pathlib import Path

import torch
from genzoo_plugins.structured.tvae import TVAE, Modes
from registered_data import dataset, load

import genzoo
from genzoo.runs.model_file import load_model


def model_of(**options: int) -> tuple[TVAE, torch.Tensor]:
    x = load("mixed-table", train=300).train.x[:]
    with genzoo.seeded(0):
        model = TVAE(dataset("mixed-table").spec, TVAE.Config(latent_dim=2, hidden=(8,), modes=3, **options)).eval()
        model.prepare(genzoo.Batch(x))
    return model, x


@torch.no_grad()
def test_a_change_of_units_changes_the_density_by_its_jacobian_alone() -> None:
    model, x = model_of()
    units = torch.tensor([12.0, 1000.0, 1.0, 1.0])
    other, _ = model_of()
    other.prepare(genzoo.Batch(x * units))
    q, again = model.posterior(x), other.posterior(x * units)
    torch.testing.assert_close(q.mean, again.mean, atol=1e-4, rtol=1e-4)
    gap = model.likelihood(q.mean).log_prob(x) - other.likelihood(q.mean).log_prob(x * units)
    torch.testing.assert_close(gap, units.log().sum().expand(len(x)), atol=2e-3, rtol=0)


@torch.no_grad()
def test_names_in_rows_are_names() -> None:
    model, x = model_of()
    for drawn in (model.sample(500, noise=True), model.reconstruct(x)):
        assert set(drawn[:, 2].tolist()) <= {0.0, 1.0, 2.0, 3.0}
        assert set(drawn[:, 3].tolist()) <= {0.0, 1.0}


@torch.no_grad()
def test_the_modes_start_at_quantiles() -> None:
    column = Modes(4)
    values = torch.arange(101.0)
    column.fit(values)
    raw = torch.zeros(1, 8)
    components = column(raw).components
    torch.testing.assert_close(components.mean[0, :, 0], torch.tensor([12.5, 37.5, 62.5, 87.5]))
    assert torch.equal(column(raw).log_weights, torch.full((1, 4), 0.25).log())


def test_a_saved_model_knows_its_columns(tmp_path: Path) -> None:
    data = {"train": 60, "validation": 0, "test": 20}
    sizes = {"latent_dim": 2, "hidden": [4], "modes": 2, "batch_size": 20}
    genzoo.run("tvae", dataset="mixed-table", out=tmp_path / "run", quiet=True, epochs=1, data=data, **sizes)
    model = load_model(tmp_path / "run" / "model.safetensors")
    assert model.spec.parts == dataset("mixed-table").spec.parts
    assert isinstance(model, TVAE)
    assert model.encoder[0].spread[0] > 1  # type: ignore[union-attr,index]
