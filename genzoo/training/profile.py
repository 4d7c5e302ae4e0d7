"""Where a step's time goes: a trace of some steps, and a table of it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from genzoo.core.listener import Epoch
from genzoo.training.callback import Listener
from genzoo.training.trainer import Trainer

WARM_UP, STEPS, OPERATORS = 10, 30, 8
PARTS = {"_see": "data", "_forward": "forward", "_backward": "backward", "_update": "optimiser"}
"""Methods of `Step` and what the table calls them; what lies between them is the rest."""


class Profile(Listener):
    """Traces some steps after a warm-up and says where their time went. Training goes on as if nothing had been.

    Args:
        path: Where to write the trace: JSON that ui.perfetto.dev and chrome://tracing open.
        say: Prints the table.
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
        """Takes the trainer to watch; a short training is watched in its second half."""
        self.step, self.device = trainer.body, trainer.device
        self.wait = min(WARM_UP, trainer.total_steps // 2)
        with self.make_profiler():
            pass  # the first one takes seconds, which are not the training's

    def make_profiler(self) -> Any:
        """A profiler of the host and, where there is one, the GPU."""
        os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # no lines of its own about devices that are not there
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
        """Starts tracing."""
        self.profiler = self.make_profiler()
        for method, label in PARTS.items():
            setattr(self.step, method, labelled(getattr(self.step, method), label))
        self.profiler.start()

    def end(self) -> None:
        """Stops tracing."""
        self.done = True
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        self.profiler.stop()
        for method in PARTS:
            delattr(self.step, method)  # the class's own shows again

    def epoch_finished(self, record: Epoch) -> None:
        self.tell()  # not before: the progress bar has the line

    def tell(self) -> None:
        """Writes the trace and prints the table, once."""
        if self.done and self.count:
            self.profiler.export_chrome_trace(str(self.path))
            self.say(table(self.profiler.key_averages(), self.seconds, self.count, self.device))
            self.say(f"trace       {self.path} (open it in ui.perfetto.dev)")
            self.count = 0

    def close(self) -> None:
        """Ends and tells what the training was too short for, or was stopped in."""
        if self.profiler is not None and not self.done:
            self.end()
        self.tell()


def labelled(method: Callable[..., Any], label: str) -> Callable[..., Any]:
    """The method under a name in the trace."""

    def run(*arguments: Any) -> Any:
        with torch.profiler.record_function(label):
            return method(*arguments)

    return run


def table(events: Any, seconds: float, steps: int, device: torch.device) -> str:
    """The parts of a step on the host, and the operators that take most of it, on the device where that is a GPU."""
    step = seconds / steps
    lines = [f"{steps} steps profiled, {step * 1e3:.3g} ms a step, the profiler's own time included"]
    parts = {event.key: event.cpu_time_total * 1e-6 / steps for event in events if event.key in PARTS.values()}
    parts = {label: parts.get(label, 0.0) for label in PARTS.values()}
    parts["rest"] = max(step - sum(parts.values()), 0.0)
    lines += [f"  {label:24}{part * 1e3:9.3f} ms {part / step:5.0%}" for label, part in parts.items()]
    kind = "device" if device.type == "cuda" else "cpu"
    costs = [(getattr(event, f"self_{kind}_time_total") * 1e-6 / steps, event) for event in events]
    costs = sorted((pair for pair in costs if pair[1].key not in PARTS.values()), key=lambda pair: -pair[0])
    lines.append(f"most of it in these operators, {'on the GPU' if kind == 'device' else 'without what they call'}:")
    lines += [
        f"  {event.key[:24]:24}{cost * 1e3:9.3f} ms {cost / step:5.0%}  {event.count / steps:.3g} calls"
        for cost, event in costs[:OPERATORS]
    ]
    return "\n".join(lines)
