"""`genzoo race`: equal times, rankings, and runs that are kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from commandline import genzoo, refused

from genzoo.runs.run import Run

RACE = "race --models vae --dataset digits --binarize threshold --seeds 0 --quiet --baselines ppca"
"""A model with a bound on a probability, and one with an exact density."""


pytestmark = pytest.mark.usefixtures("runs_without_figures")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished race of a tenth of a second each."""
    folder = tmp_path_factory.mktemp("race") / "runs"
    result = genzoo(f"{RACE} --budget 0.1s --out {folder}")
    assert result.code == 0, result.err
    return folder


def test_each_run_is_trained_for_the_budget(kept: Path) -> None:
    training = {(run := Run(file.parent)).config.model: run.results["training"] for file in kept.glob("*/results.json")}
    assert set(training) == {"vae", "ppca"}
    assert training["vae"]["stopped"] == "time limit"
    assert 0.1 <= training["vae"]["seconds"] < 1


def test_finished_runs_are_ranked_again_without_training(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {file: file.stat().st_mtime_ns for file in kept.glob("*/*.json")}
    result = genzoo(f"{RACE} --budget 0.1s --out {kept} --json")
    assert {file: file.stat().st_mtime_ns for file in kept.glob("*/*.json")} == before
    found = json.loads(result.out)
    likelihoods = [one for one in found["contests"] if one["metric"] == "nll"]
    of_probability = [one for one in likelihoods if "probability" in one["protocol"]]
    assert [[row["model"] for row in one["rows"]] for one in of_probability] == [["vae"]]
    assert {row["model"] for row in found["took"]} == {"vae", "ppca"}
    assert (kept / "race.png").exists()
    for form, part in (("--markdown", "| model | rank | seeds |"), ("--html", "<table"), ("", "what each model took")):
        assert part in genzoo(f"{RACE} --budget 0.1s --out {kept} {form}").out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("race", "which dataset?"),
        ("race --dataset digits", "which models?"),
        ("race --dataset digits --models vae --budget 5d", "--budget: '5d' is no duration"),
        ("race --dataset digits --models vae --budget 0", "--budget 0 is no time to train"),
        ("race --dataset digits --models vae --max-time 5", "--max-time is not for race"),
        ("race --dataset digits --models vae --seed 3", "--seed is not for race"),
        ("race --dataset digits --models vae --metrics kl", "neither lower nor higher"),
        ("race --dataset digits --models vae --baselines nope", "no model named 'nope'"),
    ],
)
def test_what_cannot_be_raced_is_one_line(words: str, message: str, tmp_path: Path) -> None:
    where = f" --out {tmp_path}" if words != "race" else ""
    assert message in refused(genzoo(words + where))
