"""When two runs have the same configuration and the same data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from made_up_runs import make, table_of

import genzoo
from genzoo.comparison.best import best
from genzoo.comparison.identity import Data, protocol_words
from genzoo.comparison.ranking import paired
from genzoo.comparison.tables import collect, tables


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


def test_an_option_added_since_has_its_default_in_runs_of_earlier_versions(tmp_path: Path) -> None:
    for seed, options in enumerate(({}, {"prior": "standard-normal"}, {"prior": "vamp:50"})):
        make(tmp_path / f"{seed}", "vae", seed, 100.0)
        run = genzoo.Run(tmp_path / f"{seed}")
        stored = json.loads((run.path / "config.json").read_text())
        stored["model"] |= options
        run.write("config.json", stored)
    assert sorted(row.seeds for row in table_of(tmp_path).rows) == [1, 2]


def test_the_same_contents_of_other_paths_are_the_same_data(tmp_path: Path) -> None:
    for seed, path in enumerate(("/x/mine.npz", "/y/mine.npz", "/y/moved.npz")):
        make(tmp_path / f"{seed}", "vae", seed, 100.0, data=own(path), record=recorded("a" * 64))
    (table,) = tables(collect([tmp_path]))
    assert [row.seeds for row in table.rows] == [3]
    assert "mine.npz or moved.npz" in table.title


def test_older_runs_are_distinguished_by_the_hashes_of_their_files(tmp_path: Path) -> None:
    make(tmp_path / "a0", "vae", 0, 100.0, data=own("/x/a.npz"), record=recorded("", files="f" * 64))
    make(tmp_path / "a1", "vae", 1, 100.0, data=own("/y/a.npz"), record=recorded("", files="f" * 64))
    make(tmp_path / "b", "vae", 2, 100.0, data=own("/x/a.npz"), record=recorded("", files="e" * 64))
    make(tmp_path / "none", "vae", 3, 100.0, data=own("/x/a.npz"), record={})
    assert sorted(row.seeds for table in tables(collect([tmp_path])) for row in table.rows) == [1, 1, 2]
    new = recorded("a" * 64) | {"data": recorded("", files="f" * 64)["data"]}
    make(tmp_path / "new", "vae", 4, 100.0, data=own("/z/a.npz"), record=new)
    assert sorted(row.seeds for table in tables(collect([tmp_path])) for row in table.rows) == [1, 1, 3]


def test_data_without_files_are_distinguished_by_their_contents(tmp_path: Path) -> None:
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
        ({"grad_clip": 1.0}, sessions((0, {}), (9, {"grad_clip": [0.0, 1.0]})), "vae grad_clip=0→1@9"),
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


def test_options_that_say_nothing_are_no_part_of_a_title(tmp_path: Path) -> None:
    data = {"name": "csv", "label": "", "drop": [], "header": "auto", "missing": "drop", "without": None}
    words = protocol_words(Data.of(data, "ab" * 32, None), {}, [], digest=False)
    assert words == ["csv", "missing drop"]
