"""The names a run goes by, on the command line and in Python."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

import pytest
import torch
from commandline import genzoo, in_own_process, refused
from made_up_runs import make, shown, table_of

import genzoo as package
from genzoo.comparison.best import best
from genzoo.comparison.ranking import paired, ranks
from genzoo.comparison.references import find, places
from genzoo.comparison.tables import collect, tables
from genzoo.core.errors import UsageError
from genzoo.reporting.warnings import ranking_notes
from genzoo.runs.overview import runs_in
from genzoo.runs.run import EXAMPLES_FILE, Run
from genzoo.system.lock import locked


def test_a_run_goes_by_path_beginning_digits_and_last(moons_run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(moons_run.path.parent.parent)
    root = Path(moons_run.path.parent.name)
    name = moons_run.path.name
    for reference in (
        "@last",
        name,
        "vae-moons",
        name.rpartition("-")[2],
        str(root / name),
        str(moons_run.path),
        str(root / name / "model.safetensors"),
    ):
        assert genzoo("sample", reference, "--runs", root, "-n", 2, "--out", "s.npy").code == 0
    Path("s.npy").unlink()


def test_load_takes_a_folder_a_file_a_beginning_and_last(
    vae_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(vae_run.path, tmp_path / "runs" / vae_run.path.name)
    monkeypatch.chdir(tmp_path)
    run = Path("runs") / vae_run.path.name
    expected = vae_run.model.state_dict()
    for reference in (run, str(run), run / "model.safetensors", "vae-digits", "@last", run.name.rpartition("-")[2]):
        model = package.load(reference)
        assert not model.training
        assert all(torch.equal(value, expected[name]) for name, value in model.state_dict().items())


def test_a_model_file_alone_is_enough_anywhere(vae_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(vae_run.path / "model.safetensors", tmp_path / "moved.safetensors")
    monkeypatch.chdir(tmp_path)
    model = package.load("moved.safetensors")
    x = torch.rand(3, 1, 8, 8)
    with torch.no_grad():
        assert torch.equal(model.encode(x), vae_run.model.encode(x))  # type: ignore[operator]
    assert model.sample(2).shape == (2, 1, 8, 8)


@pytest.mark.long
def test_the_commands_work_from_another_folder(moons_run: Run, tmp_path: Path) -> None:
    result = in_own_process("sample", moons_run.path, "-n", 3, "--out", "s.npy", cwd=tmp_path)
    assert (result.code, result.out) == (0, "s.npy\n")
    assert [path.name for path in tmp_path.iterdir()] == ["s.npy"]


def test_last_is_the_run_started_last(moons_run: Run, vae_run: Run, tmp_path: Path) -> None:
    for place, (run, started) in enumerate([(moons_run, 50.0), (vae_run, 70.0), (moons_run, 60.0)]):
        copy = tmp_path / f"{run.path.name}{place}"
        shutil.copytree(run.path, copy)
        Run(copy).write("run.json", {**run.record, "started": started})
        os.utime(copy, (place, place))
    assert find("@last", tmp_path).config.model == "vae"
    assert find("@last", tmp_path).path.name.endswith("1")
    assert refused(genzoo("evaluate", "vae-moons", "--runs", tmp_path)) == "2 runs begin with 'vae-moons'"
    assert refused(genzoo("evaluate", "vae", "--runs", tmp_path)) == "3 runs begin with 'vae'"
    listed = genzoo("evaluate", "vae-moons", "--runs", tmp_path).err.splitlines()[1:-1]
    assert [line.split()[0] for line in listed] == [f"{moons_run.path.name}2", f"{moons_run.path.name}0"]
    assert refused(genzoo("evaluate", "zebra", "--runs", tmp_path)) == f"no run 'zebra' in {tmp_path}/"
    assert refused(genzoo("evaluate", "zebra/", "--runs", tmp_path)) == "zebra/: no such folder"


def test_the_runs_of_sweeps_have_names_too(moons_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    copy = Path("bench/moons/vae-0")
    shutil.copytree(moons_run.path, copy)
    assert find("@last").path == find("vae-0").path == copy
    with pytest.raises(package.UsageError, match="no runs in other/"):
        find("@last", Path("other"))


def test_a_run_without_a_model_says_how_to_go_on(moons_run: Run, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(moons_run.path, copy)
    (copy / "model.safetensors").unlink()
    Run(copy).write("run.json", {**moons_run.record, "status": "failed: the disk is full"})
    result = genzoo("sample", copy, "-n", 2)
    assert refused(result) == f"{copy} has no model yet: it failed"
    assert result.err.splitlines()[1:] == [f"  go on: genzoo resume {copy}"]
    Run(copy).write("run.json", {**moons_run.record, "status": "running"})  # as `kill -9` leaves it
    assert refused(genzoo("sample", copy, "-n", 2)) == f"{copy} has no model yet: it was killed"
    with locked(copy):
        assert refused(genzoo("sample", copy, "-n", 2)) == f"{copy} has no model yet: it is running"


def test_comparing_refuses_names_of_no_run_and_runs_without_results(moons_run: Run, tmp_path: Path) -> None:
    copy = tmp_path / "begun"
    shutil.copytree(moons_run.path, copy)
    (copy / "results.json").unlink()
    assert refused(genzoo("compare", moons_run.path, copy)) == f"{copy} has no results: results.json is missing"
    Run(copy).write("run.json", {**moons_run.record, "status": "running"})
    with locked(copy):
        result = genzoo("compare", moons_run.path, copy)
    assert refused(result) == f"{copy} has no results yet: it is running"
    assert f"genzoo watch {copy}" in result.err
    assert refused(genzoo("compare", moons_run.path, "nosuch")).startswith("no run")


def test_a_folder_of_runs_is_told_from_a_run(tmp_path: Path) -> None:
    make(tmp_path / "digits" / "vae-0", "vae", 0, 100.0)
    (tmp_path / "digits" / "claims").mkdir()
    for name, what in (("digits", "but a folder of runs"), ("digits/claims", "it is how processes share their work")):
        result = genzoo("evaluate", tmp_path / name)
        assert refused(result).endswith(what)
        assert f"{tmp_path}/digits/vae-0; where several are taken: {tmp_path}/digits/*-*" in result.err


def test_a_folder_of_runs_may_stand_here(moons_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path / "digits" / "vae-0", "vae", 0, 100.0)
    monkeypatch.chdir(tmp_path)
    result = genzoo("evaluate", "digits", "--runs", moons_run.path.parent)
    assert refused(result) == "digits is not a run, but a folder of runs"


def test_a_folder_that_is_no_run(tmp_path: Path) -> None:
    assert refused(genzoo("evaluate", tmp_path)) == f"{tmp_path} is not a run folder: it has no config.json"
    assert refused(genzoo("evaluate", "@last", "--runs", tmp_path)) == f"no runs in {tmp_path}/"
    assert refused(genzoo("sample", "7f3a", "--runs", tmp_path / "none")) == f"no runs in {tmp_path}/none/"


def test_a_name_of_several_runs_says_in_what_they_differ(moons_run: Run, tmp_path: Path) -> None:
    for number, changed in enumerate([{"lr": 0.01, "epochs": 5}, {"lr": 0.01, "epochs": 7}, {}]):
        copy = Run(shutil.copytree(moons_run.path, tmp_path / f"vae-{number}"))
        config = moons_run.plain_config
        copy.write("config.json", {**config, "training": {**config["training"], **changed}})
        copy.write("run.json", {**moons_run.record, "started": time.time() - 180 + number})
    lines = genzoo("sample", "vae", "--runs", tmp_path).err.splitlines()
    own = moons_run.config.training
    assert lines == [
        "genzoo: 3 runs begin with 'vae'",
        f"  vae-2  3 min old, epochs {own.epochs}, lr {own.lr}",
        "  vae-1  3 min old, epochs 7, lr 0.01",
        "  vae-0  3 min old, epochs 5, lr 0.01",
        "  type more of a name, its last part alone, or @last",
    ]


def test_best_and_last_are_spelled_alike(vae_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(vae_run.path, tmp_path / "runs/one")
    monkeypatch.chdir(tmp_path)
    assert find("@best:mse").path == find("@last").path == Path("runs/one")


def test_best_is_the_finished_run_with_the_best_validation_metric(moons_run: Run, vae_run: Run, tmp_path: Path) -> None:
    for number, (bound, error) in enumerate([(30.0, 0.3), (10.0, 0.2), (20.0, 0.1), ("nan", 0.4)]):
        copy = tmp_path / f"vae-{number}"
        shutil.copytree(vae_run.path, copy)
        results = vae_run.results
        results["validation"] |= {"negative_elbo": bound, "mse": error}
        results["test"] |= {"negative_elbo": -number, "mse": number, "psnr": 30.0}  # which choose nothing
        results["validation"]["psnr"] = float(error)
        Run(copy).write("results.json", results)
    assert find("@best:negative-elbo", tmp_path).path.name == "vae-1"
    assert find("@best:negative_elbo", tmp_path).path.name == "vae-1"
    assert find("@best:mse", tmp_path).path.name == "vae-2"
    assert find("@best:psnr", tmp_path).path.name == "vae-3"
    message = refused(genzoo("evaluate", "@best:kl", "--runs", tmp_path))
    assert message == "@best:kl: neither lower nor higher values of this metric are better"
    message = refused(genzoo("evaluate", "@best:elbo", "--runs", tmp_path))
    assert message == f"@best:elbo: no finished run in {tmp_path}/ has it. Did you mean 'negative-elbo'?"
    assert refused(genzoo("evaluate", "@best:mse", "--runs", tmp_path / "none")).startswith("no runs in ")
    shutil.copytree(moons_run.path, tmp_path / "moons")
    result = genzoo("evaluate", "@best:mse", "--runs", tmp_path)
    assert refused(result) == f"@best:mse: the runs in {tmp_path}/ are not comparable: digits | moons"
    assert result.err.splitlines()[1].strip() == "narrow it: @best:mse@digits or @best:mse@moons"
    assert find("@best:mse@digits", tmp_path).path.name == "vae-2"
    assert find("@best:mse@moons", tmp_path).path.name == "moons"
    result = genzoo("evaluate", "@best:mse@digts", "--runs", tmp_path)
    assert refused(result) == f"@best:mse@digts: no finished run in {tmp_path}/ is on 'digts'. Did you mean 'digits'?"
    assert result.err.splitlines()[1].strip() == "datasets of these runs: digits, moons"
    shutil.copytree(vae_run.path, tmp_path / "binary")
    config = vae_run.plain_config
    config["training"]["binarize"] = "threshold"
    Run(tmp_path / "binary").write("config.json", config)
    result = genzoo("evaluate", "@best:mse@digits", "--runs", tmp_path)
    assert refused(result).startswith(f"@best:mse@digits: the runs in {tmp_path}/ are not comparable: ")
    assert result.err.splitlines()[1].strip() == f"compare them and name one: genzoo compare {tmp_path}/"


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
    assert ranking_notes(table, "negative_elbo")[0] == (
        "rows are sorted by their validation −ELBO, the first metric that all rows have (--sort names another); "
        "all metrics shown are of the test data"
    )
    assert best(tmp_path, "negative-elbo").path.name == "vae-0"


def test_without_validation_data_the_choice_goes_by_test_data(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (runs / "dynamic" / "results.json").unlink()
    assert best(runs, "negative-elbo").path.name == "conv-1"
    assert "genzoo: @best:negative-elbo: chosen by test metrics" in capsys.readouterr().err
    assert "sorted by their test −ELBO" in shown(capsys, runs, "--sort", "negative-elbo")


@pytest.mark.parametrize(
    ("metric", "order"),
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
def test_better_is_what_the_metric_says(tmp_path: Path, metric: str, order: list[int]) -> None:
    for number, value in enumerate((0.3, 0.45, 0.9)):
        for seed in range(3):
            metrics = {metric: value + 1e-3 * seed}
            make(tmp_path / f"{number}-{seed}", f"model-{number}", seed, 1.0, test=metrics)
    for file in tmp_path.glob(f"*/{EXAMPLES_FILE}"):
        file.unlink()
    table = table_of(tmp_path).sorted_by(metric)
    assert [int(row.model[-1]) for row in table.rows] == order
    assert ranks(table, metric) == [1, 2, 3]
    assert best(tmp_path, metric).path.name.startswith(str(order[0]))
    said = " ".join(ranking_notes(table, metric))
    assert ("is not installed: lower is assumed to be better" in said) == (metric == "unheard_of")
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
    with pytest.raises(package.UsageError, match="neither lower nor higher values of this metric are better"):
        best(runs, "kl")


def test_runs_beside_the_folder_of_runs_are_found_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of `--out NAME`; a folder of something else that has a config.json is none."""
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(("runs/inside", "beside", "below/one", "other")):
        Path(name).mkdir(parents=True)
        Path(name, "config.json").write_text("{}")
        if name != "other":
            Path(name, "run.json").write_text(json.dumps({"started": float(number + 1)}))
    assert {one.run.path for one in runs_in(places())} == {Path("runs/inside"), Path("beside")}
    assert find("@last").path == find("besi").path == Path("beside")
    assert find("@last", Path("below")).path == Path("below/one")
    with pytest.raises(UsageError, match="by which metric") as caught:
        find("@best")
    assert "@best:mse" in caught.value.hint
