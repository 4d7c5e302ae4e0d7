"""Run each command in two processes, forked from one that has imported torch: `python pairs.py FOLDER`.

The results of each process are in FOLDER/CASE-RANK.code, .out and .err, its run folders in FOLDER/CASE.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import genzoo_plugins.losses.elbo
import genzoo_plugins.toy.moons
import genzoo_plugins.vae.vae  # noqa: F401
import scenarios
import torch.distributed.nn
import torch.optim.adam  # noqa: F401

from genzoo.cli.main import main
from genzoo.experiment.experiment import Experiment  # noqa: F401
from genzoo.experiment.job import Job
from genzoo.system import heartbeat
from genzoo.training.trainer import Trainer

MOONS = "run vae --dataset moons --hidden 8 --latent-dim 2 --batch-size"
WITH_STATE = "--epochs 3 --ema 0.9 --schedule cosine --patience 2"


class Case(NamedTuple):
    """A command, and an event in the second process at its fourth step."""

    command: str
    """Without one, the case is that of scenarios.py."""
    happens: Callable[[], None] = lambda: None
    runs: str = ""
    """The folder of another case whose run it resumes."""


def ask() -> None:
    """Ask this process to stop after the current step."""
    os.kill(os.getpid(), signal.SIGTERM)


CASES = {
    "scenarios": Case(""),
    "uneven": Case(f"{MOONS} 125"),
    "killed": Case(f"{MOONS} 100 --epochs 500", lambda: os.kill(os.getpid(), signal.SIGKILL)),
    "hanging": Case(f"{MOONS} 100 --epochs 500", lambda: os.kill(os.getpid(), signal.SIGSTOP)),
    "asked to end": Case(f"{MOONS} 100 --epochs 500", ask),
    "whole": Case(f"{MOONS} 100 {WITH_STATE}"),
    "half": Case(f"{MOONS} 100 {WITH_STATE}", ask),
    "other half": Case("resume @last", runs="half"),
    "unshared": Case(f"{MOONS} 100 {WITH_STATE} --or-resume --out", ask),
    "unshared again": Case(f"{MOONS} 100 {WITH_STATE} --or-resume --out"),
    "unshared, done": Case(f"{MOONS} 100 {WITH_STATE} --or-resume --out"),
    "unshared, other": Case(f"{MOONS} 100 {WITH_STATE} --seed 1 --or-resume --out"),
}


def free_port() -> int:
    """Return a free port."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


def run(name: str, folder: Path) -> None:
    """Run one case to its end."""
    variables = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    children = []
    for rank in (0, 1):
        child = os.fork()
        if not child:
            os.environ |= {**variables, "RANK": str(rank), "LOCAL_RANK": str(rank)}
            become(name, rank, folder)
        children.append(child)
    for rank, child in enumerate(children):
        if rank and name == "hanging":
            os.kill(child, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        (folder / f"{name}-{rank}.code").write_text(str(code))


def become(name: str, rank: int, folder: Path) -> None:
    """Run one of the two processes, and end it."""
    for number, kind in ((1, "out"), (2, "err")):
        os.dup2(os.open(folder / f"{name}-{rank}.{kind}", os.O_CREAT | os.O_WRONLY), number)
    step = Trainer._train_step

    def train_step(self: Trainer, *inputs: object) -> None:
        if self.step == 3 and rank == 1:
            CASES[name].happens()
        step(self, *inputs)  # type: ignore[arg-type]

    Trainer._train_step = train_step  # type: ignore[method-assign]
    code = 99
    try:
        words = CASES[name].command.split()
        own = f"unshared {rank}" if words[-1:] == ["--out"] else CASES[name].runs or name
        where = [] if words[-1:] == ["--out"] else ["--runs"]
        code = main([*words, *where, str(folder / own)]) if words else scenarios.run(folder)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    heartbeat.TIMEOUT, heartbeat.BEAT = 6.0, 0.5
    Job.draw = lambda *_: None  # type: ignore[method-assign]  # figures take longer than these runs
    for case in CASES:
        run(case, Path(sys.argv[1]))
