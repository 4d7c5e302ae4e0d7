"""Searches: trials that processes share. Optuna itself searches in tests/cli/test_sweep.py."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from made_up_runs import make
from planned import configured

from genzoo.core.errors import UsageError
from genzoo.core.listener import Epoch, StopRun
from genzoo.experiment import search
from genzoo.experiment.dimensions import dimension
from genzoo.experiment.search import Pruning, Search, as_typed, is_cost
from genzoo.experiment.sweep import sweep_runs
from genzoo.experiment.worker import Worker
from genzoo.runs.claims import DONE, Claim
from genzoo.runs.run import Run, RunPaths


def test_values_are_typed_with_four_digits() -> None:
    assert [as_typed(value) for value in (0.00123456, 12, "64,32", 1e-05)] == ["0.001235", "12", "64,32", "1e-05"]


def test_an_outcome_is_a_cost_or_a_reason() -> None:
    assert [is_cost(text) for text in ("1.5", "-2", "pruned", "nan", "inf", "")] == [True, True, *[False] * 4]


def test_without_optuna_one_line_says_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(UsageError, match="--search needs Optuna") as error:
        search.refuse_without_optuna()
    assert error.value.hint == 'pip install "genzoo[sweep]"'


class Trial:
    """Keeps what it is told, and asks to be pruned."""

    def __init__(self) -> None:
        self.told: list[tuple[float, int]] = []

    def report(self, cost: float, epoch: int) -> None:
        self.told.append((cost, epoch))

    def should_prune(self) -> bool:
        return True


def epoch(number: int, **validation: float) -> Epoch:
    return Epoch(number, number, {}, validation, 1.0, 1, 0.1)


@pytest.mark.parametrize(("metric", "sign"), [("negative_elbo", 1.0), ("psnr", -1.0), ("", 1.0)])
def test_a_trial_is_told_a_cost_that_is_to_be_low_and_never_ends_in_its_last_epoch(metric: str, sign: float) -> None:
    trial: Any = Trial()
    pruning, run = Pruning(trial, metric), Run(Path())
    pruning.last = 2
    pruning.epoch_finished(run, epoch(1, kl=5.0))  # not the metric, unless it is the first with an order
    assert (trial.told, pruning.heard) == ([], False)
    with pytest.raises(StopRun, match="pruned"):
        pruning.epoch_finished(run, epoch(1, negative_elbo=3.0, psnr=3.0))
    pruning.epoch_finished(run, epoch(2, negative_elbo=2.0, psnr=2.0))
    assert trial.told == [(sign * 3.0, 1), (sign * 2.0, 2)]


def searching(folder: Path, trials: int = 5, metric: str = "") -> Search:
    return Search(
        [dimension("beta=1..2")], lambda options: configured(), trials, RunPaths(folder), metric=metric, quiet=True
    )


@pytest.mark.parametrize(
    ("metric", "validation", "outcome"),
    [
        ("", {"negative_elbo": 20.0}, "20.0"),
        ("psnr", {"negative_elbo": 20.0, "psnr": 9.0}, "-9.0"),
        ("negative_elbo", {"negative_elbo": float("nan"), "mse": 1.0}, "no −ELBO"),
        ("negative_elbo", {"mse": 1.0}, "no −ELBO"),
    ],
)
def test_the_outcome_of_a_trial_is_its_cost_on_validation_data(
    metric: str, validation: dict[str, float], outcome: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make(tmp_path / "run", "vae", 0, 5.0, test={"psnr": 1.0}, results={"validation": {"n": 60, **validation}})
    (planned,) = sweep_runs([configured()], [0])
    monkeypatch.setattr(Worker, "make_and_wait", lambda self: self.runs.update({planned.key: run}))
    trial: Any = Trial()
    assert searching(tmp_path, metric=metric).outcome("", {}, trial) == outcome


def test_each_trial_is_made_once_and_the_best_are_those_of_the_least_cost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By three processes that share a folder; one looks late."""
    outcomes, taken = ["3.0", "nan", "-1.0", "pruned", "2.0"], list[int]()

    def take(self: Search, slot: int, claim: Claim) -> None:
        taken.append(slot)
        others = searching(tmp_path)
        others.look()
        assert list(others.held) == [slot]
        assert not others.visit(slot)
        claim.end(DONE, outcome=outcomes[slot], options=json.dumps({"--beta": str(slot)}))
        self.outcomes[slot] = outcomes[slot]

    monkeypatch.setattr(Search, "take", take)
    first, second = searching(tmp_path), searching(tmp_path)
    first.visit(1)
    second.make_free_trials()
    first.make_and_wait()
    assert sorted(taken) == [0, 1, 2, 3, 4]
    for found in (first, second):
        assert found.best(2) == [{"--beta": "2"}, {"--beta": "4"}]
        assert found.best(9) == [{"--beta": "2"}, {"--beta": "4"}, {"--beta": "0"}]
        assert found.looked_at() == "5 trials, 1 of them pruned and 1 without a result"
