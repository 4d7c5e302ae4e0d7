"""Two processes that communicate over gloo, compared with one."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pairs
import pytest
import scenarios
import small_game
import torch
from safetensors.torch import load_file
from torch import Tensor

import genzoo
from genzoo.cli.main import main
from genzoo.runs.run import Run
from genzoo.system.distributed import ALONE

MOONS = "run vae --dataset moons --epochs 1 --hidden 8 --latent-dim 2"


class Ended(NamedTuple):
    """The result of a process."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the files of all pairs."""
    folder = tmp_path_factory.mktemp("cases")
    variables = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(small_game.__file__).parent)}
    command = [sys.executable, pairs.__file__, str(folder)]
    subprocess.run(command, check=True, env={**os.environ, **variables}, timeout=300)
    return folder


def both(cases: Path, name: str) -> list[Ended]:
    """Return the results of the first and the second process."""
    files = [[cases / f"{name}-{rank}.{kind}" for kind in ("code", "out", "err")] for rank in (0, 1)]
    return [Ended(int(code.read_text()), out.read_text(), err.read_text()) for code, out, err in files]


@pytest.fixture(scope="module")
def found(cases: Path) -> dict[str, list[dict[str, Tensor]]]:
    """The results of each scenario in two processes."""
    names = [scenario.__name__ for scenario in scenarios.SCENARIOS]
    return {name: [load_file(cases / f"{name}-{rank}.safetensors") for rank in (0, 1)] for name in names}


def assert_same(one: dict[str, Tensor], other: dict[str, Tensor], within: float = 0.0) -> None:
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert torch.allclose(other[name], value, rtol=within, atol=within), name


@pytest.mark.parametrize("name", ["weights", "stopped", "poisoned"])
def test_two_processes_give_the_result_of_one(name: str, found: dict[str, list[dict[str, Tensor]]]) -> None:
    """Compare weights, averages and reports after twenty steps, after a stop by one process and after a nan in one."""
    first, second, expected = *found[name], getattr(scenarios, name)(ALONE)
    for result in (first, second, expected):  # differs between processes until the next validation
        result.pop("loss.seen", None)
    assert_same(first, second)
    assert_same(expected, first, within=1e-5)
    before = scenarios.state(scenarios.trainer(ALONE))
    still = [key for key in expected.keys() & before.keys() if torch.equal(before[key], first[key])]
    assert still == ["loss.idle"], "only the unused weight stays the same, in spite of weight decay"


@pytest.mark.parametrize("name", ["game", "total_correlation", "discriminator", "discrepancy"])
def test_two_processes_train_what_compares_examples_or_has_phases_as_one(
    name: str, found: dict[str, list[dict[str, Tensor]]]
) -> None:
    first, second, expected = *found[name], getattr(scenarios, name)(ALONE)
    assert_same(first, second)
    assert_same(expected, first, within=1e-5)


def test_a_failure_of_one_process_ends_all(cases: Path) -> None:
    """The first process waits for a tensor from the second."""
    first, second = both(cases, "scenarios")
    assert second == (1, "", "PluginError 4 the second one fails\n")
    assert first == (1, "", "ProcessFailed 4 process 1: the second one fails\n")


def test_evaluation_gives_the_same_metrics(found: dict[str, list[dict[str, Tensor]]]) -> None:
    first, second = found["metrics"]
    assert_same(scenarios.metrics(ALONE), first)
    assert_same(first, second)
    assert {"negative_elbo 7", "loss 500"} <= first.keys()


def test_running_statistics_are_those_of_the_first_process(found: dict[str, list[dict[str, Tensor]]]) -> None:
    first, second = (load["loss.seen"] for load in found["statistics"])
    assert torch.equal(first, second)


def test_noise_from_torch_itself_differs_between_processes(
    found: dict[str, list[dict[str, Tensor]]],
) -> None:
    first, second = (result["drawn"] for result in found["bare"])
    assert len(first) == scenarios.BATCH // 2
    assert (first != second).all()


