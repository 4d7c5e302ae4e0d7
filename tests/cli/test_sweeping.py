"""`genzoo.sweep` is the grid, or the search, of the command of this name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import genzoo
from genzoo.cli import sweeping
from genzoo.cli.main import main
from genzoo.cli.sweeping import as_typed
from genzoo.experiment import search, speed
from genzoo.experiment.grid import axis
from genzoo.experiment.search import Search

FAST: dict[str, Any] = {"latent_dim": 2, "epochs": 1, "quiet": True}
GRID: dict[str, Any] = {"beta": [1, 4], "hidden": [(8, 4)]}
DATA = {"train": 100, "validation": 50, "test": 50}


def test_a_grid_is_that_of_the_command(
    runs_without_figures: None, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speed, "SECONDS", 0.0)
    made = genzoo.sweep("vae", "moons", GRID, seeds=[0], runs=tmp_path / "s", data=DATA, **FAST)
    words = ["sweep", "vae", "moons", "--grid", "beta=1,4", "--grid", "hidden=8,4|", "--seeds", "0", "--markdown"]
    words += ["--latent-dim", "2", "--epochs", "1", "--quiet", "--runs", str(tmp_path / "s")]
    assert main([*words, *(f"--data.{name}={size}" for name, size in DATA.items())]) == 0
    assert capsys.readouterr().out == made.to_markdown() + "\n"
    assert len(list((tmp_path / "s").glob("*/results.json"))) == 2, "nothing was made twice"
    assert "of 2 combinations" in str(made)
    (selection,) = made.selections
    values = [row.estimate("negative_elbo", "validation") for row in selection.rows]
    assert [value.mean for value in values] == sorted(value.mean for value in values)  # type: ignore[union-attr]
    assert made.best == selection.rows[0].runs
    assert made.options == {"beta": made.best[0].plain_config["loss"]["beta"], "hidden": (8, 4)}
    assert made._repr_html_().count("<tr>") == 3


def test_the_best_options_are_those_that_a_run_takes(
    runs_without_figures: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speed, "SECONDS", 0.0)
    grid: dict[str, Any] = {"loss.beta": [2], "latent-dim": [2], "hidden": [(8, 4)]}
    grid |= {"data.validation": [50], "lr": [1e-2]}
    small = {"train": 100, "test": 50}
    made = genzoo.sweep("vae", "moons", grid, seeds=[0], runs=tmp_path, data=small, epochs=1, quiet=True)
    assert made.options == {
        "beta": 2.0, "latent_dim": 2, "hidden": (8, 4), "data.validation": 50, "lr": 1e-2
    }  # fmt: skip
    again = genzoo.run("vae", "moons", data=small, epochs=1, quiet=True, out=tmp_path / "again", **made.options)
    assert again.results["test"] == made.best[0].results["test"]


@pytest.mark.parametrize(
    ("values", "typed"),
    [([1, 4], "x=1,4"), ([(8,), (8, 4)], "x=8|8,4"), ([(8, 4)], "x=8,4|"), ([True, False], "x=true,false")],
)
def test_values_are_typed_as_the_command_reads_them(values: Any, typed: str) -> None:
    assert as_typed(("x", values)) == typed
    expected = [",".join(map(str, value)) if isinstance(value, tuple) else str(value).lower() for value in values]
    assert list(axis(typed).values) == expected


@pytest.mark.parametrize(
    ("grid", "options", "message"),
    [
        ({}, {}, "the grid is empty"),
        ({"beta": 4}, {}, "the grid needs values of beta, not 4"),
        ({"beta": "1,4"}, {}, "the grid needs values of beta, not '1,4'"),
        ({"beat": [1]}, {}, "beat=1: "),
        ({"beta": [1, -1]}, {}, "--beta must be"),
        ({"beta": [1]}, {"beta": 2}, "--beta has one value and is in --grid too"),
        ({"seed": [1, 2]}, {}, "--grid seed is not for sweep"),
        ({"beta": [1]}, {"data": {"validation": 0}}, "there are no validation data to judge by"),
        ({"beta": [1]}, {"search": {"lr": "1e-4..1e-2"}}, "a sweep is a grid or a search, not both"),
        ({"beta": [1]}, {"trials": 3}, "--trials is for a search"),
        (None, {"search": {"lr": 1e-4}}, "the search needs values of lr, not 0.0001"),
        (None, {"search": {"lr": [1e-4]}}, "--search lr=0.0001: one value is no search"),
        ({"beta": [1]}, {"seeds": 0}, "seeds must be several numbers, not 0"),
        (None, {"search": ["lr"]}, "the search is no mapping of options"),
    ],
)
def test_a_grid_that_cannot_be_is_refused(grid: Any, options: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(genzoo.UsageError) as refused:
        genzoo.sweep("vae", "moons", grid, runs=tmp_path / "s", quiet=True, **options)
    assert refused.value.message.startswith(message)
    assert not (tmp_path / "s").exists()


def test_a_pair_of_numbers_is_neither_a_range_nor_choices() -> None:
    with pytest.raises(genzoo.UsageError, match=r'"beta": "0.1..8"} for a range, {"beta": \[0.1, 8\]} for two choices'):
        genzoo.sweep("vae", "digits", search={"beta": (0.1, 8)})


def test_a_search_returns_the_best_trials_with_new_seeds(
    runs_without_figures: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[list[str]] = []
    monkeypatch.setattr(speed, "SECONDS", 0.0)
    monkeypatch.setattr(search, "refuse_without_optuna", lambda: None)
    monkeypatch.setattr(sweeping, "make_trials", lambda asked, found: commands.append(asked.command))
    monkeypatch.setattr(Search, "best", lambda self, count: [{"--beta": "2.5"}, {"--beta": "1.5"}][:count])
    wanted: Any = {"beta": "1..4:log", "hidden": [(8,), (8, 4)]}
    made = genzoo.sweep(
        "vae", "moons", search=wanted, trials=5, best=1, prune=True, seeds=[7], runs=tmp_path, data=DATA, **FAST
    )
    assert made.options == {"beta": 2.5}
    assert [run.config.training.seed for run in made.best] == [7]
    assert commands[0][:8] == ["sweep", "vae", "--search", "beta=1..4:log", "--search", "hidden=8|8,4", "--trials", "5"]
    assert commands[0][8:13] == ["--best", "1", "--seeds", "7", "--prune"]
    monkeypatch.setattr(Search, "best", lambda self, count: [])
    with pytest.raises(genzoo.NonFiniteError, match="none of 0 trials has a result"):
        genzoo.sweep("vae", "moons", search=wanted, runs=tmp_path, data=DATA, **FAST)


@pytest.mark.long
def test_a_search_is_that_of_the_command(
    runs_without_figures: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("optuna")
    wanted = {"beta": "0.5..4:log"}
    made = genzoo.sweep("vae", "moons", search=wanted, trials=3, best=1, seeds=[0], runs=tmp_path, data=DATA, **FAST)
    words = ["sweep", "vae", "moons", "--search", "beta=0.5..4:log", "--trials", "3", "--best", "1", "--seeds", "0"]
    words += ["--latent-dim", "2", "--epochs", "1", "--quiet", "--runs", str(tmp_path), "--markdown"]
    assert main([*words, *(f"--data.{name}={size}" for name, size in DATA.items())]) == 0
    assert capsys.readouterr().out == made.to_markdown() + "\n"
    every = [genzoo.Run(file.parent).config.training.seed for file in tmp_path.glob("*/results.json")]
    assert sorted(every) == [0, 1, 1, 1], "nothing was made twice, and the trials have another seed than the best"
    assert "of 3 trials" in str(made)


def test_examples_of_this_program_are_for_this_process(tmp_path: Path) -> None:
    with pytest.raises(genzoo.UsageError, match="not in other processes"):
        genzoo.sweep("vae", np.zeros((20, 3)), {"beta": [1]}, runs=tmp_path, jobs=2)


@pytest.mark.long
def test_jobs_make_the_same_runs(tmp_path: Path) -> None:
    one, two = (
        genzoo.sweep(
            "vae", "moons", {"beta": [1, 4]}, seeds=[0], runs=tmp_path / str(jobs), data=DATA, jobs=jobs, **FAST
        )
        for jobs in (1, 2)
    )
    same, others = (found.to_markdown().replace(str(found.best[0].path), "RUN") for found in (one, two))
    assert same == others
