"""Choosing by validation data: what the test data are changes no choice."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import pytest
from made_up_runs import make

from genzoo.cli import choosing
from genzoo.comparison.selection import Selection, selections
from genzoo.core.errors import UsageError
from genzoo.evaluation.order import default_metric
from genzoo.reporting.selection import selection_table
from genzoo.runs.run import Run, RunPaths, read_json


def run(folder: Path, lr: float, seed: int, validation: float | None, test: float, **values: object) -> Run:
    """A finished run with made-up metrics of both kinds of data."""
    unknown = {"not_available": {"negative_elbo": "no prior p(z)"}}
    split = {"n": 60, "negative_elbo": validation, "mse": 0.5, **values, **({} if validation else unknown)}
    return make(folder / f"{lr}-{seed}", "vae", seed, test, results={"validation": split}, lr=lr)


def three(folder: Path, *tests: float) -> list[Run]:
    """Three configurations with two seeds, the second one the best on validation data."""
    means = {0.1: 30.0, 0.2: 20.0, 0.3: 25.0}
    return [
        run(folder, lr, seed, mean + seed, test + seed)
        for (lr, mean), test in zip(means.items(), tests, strict=True)
        for seed in (0, 1)
    ]


def labels(selection: Selection) -> list[str]:
    return [selection.label(row) for row in selection.rows]


@pytest.mark.parametrize("tests", [(1.0, 2.0, 3.0), (3.0, 1.0, 2.0)])
def test_the_order_is_that_of_the_validation_data(tmp_path: Path, tests: tuple[float, ...]) -> None:
    (found,) = selections(three(tmp_path, *tests))
    assert labels(found) == ["vae lr=0.2", "vae lr=0.3", "vae lr=0.1"]
    record = found.record()
    assert [row["validation"]["negative_elbo"]["mean"] for row in record["rows"]] == [20.5, 25.5, 30.5]
    assert [row["seeds"] for row in record["rows"]] == [[0, 1]] * 3
    assert "test" not in record["rows"][0]
    assert record["best"]["test"]["negative_elbo"]["mean"] == tests[1] + 0.5


def test_the_sheet_shows_the_test_data_of_the_best_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (found,) = selections(three(tmp_path, 111.0, 222.0, 333.0))
    sheet = selection_table(found, "3 combinations")
    text = "\n".join(["\n".join(row) for row in sheet.rows] + [*sheet.notes])
    assert "222.50" in text
    assert "111" not in text
    assert "333" not in text
    assert sheet.notes[0].startswith("best: vae lr=0.2, of 3 combinations, by its validation −ELBO (nats) 20.50 ± ")
    assert "test ±" not in text
    assert sheet.title.endswith("60 validation examples")
    path = found.rows[0].runs[0].path
    again = f"to train it again: genzoo run --config {path} --seed N"
    assert sheet.notes[-2:] == [f"to draw from it: genzoo sample {path}", again]
    monkeypatch.setattr("genzoo.comparison.references.places", lambda root: [tmp_path])
    assert selection_table(found, "").notes[-1].endswith(f" --config {path.name} --seed N")


def test_the_sheet_names_collapsed_configurations_whatever_their_codes_are_judged_by(tmp_path: Path) -> None:
    runs = [
        run(tmp_path, lr, 0, 20.0, 1.0, knn=0.9, active_units=active)
        for lr, active in ((0.1, 0.0), (0.2, 9.0), (0.3, 0.0))
    ]
    for one in runs:
        one.write("results.json", {**read_json(one.path / "results.json"), "latents": 20})
    (found,) = selections([Run(one.path) for one in runs], "knn")
    (told,) = [note for note in selection_table(found, "3 combinations").notes if note.startswith("collapse")]
    assert told.startswith("collapse: of vae lr=0.1 and vae lr=0.3 no latent is active: codes hardly differ")


def test_the_sheet_says_whether_the_best_differs_from_the_next_and_how_many_seeds_are_missing(tmp_path: Path) -> None:
    (found,) = selections(three(tmp_path, 1.0, 2.0, 3.0))
    test = found.paired
    assert test is not None
    assert (test.better, test.other, test.part, test.n) == ("vae lr=0.2", "vae lr=0.3", "validation", None)
    # Two seeds each: variance ½ of either, so a difference of 5 with a standard error of √½ and 2 degrees of freedom.
    assert test.p == pytest.approx(0.0194, abs=1e-4)
    assert not test.settled  # three pairs of rows
    assert found.record()["paired"]["p"] == test.p
    notes = selection_table(found, "3 combinations").notes
    assert notes[1].startswith("vae lr=0.2 is not significantly better than vae lr=0.3: −ELBO lower by 5 ± ")
    assert notes[1].endswith(
        "over 2 and 2 seeds, at a level corrected for 3 pairs of rows. "
        "Values of single examples are not compared: they are kept of test data only, where genzoo compare pairs them"
    )
    assert notes[2] == "1 more seed of each would show a difference of this size, if it stayed: 3 in all"
    assert found.seeds_enough == 3
    (clear,) = selections(
        [run(tmp_path / "clear", lr, seed, lr * 1e4 + seed, 1.0) for lr in (0.1, 0.2) for seed in (0, 1)]
    )
    assert " is better than " in selection_table(clear, "2 combinations").notes[1]
    (single,) = selections([run(tmp_path / "single", lr, 0, lr, 1.0) for lr in (0.1, 0.2)])
    assert "a test needs at least two seeds" in selection_table(single, "2 combinations").notes[1]


def test_a_title_names_no_defaults(tmp_path: Path) -> None:
    (found,) = selections(three(tmp_path, 1.0, 2.0, 3.0))
    assert selection_table(found, "").title.startswith(found.table.brief)
    assert len(found.table.brief) < len(found.table.protocol)


def test_names_stand_in_place_of_differing_options(tmp_path: Path) -> None:
    runs = three(tmp_path, 1.0, 2.0, 3.0)
    (found,) = selections(runs, tried={one.path: {"lr": "2e-1", "hidden": "8"} for one in runs[2:4]})
    assert labels(found) == ["vae lr=0.2 hidden=8", "vae lr=0.3", "vae lr=0.1"]
    best = found.record()["best"]
    assert best["options"] == {"lr": "2e-1", "hidden": "8"}
    assert best["runs"] == [str(one.path) for one in runs[2:4]]
    assert best["seeds"] == [0, 1]


@pytest.mark.parametrize(
    ("metric", "why"),
    [
        ("negative_elbo", "−ELBO counts both equally, and so favours training that does, too"),
        ("mse", "MSE per dimension does not count the rate, and so favours a high one"),
    ],
)
def test_options_that_change_the_objective_are_not_judged_by_a_bound_without_a_word(
    metric: str, why: str, tmp_path: Path
) -> None:
    runs = [run(tmp_path, lr, 0, lr, 2.0, knn=lr) for lr in (0.1, 0.2)]
    (plain,) = selections(runs, metric)
    assert not any("trade" in note for note in selection_table(plain, "").notes)
    for one, beta in zip(runs, (1.0, 4.0), strict=True):
        config = one.plain_config
        one.write("config.json", {**config, "loss": {**config["loss"], "beta": beta}})
    (found,) = selections([Run(one.path) for one in runs], metric)
    (note,) = [note for note in selection_table(found, "").notes if "trade" in note]
    assert note.startswith(f"beta trades rate for distortion in training; {why}, whatever the model is for. Choose by ")
    (other,) = selections([Run(one.path) for one in runs], "knn")
    assert not any("trade" in note for note in selection_table(other, "").notes)


def test_a_metric_that_is_better_when_it_is_higher(tmp_path: Path) -> None:
    runs = [run(tmp_path, lr, 0, 20.0, 1.0, active_units=3, psnr=value) for lr, value in ((0.1, 9.0), (0.2, 11.0))]
    (found,) = selections(runs, "psnr")
    assert labels(found) == ["vae lr=0.2", "vae lr=0.1"]
    assert found.metrics[0] == "psnr"


def test_without_the_metric_a_configuration_is_last_and_never_the_best(tmp_path: Path) -> None:
    runs = [run(tmp_path, 0.1, 0, None, 1.0), run(tmp_path, 0.2, 0, 20.0, 2.0)]
    (found,) = selections(runs, "negative_elbo")
    assert labels(found) == ["vae lr=0.2", "vae lr=0.1"]
    (alone,) = selections(runs[:1], "negative_elbo")
    assert alone.best is None
    assert alone.record()["best"] is None
    assert selection_table(alone, "1 combination").notes == [
        "no best one: no run has a −ELBO (nats) of validation data"
    ]


def test_a_sweep_that_cannot_choose_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = {"a": run(tmp_path, 0.1, 0, None, 1.0)}

    def made(options: Namespace, plan: object, paths: object, show: Callable[[dict[str, Run]], None]) -> int:
        show(runs)
        return 0

    monkeypatch.setattr(choosing, "made_and_published", made)
    for sort, code in (("negative-elbo", 1), ("mse", 0)):
        asked = Namespace(sort=sort, command=[], format="text")
        assert choosing.made_and_chosen(asked, [], RunPaths(tmp_path), "1 combination") == code
        assert ("choose by another metric: --sort NAME" in capsys.readouterr().err) == bool(code)


def test_by_default_it_is_the_first_with_an_order_that_all_have(tmp_path: Path) -> None:
    runs = [run(tmp_path, 0.1, 0, 10.0, 2.0), run(tmp_path, 0.2, 0, 20.0, 1.0)]
    assert [found.metric for found in selections(runs)] == ["negative_elbo"]
    runs.append(run(tmp_path, 0.3, 0, None, 3.0))
    (found,) = selections(runs)
    assert found.metric == "mse"
    assert default_metric(["kl", "mse", "psnr"]) == "mse"
    assert default_metric(["kl", "mse", "psnr"], lambda name: name != "mse") == "psnr"
    assert default_metric(["mse", "psnr"], lambda name: False) == "mse"
    assert default_metric(["kl"]) == "kl"
    assert default_metric([]) == ""


def test_without_validation_data_nothing_is_chosen(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no validation data to judge by"):
        selections([make(tmp_path / "run", "vae", 0, 1.0)])
