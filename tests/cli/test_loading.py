"""Data of a run that were moved, changed or deleted after the training."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from commandline import genzoo, refused
from PIL import Image

import genzoo as package
from genzoo.runs.run import Run

WARNING = "these are not the data that"


def write(kind: str, place: Path, seed: int = 0, n: int = 40) -> Path:
    """Own data of a kind, below `place`."""
    random = np.random.default_rng(seed)
    place.mkdir(parents=True, exist_ok=True)
    if kind == "npz":
        np.savez(place / "a.npz", x=random.random((n, 6), np.float32), y=np.arange(n) % 2)
        return place / "a.npz"
    if kind == "csv":
        with (place / "a.csv").open("w", newline="") as file:
            csv.writer(file).writerows([["p", "q", "r"], *random.random((n, 3)).tolist()])
        return place / "a.csv"
    folder = place / "pictures"
    folder.mkdir(exist_ok=True)
    for number in range(n):
        Image.fromarray(random.integers(0, 256, (8, 8), np.uint8)).save(folder / f"{number}.png")
    return folder


def train(kind: str, place: Path, out: Path, *words: object) -> Run:
    """One epoch of a small VAE on own data."""
    path = write(kind, place)
    options = ("--epochs", 1, "--hidden", 8, "--latent-dim", 2, "--quiet", *words)
    result = genzoo("run", "vae", "--dataset", kind, "--data.path", path, *options, "--out", out)
    assert result.code == 0, result.err
    return Run(out)


@pytest.fixture(
    scope="module",
    params=[pytest.param("npz", marks=pytest.mark.long), "csv", pytest.param("folder", marks=pytest.mark.long)],
)
def moved(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Path]:
    """A run whose data were moved, and where they are now."""
    top = tmp_path_factory.mktemp(request.param)
    run = train(request.param, top / "before", top / "run")
    shutil.move(top / "before", top / "after")
    (now,) = (top / "after").iterdir()
    return run, now


VERBS = [
    ("evaluate",),
    ("sample", "--sampler", "gaussian", "--out", "out.npy"),
    ("reconstruct", "--out", "out.npy"),
    ("embed", "--out", "out.csv"),
    ("anomaly",),
    ("compress",),
    ("augment", "--out", "out.npy"),
    ("interpolate", "--out", "out.npy"),
    ("traverse", "--out", "out.npy"),
]


@pytest.mark.every(3)
@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb[0])
def test_every_verb_takes_the_new_path(
    moved: tuple[Run, Path], verb: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, now = moved
    monkeypatch.chdir(tmp_path)
    for words in (["--data.path", now], [f"--data.path={now}"]):
        result = genzoo(verb[0], run.path, *words, *verb[1:])
        expected = ("sampler ", "genzoo: replaced ", "negative-elbo of each")
        notes = [line for line in result.err.splitlines() if not line.startswith(expected)]
        assert (result.code, notes) == (0, [])
    if verb[0] != "traverse":  # which needs no data
        verb = tuple(word.replace("gaussian", "gmm:2") for word in verb)  # of a stored sampler no data are needed
        first, *hints = genzoo(verb[0], run.path, *verb[1:]).err.splitlines()
        assert "no such file or folder" in first
        assert hints == [f"  if the data were moved: genzoo {verb[0]} {run.path} --data.path PATH"]


def test_the_options_are_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    for verb, *_ in [*VERBS, ("denoise",), ("resume",)]:
        assert "--data.path PATH" in genzoo(verb, "--help").out


def test_metrics_of_moved_data_are_those_of_the_run(moved: tuple[Run, Path]) -> None:
    run, now = moved
    found = json.loads(genzoo("evaluate", run.path, "--data.path", now, "--json").out)
    assert {name: found[name] for name in run.results["test"]} == run.results["test"]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--data.validation", 0.2], "--data.validation 0.2: the run's data were read with 0.1"),
        (["--data.test", 0.3], "--data.test 0.3: the run's data were read with 0.1"),
        (["--data.pth", "x"], "no option --data.pth. Did you mean --data.path"),
        (["--data.path"], "Missing value for argument '--data.path'"),
    ],
)
def test_options_that_make_other_data_are_refused(moved: tuple[Run, Path], words: list[object], text: str) -> None:
    assert text in refused(genzoo("evaluate", moved[0].path, *words))


@pytest.mark.every(3)
@pytest.mark.parametrize("kind", ["npz", "csv", "folder"])
def test_data_of_another_content_give_a_warning(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = train(kind, tmp_path / "before", tmp_path / "run")
    write(kind, tmp_path / "before", seed=1)
    monkeypatch.chdir(tmp_path)
    for verb in (("evaluate",), ("embed", "--out", "codes.npz"), ("reconstruct", "--out", "out.npy"), ("anomaly",)):
        result = genzoo(verb[0], run.path, *verb[1:])
        assert result.code == 0
        assert len([line for line in result.err.splitlines() if WARNING in line]) == 1
    assert WARNING in refused(genzoo("resume", run.path, "--epochs", 2), 1)


def test_data_of_another_form_are_refused(tmp_path: Path) -> None:
    run = train("npz", tmp_path / "before", tmp_path / "run")
    np.savez(tmp_path / "before/a.npz", x=np.zeros((40, 7), np.float32))
    assert "hold examples of 7" in refused(genzoo("evaluate", run.path))
    assert WARNING in refused(genzoo("resume", run.path, "--epochs", 2), 1)


def test_an_older_record_is_compared_by_its_files(tmp_path: Path) -> None:
    run = train("npz", tmp_path / "before", tmp_path / "run")
    record = run.record
    del record["data_digest"]
    run.write("run.json", record)
    assert genzoo("evaluate", run.path).err == ""
    write("npz", tmp_path / "before", seed=1)
    assert WARNING in genzoo("evaluate", run.path).err


def test_a_run_goes_on_with_data_that_were_moved(tmp_path: Path) -> None:
    whole = train("npz", tmp_path / "whole", tmp_path / "one", "--epochs", 2)
    half = train("npz", tmp_path / "before", tmp_path / "two")
    shutil.move(tmp_path / "before", tmp_path / "after")
    result = genzoo("resume", half.path, "--epochs", 2)
    assert f"genzoo resume {half.path} --data.path PATH" in result.err
    now = tmp_path / "after/a.npz"
    assert genzoo("resume", half.path, "--epochs", 2, "--data.path", now, "--quiet").code == 0
    assert half.config.data_config.path == str(now)
    assert half.record["sessions"][-1]["changed"]["data.path"] == [str(tmp_path / "before/a.npz"), str(now)]
    states = [package.load(run.path).state_dict() for run in (whole, half)]
    assert all((states[0][name] == states[1][name]).all() for name in states[0])
    assert genzoo("evaluate", half.path).code == 0
    package.resume(half.path, epochs=3, data={"path": str(tmp_path / "whole/a.npz")}, quiet=True)
    assert half.config.data_config.path == str(tmp_path / "whole/a.npz")


def test_what_needs_no_data_works_without_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = train("npz", tmp_path / "before", tmp_path / "run")
    mine = write("npz", tmp_path / "mine", seed=3)
    shutil.rmtree(tmp_path / "before")
    monkeypatch.chdir(tmp_path)
    silent = [
        ("sample", "--out", "out.npy"),
        ("embed", mine, "--out", "codes.npz"),
        ("reconstruct", mine, "--out", "out.npy"),
        ("compress", mine),
        ("interpolate", "--from", mine, "--to", mine, "--out", "out.npy"),
        ("traverse", "--dims", "1", "--out", "out.npy"),
        ("report",),
    ]
    for verb, *words in silent:
        Path("out.npy").unlink(missing_ok=True)
        result = genzoo(verb, run.path, *words)
        assert (result.code, result.err) == (0, ""), verb
    commands = [("sample", "--out", "out.png"), ("traverse", "--out", "drawn.npy"), ("anomaly", mine)]
    for verb, *words in commands:
        result = genzoo(verb, run.path, *words)
        assert result.code == 0, verb
        assert len(result.err.splitlines()) == 1
    assert np.load("drawn.npy").shape == (2, 11, 6)


def test_files_are_not_taken_for_the_values_of_data_options(tmp_path: Path) -> None:
    run = train("npz", tmp_path / "before", tmp_path / "run")
    result = genzoo("embed", "--data.path", tmp_path / "before/a.npz", run.path, "--out", tmp_path / "codes.npz")
    assert (result.code, result.err) == (0, "")
    assert len(np.load(tmp_path / "codes.npz")["mean"]) == 4, "the test split"
