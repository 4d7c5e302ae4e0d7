"""`genzoo compare`: text, JSON, CSV, Markdown and HTML agree."""

from __future__ import annotations

import csv
import io
import json
from argparse import Namespace
from pathlib import Path

import pytest
import scipy.stats
from made_up_runs import make, shown

from genzoo.cli import bench
from genzoo.cli.main import main
from genzoo.comparison.tables import collect
from genzoo.figures import comparisons
from genzoo.reporting.leaderboard import leaderboard_table


def test_the_error_of_the_test_data_stands_beside_that_of_the_seeds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed in range(2):
        make(tmp_path / f"{seed}", "vae", seed, 100.0 + seed, test={"standard_error": {"negative_elbo": 1.5}})
    interval = scipy.stats.t.ppf(0.975, 1) * 0.5
    assert f"100.50 ± {interval:.2f}, test ± 2.94" in shown(capsys, tmp_path)
    assert "100, test ± 3" in shown(capsys, tmp_path / "0")
    (found,) = json.loads(shown(capsys, tmp_path, "--json"))["tables"][0]["rows"]
    assert found["test"]["negative_elbo"]["test_interval_95"] == pytest.approx(1.5 * scipy.stats.norm.ppf(0.975))
    assert found["test"]["negative_elbo"]["interval_95"] == pytest.approx(interval)


def test_the_forms_agree(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, runs)
    assert text.count("test examples\n") >= 2
    assert "n/a (no prior p(z))" in text
    sentence = "conv-vae is better than vae: −ELBO lower by 3.5 ± 1"
    for form in ((), ("--markdown",), ("--html",)):
        assert sentence in shown(capsys, runs, "--sort", "negative-elbo", *form)
    markdown = shown(capsys, runs, "--sort", "negative-elbo", "--markdown")
    rows = [line for line in markdown.splitlines() if line.startswith("|")]
    assert {row.count("|") for row in rows[4:]} == {rows[4].count("|")}
    assert [row.split(" | ")[:3] for row in rows if row.startswith("| conv")] == [["| conv-vae", "1", "3"]]
    data = json.loads(shown(capsys, runs, "--sort", "negative-elbo", "--json"))["tables"]
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


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["RUNS", "--dataset", "cifar"], "genzoo: no finished runs on 'cifar' here"),
        (["RUNS", "--sort", "fid"], "genzoo: --sort fid: no run has it. Did you mean 'frechet'?"),
        (["ORDERLESS", "--sort", "kl"], "genzoo: --sort kl: neither lower nor higher values of this metric are better"),
        (["RUNS", "--metrics", "mse,fid"], "genzoo: --metrics fid: no run has it. Did you mean 'frechet'?"),
        (["RUNS", "--sort", "knn"], "genzoo: --sort knn: no run has it, and compare computes none"),
        (["RUNS", "--sort", "elbo"], "genzoo: --sort elbo: no run has it. Did you mean 'negative-elbo'?"),
    ],
)
def test_refusals(runs: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str) -> None:
    make(runs / "alone" / "kl", "vae", 0, 100.0, test={"kl": 20.0})
    places = {"RUNS": str(runs), "ORDERLESS": str(runs / "alone")}
    assert main(["compare", *(places.get(word, word) for word in words)]) == 2
    error = capsys.readouterr().err.splitlines()
    assert error[0] == message
    assert len(error) > 1


@pytest.mark.parametrize(
    ("commands", "hints"),
    [
        ([["bench", "vae,ae", "digits"]] * 2, ["genzoo bench vae,ae digits --metrics knn"]),
        (
            [["sweep", "--quiet", "vae", "moons", "--metrics=fid"], ["run", "vae", "moons"]],
            ["genzoo sweep vae moons --metrics fid,knn", "genzoo evaluate RUN", "genzoo run --config RUN"],
        ),
        ([["run", "vae", "digits"]] * 2, ["genzoo evaluate RUN --metrics knn", "run --config RUN --metrics knn"]),
    ],
)
def test_what_stores_a_metric_that_no_run_has_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], commands: list[list[str]], hints: list[str]
) -> None:
    for seed, words in enumerate(commands):
        make(tmp_path / f"{seed}", "vae", seed, 100.0, record={"device": "cpu", "command": ["genzoo", *words]})
    assert main(["compare", str(tmp_path), "--sort", "knn"]) == 2
    _, *lines, known = capsys.readouterr().err.splitlines()
    assert len(lines) == len(hints)
    assert all(hint in line for hint, line in zip(hints, lines, strict=True))
    assert known.startswith("  known: ")


