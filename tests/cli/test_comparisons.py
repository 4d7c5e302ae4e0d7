"""`genzoo.compare` and `genzoo.bench` are the commands of these names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from made_up_runs import make, shown

import genzoo
from genzoo.cli.comparisons import Comparison, records
from genzoo.cli.main import main
from genzoo.experiment import speed

FAST: dict[str, Any] = {"hidden": (8,), "latent_dim": 2, "epochs": 1, "quiet": True}


def test_a_comparison_is_what_the_command_shows(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = genzoo.compare(runs, sort="negative-elbo")
    assert found.to_markdown() + "\n" == shown(capsys, runs, "--sort", "negative-elbo", "--markdown")
    assert str(found) == repr(found) == found.to_markdown()
    html = found._repr_html_()
    assert html.count("<table") == len(found.tables) == 2
    assert "conv-vae is better than vae: −ELBO lower by 3.5 ± 1" in html
    assert "<html" not in html


def test_a_folder_of_sweeps_has_the_runs_below_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for seed in range(2):
        make(tmp_path / "bench" / "digits" / f"{seed}", "vae", seed, 100.0 + seed)
    (table,) = genzoo.compare(tmp_path / "bench").tables
    assert [run.path.name for row in table.rows for run in row.runs] == ["0", "1"]
    assert shown(capsys, tmp_path / "bench") == shown(capsys, tmp_path / "bench" / "digits")


def test_a_comparison_as_flat_rows(runs: Path) -> None:
    table, metric = genzoo.compare(runs, sort="negative-elbo", metrics=["negative-elbo"]).chosen[-1]
    first, *_, last = records(table, metric)
    assert (first["model"], first["seeds"], first["rank"]) == ("conv-vae", 3, 1)
    assert first["negative_elbo"] == pytest.approx(102.0333, abs=1e-3)
    assert first["negative_elbo_interval"] > 0
    assert last["negative_elbo"] is None
    assert "mse" not in first


def test_a_dataframe_without_pandas_says_what_to_install(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(genzoo.UsageError, match="to_pandas needs pandas") as refused:
        genzoo.compare(runs).to_pandas()
    assert refused.value.hint == "pip install pandas"


@pytest.mark.long
def test_a_dataframe(runs: Path) -> None:
    pytest.importorskip("pandas")
    frame = genzoo.compare(runs, sort="negative-elbo").to_pandas()
    assert list(frame.model) == ["vae", "conv-vae", "vae", "ae"]
    assert frame.negative_elbo.isna().tolist() == [False, False, False, True]
    assert genzoo.find_runs(runs).to_pandas().shape[0] == 8


def test_figures_of_a_comparison(runs: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        test = {"kl": 20.0 + (name == "b"), "reconstruction": 80.0}
        make(tmp_path / "planes" / name, "vae", ord(name), 100.0, test=test)
    found = genzoo.compare(tmp_path / "planes")
    assert found.figure("rate-distortion").save(tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert found.figure("intervals")._repr_png_().startswith(b"\x89PNG")
    with pytest.raises(genzoo.UsageError, match="no figure 'rate'"):
        found.figure("rate")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sort": "mze"}, "--sort mze: no run has it"),
        ({"dataset": "digits"}, "no finished run to compare"),
        ({"metrics": ["mze"]}, "--metrics mze: no run has it"),
    ],
)
def test_what_no_run_has_is_refused(options: dict[str, Any], message: str, runs: Path) -> None:
    with pytest.raises(genzoo.UsageError) as refused:
        genzoo.compare(runs, **options)
    assert refused.value.message.startswith(message)


def test_a_benchmark_is_that_of_the_command(
    runs_without_figures: None, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speed, "SECONDS", 0.0)
    data = {"train": 100, "validation": 50, "test": 50}
    made = genzoo.bench(["ae", "vae --beta 2"], "moons", seeds=range(2), runs=tmp_path / "b", data=data, **FAST)
    assert isinstance(made, Comparison)
    assert "seed 0" not in capsys.readouterr().err, "quiet"
    assert {(row.model, row.seeds) for table in made.tables for row in table.rows} == {("vae", 2), ("ae", 2)}
    words = "bench --dataset moons --seeds 0..1 --hidden 8 --latent-dim 2 --epochs 1 --quiet --markdown --runs"
    sizes = [f"--data.{name}={size}" for name, size in data.items()]
    assert main([*words.split(), str(tmp_path / "b"), "--models", "ae,vae --beta 2", *sizes]) == 0
    assert capsys.readouterr().out == made.to_markdown() + "\n"  # with the same speeds: nothing was made again
    assert len(list((tmp_path / "b").glob("*/results.json"))) == 4


@pytest.mark.parametrize(
    ("models", "options", "message"),
    [
        ([], {}, "no models to train"),
        (["vea"], {}, "no model named 'vea'"),
        (["vae"], {"seed": 3}, "--seed is not for bench"),
        (["vae"], {"lr": -1}, "vae: --lr must be more than 0"),
        (["vae"], {"sort": "mze"}, "--sort mze: no run has it"),
        (["vae"], {"jobs": 0}, "--jobs 0: not from 1"),
        (["vae"], {"seeds": 3}, "seeds must be several numbers, not 3"),
        (["vae"], {"seeds": "3-1"}, "--seeds 3-1: 3 comes after 1"),
        (["vae"], {"seeds": [0.5]}, "seeds must be whole numbers from 0, not [0.5]"),
    ],
)
def test_a_benchmark_that_cannot_begin(
    models: list[str], options: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(genzoo.UsageError) as refused:
        genzoo.bench(models, "moons", runs=tmp_path / "b", quiet=True, **options)
    assert refused.value.message.startswith(message)
    assert not (tmp_path / "b").exists()
