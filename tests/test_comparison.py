"""Comparing runs: seeds together, protocols apart, intervals and paired tests as statistics has them."""

from __future__ import annotations

import csv
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import scipy.stats
import torch

from genzoo.cli import main
from genzoo.comparison import T_975, Estimate, collect, paired, tables
from genzoo.runs import EXAMPLES_FILE, Run
from genzoo.verdicts import warnings
from genzoo.weights import save_examples

N = 400


def make(folder: Path, model: str, seed: int, bound: Any, shift: float = 0.0, **training: Any) -> Run:
    """A finished run as the trainer leaves it, with made-up figures: images differ by tens, models by `shift`."""
    folder.mkdir(parents=True)
    config = {
        "model": {"name": model, "latent_dim": 20},
        "loss": {"name": "elbo", "beta": 1.0},
        "data": {"name": "mnist", "validation": 0},
        "training": {"seed": seed, "epochs": 10, "device": "cpu", "binarize": "none", "likelihood": "auto", **training},
    }
    test = {"n": N, "negative_elbo": bound, "mse": 0.01, "standard_error": {}, "not_available": {}}
    if bound is None:
        test["not_available"] = {"negative_elbo": "no prior p(z)"}
    results = {
        "test": test,
        "baselines": {"pca": {"components": 20, "mse": 0.0235}},
        "training": {"images_per_second": 1000.0 * (seed + 1)},
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "results.json").write_text(json.dumps(results))
    generator = torch.Generator().manual_seed(0)
    images = 100 + 30 * torch.randn(N, generator=generator)
    noise = torch.randn(N, generator=torch.Generator().manual_seed(seed + 1))
    save_examples(folder / EXAMPLES_FILE, {"negative_elbo": images + shift + noise, "mse": images})
    return Run(folder)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Three seeds of a VAE, one conv-VAE, an autoencoder, and a VAE under another protocol."""
    for seed, bound in enumerate((105.0, 106.0, 105.6)):
        make(tmp_path / f"vae-{seed}", "vae", seed, bound)
    make(tmp_path / "conv", "conv-vae", 0, 102.0, shift=-3.5)
    make(tmp_path / "ae", "ae", 0, None)
    make(tmp_path / "dynamic", "vae", 0, 90.0, binarize="dynamic")
    return tmp_path


def shown(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    assert main(["compare", *map(str, words)]) == 0
    return capsys.readouterr().out


def test_intervals_are_students() -> None:
    for freedom, quantile in enumerate(T_975, start=1):
        assert quantile == pytest.approx(scipy.stats.t.ppf(0.975, freedom), abs=5e-4)
    values = (105.0, 106.0, 105.6)
    low, high = scipy.stats.t.interval(0.95, 2, loc=sum(values) / 3, scale=scipy.stats.sem(values))
    estimate = Estimate(values)
    assert estimate.interval is not None
    assert estimate.mean - estimate.interval == pytest.approx(low, rel=1e-3)
    assert estimate.mean + estimate.interval == pytest.approx(high, rel=1e-3)
    assert Estimate((1.0,)).interval is None


def test_seeds_go_together_and_protocols_apart(runs: Path) -> None:
    made = tables(collect([runs]))
    assert [sorted((row.model, row.seeds) for row in table.rows) for table in made] == [
        [("vae", 1)],
        [("ae", 1), ("conv-vae", 1), ("vae", 3)],
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


def test_the_best_two_are_compared_image_by_image(runs: Path) -> None:
    table = tables(collect([runs]))[1]
    test = paired(table, "negative_elbo")
    assert test is not None
    assert (test.better, test.other, test.n, test.settled) == ("conv-vae", "vae", N, True)
    by_model = {row.model: row.examples["negative_elbo"].numpy() for row in table.rows}
    reference = scipy.stats.ttest_rel(by_model["vae"], by_model["conv-vae"])
    low, high = reference.confidence_interval(0.95)
    assert test.difference == pytest.approx((low + high) / 2, rel=1e-9)
    assert test.interval == pytest.approx((high - low) / 2, rel=0.01)
    # Unpaired, images that differ by 30 nats would hide a difference of 3.5.
    unpaired = scipy.stats.ttest_ind(by_model["vae"], by_model["conv-vae"])
    assert unpaired.pvalue > 0.05 > reference.pvalue


def test_equal_models_are_not_told_apart(tmp_path: Path) -> None:
    make(tmp_path / "one", "vae", 0, 100.0)
    make(tmp_path / "two", "conv-vae", 1, 100.01)
    test = paired(tables(collect([tmp_path]))[0], "negative_elbo")
    assert test is not None
    assert not test.settled


def test_the_forms_agree(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, runs)
    assert text.count("test examples\n") >= 2
    assert "n/a (no prior p(z))" in text
    assert "conv-vae is better than vae: negative elbo lower by" in shown(capsys, runs, "--sort", "negative-elbo")
    markdown = shown(capsys, runs, "--markdown")
    rows = [line for line in markdown.splitlines() if line.startswith("|")]
    assert {row.count("|") for row in rows} == {rows[0].count("|")}
    data = json.loads(shown(capsys, runs, "--json"))
    (vae,) = [row for row in data[1]["rows"] if row["model"] == "vae"]
    assert vae["test"]["negative_elbo"]["values"] == [105.0, 106.0, 105.6]
    lines = list(csv.DictReader(io.StringIO(shown(capsys, runs, "--csv"))))
    (line,) = [
        line for line in lines if (line["model"], line["figure"], line["seeds"]) == ("vae", "negative_elbo", "3")
    ]
    assert float(line["mean"]) == vae["test"]["negative_elbo"]["mean"] == pytest.approx(105.5333, abs=1e-4)


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
        assert ((said or "worse than baseline!") in shown(capsys, tmp_path, *form)) == bool(said)
    if "negative_elbo" in change:  # grey pixels have no probability to be held against
        run.write("results.json", results | {"measure": "none"})
        assert not warnings(tables(collect([tmp_path]))[0])


def test_a_damaged_run_is_passed_over(runs: Path) -> None:
    (runs / "ae" / "results.json").write_text('{"test": ')
    assert sum(len(table.rows) for table in tables(collect([runs]))) == 3
