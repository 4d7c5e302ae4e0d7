"""Profile training steps: a trace of some of them, and a table of their parts and operators."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from genzoo.core.listener import Epoch
from genzoo.training.callback import Listener
from genzoo.training.step import PARTS, no_span
from genzoo.training.trainer import Trainer

WARM_UP, STEPS, OPERATORS = 10, 30, 8


class Profile(Listener):
    """Trace some steps after a warm-up and print where their time went. The training's results do not change.

    Args:
        path: File for the trace, JSON for ui.perfetto.dev or chrome://tracing.
        say: Prints a text, such as the table.
    """

    def __init__(self, path: Path, say: Callable[[str], None]) -> None:
        self.path = path
        self.say = say
        self.wait = WARM_UP
        self.profiler: Any = None
        self.done = False
        self.count = 0
        self.seconds = self.last = 0.0

    def watch(self, trainer: Trainer) -> None:
        """Set the trainer to profile; a short training is profiled in its second half."""
        self.step, self.device = trainer.body, trainer.device
        self.wait = min(WARM_UP, trainer.total_steps // 2)
        with self.make_profiler():
            pass  # the first profiler takes seconds to start, which must not count as the training's

    def make_profiler(self) -> Any:
        """Return a profiler of the host and of the GPU if there is one."""
        os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # no messages about missing devices
        from torch.profiler import ProfilerActivity, profile

        on_gpu = [ProfilerActivity.CUDA] if self.device.type == "cuda" else []
        # There is one cycle; without acc_events torch 2.11 warns that earlier ones are cleared.
        return profile(activities=[ProfilerActivity.CPU, *on_gpu], acc_events=True)

    def epoch_started(self, epoch: int, steps: int) -> None:
        if not self.done and not self.wait and self.profiler is None:
            self.begin()
        self.last = time.perf_counter()

    def stepped(self, done: int, terms: Callable[[int], dict[str, float]]) -> None:
        if self.done:
            return
        if self.profiler is None:
            self.wait -= 1
            if self.wait <= 0:
                self.begin()
        else:
            now = time.perf_counter()
            self.seconds += now - self.last
            self.count += 1
            if self.count == STEPS:
                self.end()
        self.last = time.perf_counter()

    def begin(self) -> None:
        """Start tracing."""
        self.profiler = self.make_profiler()
        self.step.span = torch.profiler.record_function
        self.profiler.start()

    def end(self) -> None:
        """Stop tracing."""
        self.done = True
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        self.profiler.stop()
        self.step.span = no_span

    def epoch_finished(self, record: Epoch) -> None:
        self.report()  # not earlier: the progress bar uses the terminal's line

    def report(self) -> None:
        """Write the trace and print the table, once."""
        if self.done and self.count:
            self.profiler.export_chrome_trace(str(self.path))
            self.say(table(self.profiler.key_averages(), self.seconds, self.count, self.device))
            self.say(f"trace       {self.path} (open it in ui.perfetto.dev)")
            self.count = 0

    def close(self) -> None:
        """Report after the training; stop tracing first if the training ended before `STEPS` steps were traced."""
        if self.profiler is not None and not self.done:
            self.end()
        self.report()


def table(events: Any, seconds: float, steps: int, device: torch.device) -> str:
    """Return a table of a step's parts in host time, and of its costliest operators, in GPU time if there is a GPU."""
    step = seconds / steps
    lines = [f"{steps} steps profiled, {step * 1e3:.3g} ms a step, the profiler's own time included"]
    parts = {event.key: event.cpu_time_total * 1e-6 / steps for event in events if event.key in PARTS}
    parts = {label: parts.get(label, 0.0) for label in PARTS}
    parts["rest"] = max(step - sum(parts.values()), 0.0)
    lines += [f"  {label:24}{part * 1e3:9.3f} ms {part / step:5.0%}" for label, part in parts.items()]
    kind = "device" if device.type == "cuda" else "cpu"
    costs = [(getattr(event, f"self_{kind}_time_total") * 1e-6 / steps, event) for event in events]
    costs = sorted((pair for pair in costs if pair[1].key not in PARTS), key=lambda pair: -pair[0])
    lines.append(
        f"costliest operators, {'time on the GPU' if kind == 'device' else 'without the operators they call'}:"
    )
    lines += [
        f"  {event.key[:24]:24}{cost * 1e3:9.3f} ms {cost / step:5.0%}  {event.count / steps:.3g} calls"
        for cost, event in costs[:OPERATORS]
    ]
    return "\n".join(lines)
