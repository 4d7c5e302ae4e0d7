"""Runs whose processes are killed, under torchrun, which starts them again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path

import pairs
import pytest
import torch
from safetensors.torch import load_file

from genzoo.cli.main import main
from genzoo.runs.run import Run

pytestmark = pytest.mark.long
WORDS = "run vae --dataset moons --hidden 8 --latent-dim 2 --batch-size 100 --ema 0.9 --save-every 0.001 --or-resume"
PATIENCE = 900.0
"""Seconds that anything may take on a busy machine."""
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--rdzv-backend", "c10d", "--monitor-interval", "0.1"]
KILLED = """
import os, random, signal, sys
from genzoo.cli.main import main
from genzoo.experiment.job import Job
from genzoo.training.trainer import Trainer
kills, restart, step = int(sys.argv[1]), int(os.environ["TORCHELASTIC_RESTART_COUNT"]), Trainer._train_step
chosen = random.Random(restart)
victim, left = str(chosen.randrange(2)), chosen.randrange(1, 20)
def train_step(self, *inputs):
    global left
    left -= 1
    if restart < kills and left == 0 and os.environ["RANK"] == victim:
        os.kill(os.getpid(), signal.SIGKILL)
    step(self, *inputs)
Trainer._train_step = train_step
Job.draw = lambda *_: None
sys.exit(main(sys.argv[2:]))
"""


def environment() -> dict[str, str]:
    """Return the variables of the processes. Without the last one, torch's agents cannot let a node join again."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"}


def weights(run: Path) -> dict[str, torch.Tensor]:
    return load_file(run / "model.safetensors")


def test_twenty_kills_change_no_bit(tmp_path: Path) -> None:
    """In each session one of two processes, chosen at random, is killed at one of its first steps."""
    script = tmp_path / "killed.py"
    script.write_text(KILLED)
    for name, kills in (("whole", 0), ("killed", 20)):
        command = [*TORCHRUN, "--nproc-per-node", "2", "--max-restarts", str(kills), str(script), str(kills)]
        command += [*WORDS.split(), "--epochs", "30", "--quiet", "--out", str(tmp_path / name)]
        process = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=2 * PATIENCE)
        assert process.returncode == 0, process.stderr
    assert len(Run(tmp_path / "killed").record["sessions"]) > 15, "some are killed before they have begun a session"
    whole, killed = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "killed"))
    assert killed == whole


SLOW_ALONE = """
import os, sys, time
from genzoo.cli.main import main
from genzoo.experiment.job import Job
from genzoo.training.trainer import Trainer
step = Trainer._train_step
def train_step(self, *inputs):
    time.sleep(1.0 if os.environ["WORLD_SIZE"] == "1" else 0.01)
    step(self, *inputs)
Trainer._train_step = train_step
Job.draw = lambda *_: None
sys.exit(main(sys.argv[1:]))
"""
"""A run that one process alone does not finish before the other node is there: that takes 10 minutes."""
LONG_RUN = [*WORDS.split(), "--epochs", "60", "--save-every", "1"]
"""Short enough that differences in the last digits, between one process and two, stay small."""


class Node:
    """A node of two: an agent of torchrun and its process.

    Args:
        folder: Where the run and the agent's log are.
        port: That of the rendezvous.
        address: Its own. The process of the node with the lowest one is the first, as torch sorts them.
        host: Whether it hosts the rendezvous.
    """

    def __init__(self, folder: Path, port: int, address: str, host: bool = False) -> None:
        # Torch takes an agent that is silent for so many seconds for lost and does not tell it: on a busy machine both
        # would then go on alone, and the run's lock would end the second one with exit code 2.
        conf = f"is_host={int(host)},last_call_timeout=10,keep_alive_interval=1,keep_alive_max_attempt=60"
        where = ["--rdzv-id", "two", "--rdzv-endpoint", f"127.0.0.1:{port}", "--rdzv-conf", conf]
        command = [*TORCHRUN, *where, "--local-addr", address, "--nnodes", "1:2", "--nproc-per-node", "1"]
        words = [*LONG_RUN, "--out", str(folder / "run")]
        self.log = folder / f"{address}.log"
        (folder / "slow_alone.py").write_text(SLOW_ALONE)
        with open(self.log, "w") as log:
            self.agent = subprocess.Popen(
                [*command, "--max-restarts", "3", str(folder / "slow_alone.py"), *words],
                env=environment(), stdout=log, stderr=log,
            )  # fmt: skip

    def kill(self) -> None:
        """Kill the agent and its process, as if the node had lost power."""
        children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(self.agent.pid)], capture_output=True, text=True)
        for pid in [self.agent.pid, *map(int, children.stdout.split())] if self.agent.poll() is None else []:
            os.kill(pid, signal.SIGKILL)
        self.agent.wait()


def wait_for(processes: int, run: Path, *nodes: Node) -> None:
    """Wait until so many processes have saved a checkpoint in the last session of a run."""
    deadline = time.monotonic() + PATIENCE
    while not has_saved(processes, run):
        logs = "\n".join(node.log.read_text() for node in nodes)
        assert time.monotonic() < deadline, logs
        assert all(node.agent.poll() is None for node in nodes), logs
        time.sleep(0.1)


def has_saved(processes: int, run: Path) -> bool:
    """Return whether a session of so many processes is the last one, and has saved a checkpoint."""
    if not (run / "run.json").exists():
        return False
    session = Run(run).record["sessions"][-1]
    steps = [int(path.name.partition("-")[2]) for path in run.glob("checkpoints/step-*")]
    return bool(session["processes"] == processes) and max(steps, default=0) > session["step"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Node]]:
    """What starts a node, by its address; those that are left are killed in the end."""
    port, nodes = pairs.free_port(), list[Node]()

    def start(address: str, host: bool = False) -> Node:
        nodes.append(Node(tmp_path, port, address, host))
        return nodes[-1]

    yield start
    for node in nodes:
        node.kill()


def test_a_node_leaves_and_comes_back(tmp_path: Path, start: Callable[..., Node]) -> None:
    """Two processes, then one, then two, of which another is the first: the run goes on, and ends as without that."""
    run = tmp_path / "run"
    first, second = start("127.0.0.2", host=True), start("127.0.0.3")
    wait_for(2, run, first, second)
    second.kill()
    wait_for(1, run, first)
    third = start("127.0.0.1")
    wait_for(2, run, first, third)
    codes = [node.agent.wait(PATIENCE) for node in (first, third)]
    assert codes == [0, 0], first.log.read_text() + third.log.read_text()
    assert "processes 1 → 2" in third.log.read_text(), "it is the first process now"
    assert main([*LONG_RUN, "--quiet", "--out", str(tmp_path / "whole")]) == 0
    record = Run(run).record
    assert record["status"] == "finished"
    assert [size for size, _ in groupby(session["processes"] for session in record["sessions"])][-3:] == [2, 1, 2]
    whole, again = weights(tmp_path / "whole"), weights(run)
    for name, value in whole.items():
        assert torch.allclose(again[name], value, rtol=1e-3, atol=1e-3), name
