"""Runs whose processes are killed, under torchrun, which starts them again."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pairs
import pytest
import torch
from safetensors.torch import load_file

from genzoo.cli.main import main
from genzoo.runs.run import Run

pytestmark = pytest.mark.long
WORDS = "run vae --dataset moons --hidden 8 --latent-dim 2 --batch-size 100 --ema 0.9 --save-every 0.001 --or-resume"
PATIENCE = 300.0
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
        words = [*WORDS.split(), "--epochs", "30", "--quiet", "--out", str(tmp_path / name)]
        process = subprocess.run([*command, *words], env=environment(), capture_output=True, text=True, timeout=900)
        assert process.returncode == 0, process.stderr
    assert len(Run(tmp_path / "killed").record["sessions"]) > 15, "some are killed before they have begun a session"
    whole, killed = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "killed"))
    assert killed == whole


class Node:
    """One of two nodes: an agent of torchrun and its process."""

    def __init__(self, folder: Path, port: int, first: bool) -> None:
        conf = f"is_host={int(first)},last_call_timeout=3,keep_alive_interval=1,keep_alive_max_attempt=3"
        where = ["--rdzv-id", "two", "--rdzv-endpoint", f"127.0.0.1:{port}", "--rdzv-conf", conf]
        command = [*TORCHRUN, *where, "--nnodes", "1:2", "--nproc-per-node", "1", "--max-restarts", "3", "-m", "genzoo"]
        words = [*WORDS.split(), "--epochs", "300", "--save-every", "1", "--out", str(folder / "run")]
        self.log = folder / f"node-{time.monotonic_ns()}.log"
        with open(self.log, "w") as log:
            self.agent = subprocess.Popen([*command, *words], env=environment(), stdout=log, stderr=log)

    def wait_for(self, pattern: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not re.search(pattern, self.log.read_text()):
            assert time.monotonic() < deadline, self.log.read_text()
            assert self.agent.poll() is None, self.log.read_text()
            time.sleep(0.1)

    def kill(self) -> None:
        """Kill the agent and its process, as if the node had lost power."""
        children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(self.agent.pid)], capture_output=True, text=True)
        for pid in [self.agent.pid, *map(int, children.stdout.split())] if self.agent.poll() is None else []:
            os.kill(pid, signal.SIGKILL)
        self.agent.wait()

    def end(self) -> int:
        return self.agent.wait(PATIENCE)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[bool], Node]]:
    """What starts a node, the first one or another; those that are left are killed in the end."""
    port, nodes = pairs.free_port(), list[Node]()

    def start(first: bool) -> Node:
        nodes.append(Node(tmp_path, port, first))
        return nodes[-1]

    yield start
    for node in nodes:
        node.kill()


def test_a_node_leaves_and_comes_back(tmp_path: Path, start: Callable[[bool], Node]) -> None:
    """Two processes, then one, then two: the run goes on each time, and ends as one without these changes."""
    first, second = start(True), start(False)
    first.wait_for(r"epoch +[2-9]\d/300")
    second.kill()
    first.wait_for(r"processes 2 → 1")
    first.wait_for(r"resuming(.|\n)*epoch +\d+/300")
    third = start(False)
    first.wait_for(r"processes 1 → 2")
    assert (first.end(), third.end()) == (0, 0), first.log.read_text()
    words = WORDS.replace("--or-resume", "--quiet").split()
    assert main([*words, "--epochs", "300", "--out", str(tmp_path / "whole")]) == 0
    assert Run(tmp_path / "run").record["status"] == "finished"
    whole, run = weights(tmp_path / "whole"), weights(tmp_path / "run")
    for name, value in whole.items():
        assert torch.allclose(run[name], value, rtol=1e-3, atol=1e-3), name
