"""`genzoo sweep`: options are tried, and chosen by validation data."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from commandline import genzoo, in_own_process, refused
from worker_processes import PATIENCE, Start, in_training

from genzoo.experiment.experiment import Experiment
from genzoo.runs.claims import FOLDER
from genzoo.runs.run import Run

pytestmark = pytest.mark.usefixtures("runs_without_figures")

SMALL = "--hidden 8 --data.train 200 --data.validation 60 --data.test 100"
GRID = f"sweep vae moons --grid beta=1,4 --grid latent-dim=1,2 --seeds 0 --epochs 1 {SMALL} --quiet"


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A finished grid: its folder and its only table."""
    folder = tmp_path_factory.mktemp("sweep") / "runs"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("genzoo.experiment.speed.SECONDS", 0.0)
        result = genzoo(f"{GRID} --runs {folder} --json")
    assert result.code == 0, result.err
    assert result.err == ""
    (table,) = json.loads(result.out)["tables"]
    return folder, table


@pytest.fixture
def nothing_is_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Experiment, "run", lambda self: pytest.fail("trained"))


def test_every_combination_is_judged_by_its_validation_data(kept: tuple[Path, dict[str, Any]]) -> None:
    table = kept[1]
    runs = {run["model"]: Run(Path(*run["runs"])) for run in table["rows"]}
    assert runs.keys() == {f"vae beta={beta} latent-dim={size}" for beta in (1, 4) for size in (1, 2)}
    bounds = {name: run.results["validation"]["negative_elbo"] for name, run in runs.items()}
    assert list(runs) == sorted(bounds, key=lambda name: bounds[name])
    best = min(bounds, key=lambda name: bounds[name])
    assert table["best"]["model"] == best
    assert table["best"]["runs"] == [str(runs[best].path)]
    assert best == " ".join(["vae", *(f"{name}={value}" for name, value in table["best"]["options"].items())])
    settings = {
        name: (run.plain_config["loss"]["beta"], run.plain_config["model"]["latent_dim"]) for name, run in runs.items()
    }
    assert settings["vae beta=4 latent-dim=2"] == (4.0, 2)


def test_the_same_command_trains_nothing_again(kept: tuple[Path, dict[str, Any]], nothing_is_trained: None) -> None:
    folder, table = kept
    result = genzoo(f"{GRID} --runs {folder}")
    assert result.code == 0, result.err
    assert f"best: {table['best']['model']}, of 4 combinations, by its validation −ELBO (nats) " in result.out
    assert result.out.index("vae beta") < result.out.index("best: ")


def test_csv_has_the_validation_data_of_all_and_the_test_data_of_the_best(
    kept: tuple[Path, dict[str, Any]], nothing_is_trained: None
) -> None:
    folder, table = kept
    lines = list(csv.DictReader(io.StringIO(genzoo(f"{GRID} --runs {folder} --csv").out)))
    bounds = {
        (line["model"], line["split"]): float(line["mean"]) for line in lines if line["figure"] == "negative_elbo"
    }
    expected = {(row["model"], "validation"): row["validation"]["negative_elbo"]["mean"] for row in table["rows"]}
    best = table["best"]
    assert bounds == expected | {(best["model"], "test"): best["test"]["negative_elbo"]["mean"]}


def test_a_dry_run_says_what_is_missing_and_makes_nothing(
    kept: tuple[Path, dict[str, Any]], nothing_is_trained: None
) -> None:
    folder, table = kept
    before = sorted(folder.rglob("*"))
    said = json.loads(genzoo(f"{GRID.replace('--seeds 0', '--seeds 0-2')} --runs {folder} --dry-run --json").out)
    assert sorted(folder.rglob("*")) == before
    assert (said["planned"], said["left"], said["failures"]) == (12, 8, [])
    assert {row["run"] for row in said["rows"]} == {row["model"] for row in table["rows"]}
    made = Run(Path(*table["rows"][0]["runs"]))
    first = next(row for row in said["rows"] if row["run"] == table["rows"][0]["model"])
    assert (first["steps"], first["parameters"]) == (made.results["training"]["step"], made.results["parameters"])
    assert said["seconds"] == pytest.approx(sum(2 * row["seconds"] for row in said["rows"]))
    text = genzoo(f"{GRID} --runs {folder} --dry-run")
    assert "0 of 4 runs to make: about 0 s of training" in text.out