def table_rows(capsys: pytest.CaptureFixture[str], *words: object) -> list[list[str]]:
    """The first table of `genzoo compare … --markdown`, cell by cell."""
    lines = [line for line in shown(capsys, *words, "--markdown").split("\n\n")[1].splitlines() if line[:5] != "| ---"]
    return [line.strip("| ").split(" | ") for line in lines]


def test_a_column_without_any_value_is_not_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither a metric that refuses every model here, nor PCA where no model has codes."""
    for seed, bound in ((0, None), (1, 90.0)):
        none = {"psnr": None, "not_available": {"psnr": "no images"}}
        make(tmp_path / f"{seed}", "gan", seed, bound, test=none, results={"baselines": {}})
    header, row = table_rows(capsys, tmp_path)
    assert header == ["model", "rank", "seeds", "−ELBO (nats)", "MSE per dimension", "images/s"]
    assert row[3].startswith("n/a")  # one of two seeds has none: its reason is shown
    assert "psnr" not in shown(capsys, tmp_path, "--csv")


def test_the_columns_are_chosen_and_ordered(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The rows are sorted by the first chosen metric that all have; --sort may name another one."""
    header, *_ = table_rows(capsys, runs, "--metrics", "mse, negative-elbo")
    assert header == ["model", "rank", "seeds", "MSE per dimension", "−ELBO (nats)", "PCA MSE", "images/s"]
    data = json.loads(shown(capsys, runs, "--metrics", "mse", "--sort", "negative-elbo", "--json"))["tables"]
    assert [(table["sorted_by"], list(table["rows"][0]["test"])) for table in data] == [("negative_elbo", ["mse"])] * 2
    assert [row["model"] for row in data[1]["rows"]] == ["conv-vae", "vae", "ae"]


def test_a_table_without_the_metric_of_sort_is_sorted_by_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make(tmp_path / "vae", "vae", 0, 100.0)
    make(tmp_path / "ae", "ae", 0, None, binarize="dynamic")
    data = json.loads(shown(capsys, tmp_path, "--sort", "negative-elbo", "--json"))["tables"]
    assert {table["sorted_by"] for table in data} == {"negative_elbo", "mse"}


def test_a_benchmark_and_a_comparison_sort_the_same_runs_by_the_same_metric(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the first one that all rows have; the sheets of both say so."""
    for sort, metrics in ((None, {"negative_elbo", "mse"}), ("negative-elbo", {"negative_elbo"})):
        boards = bench.boards(Namespace(sort=sort, target=None), collect([runs]))
        words = ["--sort", sort] if sort else []
        data = json.loads(shown(capsys, runs, *words, "--json"))["tables"]
        assert [board.metric for board in boards] == [table["sorted_by"] for table in data]
        assert {board.metric for board in boards} == metrics
    line = "rows are sorted by their test MSE per dimension, the first metric that all rows have (--sort names another)"
    every = bench.boards(Namespace(sort=None, target=None), collect([runs]))
    (board,) = [one for one in every if len(one.table.rows) > 1]
    assert any(note.startswith(line) for note in leaderboard_table(board).notes)
    assert line in " ".join(shown(capsys, runs).split())
    assert "--sort names another" not in " ".join(shown(capsys, runs, "--sort", "mse", "--metrics", "mse").split())


@pytest.mark.usefixtures("drawn_figures")
def test_the_figure_shows_the_metric_of_sort_and_says_what_it_leaves_out(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    labels: list[str] = []
    monkeypatch.setattr(comparisons, "save", lambda figure, path: labels.extend(a.get_xlabel() for a in figure.axes))
    words = ["compare", str(runs), "--figure", str(tmp_path / "a.png"), "--sort"]
    assert main([*words, "mse"]) == 0
    assert labels == ["MSE per dimension (lower is better)"] * 2
    assert "not in the figure" not in capsys.readouterr().err
    assert main([*words, "negative-elbo"]) == 0
    assert labels[2:] == ["−ELBO (nats) (lower is better)"] * 2
    assert capsys.readouterr().err == "genzoo: not in the figure: ae (no prior p(z))\n"
    assert main(words[:-1]) == 2  # these made-up runs have no rate
    assert "draw a metric: --sort METRIC" in capsys.readouterr().err
    diverged = make(tmp_path / "alone" / "nan", "vae", 0, 100.0, test={"mse": float("nan")})
    assert main(["compare", str(diverged.path), *words[2:], "mse"]) == 2
    assert "no run here has a value of its metric" in capsys.readouterr().err
