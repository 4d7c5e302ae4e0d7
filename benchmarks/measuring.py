"""How long something takes: rounds beside a calibration, and handing them to pytest-benchmark."""

from __future__ import annotations

import gc
import itertools
import math
import statistics
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from genzoo.core.listener import Epoch
from genzoo.system.devices import synchronize
from genzoo.training.callback import Listener

FIELDS = (
    "kind", "model", "batch_size", "mode", "precision", "device", "device_name", "threads", "images",
    "images_per_second", "peak_memory", "parameters", "genzoo", "torch", "commit", "calibration",
)  # fmt: skip
"""What every benchmark records beside its times."""
COMPARED = ("step", "epoch", "encode", "decode", "sample")
"""Kinds whose times are held against a stored run; the others are recorded alone."""

ROUND = 0.02
"""Seconds that a round lasts at least."""


def clock(device: torch.device) -> float:
    """Seconds: CPU time of this thread where it does all the work, so that other processes' turns do not count."""
    return time.thread_time() if device.type == "cpu" and torch.get_num_threads() == 1 else time.perf_counter()


@dataclass
class Rounds:
    """Seconds of each round, and of the calibrations around them."""

    seconds: list[float] = field(default_factory=list)
    calibrations: list[float] = field(default_factory=list)
    """One before the first round and one after each."""

    @property
    def in_calibrations(self) -> float:
        """A round in units of the calibrations just before and after it: the median over the rounds."""
        around = itertools.pairwise(self.calibrations)
        pairs = zip(self.seconds, around, strict=True)
        return statistics.median(2 * seconds / (before + after) for seconds, (before, after) in pairs)

    def enough(self, budget: float, least: int) -> bool:
        """Whether that many seconds were measured, in that many rounds."""
        return len(self.seconds) >= least and sum(self.seconds) >= budget


class Calibration:
    """Work of pure torch that no change of genzoo touches: how fast the machine is just now.

    Matrix products and exponentials of the size of a small VAE's step, about 10 ms on a core.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        with torch.random.fork_rng([]):
            self.x = torch.rand(128, 784, device=device)
            self.weights = torch.rand(784, 400, device=device) / 784
        for _ in range(3):
            self()

    @torch.no_grad()
    def __call__(self) -> float:
        """Seconds."""
        synchronize(self.device)
        start = clock(self.device)
        for _ in range(5):
            x = self.x
            for _ in range(2):
                x = torch.sigmoid((x @ self.weights) @ self.weights.T)
            x.exp_().sum()
        synchronize(self.device)
        return clock(self.device) - start


def measure(work: Callable[[], object], device: torch.device, budget: float, least: int) -> tuple[Rounds, int]:
    """Rounds of `work` until `budget` seconds and `least` rounds are through, and how often it is done in each.

    A round lasts at least as long as a calibration does: a shorter one slips between the turns of other processes.
    """
    calibrate, rounds = Calibration(device), Rounds()

    def timed(times: int) -> float:
        start = clock(device)
        for _ in range(times):
            work()
        synchronize(device)
        return clock(device) - start

    timed(2)  # what is made on first use is made now
    parts = max(1, math.ceil(ROUND / timed(1)))
    gc.collect()
    rounds.calibrations.append(calibrate())
    while not rounds.enough(budget, least):
        rounds.seconds.append(timed(parts))
        rounds.calibrations.append(calibrate())
    return rounds, parts


class Stopwatch(Listener):
    """Times the epochs of a trainer after the first two, and stops it when there are enough of them.

    The trainer reads its loss from the device at the end of an epoch, so an epoch is over when the device is through;
    compiling and capturing happen in the first.
    """

    def __init__(self, device: torch.device, budget: float, least: int) -> None:
        self.device, self.calibrate, self.rounds = device, Calibration(device), Rounds()
        self.budget, self.least = budget, least
        self.stop: Callable[[], object] = int
        self.mode = "eager"
        self.start = 0.0

    def mode_chosen(self, mode: Any) -> None:
        """How the steps are run in the end."""
        self.mode = mode.name

    def epoch_started(self, epoch: int, steps: int) -> None:
        if epoch == 3:
            self.rounds.calibrations.append(self.calibrate())
        self.start = clock(self.device)

    def epoch_finished(self, record: Epoch) -> None:
        if record.epoch > 2:
            self.rounds.seconds.append(clock(self.device) - self.start)
            self.rounds.calibrations.append(self.calibrate())
        if self.rounds.enough(self.budget, self.least):
            self.stop()


_durations: deque[float] = deque()
_clock = {"now": 0.0, "running": False}


def replayed() -> float:
    """A timer that tells durations measured before: pytest-benchmark asks at the start and the end of each round."""
    if _clock["running"]:
        _clock["now"] += _durations.popleft()
    _clock["running"] = not _clock["running"]
    return _clock["now"]


def hand_over(benchmark: Any, rounds: Rounds, parts: int = 1) -> None:
    """Gives pytest-benchmark the rounds, each divided into `parts` alike, for its statistics and its files."""
    _durations.clear()
    _durations.extend(seconds / parts for seconds in rounds.seconds)
    benchmark.pedantic(int, rounds=len(rounds.seconds))
    benchmark.extra_info["calibration"] = {
        "seconds": statistics.median(rounds.calibrations),
        "round": rounds.in_calibrations / parts,
    }


def scale_to_now(stored: dict[str, Any], median: float, calibration: dict[str, float]) -> None:
    """Rewrites the times of a stored benchmark as they would be on a machine as fast as this one is now.

    A slower machine, or one that others use too, is no regression: what is compared is time in units of the
    calibrations that ran between the rounds.

    Args:
        stored: A benchmark of a stored file; changed in place.
        median: Of the same benchmark now, in seconds.
        calibration: Of the same benchmark now.
    """
    stats = stored["stats"]
    slower = calibration["round"] / stored["extra_info"]["calibration"]["round"]
    factor = median / slower / stats["median"]
    for name, value in stats.items():
        if isinstance(value, float) and name != "ops":
            stats[name] = value * factor
    stats["ops"] = 1 / stats["mean"]
