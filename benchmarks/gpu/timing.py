"""Time on a device, by CUDA events or the clock of a CPU, and the share of it in kernels."""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable, Sequence
from typing import Any

import torch
from measuring import clock

from genzoo.core.listener import Epoch
from genzoo.system.devices import synchronize
from genzoo.training.callback import Listener

ROUNDS = {"cuda": 5, "cpu": 1}
"""How often work is timed; a CPU only rehearses."""
ROUND = {"cuda": 0.02, "cpu": 0.0}
"""Minimum seconds of a round."""


def mark(device: torch.device) -> Any:
    """Return a time mark: an event in the device's queue, or the clock's reading."""
    if device.type != "cuda":
        return clock(device)
    event = torch.cuda.Event(enable_timing=True)
    event.record()
    return event


def between(first: Any, last: Any) -> float:
    """Return the seconds between two marks; waits for the device."""
    if isinstance(first, float):
        return float(last - first)
    last.synchronize()
    return float(first.elapsed_time(last) * 1e-3)


def rounds(work: Callable[[], object], device: torch.device) -> list[float]:
    """Return the seconds per call, one value for each round of calls on the device, after a warm-up."""

    def timed(calls: int) -> float:
        first = mark(device)
        for _ in range(calls):
            work()
        return between(first, mark(device)) / calls

    timed(2)  # warm-up: first-use work happens here
    synchronize(device)
    calls = max(1, round(ROUND[device.type] / max(timed(1), 1e-6)))
    return [timed(calls) for _ in range(ROUNDS[device.type])]


def speed(images: int, seconds: Sequence[float]) -> dict[str, float]:
    """Return images per second: the median over rounds, the minimum and the maximum."""
    every = [images / one for one in seconds]
    return {"images_per_second": statistics.median(every), "least": min(every), "most": max(every)}


def make_profiler(device: torch.device) -> Any:
    """Return torch's profiler of the device's work."""
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # no lines about devices that are absent
    from torch.profiler import ProfilerActivity, profile

    on_gpu = device.type == "cuda"
    return profile(activities=[ProfilerActivity.CUDA if on_gpu else ProfilerActivity.CPU], acc_events=True)


def kernel_seconds(profiler: Any, device: torch.device) -> float:
    """Return the seconds in kernels, or in operators on a CPU, from a profile."""
    events = profiler.key_averages()
    if device.type != "cuda":
        return float(sum(event.self_cpu_time_total for event in events)) * 1e-6
    # An operator on the host includes the time of its kernels.
    kernels = [event for event in events if event.device_type == torch.profiler.DeviceType.CUDA]
    return float(sum(event.self_device_time_total for event in kernels if not event.is_user_annotation)) * 1e-6


class Epochs(Listener):
    """Time a trainer's epochs after a warm-up.

    Args:
        device: The trainer's device.
        profiled: Whether to profile one more epoch, for the share of time in kernels.
    """

    def __init__(self, device: torch.device, profiled: bool = False) -> None:
        self.device, self.warm_up, self.timed = device, 1, ROUNDS[device.type]
        self.epochs = self.warm_up + self.timed + profiled
        """The number of epochs that the trainer must run."""
        self.seconds: list[float] = []
        self.kernels: float | None = None
        self.start: Any = None
        if profiled:
            with make_profiler(device):
                pass  # starts the tracer before anything is captured

    def epoch_started(self, epoch: int, steps: int) -> None:
        synchronize(self.device)
        if epoch > self.warm_up + self.timed:
            self.profiler = make_profiler(self.device)
            self.profiler.start()
        self.start = mark(self.device)

    def epoch_finished(self, record: Epoch) -> None:
        seconds = between(self.start, mark(self.device))
        if record.epoch > self.warm_up + self.timed:
            synchronize(self.device)
            self.profiler.stop()
            self.kernels = kernel_seconds(self.profiler, self.device)
        elif record.epoch > self.warm_up:
            self.seconds.append(seconds)

    def values(self, images: int) -> dict[str, float]:
        """Return images per second and the share of time in kernels, for epochs of `images` images."""
        busy = {} if self.kernels is None else {"busy": self.kernels / statistics.median(self.seconds)}
        return speed(images, self.seconds) | busy