def test_options_and_grid_from_a_file(
    kept: tuple[Path, dict[str, Any]], tmp_path: Path, nothing_is_trained: None
) -> None:
    file = tmp_path / "grid.toml"
    file.write_text(
        'model = "vae"\ndataset = "moons"\nseeds = 0\nepochs = 1\nhidden = [8]\n'
        "[data]\ntrain = 200\nvalidation = 60\ntest = 100\n"
        "[grid]\nbeta = [1, 4]\nlatent-dim = [1, 2]\n"
    )
    result = genzoo(f"sweep --config {file} --runs {kept[0]} --quiet --markdown")
    assert result.code == 0, result.err
    assert result.out.count("| vae beta=") == 4
    narrower = genzoo(f"sweep --config {file} --grid beta=4 --latent-dim 2 --runs {kept[0]} --quiet --json")
    assert narrower.code == 0, narrower.err
    (table,) = json.loads(narrower.out)["tables"]
    assert [row["model"] for row in table["rows"]] == ["vae beta=4"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "which model? genzoo sweep MODEL DATASET --grid NAME=A,B,C"),
        ("vae", "which dataset? genzoo sweep MODEL DATASET --grid NAME=A,B,C"),
        ("vea moons", "no model named 'vea'. Did you mean 'vae'"),
        ("vae moons", "which options? genzoo sweep MODEL DATASET --grid NAME=A,B,C"),
        ("vae moons --grid beta", "--grid beta: an option and its values are needed"),
        ("vae moons --grid bta=1,2", "bta=1: no option --bta. Did you mean --beta?"),
        ("vae moons --grid beta=1,x", "--beta must be a number, not 'x'"),
        ("vae moons --grid beta=1,-2", "--beta must be at least 0, not -2.0"),
        ("vae moons --grid beta=1,2 --beta 3", "--beta has one value and is in --grid too"),
        ("vae moons --grid seed=1,2", "--grid seed is not for sweep"),
        ("vae moons --grid beta=1,2 --seed 1", "--seed is not for sweep"),
        ("vae moons --grid beta=1,2 --sort fid", "--sort fid: no run has it"),
        ("vae moons --grid beta=1,2 --sort knn --metrics c2st", "--sort knn: no run has it by itself"),
        (
            "vae digits --grid beta=1,2 --sort frechet --metrics frechet",
            "--sort frechet: features are for images of 1x28x28: --data.resize 28",
        ),
        ("vae moons --grid beta=1,2 --data.validation 0", "there are no validation data to judge by"),
        ("vae moons --grid beta=1,2 --jobs 0", "--jobs 0: not from 1 to 1,000"),
        ("vae moons --grid beta=1,2 --prune", "--prune is for a search"),
        ("vae moons --grid beta=1,2 --search lr=1..2", "a sweep is a grid or a search, not both"),
        ("vae moons --search lr=1..2 --trials 0", "--trials 0 is less than 1"),
        ("--config no.toml", "--config no.toml: No such file or directory"),
        ("--config odd.toml", "--config odd.toml: grid is no table"),
    ],
)
def test_refusals(words: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "odd.toml").write_text('model = "vae"\ngrid = 3\n')
    assert refused(genzoo(f"sweep {words}")).startswith(message)
    assert [path.name for path in tmp_path.iterdir()] == ["odd.toml"]


@pytest.mark.parametrize("command", ["run vae moons", "bench --models vae --dataset moons"])
def test_several_values_where_one_fits_point_to_a_sweep(command: str) -> None:
    result = genzoo(f"{command} --beta 1,2,4")
    assert refused(result).endswith("--beta must be a number, not '1,2,4'")
    assert "genzoo sweep MODEL DATASET --grid beta=1,2,4" in result.err
    assert "decimals stand behind a point: 0.01; to try several:" in genzoo(f"{command} --lr 0,01").err


SEARCH = (
    "sweep vae moons --search lr=1e-4..1e-2:log --search hidden=8|16,16 --trials 8 --best 2 --seeds 1..2 --prune "
    "--epochs 60 --save-every 0.05 --latent-dim 1 --data.train 200 --data.validation 60 --data.test 100 --quiet --runs"
)


@pytest.mark.long
def test_two_workers_share_one_study_and_what_a_killed_one_leaves_is_taken_over(tmp_path: Path, started: Start) -> None:
    optuna = pytest.importorskip("optuna")
    workers = [started(*SEARCH.split(), tmp_path, "--worker") for _ in range(3)]
    killed = in_training(tmp_path, [worker.pid for worker in workers])
    os.kill(killed, signal.SIGKILL)
    lines = [line for worker in workers for line in worker.communicate(timeout=PATIENCE)[0].splitlines()]
    assert sorted(worker.returncode for worker in workers) == [-signal.SIGKILL, 0, 0]
    trials = [line.partition(" ")[2].partition("]")[0] for line in lines if line.startswith("[trial")]
    assert sorted(trials, key=lambda text: int(text.partition("/")[0])) == [f"{number}/8" for number in range(1, 9)]
    storage = optuna.storages.JournalStorage(
        optuna.storages.journal.JournalFileBackend(str(tmp_path / "study.journal"))
    )
    (study,) = optuna.get_all_study_names(storage)
    done = optuna.load_study(study_name=study, storage=storage).trials
    assert [trial.number for trial in done] == list(range(8)), "the killed one's trial went on, and none was lost"
    pruned = sum(trial.state == optuna.trial.TrialState.PRUNED for trial in done)
    assert {trial.state.name for trial in done} <= {"COMPLETE", "PRUNED"}
    every = map(Run, (file.parent for file in tmp_path.glob("*/results.json")))
    made = {run.config.training.lr: run for run in every if run.config.training.seed == 0}  # others are of the best
    for trial in done:
        if trial.state.name == "COMPLETE":
            run = made[float(f"{trial.params['--lr']:.4g}")]
            assert trial.value == run.results["validation"]["negative_elbo"], "it is judged by validation data"
    sheet = in_own_process(*SEARCH.split(), tmp_path, "--json")
    assert sheet.code == 0, sheet.err
    record = json.loads(sheet.out)
    assert record["looked_at"] == "8 trials" + (f", {pruned} of them pruned" if pruned else "")
    (table,) = record["tables"]
    assert [row["seeds"] for row in table["rows"]] == [[1, 2], [1, 2]], "only those with new seeds are reported"
    ranked = sorted((t for t in done if t.value is not None and t.state.name == "COMPLETE"), key=lambda t: t.value)
    rates = {float(f"{trial.params['--lr']:.4g}") for trial in ranked[:2]}
    assert {row["settings"]["lr"] for row in table["rows"]} == rates
    assert len(list(tmp_path.glob("*/config.json"))) == 8 + 4
    assert not list(tmp_path.glob(f"{FOLDER}/*/*/.*"))
