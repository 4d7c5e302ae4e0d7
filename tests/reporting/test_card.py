"""What notebooks show of runs, results and options."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from html_reader import Reader
from made_up_runs import make
from run_fixtures import told, vae_run  # noqa: F401 (fixtures)

import genzoo
from genzoo.core.text import number
from genzoo.reporting.card import curves, points, run_html
from genzoo.reporting.format import half_width
from genzoo.runs.run import Run


@pytest.fixture
def copy(vae_run: Run, tmp_path: Path) -> Run:  # noqa: F811
    return Run(Path(shutil.copytree(vae_run.path, tmp_path / "vae-copy")))


def test_the_card_of_a_run_has_its_protocol_metrics_samples_and_curve(vae_run: Run) -> None:  # noqa: F811
    html, read = run_html(vae_run), Reader(run_html(vae_run))
    assert html == vae_run._repr_html_()
    assert [load.partition(",")[0] for load in read.loads] == ["data:image/png;base64"]
    assert "script" not in read.tags
    assert "finished · 2 epochs" in html
    assert "loss elbo · seed 0" in html
    test = vae_run.results.test
    assert number(test.negative_elbo) in html
    assert f"± {half_width(test.standard_error['negative_elbo'])}" in html
    assert html.count("<polyline") == 2


def test_a_run_that_was_stopped_says_how_it_goes_on(copy: Run) -> None:
    for name in ("results.json", "model.safetensors"):
        (copy.path / name).unlink()
    copy.write("run.json", {**copy.record, "status": "interrupted"})
    html = run_html(copy)
    assert "interrupted · 2 epochs" in html
    assert "genzoo.resume(" in html
    assert "<polyline" in html


@pytest.mark.parametrize("name", ["run.json", "config.json", "results.json", "metrics.jsonl"])
@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"\xff"])
def test_a_damaged_file_leaves_out_what_is_in_it(name: str, content: bytes, copy: Run) -> None:
    (copy.path / name).write_bytes(content)
    assert copy.path.name in run_html(copy)


def test_names_are_text(tmp_path: Path) -> None:
    run = make(tmp_path / "<img src=x>", "<b>vae", 0, 1.0, record={"status": "finished"})
    assert "&lt;b&gt;vae" in run_html(run)
    assert "img" not in Reader(run_html(run)).tags


def test_results_and_their_parts_are_tables(vae_run: Run) -> None:  # noqa: F811
    value = number(vae_run.results.test.negative_elbo)
    assert value in vae_run.results._repr_html_()
    assert value in vae_run.results.test._repr_html_()


def test_a_curve_fills_its_box() -> None:
    history = [{"train": {"loss": 4.0}}, {"train": {"loss": 3.0}}, {"train": {"loss": "nan"}}, {"train": {"loss": 2.0}}]
    shown = curves(history)
    assert shown is not None
    assert [line["points"] for line in shown["lines"]] == ["0.0,1.0 33.3,20.0 100.0,39.0"]
    assert curves(history[:1]) is None
    assert curves([{}, {"train": 3}]) is None
    assert len(points([1.0] * 1000, 1.0, 1.0).split()) <= 200


def test_options_are_shown_with_their_help() -> None:
    html = genzoo.options("vae", "digits", epochs=7)._repr_html_()
    assert "Length of the latent vector z." in html
    assert "<tr><th>epochs</th><td>7</td><td>auto</td>" in html
    assert "data.validation" in html
