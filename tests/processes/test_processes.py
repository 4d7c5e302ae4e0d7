"""Two processes that talk over gloo, against one."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pairs
import pytest
import scenarios
import torch
from safetensors.torch import load_file
from torch import Tensor

import genzoo
from genzoo.cli.main import main
from genzoo.core.errors import UsageError
from genzoo.runs.run import Run
from genzoo.system.distributed import ALONE, joined

LAST: list[tuple[int, str]] = []
"""How the two processes of the scenarios ended: exit code, standard error."""
MOONS = "run vae --dataset moons --epochs 1 --hidden 8 --latent-dim 2"


def pair(*words: object) -> Iterator[subprocess.Popen[str]]:
    """Python, started twice, as torchrun does it."""
    shared = {
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(pairs.free_port()),
        "OMP_NUM_THREADS": "1",
    }
    for rank in ("0", "1"):
        yield subprocess.Popen(
            [sys.executable, *map(str, words)],
            env={**os.environ, **shared, "OMP_NUM_THREADS": "1", "RANK": rank, "LOCAL_RANK": rank},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


def ended(processes: list[subprocess.Popen[str]]) -> list[tuple[int, str, str]]:
    """Exit code, output and errors of each."""
    try:
        said = [process.communicate(timeout=120) for process in processes]
    finally:
        for process in processes:
            process.kill()
    return [(process.returncode, *texts) for process, texts in zip(processes, said, strict=True)]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Tensor]]]:
    """What each scenario came to in two processes."""
    folder = tmp_path_factory.mktemp("pair")
    LAST[:] = [(code, err) for code, _, err in ended(list(pair(scenarios.__file__, folder)))]
    names = [scenario.__name__ for scenario in scenarios.SCENARIOS]
    return {name: [load_file(folder / f"{name}-{rank}.safetensors") for rank in (0, 1)] for name in names}


def assert_same(one: dict[str, Tensor], other: dict[str, Tensor], within: float = 0.0) -> None:
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert torch.allclose(other[name], value, rtol=within, atol=within), name


@pytest.mark.parametrize("name", ["weights", "stopped", "poisoned"])
def test_two_processes_are_one(name: str, found: dict[str, list[dict[str, Tensor]]]) -> None:
    """After twenty steps, when one wants to stop, and when one comes upon a nan: weights, averages and reports."""
    first, second, expected = *found[name], getattr(scenarios, name)(ALONE)
    for result in (first, second, expected):  # each process's own, until the next validation
        result.pop("loss.seen", None)
    assert_same(first, second)
    assert_same(expected, first, within=1e-5)
    before = scenarios.state(scenarios.trainer(ALONE))
    still = [key for key in expected.keys() & before.keys() if torch.equal(before[key], first[key])]
    assert still == ["loss.idle"], "what takes no part stays, in spite of the decay; all else has moved"


def test_a_failure_of_one_is_the_failure_of_all(found: dict[str, list[dict[str, Tensor]]]) -> None:
    """While the first waits for a tensor from the second."""
    first, second = LAST
    assert second == (1, "PluginError 4 the second one fails\n")
    assert first == (1, "Elsewhere 4 process 1: the second one fails\n")


def test_evaluation_adds_up_to_the_same_figures(found: dict[str, list[dict[str, Tensor]]]) -> None:
    first, second = found["figures"]
    assert_same(scenarios.figures(ALONE), first)
    assert_same(first, second)
    assert {"negative_elbo 7", "loss 500"} <= first.keys()


def test_running_statistics_are_those_of_the_first_process(found: dict[str, list[dict[str, Tensor]]]) -> None:
    first, second = (load["loss.seen"] for load in found["statistics"])
    assert torch.equal(first, second)


def test_noise_that_genzoo_is_not_asked_for_differs_between_processes(
    found: dict[str, list[dict[str, Tensor]]],
) -> None:
    first, second = (result["drawn"] for result in found["bare"])
    assert len(first) == scenarios.BATCH // 2
    assert (first != second).all()


def test_the_same_command_trains_in_two(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """torchrun itself: one folder, one voice, the figures of one process."""
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


class Ended(NamedTuple):
    """How a process ended."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the files of all pairs are."""
    folder = tmp_path_factory.mktemp("cases")
    command = [sys.executable, pairs.__file__, str(folder)]
    subprocess.run(command, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, timeout=300)
    return folder


def both(cases: Path, name: str) -> list[Ended]:
    """How the first and the second process ended."""
    files = [[cases / f"{name}-{rank}.{kind}" for kind in ("code", "out", "err")] for rank in (0, 1)]
    return [Ended(int(code.read_text()), out.read_text(), err.read_text()) for code, out, err in files]


def test_an_uneven_batch_is_refused_once(cases: Path) -> None:
    first, second = both(cases, "uneven")
    assert first.err.splitlines() == [
        "genzoo: --batch-size 125 is shared by 2 processes, which do not divide it",
        "  --batch-size 126",
    ]
    assert (first.code, first.out) == (2, "")
    assert second == (2, "", "")
    assert not (cases / "uneven").exists()


