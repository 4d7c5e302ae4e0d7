"""Timing: rounds with calibrations around them, passed on to pytest-benchmark."""

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
"""Recorded by every benchmark in addition to its times."""
COMPARED = ("step", "epoch", "encode", "decode", "sample")
"""Kinds whose times are compared with a stored run; the others are only recorded."""

ROUND = 0.02
"""Minimum seconds of a round."""


def clock(device: torch.device) -> float:
    """Return seconds: CPU time if this thread does all the work, so that other processes do not count."""
    return time.thread_time() if device.type == "cpu" and torch.get_num_threads() == 1 else time.perf_counter()


@dataclass
class Rounds:
    """The seconds of each round and of the calibrations around them."""

    seconds: list[float] = field(default_factory=list)
    calibrations: list[float] = field(default_factory=list)
    """One before the first round and one after each."""

    @property
    def in_calibrations(self) -> float:
        """Return the median over rounds of a round in units of the calibrations just before and after it."""
        around = itertools.pairwise(self.calibrations)
        pairs = zip(self.seconds, around, strict=True)
        return statistics.median(2 * seconds / (before + after) for seconds, (before, after) in pairs)

    def enough(self, budget: float, least: int) -> bool:
        """Return whether there are enough seconds and enough rounds."""
        return len(self.seconds) >= least and sum(self.seconds) >= budget


class Calibration:
    """Measure the current speed of the machine by work in pure torch that does not depend on genzoo.

    The work is matrix products and exponentials of the size of a small VAE's step, about 10 ms on a core.
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
        """Return the seconds."""
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
    """Run rounds of `work` for `budget` seconds and at least `least` rounds; return them and the repetitions per round.

    A round lasts at least as long as a calibration: a shorter one could fall between the turns of other processes.
    """
    calibrate, rounds = Calibration(device), Rounds()

    def timed(times: int) -> float:
        start = clock(device)
        for _ in range(times):
            work()
        synchronize(device)
        return clock(device) - start

    timed(2)  # warm-up: first-use work happens here
    parts = max(1, math.ceil(ROUND / timed(1)))
    gc.collect()
    rounds.calibrations.append(calibrate())
    while not rounds.enough(budget, least):
        rounds.seconds.append(timed(parts))
        rounds.calibrations.append(calibrate())
    return rounds, parts


class Stopwatch(Listener):
    """Time the epochs of a trainer after the first two, and stop it when there are enough.

    The trainer reads its loss from the device at the end of an epoch, so the device has then finished that epoch.
    Compiling and capturing happen in the first epoch.
    """

    def __init__(self, device: torch.device, budget: float, least: int) -> None:
        self.device, self.calibrate, self.rounds = device, Calibration(device), Rounds()
        self.budget, self.least = budget, least
        self.stop: Callable[[], object] = int
        self.mode = "eager"
        self.start = 0.0

    def mode_chosen(self, mode: Any) -> None:
        """Record the execution mode of the steps."""
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
    """Return a timer that replays measured durations: pytest-benchmark calls it at the start and end of a round."""
    if _clock["running"]:
        _clock["now"] += _durations.popleft()
    _clock["running"] = not _clock["running"]
    return _clock["now"]


def hand_over(benchmark: Any, rounds: Rounds, parts: int = 1) -> None:
    """Pass the rounds, each divided into `parts` equal parts, to pytest-benchmark for its statistics and files."""
    _durations.clear()
    _durations.extend(seconds / parts for seconds in rounds.seconds)
    benchmark.pedantic(int, rounds=len(rounds.seconds))
    benchmark.extra_info["calibration"] = {
        "seconds": statistics.median(rounds.calibrations),
        "round": rounds.in_calibrations / parts,
    }


def scale_to_now(stored: dict[str, Any], median: float, calibration: dict[str, float]) -> None:
    """Convert the times of a stored benchmark to the current speed of this machine.

    A slower or busier machine is not a regression: times are compared in units of the calibrations between the
    rounds.

    Args:
        stored: A benchmark of a stored file, changed in place.
        median: The median of the same benchmark now, in seconds.
        calibration: The calibrations of the same benchmark now.
    """
    stats = stored["stats"]
    slower = calibration["round"] / stored["extra_info"]["calibration"]["round"]
    factor = median / slower / stats["median"]
    for name, value in stats.items():
        if isinstance(value, float) and name != "ops":
            stats[name] = value * factor
    stats["ops"] = 1 / stats["mean"]
