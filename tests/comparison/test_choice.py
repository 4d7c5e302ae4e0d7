"""Whose figures they are, and which run is the best one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from made_up_runs import make, shown, table_of

import genzoo
from genzoo.cli.main import main
from genzoo.comparison.ranking import paired, ranks
from genzoo.comparison.references import best
from genzoo.comparison.tables import collect, tables
from genzoo.experiment.experiment import Experiment
from genzoo.reporting.warnings import ranking_notes
from genzoo.runs.run import EXAMPLES_FILE

# Whose figures they are.


@pytest.mark.parametrize(
    ("took", "record", "said"),
    [
        ({"epochs": 3, "step": 30}, {}, "its figures are of epoch 3, and it was asked for 10"),
        ({"epochs": 10, "step": 100}, {}, ""),
        ({"epochs": 3, "step": 30, "stopped": "no better for 2 epochs"}, {}, ""),
        (
            {"epochs": 3, "step": 30, "stopped": "no better for 2 epochs"},
            {"sessions": [{"step": 0, "status": "finished"}, {"step": 30, "status": "interrupted"}]},
            "its figures are of epoch 3, and it goes on from there",
        ),
        ({}, {"status": "interrupted"}, ""),  # an older run, whose results do not say
    ],
)
def test_outdated_figures_are_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], took: dict[str, Any], record: dict[str, Any], said: str
) -> None:
    training = {"images_per_second": 1.0, **took}
    make(tmp_path / "one", "vae", 0, 100.0, record=record, results={"training": training})
    make(tmp_path / "two", "conv-vae", 0, 120.0)
    lines: list[str] = []
    made = tables(collect([tmp_path]), say=lines.append)
    assert lines == ([f"{tmp_path / 'one'} is left out: {said}"] if said else [])
    assert sum(len(table.rows) for table in made) == 1 + (not said)
    assert best(tmp_path, "negative-elbo").path.name == ("two" if said else "one")
    capsys.readouterr()
    assert main(["compare", str(tmp_path), "--json"]) == 0
    assert (said in capsys.readouterr().err) or not said


def test_figures_belong_to_the_weights_that_they_were_computed_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Experiment, "draw", lambda self, run, view: None)
    options: dict[str, Any] = {"hidden": (8,), "latent_dim": 2, "quiet": True, "epochs": 1}
    one, other = (genzoo.run("vae", "moons", seed=seed, out=tmp_path / f"{seed}", **options) for seed in (0, 1))
    assert len(tables([one, other])[0].rows[0].runs) == 2
    (one.path / "model.safetensors").write_bytes((other.path / "model.safetensors").read_bytes())
    lines: list[str] = []
    assert tables([one], say=lines.append) == []
    assert lines[0].endswith("its figures are of epoch 1, and the model was trained further since")
    results = one.results
    del results["weights"]  # an older run does not say
    one.write("results.json", results)
    assert len(tables([one])) == 1


# Choosing.


def test_selection_goes_by_validation_data_and_claims_by_test_data(tmp_path: Path) -> None:
    """The row that is best on validation data is the worse one on test data."""
    for model, seen, kept in (("vae", 90.0, 101.0), ("conv-vae", 95.0, 100.0), ("ae", 99.0, 50.0)):
        for seed in range(3):
            validation = {"validation": {"n": 9, "negative_elbo": seen + 0.01 * seed, "mse": 1.0}}
            make(tmp_path / f"{model}-{seed}", model, seed, kept + 0.01 * seed, results=validation)
    table = table_of(tmp_path).sorted_by("negative_elbo")
    assert [row.model for row in table.rows] == ["vae", "conv-vae", "ae"]
    test = paired(table, "negative_elbo")
    assert test is not None
    assert (test.better, test.other) == ("conv-vae", "vae")
    assert ranking_notes(table, "negative_elbo")[0] == (
        "rows are sorted by their validation negative elbo; all metrics shown are of the test data"
    )
    assert best(tmp_path, "negative-elbo").path.name == "vae-0"


def test_without_validation_data_the_choice_is_said_to_be_by_test_data(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (runs / "dynamic" / "results.json").unlink()
    assert best(runs, "negative-elbo").path.name == "conv-1"
    assert "genzoo: @best:negative-elbo: chosen by test metrics" in capsys.readouterr().err
    assert "in the order of their test negative elbo" in shown(capsys, runs, "--sort", "negative-elbo")


@pytest.mark.parametrize(
    ("figure", "order"),
    [
        ("psnr", [2, 1, 0]),
        ("knn_7", [2, 1, 0]),
        ("prdc_gmm_10", [2, 1, 0]),
        ("mse", [0, 1, 2]),
        ("iwae_100", [0, 1, 2]),
        ("unheard_of", [0, 1, 2]),
        ("c2st", [1, 0, 2]),
    ],
)
def test_better_is_what_the_metric_says(tmp_path: Path, figure: str, order: list[int]) -> None:
    for number, value in enumerate((0.3, 0.45, 0.9)):
        for seed in range(3):
            figures = {figure: value + 1e-3 * seed}
            make(tmp_path / f"{number}-{seed}", f"model-{number}", seed, 1.0, test=figures)
    for file in tmp_path.glob(f"*/{EXAMPLES_FILE}"):
        file.unlink()
    table = table_of(tmp_path).sorted_by(figure)
    assert [int(row.model[-1]) for row in table.rows] == order
    assert ranks(table, figure) == [1, 2, 3]
    assert best(tmp_path, figure).path.name.startswith(str(order[0]))
    said = " ".join(ranking_notes(table, figure))
    assert ("is not installed: lower is taken to be better" in said) == (figure == "unheard_of")
    assert f"model-{order[0]} is better than model-{order[1]}" in said


def test_what_has_no_order_is_neither_chosen_nor_ranked(runs: Path) -> None:
    for file in runs.glob("*/results.json"):
        results = json.loads(file.read_text())
        results["test"]["kl"] = 20.0
        file.write_text(json.dumps(results))
    table = tables(collect([runs]))[1]
    assert ranks(table, "kl") == [None] * 3
    assert paired(table, "kl") is None
    (runs / "dynamic" / "results.json").unlink()
    with pytest.raises(genzoo.UsageError, match="neither lower nor higher values of this metric are better"):
        best(runs, "kl")
