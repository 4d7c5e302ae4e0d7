"""When one row is significantly better than another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats
import torch
from made_up_runs import IMAGES, N, make, table_of
from torch import Tensor

import genzoo
from genzoo.comparison.ranking import paired, ranks
from genzoo.comparison.statistics import Estimate
from genzoo.comparison.tables import Row, Table, collect, tables
from genzoo.experiment.job import Job
from genzoo.reporting.warnings import ranking_notes
from genzoo.runs.run import EXAMPLES_FILE, Run
from genzoo.system.checksummed import read_sealed


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
    values = [
        [row.results[place]["test"]["negative_elbo"] for place in range(3)] for row in table.rows if row.seeds == 3
    ]
    assert test.p == pytest.approx(scipy.stats.ttest_ind(*values, equal_var=False).pvalue, rel=1e-9)
    assert test.n is None
    (line,) = [line for line in ranking_notes(table, "negative_elbo") if "over 3 and 3 seeds" in line]
    assert line.endswith("Values of single examples are not compared: they are not there")


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
    assert ranks(table, "negative_elbo") == [1 if row.seeds > 1 else None for row in table.rows]
    assert "rows of one seed are not ranked" in ranking_notes(table, "negative_elbo")
    assert "conv-vae is not significantly better than vae" in ranking_notes(table, "negative_elbo")[-1]
    assert "the difference between seeds" in ranking_notes(table, "negative_elbo")[-1]


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


@pytest.mark.long
@pytest.mark.parametrize("size", [1, pytest.param(3, marks=pytest.mark.long), 5])
@pytest.mark.parametrize(
    ("spread", "interaction"),
    [(0.5, 2.0), *(pytest.param(*pair, marks=pytest.mark.long) for pair in ((3.0, 1.0), (0.01, 5.0)))],
)
def test_rows_that_differ_in_seeds_alone_are_rarely_significant(spread: float, interaction: float, size: int) -> None:
    """A seed shifts all examples, and each by something of its own. Of 300 pairs of fresh seeds 5 % may be settled, and
    three deviations more.
    """
    generator = torch.Generator().manual_seed(size)

    def seed() -> Tensor:
        shift, own = torch.randn(1, generator=generator), torch.randn(N, generator=generator)
        return IMAGES + spread * shift + interaction * own

    rate = sum(settled([seed() for _ in range(size)], [seed() for _ in range(size)]) for _ in range(300)) / 300
    assert rate == 0 if size == 1 else rate <= 0.05 + 3 * (0.05 * 0.95 / 300) ** 0.5


@pytest.mark.long
def test_real_runs_that_differ_in_seeds_alone_are_rarely_significant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Job, "draw", lambda self, run, model: None)
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
    assert "beta=1" in test.better


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
    assert "corrected for 6 pairs" in ranking_notes(Table("t", table.rows[:4]), "negative_elbo")[-1]


def test_the_sentence_names_all_that_the_best_one_is_not_better_than(tmp_path: Path) -> None:
    for model, spread in (("a", 0.1), ("b", 0.1), ("c", 5.0), ("d", 0.1), ("e", 5.0)):
        for seed in range(3):
            bound = 100.0 + 2 * "acdeb".index(model) + (seed - 1) * spread
            make(tmp_path / f"{model}-{seed}", model, seed, bound)
    table = table_of(tmp_path)
    test = paired(table, "negative_elbo")
    assert test is not None
    assert (test.better, test.other, test.settled, test.alike) == ("a", "c", False, ("e",))
    assert ranking_notes(table, "negative_elbo")[-1].endswith("; nor than e")
    without = Table("t", tuple(row for row in table.rows if row.model != "c"))
    assert ranking_notes(without, "negative_elbo")[-1].startswith("a is better than d: ")
    assert ranking_notes(without, "negative_elbo")[-1].endswith("; not significantly better than e")


def test_equal_metrics_of_all_seeds_settle_nothing_without_examples(tmp_path: Path) -> None:
    """Three seeds with 20 active units and three with 19: no spread is no proof."""
    for model, active in (("vae", 20.0), ("conv-vae", 19.0)):
        for seed in range(3):
            make(tmp_path / f"{model}-{seed}", model, seed, 100.0, test={"active_units": active})
    assert ranks(table_of(tmp_path), "active_units") == [1, 1]
