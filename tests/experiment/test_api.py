"""genzoo.run and genzoo.resume."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import genzoo
from genzoo.experiment.job import Job
from genzoo.runs.run import Run

SMALL: dict[str, Any] = {"hidden": (8,), "latent_dim": 2, "epochs": 1, "quiet": True, "data": {"train": 200}}


def test_arguments_of_another_type_are_refused_by_name() -> None:
    with pytest.raises(genzoo.UsageError, match="model must be a registered name") as refused:
        genzoo.run(int, "moons")  # type: ignore[arg-type]
    assert refused.value.hint == "register it and give its name: genzoo.register_model(…)"
    with pytest.raises(genzoo.UsageError, match="data must be options of the dataset, not 3"):
        genzoo.run("vae", "moons", data=3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "call", [lambda: genzoo.run("vae"), lambda: genzoo.options("vae"), lambda: genzoo.bench(["vae"]),
             lambda: genzoo.sweep("vae", grid={"beta": [1]})]
)  # fmt: skip
def test_without_a_dataset_it_says_what_to_give(call: Callable[[], Any]) -> None:
    with pytest.raises(genzoo.UsageError, match="dataset cannot be None") as refused:
        call()
    assert "give a name, an array" in refused.value.hint
    assert "datasets: " in refused.value.hint


@pytest.mark.parametrize("n", ["4", 4.0, None, 0])
def test_samples_need_a_whole_number(n: Any) -> None:
    with pytest.raises(genzoo.UsageError, match="n must be a whole number of examples, not ") as refused:
        genzoo.sample(Run(Path("unread")), n)
    assert refused.value.hint == "such as genzoo.sample(run, 16)"


def test_resume_goes_on_and_is_the_run_of_one_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Job, "draw", lambda self, run, model: None)
    run = genzoo.run("vae", "moons", out=tmp_path / "run", **SMALL)
    assert genzoo.resume(run, quiet=True).record["status"] == "finished"  # nothing is left to do
    more = genzoo.resume(str(run.path), epochs=2, quiet=True)
    whole = genzoo.run("vae", "moons", out=tmp_path / "whole", **SMALL | {"epochs": 2})
    assert isinstance(more, Run)
    assert more.results["test"] == whole.results["test"]