@pytest.mark.long
def test_the_same_command_trains_in_two_processes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """torchrun makes one folder, prints once and gives the metrics of one process."""
    words = [*MOONS.split(), "--batch-size", "250", "--json", "--runs"]
    assert main([*words, str(tmp_path / "one")]) == 0
    one = json.loads(capsys.readouterr().out)
    torchrun = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--nproc-per-node",
        "2",
        "--master-port",
        str(pairs.free_port()),
    ]
    process = subprocess.run(
        [*torchrun, "-m", "genzoo", *words, str(tmp_path / "two")],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert process.returncode == 0, process.stderr
    two = json.loads(process.stdout)
    (folder,) = (tmp_path / "two").iterdir()
    assert str(folder) == two["run"]
    assert len(Run(folder).history) == 1
    assert (folder / "report.html").exists()
    for split in ("train", "validation", "test"):
        for name in ("negative_elbo", "reconstruction", "kl", "mse"):
            assert two[split][name] == pytest.approx(one[split][name], rel=1e-5), (split, name)


def test_an_uneven_batch_is_refused_once(cases: Path) -> None:
    first, second = both(cases, "uneven")
    assert first.err.splitlines() == [
        "genzoo: --batch-size 125 is not a multiple of the 2 processes",
        "  --batch-size 126",
    ]
    assert (first.code, first.out) == (2, "")
    assert second == (2, "", "")
    assert not (cases / "uneven").exists()


@pytest.mark.parametrize(("name", "line"), [("killed", ".*"), ("hanging", ".*[Tt]imed out.*")])
def test_a_lost_process_ends_the_other(name: str, line: str, cases: Path) -> None:
    first, second = both(cases, name)
    assert (first.code, second.code) == (1, -signal.SIGKILL)
    assert len(re.findall(rf"^genzoo: process 0 of 2 lost another process: {line}$", first.err, re.MULTILINE)) == 1
    assert "Traceback" not in first.err + second.err
    (folder,) = (cases / name).iterdir()
    assert Run(folder).record["status"].startswith("failed: ProcessLost")
    assert not (folder / "model.safetensors").exists()


def test_a_signal_to_one_ends_all_at_the_same_step(cases: Path) -> None:
    first, second = both(cases, "asked to end")
    assert (first.code, second.code) == (143, 143)
    assert "genzoo: interrupted; resume it:" in first.err
    assert (second.out, second.err) == ("", "")
    (folder,) = (cases / "asked to end").iterdir()
    run = Run(folder)
    assert (run.record["status"], run.history) == ("interrupted", [])
    assert genzoo.load(folder).sample(3).shape == (3, 2)


def test_interrupted_processes_resume_together(cases: Path) -> None:
    """They end with the same model and history, bit for bit, as undisturbed ones."""
    for name, code in (("whole", 0), ("half", 143), ("other half", 0)):
        ends = both(cases, name)
        assert [end.code for end in ends] == [code, code], ends
        assert (ends[1].out, ends[1].err) == ("", "")
    whole, half = (Run(next((cases / name).iterdir())) for name in ("whole", "half"))
    assert "at step 4: 0.4 of 3 epochs are done" in both(cases, "other half")[0].err
    assert (half.path / "model.safetensors").read_bytes() == (whole.path / "model.safetensors").read_bytes()
    assert [{**line, "seconds": 0} for line in half.history] == [{**line, "seconds": 0} for line in whole.history]
    assert half.results["test"] == whole.results["test"]


def test_one_command_starts_and_goes_on_in_processes_that_share_no_disk(cases: Path) -> None:
    """The folder of the second process is another one, which stays empty: it gets the checkpoint from the first."""
    codes = [[end.code for end in both(cases, f"unshared{when}")] for when in ("", " again", ", done", ", other")]
    assert codes == [[143, 143], [0, 0], [0, 0], [2, 2]]
    assert "at step 4: 0.4 of 3 epochs are done" in both(cases, "unshared again")[0].err
    assert "is finished: 3 epochs are done" in both(cases, "unshared, done")[0].err
    assert "--seed cannot change in a run: it is 0, not 1" in both(cases, "unshared, other")[0].err
    whole, half = next((cases / "whole").iterdir()), cases / "unshared 0"
    assert (half / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
    assert not (cases / "unshared 1").exists()
