"""`genzoo embed`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from commandline import genzoo, read_csv

from genzoo.data.readers.columns import TableOptions
from genzoo.data.readers.csv import read_table
from genzoo.data.resident import Resident
from genzoo.runs.run import Run

CPU = torch.device("cpu")


def test_codes_are_read_as_a_table_without_their_number(vae_run: Run, tmp_path: Path) -> None:
    out = tmp_path / "codes.csv"
    assert genzoo("embed", vae_run.path, "--out", out).code == 0
    table = read_table(out, TableOptions(label="y"))
    assert table.columns == [*(f"mean_{dim}" for dim in range(20)), *(f"log_var_{dim}" for dim in range(20))]
    assert table.notes == ["column index numbers the lines and is left out; --data.index=keep takes it"]


# codes
def test_embedding_is_the_posterior(vae_run: Run, test_data: Resident, files: Path, tmp_path: Path) -> None:
    assert genzoo("embed", vae_run.path, "--out", tmp_path / "c.npz").out == f"{tmp_path}/c.npz\n"
    codes = np.load(tmp_path / "c.npz")
    with torch.no_grad():
        q = vae_run.model.posterior(test_data.batch(torch.arange(360)).x)  # type: ignore[operator]
    np.testing.assert_allclose(codes["mean"], q.mean.numpy(), atol=1e-5)
    np.testing.assert_allclose(codes["log_var"], q.log_var.numpy(), atol=1e-5)
    assert test_data.y is not None
    np.testing.assert_array_equal(codes["y"], test_data.y.numpy())
    np.testing.assert_array_equal(codes["index"], np.arange(360))
    assert genzoo("embed", vae_run.path, files, "--out", tmp_path / "c.csv").code == 0
    rows = read_csv(tmp_path / "c.csv")
    assert [row["name"] for row in rows] == [str(files / f"{n}.png") for n in range(5)]
    assert float(rows[3]["mean_7"]) == pytest.approx(codes["mean"][3, 7], abs=1e-5)
    assert "log_var_19" in rows[0]
