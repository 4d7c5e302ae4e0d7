"""What the verbs that apply a trained model share: options, input files, pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from commandline import genzoo, refused
from PIL import Image

from genzoo.runs.run import Run

CPU = torch.device("cpu")


def test_every_verb_is_there_and_says_what_it_takes() -> None:
    for verb in ("anomaly", "denoise", "impute", "interpolate", "traverse", "embed", "augment", "compress"):
        result = genzoo(verb, "--help")
        assert (result.code, result.err) == (0, "")
        for option in ("--split", "--runs", "--data-root", "--device"):
            assert option in result.out


@pytest.mark.usefixtures("drawn_figures")
@pytest.mark.parametrize("verb", ["denoise", "interpolate", "traverse", "augment"])
def test_pictures_are_drawn(vae_run: Run, verb: str, tmp_path: Path) -> None:
    result = genzoo(verb, vae_run.path, "--out", tmp_path / "p.png")
    assert (result.code, result.err) == (0, "")
    with Image.open(tmp_path / "p.png") as drawn:
        assert drawn.width > 500
        assert drawn.height > 80


# what is refused
def test_bad_input_is_one_line(vae_run: Run, files: Path, tmp_path: Path) -> None:
    (tmp_path / "no.png").write_text("no picture")
    (tmp_path / "nan.csv").write_text("1,nan\n")
    (tmp_path / "empty").mkdir()
    np.save(tmp_path / "wide.npy", np.zeros((3, 1, 9, 8), np.uint8))
    np.savez(tmp_path / "y.npz", y=np.zeros(3))
    np.savez(tmp_path / "pickled.npz", x=np.array([{}], dtype=object))
    Image.new("L", (9, 8)).save(tmp_path / "wide.png")
    Image.new("L", (9, 8)).save(tmp_path / "wide.png")
    np.save(tmp_path / "floats.npy", np.zeros((3, 8, 8)))
    cases = {
        "no.png": "no.png is not a readable picture",
        "nan.csv": "nan.csv, line 1, column 2 has no value ('nan')",
        "empty": "empty holds no picture",
        "wide.npy": "wide.npy holds examples of 1x9x8; the model takes 1x8x8",
        "y.npz": "y.npz has no array x",
        "pickled.npz": "pickled.npz (x) holds pickled objects; genzoo never unpickles",
        "wide.png": "wide.png is 8x9; the model takes 8x8",
        "missing.png": "missing.png: No such file or directory",
    }
    for name, message in cases.items():
        for verb, words in (("anomaly", ()), ("embed", ("--out", tmp_path / "c.csv"))):
            assert refused(genzoo(verb, vae_run.path, tmp_path / name, *words)).endswith(message)
    assert genzoo("anomaly", vae_run.path, tmp_path / "wide.png", "--resize").code == 0
    message = refused(genzoo("anomaly", vae_run.path, files, tmp_path / "floats.npy"))
    assert message == "some of these files hold bytes and some floats"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("embed RUN --out codes.txt", "--out codes.txt: not .npz or .csv"),
        ("embed RUN --out nowhere/c.csv", "--out nowhere/c.csv: no folder nowhere"),
        ("anomaly RUN --score nonsense", "no metric named 'nonsense'."),
        ("anomaly RUN --score elbo", "no metric named 'elbo'. Did you mean 'negative-elbo'?"),
        ("anomaly RUN --score active-units", "active-units is not defined for single examples"),
        ("traverse RUN --dims 3,20", "--dims 3,20: '20' is not one of the 20 dimensions"),
        ("traverse RUN --dims 18-20", "--dims 18-20: '20' is not one of the 20 dimensions"),
        ("traverse RUN --dims x", "--dims x: 'x' is not one of the 20 dimensions"),
        ("traverse RUN --range nan", "--range nan must be a finite number, not negative"),
        ("denoise RUN --sigma -1", "--sigma -1.0 must be a finite number, not negative"),
        ("interpolate RUN --steps 1", "--steps 1: between 2 and 200"),
        ("interpolate RUN --from test:360", "test:360: there are 360 test examples"),
        ("interpolate RUN --from tset:3", "tset:3: neither an example nor a file"),
        ("interpolate RUN --out x.gif", "--out x.gif: not .png, .jpg, .jpeg, .webp or .npy"),
        ("augment RUN -n 0", "-n and --batch-size must be at least 1"),
    ],
)
def test_bad_options_are_one_line(vae_run: Run, words: str, message: str) -> None:
    assert refused(genzoo(words.replace("RUN", str(vae_run.path)))).startswith(message)


def test_each_command_asks_for_no_more_than_it_needs(tmp_path: Path) -> None:
    """A flow encodes and decodes, without a posterior; an autoregressive density has codes of no kind."""
    small = ("--epochs", 1, "--data.train", 100, "--quiet")
    assert genzoo("run", "realnvp", "--dataset", "rings", *small, "--couplings", 2, "--out", tmp_path / "f").code == 0
    assert genzoo("run", "made", "--dataset", "rings", *small, "--hidden", 8, "--out", tmp_path / "m").code == 0
    numbers = ("--out", tmp_path / "x.npy")
    for words in (
        ("interpolate", *numbers),
        ("traverse", *numbers),
        ("embed", "--out", tmp_path / "x.npz"),
        ("anomaly",),
    ):
        result = genzoo(words[0], tmp_path / "f", *words[1:])
        assert result.code == 0, result.err
    result = genzoo("anomaly", tmp_path / "m")
    assert result.code == 0, result.err
    assert "nll" in result.out
    for verb, run, needs in (
        ("augment", "f", "has a posterior q(z|x)"),
        ("embed", "m", "encodes"),
        ("reconstruct", "m", "encodes and decodes"),
        ("interpolate", "m", "encodes and decodes"),
    ):
        words = ("--out", tmp_path / "y.npz") if verb == "embed" else ()
        result = genzoo(verb, tmp_path / run, *words)
        assert result.code == 2
        model = {"f": "realnvp", "m": "made"}[run]
        assert f"genzoo {verb} needs a model that {needs}; {model} does not" in result.err
