"""Files for a finished run are read in the same way as its training data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from commandline import genzoo, refused, trained
from PIL import Image

import genzoo as package
from genzoo.cli.input_files import read_picture
from genzoo.data.readers.images import read_bytes
from genzoo.runs.checkpoints import with_digest
from genzoo.runs.run import Run

RNG = np.random.Generator(np.random.Philox(5))

SMALL = ("--epochs", 1, "--hidden", 8, "--latent-dim", 2)


def table(path: Path, columns: list[str], rows: np.ndarray) -> Path:
    path.write_text("\n".join([",".join(columns), *(",".join(f"{v:.6f}" for v in row) for row in rows)]) + "\n")
    return path


def train(folder: Path, kind: str, path: Path, *words: object) -> Run:
    return trained(folder / "runs", "vae", "--dataset", kind, "--data.path", path, *SMALL, *words)


def scores(run: Run, *files: Path) -> dict[str, float]:
    result = genzoo("anomaly", run.path, *files, "--score", "mse", "--json")  # whose noise is not keyed by the bytes
    assert result.code == 0, result.err
    return {row["example"].rpartition(":")[2]: row["score"] for row in json.loads(result.out)["ranking"]}


@pytest.mark.parametrize("scale", ["none", "standard"])
def test_columns_are_matched_by_name_and_scaled_as_in_training(scale: str, tmp_path: Path) -> None:
    x = RNG.standard_normal((60, 3)) * [0.1, 1, 3] + [0, 2, 5]
    run = train(tmp_path, "csv", table(tmp_path / "t.csv", ["age", "dose", "size"], x), "--data.scale", scale)
    same = scores(run, table(tmp_path / "a.csv", ["age", "dose", "size"], x[:9]))
    assert same == pytest.approx(scores(run, table(tmp_path / "b.csv", ["size", "age", "dose"], x[:9, [2, 0, 1]])))
    extra = np.concatenate([x[:9], x[:9, :1]], 1)
    result = genzoo("anomaly", run.path, table(tmp_path / "c.csv", ["age", "dose", "size", "more"], extra))
    assert "not trained on are left out: more" in result.err
    np.save(tmp_path / "d.npy", x[:9])
    assert same == pytest.approx(scores(run, tmp_path / "d.npy"), rel=1e-3)
    message = refused(genzoo("anomaly", run.path, table(tmp_path / "e.csv", ["age", "size"], x[:9, :2])))
    assert message.endswith("e.csv lacks 1 column that the model was trained on: dose")
    (tmp_path / "g.csv").write_text("age,dose,size\n1,,3\n")
    result = genzoo("anomaly", run.path, tmp_path / "g.csv")
    assert refused(result).endswith("g.csv, line 2, column dose has no value ('')")
    assert "--data" not in result.err
    far = table(tmp_path / "f.csv", ["age", "dose", "size"], x[:9] * [1, 1000, 1])
    result = genzoo("anomaly", run.path, far)
    assert "of 9 examples lie far outside the training data, such as " in result.err
    assert "in column dose" in result.err
    assert "far outside" not in genzoo("anomaly", run.path, tmp_path / "a.csv").err


def test_numbers_come_out_in_the_units_of_the_file(tmp_path: Path) -> None:
    x = RNG.standard_normal((60, 3)) * [1000, 1, 0.001] + [1e5, 2, 5]
    path = table(tmp_path / "t.csv", ["a", "b", "c"], x)
    run = train(tmp_path, "csv", path, "--data.scale", "standard")
    out = tmp_path / "s.npy"
    assert genzoo("sample", run.path, "-n", 200, "--out", out).code == 0
    assert np.load(out).mean(0) == pytest.approx([1e5, 2, 5], rel=0.2)
    assert genzoo("reconstruct", run.path, path, "--out", out).code == 0
    assert np.load(out).mean(0) == pytest.approx([1e5, 2, 5], rel=0.2)


def test_a_model_of_0_and_1_refuses_other_values(tmp_path: Path) -> None:
    bits = (RNG.random((60, 4)) < 0.5).astype(np.uint8)
    columns = list("abcd")
    run = train(tmp_path, "csv", table(tmp_path / "t.csv", columns, bits))
    for odd, shown in (([-3, 1, 0, 0], "-3"), ([0, 120, 0, 1], "120"), ([0, 0, 0.5, 1], "0.5")):
        message = refused(genzoo("anomaly", run.path, table(tmp_path / "o.csv", columns, np.array([odd]))))
        assert f"is {shown}; the model was trained on 0 and 1 only" in message
    np.save(tmp_path / "bits.npy", bits[:9])
    expected = scores(run, table(tmp_path / "s.csv", columns, bits[:9]))
    assert scores(run, tmp_path / "bits.npy") == pytest.approx(expected)
    np.save(tmp_path / "bits.npy", bits[:9].astype(bool))
    assert scores(run, tmp_path / "bits.npy") == pytest.approx(expected)


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_images_mean_the_same_in_every_form(kind: type, tmp_path: Path) -> None:
    x = RNG.integers(0, 256, (40, 6, 5), np.uint8)
    np.savez(tmp_path / "t.npz", x=x if kind is np.uint8 else (x / 255).astype(kind))
    run = train(tmp_path, "npz", tmp_path / "t.npz")
    expected = None
    for name, array in (("a", x), ("b", x / 255), ("c", x.astype(np.int64)), ("d", x.astype(np.float64))):
        np.save(tmp_path / f"{name}.npy", array[:5])
        found = scores(run, tmp_path / f"{name}.npy")
        expected = expected or found
        assert found == pytest.approx(expected, rel=1e-4)
    Image.fromarray(x[0]).save(tmp_path / "p.png")
    result = genzoo("anomaly", run.path, tmp_path / "p.png", "--score", "mse", "--json")
    assert json.loads(result.out)["ranking"][0]["score"] == pytest.approx(expected["0"], rel=1e-4)  # type: ignore[index]


def labelled(folder: Path, kind: str, names: list[str]) -> Path:
    x = RNG.integers(0, 256, (60, 4, 4), np.uint8)
    y = np.array(names)[np.arange(60) % len(names)]
    if kind == "npz":
        np.savez(folder / "t.npz", x=x, y=y)
        return folder / "t.npz"
    if kind == "csv":
        rows = [",".join([*map(str, row), label]) for row, label in zip((x / 255).reshape(60, -1), y, strict=True)]
        (folder / "t.csv").write_text("\n".join([",".join([*(f"p{n}" for n in range(16)), "kind"]), *rows]))
        return folder / "t.csv"
    for number, (picture, label) in enumerate(zip(x, y, strict=True)):
        (folder / "t" / label).mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(folder / "t" / label / f"{number}.png")
    return folder / "t"


NUMBERED, NAMED = ["1", "2", "10"], ["cat", "dog", "newt"]
QUICK = (("npz", NUMBERED), ("csv", NAMED), ("folder", NUMBERED))


@pytest.mark.every(2)
@pytest.mark.parametrize(
    ("kind", "names"),
    [
        pytest.param(kind, names, marks=[] if (kind, names) in QUICK else pytest.mark.long)
        for kind in ("npz", "csv", "folder")
        for names in (NUMBERED, NAMED)
    ],
)
def test_classes_keep_their_names_everywhere(kind: str, names: list[str], tmp_path: Path) -> None:
    words = ("--data.test", 0.5, *(("--data.label", "kind") if kind == "csv" else ()))
    run = train(tmp_path, kind, labelled(tmp_path, kind, names), *words)
    assert run.record["class_names"] == names
    assert run.model.spec.class_names == tuple(names)
    assert genzoo("embed", run.path, "--out", tmp_path / "c.npz").code == 0
    codes = np.load(tmp_path / "c.npz")
    assert set(map(str, codes["y"].tolist())) == set(names)
    assert (codes["y"].dtype.kind == "i") == (names[0] == "1")
    result = genzoo("anomaly", run.path, "--out", tmp_path / "s.csv")
    assert [line.split()[1] for line in result.out.splitlines() if line.strip().startswith("class")] == names
    assert list(json.loads(genzoo("anomaly", run.path, "--json").out)["model"]) == names
    assert {line.rpartition(",")[2] for line in (tmp_path / "s.csv").read_text().splitlines()[1:]} == set(names)
    other = trained(
        tmp_path / "without", "vae", "--dataset", kind, "--data.path", run.config.data_config.path, *SMALL, *words,
        "--data.without", names[2],
    )  # fmt: skip
    assert genzoo("anomaly", other.path).out.startswith(f"trained without class {names[2]}: ")


def of_an_older_version(config: dict[str, Any]) -> dict[str, Any]:
    """A configuration without the options that tables have had since."""
    newer = {"scale", "drop", "select", "header", "index", "missing", "separator", "decimal", "without", "only"}
    return {**config, "data": {name: value for name, value in config["data"].items() if name not in newer}}


def test_a_run_of_an_older_version_still_opens(tmp_path: Path) -> None:
    x = RNG.standard_normal((60, 3))
    run = train(tmp_path, "csv", table(tmp_path / "t.csv", list("abc"), x))
    expected = scores(run, tmp_path / "t.csv")
    (run.path / "data.json").unlink()
    assert scores(run, tmp_path / "t.csv") == pytest.approx(expected)
    (run.path / "config.json").write_text(json.dumps(of_an_older_version(run.plain_config)))
    (manifest,) = run.path.glob("checkpoints/*/manifest.json")
    values = json.loads(manifest.read_text())
    del values["sha256"]
    values["facts"]["config"] = of_an_older_version(values["facts"]["config"])
    manifest.write_bytes(with_digest(json.dumps(values, indent=1).removesuffix("\n}") + ",\n"))
    assert genzoo("resume", run.path, "--epochs", 2, "--quiet").code == 0
    (run.path / "data.json").write_text('{"scale": [0], "shift": [1], "width": "x"}')
    assert "data.json is damaged" in refused(genzoo("anomaly", run.path, tmp_path / "t.csv"), code=1)


@pytest.mark.parametrize(("kind", "hint"), [("folder", "--data.size 32"), ("digits", "--data.resize 32"), ("npz", "")])
def test_a_hint_names_an_option_that_the_dataset_has(kind: str, hint: str, tmp_path: Path) -> None:
    path = () if kind == "digits" else ("--data.path", labelled(tmp_path, kind, ["a", "b"]))
    result = genzoo("run", "conv-vae", "--dataset", kind, *path, "--runs", tmp_path)
    said = refused(result)
    assert said.startswith("conv-vae needs images of at least 16x16")
    assert hint in result.err if hint else "--data" not in result.err


def test_odd_names_of_classes_do_no_harm(tmp_path: Path) -> None:
    names = np.array(["$x^{", "_hidden", "\x1b[2J" + "long " * 20])
    np.savez(tmp_path / "t.npz", x=RNG.random((60, 4, 4)), y=names[np.arange(60) % 3])
    words = ("--dataset", "npz", "--data.path", tmp_path / "t.npz", "--data.test", 0.5, *SMALL)
    result = genzoo("run", "vae", *words, "--out", tmp_path / "r")
    assert result.code == 0
    assert "latent" not in result.err.replace("latent,", "")
    assert (tmp_path / "r/figures/latent.png").exists()
    shown = genzoo("anomaly", tmp_path / "r").out
    assert "class _hidden" in shown
    assert all(character.isprintable() for character in shown.replace("\n", ""))


def test_sixteen_bits_are_scaled_and_not_cut_off(tmp_path: Path) -> None:
    levels = np.array([[0, 257, 32896, 65535]], dtype=np.uint16)
    Image.fromarray(levels).save(tmp_path / "deep.png")
    assert read_bytes(tmp_path / "deep.png", "L")[..., 0].tolist() == [[0, 1, 128, 255]]


def test_colours_stay_colours_for_a_model_of_colours(tmp_path: Path) -> None:
    Image.new("RGB", (3, 2), (255, 0, 51)).save(tmp_path / "red.png")
    x = read_picture(tmp_path / "red.png", package.DataSpec((3, 2, 3), "bernoulli"), resize=False)
    assert torch.equal(x, torch.tensor([255, 0, 51], dtype=torch.uint8).view(1, 3, 1, 1).expand(1, 3, 2, 3))
