"""`genzoo impute`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from commandline import genzoo, refused, trained
from PIL import Image

from genzoo.data.resident import Resident
from genzoo.runs.run import Run


@pytest.fixture(scope="module")
def table_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A factor analysis of a table with the columns a, b = 2a and c = 5."""
    folder = tmp_path_factory.mktemp("table")
    rng = np.random.default_rng(0)
    a, c = rng.normal(size=200), rng.normal(size=200)
    rows = [f"{x:.4f},{2 * x + 0.01 * y:.4f},{5 + z:.4f}" for x, y, z in zip(a, rng.normal(size=200), c, strict=True)]
    (folder / "t.csv").write_text("\n".join(["a,b,c", *rows]) + "\n")
    words = ("--dataset", "csv", "--data.path", folder / "t.csv", "--quiet")
    return trained(folder / "runs", "gmm", *words, "--components", 1)


def test_the_halves_are_hidden_and_the_others_kept(vae_run: Run, test_data: Resident, tmp_path: Path) -> None:
    out = tmp_path / "i.npy"
    words = ("impute", vae_run.path, "test:3", "test:5", "--mask", "top", "--draws", 3, "--steps", 10, "--json")
    result = genzoo(*words, "--out", out)
    assert (result.code, result.err) == (0, "")
    found, drawn = json.loads(result.out), torch.from_numpy(np.load(out))
    x = test_data.batch(torch.tensor([3, 5])).x
    assert drawn.shape == (3, 2, 1, 8, 8)
    torch.testing.assert_close(drawn[..., 4:, :], x[None, ..., 4:, :].expand(3, -1, -1, -1, -1))
    error = (drawn.mean(0) - x)[..., :4, :].square().mean().item()
    assert found["squared_error"]["mean of the draws"] == pytest.approx(error, rel=1e-4)
    assert genzoo(*words, "--out", out).out == result.out
    assert torch.equal(torch.from_numpy(np.load(out)), drawn)


def test_dark_pixels_of_a_file_are_hidden(vae_run: Run, test_data: Resident, tmp_path: Path) -> None:
    mask = np.full((8, 8), 255, np.uint8)
    mask[2, 3] = 0
    Image.fromarray(mask).save(tmp_path / "mask.png")
    out = tmp_path / "i.npy"
    words = ("impute", vae_run.path, "test:0", "--draws", 1, "--steps", 4)
    assert genzoo(*words, "--mask", tmp_path / "mask.png", "--out", out).code == 0
    changed = torch.from_numpy(np.load(out))[0] != test_data.batch(torch.tensor([0])).x
    assert changed.nonzero().tolist() in ([[0, 0, 2, 3]], [])


@pytest.mark.usefixtures("drawn_figures")
def test_a_picture_is_drawn(vae_run: Run, tmp_path: Path) -> None:
    result = genzoo("impute", vae_run.path, "--steps", 4, "--out", tmp_path / "p.png")
    assert (result.code, result.err) == (0, "")
    assert "mean of the training data" in result.out
    with Image.open(tmp_path / "p.png") as drawn:
        assert drawn.width > 500


def test_empty_cells_of_a_table_come_back_filled(table_run: Run, tmp_path: Path) -> None:
    (tmp_path / "gaps.csv").write_text("a,b,c\n1.0,,5.5\n,-3.0,4.5\n0.5,1.0,5.0\n")
    out = tmp_path / "filled.csv"
    result = genzoo("impute", table_run.path, tmp_path / "gaps.csv", "--out", out)
    assert result.code == 0
    assert "2 empty cells of 3 examples filled" in result.out
    header, *rows = out.read_text().splitlines()
    values = [[float(cell) for cell in row.split(",")] for row in rows]
    assert header == "a,b,c"
    assert values[0][::2] == [1.0, 5.5]
    assert values[0][1] == pytest.approx(2.0, abs=0.1)
    assert values[1] == [pytest.approx(-1.5, abs=0.05), -3.0, 4.5]
    assert values[2] == [0.5, 1.0, 5.0]


def test_columns_are_hidden_by_their_names(table_run: Run, tmp_path: Path) -> None:
    result = genzoo("impute", table_run.path, "--mask", "b,c", "--draws", 50, "--json", "--out", tmp_path / "x.csv")
    assert (result.code, result.err) == (0, "")
    found = json.loads(result.out)
    assert found["exactness"] == "exact"
    assert -5 < found["log_hidden"] < 5
    assert found["squared_error"]["mean of the draws"] < found["squared_error"]["mean of the training data"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("RUN --mask middle", "--mask middle: no half and no file"),
        ("RUN --draws 0", "--draws must be at least 1 and --steps at least 2"),
        ("RUN --draws 9999", "9999 draws of 8 examples are more than 10,000"),
        ("RUN --out x.csv", "--out x.csv: imputed data of kind image are written to .png, .jpg, .jpeg, .webp or .npy"),
        ("RUN test:999", "test:999: there are 360 test examples"),
        ("TABLE --mask z", "--mask z: no column 'z'"),
        ("TABLE --out x.png", "--out x.png: imputed data of kind vector are written to .csv or .npy"),
    ],
)
def test_bad_options_are_one_line(vae_run: Run, table_run: Run, words: str, message: str) -> None:
    words = words.replace("RUN", str(vae_run.path)).replace("TABLE", str(table_run.path))
    assert refused(genzoo(f"impute {words}")).startswith(message)