@pytest.mark.parametrize(("name", "line"), [("killed", ".*"), ("hanging", ".*[Tt]imed out.*")])
def test_no_process_outlives_another(name: str, line: str, cases: Path) -> None:
    first, second = both(cases, name)
    assert (first.code, second.code) == (1, -signal.SIGKILL)
    assert len(re.findall(rf"^genzoo: process 0 of 2 has lost another one: {line}$", first.err, re.MULTILINE)) == 1
    assert "Traceback" not in first.err + second.err
    (folder,) = (cases / name).iterdir()
    assert Run(folder).record["status"].startswith("failed: Lost")
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


def test_processes_that_were_asked_to_end_go_on_together(cases: Path) -> None:
    """To the same model and the same history, bit for bit, as those that nobody asked."""
    for name, code in (("whole", 0), ("half", 143), ("other half", 0)):
        ends = both(cases, name)
        assert [end.code for end in ends] == [code, code], ends
        assert (ends[1].out, ends[1].err) == ("", "")
    whole, half = (Run(next((cases / name).iterdir())) for name in ("whole", "half"))
    assert "at step 4: 0.4 of 3 epochs are done" in both(cases, "other half")[0].err
    assert (half.path / "model.safetensors").read_bytes() == (whole.path / "model.safetensors").read_bytes()
    assert [{**line, "seconds": 0} for line in half.history] == [{**line, "seconds": 0} for line in whole.history]
    assert half.results["test"] == whole.results["test"]


def test_without_the_variables_nobody_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    with joined() as alone:
        assert alone is ALONE
        assert not torch.distributed.is_initialized()
    monkeypatch.setenv("WORLD_SIZE", "1")
    monkeypatch.setenv("RANK", "0")
    with joined() as alone:
        assert alone is ALONE


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"WORLD_SIZE": "2"}, "WORLD_SIZE is 2, but RANK and MASTER_ADDR and MASTER_PORT not set"),
        ({"WORLD_SIZE": "two"}, "WORLD_SIZE=two is no number"),
        (
            {"WORLD_SIZE": "2", "RANK": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"},
            "RANK=2, but the ranks of 2 processes end at 1",
        ),
    ],
)
def test_variables_that_do_not_fit(variables: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=message), joined():
        pass


def test_a_gpu_by_number_is_not_for_several() -> None:
    from genzoo.runs.build import choose_device
    from genzoo.system.distributed import Processes

    two = Processes()
    two.size = 2
    assert choose_device("cpu", two) == torch.device("cpu")
    with pytest.raises(UsageError, match="several processes share no device"):
        choose_device("cuda:1", two)


LEFT_OVER = {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1"}


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        ("evaluate no-such-run", 2, "no runs in runs/"),
        ("run no-such-model --dataset moons", 2, "no model named 'no-such-model'."),
        ("run vae --dataset moons --epochs none", 2, "--epochs must be a whole number, not 'none'"),
        ("run vae --dataset moons", 2, "WORLD_SIZE is 2, but MASTER_ADDR and MASTER_PORT not set"),
        ("list --kind model", 0, ""),
    ],
)
@pytest.mark.parametrize("more", [{}, {"TORCHELASTIC_RUN_ID": "none"}], ids=["left over", "within a worker"])
def test_variables_that_others_have_set(
    words: str,
    code: int,
    line: str,
    more: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A command says why it fails; a worker of torchrun leaves that to the first one, which runs the same command."""
    monkeypatch.chdir(tmp_path)
    for name in ("MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {**LEFT_OVER, **more}.items():
        monkeypatch.setenv(name, value)
    assert main(words.split()) == code
    silent = bool(more) and words.startswith("run")
    assert capsys.readouterr().err.partition("\n")[0] == (f"genzoo: {line}" if line and not silent else "")


RESTARTED = """
import os, signal, sys
from genzoo.cli.main import main
from genzoo.training.trainer import Trainer
step = Trainer._train_step
def train_step(self, *inputs):
    if self.step == 2 and (os.environ["RANK"], os.environ["TORCHELASTIC_RESTART_COUNT"]) == ("1", "0"):
        os.kill(os.getpid(), signal.SIGKILL)
    step(self, *inputs)
Trainer._train_step = train_step
sys.exit(main(sys.argv[1:]))
"""


def test_processes_that_torchrun_starts_again_do_not_hear_of_the_former_ones(tmp_path: Path) -> None:
    """The second process is killed in its third step; then both begin anew and come to the end."""
    script = tmp_path / "restarted.py"
    script.write_text(RESTARTED)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--max-restarts", "1"]
    words = [*MOONS.split(), "--batch-size", "250", "--quiet", "--runs", str(tmp_path / "runs")]
    process = subprocess.run(
        [*torchrun, "--master-port", str(pairs.free_port()), str(script), *words],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert process.returncode == 0, process.stderr
    statuses = sorted(Run(folder).record["status"].partition(":")[0] for folder in (tmp_path / "runs").iterdir())
    assert statuses == ["failed", "finished"], statuses
