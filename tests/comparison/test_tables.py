"""Which runs are one row, and which rows share a table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from made_up_runs import make, shown, table_of

import genzoo
from genzoo.comparison.identity import Data, protocol_words
from genzoo.comparison.ranking import paired
from genzoo.comparison.references import best
from genzoo.comparison.statistics import Estimate
from genzoo.comparison.tables import collect, tables
from genzoo.reporting.warnings import warnings


def test_seeds_go_together_and_protocols_apart(runs: Path) -> None:
    made = tables(collect([runs]))
    assert [sorted((row.model, row.seeds) for row in table.rows) for table in made] == [
        [("vae", 1)],
        [("ae", 1), ("conv-vae", 3), ("vae", 3)],
    ]
    assert "dynamic" in made[0].protocol


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


def test_unequal_runs_of_one_seed_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for mode, bound in (("eager", 100.0), ("compile", 101.0)):
        training = {"images_per_second": 1.0, "mode": mode}
        made = {"device": "cpu, 1 thread", "genzoo": "1"}
        make(tmp_path / mode, "vae", 0, bound, record=made, results={"training": training}, mode=mode)
    expected = (
        "vae: 2 runs of seed 0 differ in negative elbo: 101 and 100 (cpu, 1 thread, compile, genzoo 1, "
        "cpu, 1 thread, eager, genzoo 1); their mean counts as one run"
    )
    assert warnings(table_of(tmp_path)) == [expected]
    assert "101 and 100" in shown(capsys, tmp_path)


# What is the same configuration.
def own(path: str, **options: Any) -> dict[str, Any]:
    return {"name": "npz", "path": path, "validation": 0.1, **options}


def recorded(contents: str, files: str | None = None, **record: Any) -> dict[str, Any]:
    """A record of data with these contents; `files` of an older run, without them."""
    source = {"npz": {"source": "somewhere", "sha256": {"x": files or contents}}}
    return {"data_digest": None if files else contents, "data": source, **record}


def test_other_contents_of_one_path_are_other_data(tmp_path: Path) -> None:
    for seed, contents in enumerate(("a" * 64, "b" * 64)):
        make(tmp_path / f"{seed}", "vae", seed, 100.0, data=own("/x/mine.npz"), record=recorded(contents))
    made = tables(collect([tmp_path]))
    assert [len(table.rows) for table in made] == [1, 1]
    assert [row.seeds for table in made for row in table.rows] == [1, 1]
    assert "mine.npz · contents aaaaaaaa" in made[0].title
    assert "mine.npz · contents bbbbbbbb" in made[1].title


def test_the_same_contents_of_other_paths_are_the_same_data(tmp_path: Path) -> None:
    for seed, path in enumerate(("/x/mine.npz", "/y/mine.npz", "/y/moved.npz")):
        make(tmp_path / f"{seed}", "vae", seed, 100.0, data=own(path), record=recorded("a" * 64))
    (table,) = tables(collect([tmp_path]))
    assert [row.seeds for row in table.rows] == [3]
    assert "mine.npz or moved.npz" in table.title


def test_older_runs_are_told_apart_by_the_hashes_of_their_files(tmp_path: Path) -> None:
    make(tmp_path / "a0", "vae", 0, 100.0, data=own("/x/a.npz"), record=recorded("", files="f" * 64))
    make(tmp_path / "a1", "vae", 1, 100.0, data=own("/y/a.npz"), record=recorded("", files="f" * 64))
    make(tmp_path / "b", "vae", 2, 100.0, data=own("/x/a.npz"), record=recorded("", files="e" * 64))
    make(tmp_path / "none", "vae", 3, 100.0, data=own("/x/a.npz"), record={})
    assert sorted(row.seeds for table in tables(collect([tmp_path])) for row in table.rows) == [1, 1, 2]
    new = recorded("a" * 64) | {"data": recorded("", files="f" * 64)["data"]}
    make(tmp_path / "new", "vae", 4, 100.0, data=own("/z/a.npz"), record=new)
    assert sorted(row.seeds for table in tables(collect([tmp_path])) for row in table.rows) == [1, 1, 3]


def test_data_without_files_are_told_apart_by_their_contents(tmp_path: Path) -> None:
    for seed, contents in enumerate(("a", "a", "b")):
        record = {"data_digest": contents * 64, "data": {}}
        make(tmp_path / f"{seed}", "vae", seed, 100.0, data={"name": "toy"}, record=record)
    made = tables(collect([tmp_path]))
    assert [row.seeds for table in made for row in table.rows] == [2, 1]
    assert len({table.title for table in made}) == 2


def sessions(*parts: tuple[int, dict[str, Any]]) -> dict[str, Any]:
    return {"sessions": [{"step": step, "status": "finished", "changed": changed} for step, changed in parts]}


@pytest.mark.parametrize(
    ("training", "history", "label"),
    [
        ({"lr": 1e-5}, sessions((0, {}), (300, {"lr": [0.01, 1e-5]})), "vae lr=0.01→1e-05@300"),
        ({"grad_clip": 1.0}, sessions((0, {}), (9, {"grad_clip": [0.0, 1.0]})), "vae grad_clip=0.0→1.0@9"),
        ({"patience": 5}, sessions((0, {}), (9, {"patience": [3, 5]}), (20, {})), "vae patience=3→5@9"),
        ({"on_nan": "skip"}, sessions((0, {}), (9, {"on_nan": ["stop", "skip"]})), "vae on_nan=stop→skip@9"),
        ({"schedule": "cosine"}, sessions((0, {}), (9, {"epochs": [3, 10]})), "vae epochs=3→10@9"),
        # Before the first step, back before the next, made anew from an earlier step, or without effect.
        ({"lr": 1e-5}, sessions((0, {}), (0, {"lr": [0.01, 1e-5]})), None),
        ({"lr": 0.01}, sessions((0, {}), (9, {"lr": [0.01, 1e-5]}), (9, {"lr": [1e-5, 0.01]})), None),
        ({"lr": 1e-5}, sessions((0, {}), (9, {"lr": [0.01, 1e-5]}), (0, {})), None),
        ({}, sessions((0, {}), (9, {"epochs": [3, 10]})), None),
        ({"device": "cpu"}, sessions((0, {}), (9, {"device": ["auto", "cpu"], "mode": ["auto", "eager"]})), None),
    ],
)
def test_what_a_run_was_trained_with_is_its_configuration(
    tmp_path: Path, training: dict[str, Any], history: dict[str, Any], label: str | None
) -> None:
    make(tmp_path / "straight", "vae", 0, 100.0, **training)
    make(tmp_path / "resumed", "vae", 1, 100.0, record=history, **training)
    table = table_of(tmp_path)
    labels = {table.label(row) for row in table.rows}
    assert (label in labels and len(labels) == 2) if label else labels == {"vae"}


# What shares no column.
@pytest.mark.parametrize("measure", ["density", "none", None])
def test_other_measures_share_no_table(tmp_path: Path, measure: str | None) -> None:
    for seed in range(2):
        of = {"measure": "probability", "likelihood": "bernoulli"}
        make(tmp_path / f"vae-{seed}", "vae", seed, 100.0 + seed, results=of)
        of = {"measure": measure, "likelihood": None if measure is None else "gaussian"}
        make(tmp_path / f"own-{seed}", "own", seed, -900.0 + seed, results=of)
    made = tables(collect([tmp_path]))
    assert [[row.model for row in table.rows] for table in made] in ([["vae"], ["own"]], [["own"], ["vae"]])
    assert all(paired(table, "negative_elbo") is None for table in made)
    with pytest.raises(genzoo.UsageError, match="are not comparable"):
        best(tmp_path, "mse")


def test_other_likelihoods_share_no_table_whatever_the_option_says(tmp_path: Path) -> None:
    for number, likelihood in enumerate(("laplace:1", "gaussian:1", "gaussian:1")):
        of = {"measure": "density", "likelihood": likelihood}
        asked = ("auto", "auto", "gaussian:1")[number]
        make(tmp_path / f"{number}", f"model-{number}", 0, 1.0, results=of, likelihood=asked)
    assert [[row.model for row in table.rows] for table in tables(collect([tmp_path]))] == [
        ["model-1", "model-2"],
        ["model-0"],
    ]


def test_figures_of_standardised_values_stand_beside_no_others(tmp_path: Path) -> None:
    """Earlier versions gave the MSE in standardised units, and did not record the weights of their figures."""
    run = make(tmp_path / "one", "vae", 0, 100.0, standardize="global")
    run.write("results.json", {name: value for name, value in run.results.items() if name != "weights"})
    said: list[str] = []
    assert not tables(collect([tmp_path]), say=said.append)
    (line,) = said
    assert f"is left out: its MSE is of standardised values, as earlier versions had it: rm {run.path}" in line
    run.write("results.json", {**run.results, "weights": None})
    assert len(tables(collect([tmp_path]))) == 1


def test_options_that_say_nothing_are_no_part_of_a_title(tmp_path: Path) -> None:
    data = {"name": "csv", "label": "", "drop": [], "header": "auto", "missing": "drop", "without": None}
    words = protocol_words(Data.of(data, "ab" * 32, None), {}, [], digest=False)
    assert words == ["csv", "missing drop"]


def test_a_damaged_run_is_passed_over(runs: Path) -> None:
    (runs / "ae" / "results.json").write_text('{"test": ')
    assert sum(len(table.rows) for table in tables(collect([runs]))) == 3
