"""The forms of a comparison: text, JSON, CSV, Markdown and a page."""

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
from made_up_runs import make, shown

from genzoo.cli.main import main
from genzoo.comparison.tables import collect, tables
from genzoo.reporting.warnings import warnings


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
        ({"active_units": 9.0}, "vae: collapse: 55% of 20 latents are inactive"),
        ({"mse": 0.03, "active_units": 0.0}, "vae: worse than baseline! MSE 0.03000, PCA with 20 components 0.02350; "
         "collapse: 100% of 20 latents are inactive"),
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
