"""Which runs are one row, and which rows share a table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from made_up_runs import N, make, table_of

import genzoo
from genzoo.cli.main import main
from genzoo.comparison.best import best
from genzoo.comparison.statistics import Estimate
from genzoo.comparison.tables import collect, tables
from genzoo.experiment.job import Job
from genzoo.reporting.warnings import warnings


def test_seeds_go_together_and_protocols_apart(runs: Path) -> None:
    made = tables(collect([runs]))
    assert [sorted((row.model, row.seeds) for row in table.rows) for table in made] == [
        [("vae", 1)],
        [("ae", 1), ("conv-vae", 3), ("vae", 3)],
    ]
    assert "dynamic" in made[0].protocol


def test_a_title_names_no_default(tmp_path: Path) -> None:
    """Of data, of the view of them, and of what is not recorded; the protocol has all."""
    usual = {"name": "moons", "train": 1000, "validation": 200, "noise": 0.1}
    make(tmp_path / "usual", "vae", 0, 1.0, data=usual, standardize="none")
    make(tmp_path / "noisy", "vae", 0, 1.0, data={**usual, "noise": 0.3}, binarize="dynamic")
    plain, noisy = tables(collect([tmp_path]))
    assert plain.title == f"moons · likelihood auto · {N:,} test examples"
    assert noisy.title == f"moons · noise 0.3 · binarize dynamic · likelihood auto · {N:,} test examples"
    assert "train 1000 · validation 200" in plain.protocol


def test_another_option_makes_another_row_and_is_named(runs: Path) -> None:
    make(runs / "longer", "vae", 0, 104.0, epochs=20)
    table = tables(collect([runs]))[1].sorted_by("negative_elbo")
    assert [table.label(row) for row in table.rows] == ["conv-vae", "vae epochs=20", "vae epochs=10", "ae"]


@pytest.mark.parametrize("option", [{"listeners": ["tensorboard"]}, {"save_every": 5.0}, {"stream": "always"}], ids=str)
def test_what_changes_no_result_makes_no_other_row(runs: Path, option: dict[str, Any]) -> None:
    make(runs / "fourth", "vae", 3, 105.0, **option)
    assert [row.seeds for row in tables(collect([runs]))[1].rows if row.model == "vae"] == [4]


def test_what_is_not_available_is_no_number_and_comes_last(runs: Path) -> None:
    table = tables(collect([runs]))[1].sorted_by("negative_elbo")
    assert table.rows[-1].estimate("negative_elbo") == "no prior p(z)"
    assert table.rows[0].model == "conv-vae"


# What is a replicate.
def test_runs_of_one_seed_are_one(tmp_path: Path) -> None:
    for number, bound in enumerate((100.0, 100.0, 100.0 + 1e-5)):
        make(tmp_path / f"copy-{number}", "vae", 0, bound, device=("cpu", "auto")[number % 2])
    (row,) = table_of(tmp_path).rows
    estimate = row.estimate("negative_elbo")
    assert isinstance(estimate, Estimate)
    assert (row.seeds, estimate.interval, len(estimate.values)) == (1, None, 1)
    assert warnings(table_of(tmp_path)) == []
    for seed in (1, 2):
        make(tmp_path / f"seed-{seed}", "vae", seed, 100.0 + seed)
    (row,) = table_of(tmp_path).rows
    estimate = row.estimate("negative_elbo")
    assert isinstance(estimate, Estimate)
    assert estimate.values == pytest.approx((100.0, 101.0, 102.0), abs=1e-5)
    assert row.examples["negative_elbo"].mean().item() == pytest.approx(101.0, abs=1e-4)


def test_metrics_of_standardised_values_share_no_table_with_others(tmp_path: Path) -> None:
    """Earlier versions gave the MSE in standardised units, and did not record the weights of their metrics."""
    run = make(tmp_path / "one", "vae", 0, 100.0, standardize="global")
    run.write("results.json", {name: value for name, value in run.results.items() if name != "weights"})
    said: list[str] = []
    assert not tables(collect([tmp_path]), say=said.append)
    (line,) = said
    assert f"is left out: its MSE is of standardised values, as in earlier versions: rm {run.path}" in line
    run.write("results.json", {**run.results, "weights": None})
    assert len(tables(collect([tmp_path]))) == 1


def test_a_damaged_run_is_passed_over(runs: Path) -> None:
    (runs / "ae" / "results.json").write_text('{"test": ')
    assert sum(len(table.rows) for table in tables(collect([runs]))) == 3


@pytest.mark.parametrize(
    ("took", "record", "said"),
    [
        ({"epochs": 3, "step": 30}, {}, "its metrics are of epoch 3, but 10 epochs were requested"),
        ({"epochs": 10, "step": 100}, {}, ""),
        ({"epochs": 3, "step": 30, "stopped": "no better for 2 epochs"}, {}, ""),
        (
            {"epochs": 3, "step": 30, "stopped": "no better for 2 epochs"},
            {"sessions": [{"step": 0, "status": "finished"}, {"step": 30, "status": "interrupted"}]},
            "its metrics are of epoch 3, and the training was continued since",
        ),
        ({}, {"status": "interrupted"}, ""),  # an older run, whose results do not say
    ],
)
def test_outdated_metrics_are_left_out(
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


def test_metrics_belong_to_the_weights_that_they_were_computed_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Job, "draw", lambda self, run, model: None)
    options: dict[str, Any] = {"hidden": (8,), "latent_dim": 2, "quiet": True, "epochs": 1}
    one, other = (genzoo.run("vae", "moons", seed=seed, out=tmp_path / f"{seed}", **options) for seed in (0, 1))
    assert len(tables([one, other])[0].rows[0].runs) == 2
    (one.path / "model.safetensors").write_bytes((other.path / "model.safetensors").read_bytes())
    lines: list[str] = []
    assert tables([one], say=lines.append) == []
    assert lines[0].endswith("its metrics are of epoch 1, and the model was trained further since")
    results = one.results
    del results["weights"]  # an older run does not say
    one.write("results.json", results)
    assert len(tables([one])) == 1


BOUND = {"nll": {"exactness": "bound", "measure": "probability", "same_as": "negative_elbo"}}
EXACT = {"nll": {"exactness": "exact", "measure": "probability"}}


def test_exact_values_and_bounds_share_a_column_and_a_bound_has_its_sign(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A density has no ELBO: then the column of −ln p(x) shows all rows, and −ELBO, which equals it, is left out."""
    of = {"measure": "probability", "likelihood": "bernoulli"}
    make(tmp_path / "vae", "vae", 0, 100.0, results=of, test={"nll": 100.0, "details": BOUND})
    assert table_of(tmp_path).metrics() == ["negative_elbo", "mse"]
    other = {"negative_elbo": None, "nll": 90.0, "mse": None, "details": EXACT}
    make(tmp_path / "own", "own", 0, 90.0, results={**of, "likelihood": "own"}, test=other)
    table = table_of(tmp_path).sorted_by("nll")
    assert sorted(table.metrics()) == ["mse", "nll"]
    assert [row.model for row in table.rows] == ["own", "vae"]
    capsys.readouterr()
    assert main(["compare", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "≤ 100" in out
    assert "≤ 90" not in out
    assert "sorted by their test −ln p(x)" in out
    assert main(["compare", str(tmp_path), "--json"]) == 0
    assert '"sign": "\\u2264"' in capsys.readouterr().out


def test_the_gap_to_a_known_density_has_a_column_and_an_impossible_one_a_warning(tmp_path: Path) -> None:
    of = {"measure": "density", "likelihood": "gaussian"}
    gap = {"nats": 0.5, "standard_error": 0.1}
    make(tmp_path / "vae", "vae", 0, 2.0, results={**of, "gaps": {"nll": gap}}, test={"nll": 2.0, "details": BOUND})
    (row,) = table_of(tmp_path).rows
    assert isinstance(row.gap, Estimate)
    assert (row.gap.mean, row.gap.standard_error, row.gap.sign) == (0.5, 0.1, "≤ ")
    assert warnings(table_of(tmp_path)) == []
    run = collect([tmp_path])[0]
    run.write("results.json", {**run.results, "gaps": {"nll": {**gap, "nats": -0.5}}})
    (line,) = warnings(table_of(tmp_path))
    assert line.startswith("vae: −ln p(x) lies 0.5000 ± 0.2 nats below that of the data's own density")
    run.write("results.json", {**run.results, "gaps": 3})
    assert not tables(collect([tmp_path]))
