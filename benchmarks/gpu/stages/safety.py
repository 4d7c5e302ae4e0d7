"""Test that two ranks on one device are refused, and that a killed run with captured steps resumes bit for bit."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import torch
from bench import Bench

from genzoo.cli import main as cli
from genzoo.experiment import job
from genzoo.runs import checkpoints
from genzoo.runs.run import CHECKPOINTS, REPORT_FILE, Run

SERVER = multiprocessing.get_context("forkserver")  # has imported torch but not used the device
PATIENCE = 60.0
TRAINING = "run vae --dataset digits --latent-dim 2 --batch-size 32 --ema 0.9 --save-every 0.02 --quiet"


def run(bench: Bench) -> None:
    """Measure both rows; each uses its own processes."""
    preloaded = ["genzoo.cli.main", "genzoo.experiment.experiment", "genzoo.experiment.api", "genzoo_plugins.vae.vae"]
    preloaded += ["torch._inductor.config"]  # which setting deterministic algorithms imports, in seconds
    SERVER.set_forkserver_preload(["__main__", *preloaded])
    for device in ("cpu:0",) if bench.tiny else ("cuda", "cuda:0"):
        bench.row(f"two ranks on {device}", partial(two_ranks, device))
    bench.row("resume after kill -9", lambda: resumed(bench))


def command(words: Sequence[str], said: Path, variables: Mapping[str, str]) -> None:
    """Run a genzoo command in this process with deterministic algorithms and without figures."""
    descriptor = os.open(said, os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
    for number in (1, 2):
        os.dup2(descriptor, number)
    os.environ |= {"CUBLAS_WORKSPACE_CONFIG": ":4096:8", **variables}
    torch.use_deterministic_algorithms(True)
    job.Job.draw = no_figures  # type: ignore[method-assign]
    sys.exit(cli.main(list(words)))


def no_figures(self: Any, run: Run, model: Any) -> None:
    """Replace the figures and the report."""
    (run.path / REPORT_FILE).write_text("left out")


def start(words: str, said: Path, **variables: str) -> BaseProcess:
    """Start a genzoo command whose output goes to a file."""
    process = SERVER.Process(target=command, args=(words.split(), said, variables))
    process.start()
    return process


def ended(process: BaseProcess) -> int | None:
    """Wait for a process and return its exit code; None if it had to be killed."""
    process.join(PATIENCE)
    if process.exitcode is None:
        process.kill()
        process.join()
        return None
    return process.exitcode


def two_ranks(device: str) -> dict[str, Any]:
    """Return the output and exit codes of two processes that should share a device."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = str(bound.getsockname()[1])
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "TORCHELASTIC_RUN_ID": "suite"}
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"said-{rank}" for rank in (0, 1)]
        words = f"run vae --dataset digits --epochs 1 --device {device} --quiet --out {folder}/run"
        ranks = [start(words, file, RANK=str(rank), LOCAL_RANK=str(rank), **shared) for rank, file in enumerate(files)]
        codes = [ended(process) for process in ranks]
        said = "".join(file.read_text() for file in files).strip()
    own = [line for line in said.splitlines() if not line.startswith("[W")]  # torch's, of hosts without a name
    refused = all(codes) and None not in codes and len(own) == 2 and "Traceback" not in said
    if not refused:
        raise AssertionError(f"not refused in one line with what to type next: exit codes {codes}, output:\n{said}")
    return {"codes": str(codes), "said": " | ".join(own)}


def resumed(bench: Bench) -> dict[str, Any]:
    """Compare a run that was killed after its second checkpoint and resumed with an undisturbed one."""
    mode, epochs = ("auto", 3) if bench.tiny else ("graph", 300)
    words = f"{TRAINING} --mode {mode} --device {bench.device.type} --epochs {epochs}"
    with tempfile.TemporaryDirectory() as place:
        folder, said = Path(place), Path(place) / "said"
        whole = start(f"{words} --out {folder}/whole", said)
        require_success(ended(whole), said)
        killed = start(f"{words} --out {folder}/killed", said)
        step = kill_in_the_midst(killed, folder / "killed")
        require_success(ended(start(f"resume {folder}/killed --quiet", said)), said)
        ends = [end_of(folder / name) for name in ("whole", "killed")]
        training = Run(folder / "whole").results["training"]
    values = {"mode": training["mode"], "killed_after_step": step, "steps": training["step"]}
    if not bench.tiny and training["mode"] != "graph":
        raise AssertionError(f"steps were not captured: {values}")
    if ends[0] != ends[1]:
        names = ("weights", "history")
        parts = [name for name, one, other in zip(names, *ends, strict=True) if one != other]
        raise AssertionError(f"the result differs from that of an undisturbed run: {', '.join(parts)}; {values}")
    return {"bitwise": True, **values}


def require_success(code: int | None, said: Path) -> None:
    """Raise with a command's output if it failed."""
    if code != 0:
        raise RuntimeError(f"exit code {code}: {said.read_text()}")


def kill_in_the_midst(process: BaseProcess, folder: Path) -> int:
    """Kill a run as soon as it has saved two checkpoints; return the step of the newest."""
    end = time.monotonic() + PATIENCE
    seen: set[str] = set()
    while process.is_alive() and len(seen) < 2 and time.monotonic() < end:
        seen |= {path.name for path in checkpoints.published(folder / CHECKPOINTS)}
        time.sleep(0.001)
    process.kill()
    process.join()
    if process.exitcode != -signal.SIGKILL or len(seen) < 2:
        raise RuntimeError(f"not killed during training: exit code {process.exitcode}, checkpoints {seen}")
    return checkpoints.newest(folder / CHECKPOINTS, lambda checkpoint: checkpoint.step)[0] or 0


def end_of(folder: Path) -> tuple[bytes, list[Any]]:
    """Return the result of a run without times: the model's bytes and its history."""
    history = [{name: value for name, value in line.items() if name != "seconds"} for line in Run(folder).history]
    return (folder / "model.safetensors").read_bytes(), history
