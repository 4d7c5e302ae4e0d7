"""Runs on tokens, signals and parts of a row, from the command line: what they write is text, sound and tables."""

from __future__ import annotations

import csv
import io
import wave
from pathlib import Path
from typing import Any

import drawing
import pytest
from commandline import genzoo, refused

import genzoo as package
from genzoo.runs.run import Run


def run(model: str, dataset: str, folder: Path, **options: Any) -> Run:
    """A run whose figures are drawn."""
    with drawing.drawn():
        return package.run(model, dataset=dataset, out=folder / "run", quiet=True, **options)


@pytest.fixture(scope="module")
def text_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A small character model of a text, with a report."""
    folder = tmp_path_factory.mktemp("text")
    (folder / "a.txt").write_text("the cat sat on the mat\n" * 20)
    data = {"path": str(folder / "a.txt"), "length": 12}
    sizes = {"width": 8, "depth": 1, "heads": 2, "batch_size": 16}
    return run("char-model", "text", folder, data=data, epochs=1, **sizes)


@pytest.fixture(scope="module")
def wave_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A linear model of sound."""
    data = {"length": 64, "train": 200, "cycles": [3, 9], "rate": 4000.0}
    return run("ppca", "waves", tmp_path_factory.mktemp("waves"), data=data, latent_dim=4)


@pytest.fixture(scope="module")
def views_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A linear model of rows with two parts."""
    return run("ppca", "two-views", tmp_path_factory.mktemp("views"), latent_dim=2)


def test_texts_are_sampled_as_texts(text_run: Run, tmp_path: Path) -> None:
    out = tmp_path / "s.txt"
    assert genzoo("sample", text_run.path, "-n", 3, "--out", out).out == f"{out}\n"
    assert set(out.read_text()) <= set("the cat sat on the mat\n-�")
    again = genzoo("sample", text_run.path, "-n", 3).out.strip()
    assert again.endswith("samples-3-seed0.txt")
    assert Path(again).read_bytes() == out.read_bytes()
    assert refused(genzoo("sample", text_run.path, "--out", tmp_path / "s.png")) == (
        f"--out {tmp_path}/s.png: examples of kind tokens are written to .txt or .npy"
    )


def test_a_text_has_text_in_its_report_and_its_vocabulary_in_its_model(text_run: Run) -> None:
    assert text_run.model.spec.symbols == ("", "�", *sorted(set("the cat sat on the mat\n")))
    assert {path.name for path in (text_run.path / "figures").iterdir()} >= {"samples.txt", "curves.png"}
    assert "<pre>" in (text_run.path / "report.html").read_text()


def test_anomalies_among_texts_are_spelled(text_run: Run, tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_text("the cat sat tttttttttttt")
    lines = genzoo("anomaly", text_run.path, tmp_path / "b.txt").out.splitlines()
    assert [line.split("  ")[-1] for line in lines[:2]] in (["the cat sat ", "t" * 12], ["t" * 12, "the cat sat "])
    assert any("the cat" in line for line in genzoo("anomaly", text_run.path).out.splitlines())


@pytest.mark.long
def test_sound_is_written_and_drawn(wave_run: Run, tmp_path: Path) -> None:
    assert {path.name for path in (wave_run.path / "figures").iterdir()} >= {
        "samples.png", "samples.wav", "reconstructions.png", "reconstructions.wav",
    }  # fmt: skip
    assert "data:audio/wav;base64," in (wave_run.path / "report.html").read_text()
    for verb in ("sample", "reconstruct"):
        assert genzoo(verb, wave_run.path, "-n", 3, "--out", tmp_path / "s.wav").code == 0
        with wave.open(str(tmp_path / "s.wav")) as file:
            assert (file.getframerate(), file.getnframes()) == (4000, 3 * (64 + 600))
        assert genzoo(verb, wave_run.path, "-n", 3, "--out", tmp_path / "s.png").code == 0


def test_rows_are_written_as_a_table_under_the_names_of_their_parts(views_run: Run, tmp_path: Path) -> None:
    assert genzoo("sample", views_run.path, "-n", 4, "--out", tmp_path / "s.csv").code == 0
    for text, rows in (
        ((tmp_path / "s.csv").read_text(), 4),
        ((views_run.path / "figures" / "samples.csv").read_text(), 10),
    ):
        header, *body = csv.reader(io.StringIO(text))
        assert header == ["left1", "left2", "left3", "right1", "right2"]
        assert len(body) == rows
    assert "<th>left1</th>" in (views_run.path / "report.html").read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["vae", "--dataset", "markov"], "VAE is for data of kind image, vector or signal; these are of kind tokens"),
        (
            ["char-model", "--dataset", "moons"],
            "Transformer is for data of kind image or tokens; these are of kind vector",
        ),
        (["conv-vae", "--dataset", "waves"], "conv-vae needs images (C, H, W); these data are of shape 1x512"),
        (
            ["char-model", "--dataset", "markov", "--standardize", "global"],
            "--standardize=global is for numbers; these data are tokens",
        ),
        (
            ["char-model", "--dataset", "markov", "--likelihood", "gaussian"],
            "--likelihood=gaussian is for numbers; these data are tokens",
        ),
        (
            ["vae", "--dataset", "quadratic", "--data.labelled", "5"],
            "--data.labelled needs classes; these data have none",
        ),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(
    words: list[str], message: str, nothing_is_left_behind: object
) -> None:
    assert refused(genzoo("run", *words)) == message
