"""Comparing runs: seeds together, protocols apart, intervals and tests as statistics has them."""

from __future__ import annotations

import csv
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats
import torch
from torch import Tensor

import genzoo
from genzoo.cli import main
from genzoo.comparison import Row, Table, best, collect, tables
from genzoo.experiment import Experiment
from genzoo.identity import Data, protocol_words
from genzoo.ranking import paired, ranks
from genzoo.runs import EXAMPLES_FILE, Run
from genzoo.sealed import read_sealed
from genzoo.statistics import Estimate
from genzoo.verdicts import verdicts, warnings
from genzoo.weights import save_examples

N = 400
IMAGES = 100 + 30 * torch.randn(N, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def make(
    folder: Path,
    model: str,
    seed: int,
    bound: float | None,
    *,
    data: dict[str, Any] | None = None,
    record: dict[str, Any] | None = None,
    results: dict[str, Any] | None = None,
    test: dict[str, Any] | None = None,
    **training: Any,
) -> Run:
    """A finished run with made-up figures: images differ by tens of nats, all the same in every run."""
    folder.mkdir(parents=True)
    config = {
        "model": {"name": model, "latent_dim": 20},
        "loss": {"name": "elbo", "beta": 1.0},
        "data": data or {"name": "mnist", "validation": 0},
        "training": {"seed": seed, "epochs": 10, "device": "cpu", "binarize": "none", "likelihood": "auto", **training},
    }
    figures = {"n": N, "negative_elbo": bound, "mse": 0.01, "standard_error": {}, "not_available": {}}
    if bound is None:
        figures["not_available"] = {"negative_elbo": "no prior p(z)"}
    else:
        noise = torch.randn(N, generator=torch.Generator().manual_seed(seed + 1), dtype=torch.float64)
        values = IMAGES - IMAGES.mean() + noise - noise.mean() + bound
        save_examples(folder / EXAMPLES_FILE, {"negative_elbo": values, "mse": IMAGES})
    found = {
        "test": {**figures, **(test or {})},
        "baselines": {"pca": {"components": 20, "mse": 0.0235}},
        "training": {"images_per_second": 1000.0 * (seed + 1)},
        **(results or {}),
    }
    run = Run(folder)
    for name, content in (("config", config), ("results", found), ("run", record)):
        if content is not None:
            run.write(f"{name}.json", content)
    return run


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Three seeds of a VAE and of a conv-VAE, an autoencoder, and a VAE under another protocol."""
    for seed, bound in enumerate((105.0, 106.0, 105.6)):
        make(tmp_path / f"vae-{seed}", "vae", seed, bound)
    for seed, bound in enumerate((102.0, 101.7, 102.4)):
        make(tmp_path / f"conv-{seed}", "conv-vae", seed, bound)
    make(tmp_path / "ae", "ae", 0, None)
    make(tmp_path / "dynamic", "vae", 0, 90.0, binarize="dynamic")
    return tmp_path


def shown(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    assert main(["compare", *map(str, words)]) == 0
    return capsys.readouterr().out


def table_of(places: Path, dataset: str = "mnist") -> Table:
    (table,) = tables(collect([places]), dataset)
    return table


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


# The test of two rows.


def values_of(table: Table, model: str) -> tuple[Any, Any]:
    """Figures over the seeds, and values of the examples averaged over them."""
    (row,) = [row for row in table.rows if row.model == model]
    estimate = row.estimate("negative_elbo")
    assert isinstance(estimate, Estimate)
    return np.array(estimate.values), row.examples["negative_elbo"]


def test_the_best_two_are_tested_over_seeds_and_examples(runs: Path) -> None:
    table = tables(collect([runs]))[1]
    test = paired(table, "negative_elbo")
    assert test is not None
    assert (test.better, test.other, test.n, test.seeds, test.settled) == ("conv-vae", "vae", N, (3, 3), True)
    (one, one_examples), (other, other_examples) = values_of(table, "conv-vae"), values_of(table, "vae")
    assert test.difference == pytest.approx(other.mean() - one.mean(), rel=1e-12)
    parts = [one.var(ddof=1) / 3, other.var(ddof=1) / 3, (one_examples - other_examples).var(ddof=1) / N]
    freedom = sum(parts) ** 2 / (parts[0] ** 2 / 2 + parts[1] ** 2 / 2 + parts[2] ** 2 / (N - 1))
    assert test.interval == pytest.approx(scipy.stats.t.ppf(0.975, freedom) * sum(parts) ** 0.5, rel=1e-9)
    assert test.p == pytest.approx(2 * scipy.stats.t.sf(test.difference / sum(parts) ** 0.5, freedom), rel=1e-9)
    # Unpaired, images that differ by 30 nats would hide the difference.
    assert scipy.stats.ttest_ind(one_examples, other_examples).pvalue > 0.05
    assert ranks(table, "negative_elbo") == [None, 1, 2]


def test_without_values_of_examples_the_test_is_welchs_over_seeds(runs: Path) -> None:
    for file in runs.glob(f"*/{EXAMPLES_FILE}"):
        file.unlink()
    table = tables(collect([runs]))[1]
    test = paired(table, "negative_elbo")
    assert test is not None
    figures = [
        [row.results[place]["test"]["negative_elbo"] for place in range(3)] for row in table.rows if row.seeds == 3
    ]
    assert test.p == pytest.approx(scipy.stats.ttest_ind(*figures, equal_var=False).pvalue, rel=1e-9)
    assert test.n is None
    assert any("over 3 and 3 seeds alone" in line for line in verdicts(table, "negative_elbo"))


@pytest.mark.parametrize(("one", "other"), [(1, 1), (1, 3), (3, 1)])
def test_a_single_seed_settles_nothing(tmp_path: Path, one: int, other: int) -> None:
    for model, count, bound in (("vae", one, 100.0), ("conv-vae", other, 10.0)):
        for seed in range(count):
            make(tmp_path / f"{model}-{seed}", model, seed, bound + 0.01 * seed)
    table = table_of(tmp_path)
    test = paired(table, "negative_elbo")
    assert test is not None
    assert not test.settled
    assert test.interval is None
    assert ranks(table, "negative_elbo") == [1, 1]
    assert "conv-vae is not told apart from vae" in verdicts(table, "negative_elbo")[-1]
    assert "the difference between seeds" in verdicts(table, "negative_elbo")[-1]


def row_of(number: int, seeds: list[Tensor]) -> Row:
    """A row in memory: the values of every example, for each seed."""
    results = tuple({"test": {"n": N, "negative_elbo": values.mean().item()}} for values in seeds)
    row = Row("vae", {"x": number}, tuple(Run(Path(str(seed))) for seed in range(len(seeds))), results)
    vars(row)["by_seed"] = {seed: [seed] for seed in range(len(seeds))}
    vars(row)["examples"] = {"negative_elbo": torch.stack(seeds).mean(0).numpy()}
    return row


def settled(one: list[Tensor], other: list[Tensor]) -> bool:
    test = paired(Table("t", (row_of(0, one), row_of(1, other))), "negative_elbo")
    assert test is not None
    return test.settled


@pytest.mark.parametrize("size", [1, 3, 5])
@pytest.mark.parametrize(("spread", "interaction"), [(0.5, 2.0), (3.0, 1.0), (0.01, 5.0)])
def test_rows_that_differ_in_seeds_alone_are_rarely_told_apart(spread: float, interaction: float, size: int) -> None:
    """A seed shifts all examples, and each by something of its own. Of 300 pairs of fresh seeds 5 % may be settled, and
    three deviations more.
    """
    generator = torch.Generator().manual_seed(size)

    def seed() -> Tensor:
        shift, own = torch.randn(1, generator=generator), torch.randn(N, generator=generator)
        return IMAGES + spread * shift + interaction * own

    rate = sum(settled([seed() for _ in range(size)], [seed() for _ in range(size)]) for _ in range(300)) / 300
    assert rate == 0 if size == 1 else rate <= 0.05 + 3 * (0.05 * 0.95 / 300) ** 0.5


def test_real_runs_that_differ_in_seeds_alone_are_rarely_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Experiment, "draw", lambda self, run, view: None)
    options: dict[str, Any] = {"epochs": 2, "batch_size": 16, "hidden": (64,), "latent_dim": 8, "lr": 3e-3}
    options |= {"binarize": "static", "quiet": True}
    pool = [genzoo.run("vae", "digits", seed=seed, out=tmp_path / f"{seed}", **options) for seed in range(8)]
    seeds = [read_sealed(run.path / EXAMPLES_FILE)[1]["negative_elbo"].double() for run in pool]
    pairs = [torch.randperm(8, generator=torch.Generator().manual_seed(i)).tolist() for i in range(200)]
    assert not any(settled([seeds[i]], [seeds[j]]) for i, j, *_ in pairs)
    rate = sum(settled([seeds[i] for i in pair[:3]], [seeds[i] for i in pair[3:6]]) for pair in pairs) / len(pairs)
    assert rate <= 0.08
    other = [genzoo.run("vae", "digits", beta=4.0, seed=s, out=tmp_path / f"other-{s}", **options) for s in range(3)]
    (table,) = tables([*pool[:3], *other])
    test = paired(table, "negative_elbo")
    assert test is not None
    assert test.settled
    assert "beta=1.0" in test.better


def test_the_level_is_corrected_for_the_pairs_that_could_be_tested(tmp_path: Path) -> None:
    for number, model in enumerate("abcd"):
        for seed in range(3):
            make(tmp_path / f"{model}-{seed}", model, seed, 100.0 + number / 4 + (seed - 1) * 0.1)
    make(tmp_path / "single", "single", 0, 50.0)
    table = table_of(tmp_path)
    test = paired(table, "negative_elbo")
    assert test is not None
    assert test.comparisons == 6  # the row of one seed has no part in any
    alone = paired(Table("t", table.rows[:2]), "negative_elbo")
    assert alone is not None
    assert alone.p < 0.05
    assert (alone.settled, alone.comparisons) == (True, 1)
    # In company a and b share a rank, and c is worse than a by more than the correction takes away.
    assert ranks(table, "negative_elbo")[:4] == [1, 1, 2, 3]
    assert "corrected for 6 pairs" in verdicts(Table("t", table.rows[:4]), "negative_elbo")[-1]


def test_equal_figures_of_all_seeds_settle_nothing_without_examples(tmp_path: Path) -> None:
    """Three seeds with 20 active units and three with 19: no spread is no proof."""
    for model, active in (("vae", 20.0), ("conv-vae", 19.0)):
        for seed in range(3):
            make(tmp_path / f"{model}-{seed}", model, seed, 100.0, test={"active_units": active})
    assert ranks(table_of(tmp_path), "active_units") == [1, 1]


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
        "cpu, 1 thread, eager, genzoo 1); they count as one, by their mean"
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
    with pytest.raises(genzoo.UsageError, match="do not compare"):
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
    assert verdicts(table, "negative_elbo")[0] == (
        "rows are in the order of their validation negative elbo; the figures are test figures"
    )
    assert best(tmp_path, "negative-elbo").path.name == "vae-0"


def test_without_validation_data_the_choice_is_said_to_be_by_test_data(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (runs / "dynamic" / "results.json").unlink()
    assert best(runs, "negative-elbo").path.name == "conv-1"
    assert "genzoo: @best:negative-elbo: chosen by test figures" in capsys.readouterr().err
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
    said = " ".join(verdicts(table, figure))
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
    with pytest.raises(genzoo.UsageError, match="no such figure is better than another"):
        best(runs, "kl")


# The forms.


def test_the_error_of_the_test_data_stands_beside_that_of_the_seeds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed in range(2):
        make(tmp_path / f"{seed}", "vae", seed, 100.0 + seed, test={"standard_error": {"negative_elbo": 1.5}})
    interval = scipy.stats.t.ppf(0.975, 1) * 0.5
    assert f"100.50 ± {interval:.2f}, test ± 2.94" in shown(capsys, tmp_path)
    assert "100, test ± 3" in shown(capsys, tmp_path / "0")
    (found,) = json.loads(shown(capsys, tmp_path, "--json"))[0]["rows"]
    assert found["test"]["negative_elbo"]["test_interval_95"] == pytest.approx(1.5 * scipy.stats.norm.ppf(0.975))
    assert found["test"]["negative_elbo"]["interval_95"] == pytest.approx(interval)


def test_the_forms_agree(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, runs)
    assert text.count("test examples\n") >= 2
    assert "n/a (no prior p(z))" in text
    told = "conv-vae is better than vae: negative elbo lower by 3.5 ± 1"
    for form in ((), ("--markdown",), ("--html",)):
        assert told in shown(capsys, runs, "--sort", "negative-elbo", *form)
    markdown = shown(capsys, runs, "--sort", "negative-elbo", "--markdown")
    rows = [line for line in markdown.splitlines() if line.startswith("|")]
    assert {row.count("|") for row in rows[4:]} == {rows[4].count("|")}
    assert [row.split(" | ")[:3] for row in rows if row.startswith("| conv")] == [["| conv-vae", "3", "1"]]
    data = json.loads(shown(capsys, runs, "--sort", "negative-elbo", "--json"))
    assert {row["model"]: row["rank"] for row in data[1]["rows"]} == {"conv-vae": 1, "vae": 2, "ae": None}
    assert data[1]["paired"]["settled"]
    (vae,) = [row for row in data[1]["rows"] if row["model"] == "vae"]
    assert vae["test"]["negative_elbo"]["values"] == [105.0, 106.0, 105.6]
    lines = list(csv.DictReader(io.StringIO(shown(capsys, runs, "--csv"))))
    (line,) = [
        line for line in lines if (line["model"], line["figure"], line["seeds"]) == ("vae", "negative_elbo", "3")
    ]
    assert float(line["mean"]) == vae["test"]["negative_elbo"]["mean"] == pytest.approx(105.5333, abs=1e-4)
    assert line["rank"] == "2"


def test_the_page_is_whole_and_loads_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(tmp_path / "evil", "<script>alert(1)</script>", 0, 1.0)
    page = shown(capsys, tmp_path, "--html")
    assert "<script" not in page
    assert set(re.findall(r"(?:src|href)=\"(.{6})", page)) == {"data:i", "data:,"}  # pictures, and no icon
    assert "url(" not in page
    assert "@import" not in page
    open_tags: list[str] = []

    class Balance(HTMLParser):
        def handle_starttag(self, tag: str, attrs: Any) -> None:
            if tag not in ("meta", "link", "img", "br"):
                open_tags.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert open_tags.pop() == tag

    Balance().feed(page)
    assert not open_tags


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere"], "genzoo: no finished runs in nowhere"),
        (["RUNS", "--dataset", "cifar"], "genzoo: no finished runs on 'cifar' here"),
        (["RUNS", "--sort", "fid"], "genzoo: --sort fid: no run has it"),
        (["RUNS", "--sort", "elbo"], "genzoo: --sort elbo: no run has it. Did you mean 'negative-elbo'?"),
    ],
)
def test_refusals(runs: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str) -> None:
    assert main(["compare", *(str(runs) if word == "RUNS" else word for word in words)]) == 2
    error = capsys.readouterr().err.splitlines()
    assert error[0] == message
    assert len(error) > 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"mse": 0.0236}, "vae: worse than baseline! MSE 0.02360, PCA with 20 components 0.02350"),
        ({"negative_elbo": 206.0}, "vae: worse than baseline! −ELBO 206, independent pixels 205.85 nats"),
        ({"active_units": 9.0}, "vae: collapse: 55% of 20 latents are dead"),
        ({"mse": 0.03, "active_units": 0.0}, "vae: worse than baseline! MSE 0.03000, PCA with 20 components 0.02350; "
         "collapse: 100% of 20 latents are dead"),
        ({"mse": 0.0234, "negative_elbo": 205.0, "active_units": 10.0}, None),
    ],
)  # fmt: skip
def test_what_is_behind_a_baseline_or_collapsed_is_said_aloud(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: dict[str, float], said: str | None
) -> None:
    run = make(tmp_path / "one", "vae", 0, 100.0)
    results = run.results
    results["test"] |= {"active_units": 20.0, **change}
    results |= {"latents": 20, "measure": "probability"}
    results["baselines"]["independent_pixels"] = 205.85
    run.write("results.json", results)
    assert warnings(tables(collect([tmp_path]))[0]) == ([said] if said else [])
    for form in ((), ("--markdown",), ("--html",), ("--json",)):
        printed = shown(capsys, tmp_path, *form)
        told = str(json.loads(printed)) if form == ("--json",) else printed  # JSON is written in ASCII
        assert ((said or "worse than baseline!") in told) == bool(said)
    if "negative_elbo" in change:  # grey pixels have no probability to be held against
        run.write("results.json", results | {"measure": "none"})
        assert not warnings(tables(collect([tmp_path]))[0])


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
