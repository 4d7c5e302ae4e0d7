"""The base of run listeners that report to a tracking service: what is sent, in which order, and by which thread."""

from __future__ import annotations

import math
import queue
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from genzoo.core.errors import GenzooError
from genzoo.core.listener import Epoch, RunListener

if TYPE_CHECKING:
    from genzoo.runs.run import Run

MODEL = "model"
"""What `--listeners NAME:model` asks for."""

Points = Mapping[int, Mapping[str, float]]
"""Values by name, such as "loss/train", by training step."""


class Tracker(RunListener):
    """Report a run to a tracking service. Override `start`, `log` and what else the service can show.

    A thread of the tracker's own calls these methods, in order: first `start`, then `log`, after a finished run
    `results`, `figure` and, with `--listeners NAME:model`, `model`; at last `finish`. No training step waits for them.
    What they raise drops the tracker with one line of warning. At the end the run waits `limit` seconds at most.
    """

    words: tuple[str, ...] = (MODEL,)
    limit: ClassVar[float] = 30.0
    """Seconds that a run waits at its end for what is not sent yet."""
    most_waiting: ClassVar[int] = 10_000
    """Calls that may wait in the queue; with more, the tracker is too slow for the run and is dropped."""

    id: str
    """The run's identity, 16 hexadecimal digits. A resumed run has the same."""
    run: Run

    def start(self, parameters: Mapping[str, Any], step: int) -> int:
        """Open the run whose identity is `self.id`: a new one, or what was tracked of it so far.

        Args:
            parameters: All options of the run, resolved, by names such as "model.latent_dim" or "training.lr".
            step: Where the run goes on: 0, or the last step of the epochs before it was resumed.

        Returns:
            The last step that the service has values of, 0 if none. Those of later steps alone are sent, also of epochs
            before the run was resumed.
        """
        raise NotImplementedError(f"{type(self).__name__} must define start(parameters, step)")

    def log(self, points: Points) -> None:
        """Send values: of each epoch its terms, its speed and learning rate. Only finite ones are there."""
        raise NotImplementedError(f"{type(self).__name__} must define log(points)")

    def results(self, step: int, values: Mapping[str, float]) -> None:
        """Send the results on the test data. What is not available is left out."""
        self.log({step: values})

    def figure(self, step: int, file: Path) -> None:
        """Send a figure, a PNG file."""

    def model(self, file: Path) -> None:
        """Send the model file."""

    def finish(self, status: str) -> None:
        """Close the run.

        Args:
            status: "finished", "interrupted", or "failed: " and the reason.
        """

    def abandon(self) -> str:
        """Leave nothing that Python waits for at its end: not everything was sent in time. The run's thread calls this.

        Returns:
            What to type to send the rest later; "" if it is lost.
        """
        return ""

    def run_started(self, run: Run) -> None:
        self.run, self.id = run, run.identity
        self._error: BaseException | None = None
        self._calls: queue.Queue[tuple[str, tuple[Any, ...]]] = queue.Queue(self.most_waiting)
        self._thread = threading.Thread(target=self._work, name=f"genzoo-{type(self).__name__}", daemon=True)
        done = {int(epoch["step"]): values_of(epoch) for epoch in run.history}
        self._step = max(done, default=0)
        self._call("_begin", dict(flat(run.plain_config)), self._step, done)
        self._thread.start()

    def epoch_finished(self, run: Run, epoch: Epoch) -> None:
        self._step = epoch.step
        self._call("_log", {epoch.step: values_of(asdict(epoch))})

    def run_finished(self, run: Run, status: str) -> None:
        if status == "finished":
            self._call("results", self._step, finite(run.results["test"], "test"))
            for file in sorted((run.path / "figures").glob("*.png")):
                self._call("figure", self._step, file)
            if MODEL in self.asked:
                self._call("model", run.path / "model.safetensors")
        self._call("finish", status)
        self._flush()

    def _begin(self, parameters: Mapping[str, Any], step: int, done: Points) -> None:
        self._last = self.start(parameters, step)
        self._log(done)

    def _log(self, points: Points) -> None:
        """Send what the service does not have yet: a resumed run repeats the steps since its last checkpoint."""
        if new := {step: values for step, values in points.items() if step > self._last}:
            self.log(new)

    def _call(self, method: str, *arguments: Any) -> None:
        """Have a method called by the thread. An error of an earlier call is raised here."""
        if self._error:
            raise self._error
        try:
            self._calls.put_nowait((method, arguments))
        except queue.Full:
            raise GenzooError(f"{self.most_waiting:,} reports wait to be sent") from None

    def _flush(self) -> None:
        """Wait until everything is sent, `limit` seconds at most."""
        end = time.monotonic() + self.limit
        while self._thread.is_alive() and time.monotonic() < end:
            self._thread.join(0.1)  # in short turns, between which Ctrl-C is heard on Windows too
        if self._error:
            raise self._error
        if self._thread.is_alive():
            later = self.abandon()
            raise GenzooError(f"not everything was sent within {self.limit:g} s" + f"; later: {later}" * bool(later))

    def _work(self) -> None:
        """Call what waits, until the run is finished or a call fails. Epochs that wait together are sent together."""
        try:
            method = ""
            while method != "finish":
                for method, arguments in joined(self._waiting()):
                    getattr(self, method)(*arguments)
        except BaseException as error:  # SystemExit and worse: see RunListeners
            self._error = error

    def _waiting(self) -> list[tuple[str, tuple[Any, ...]]]:
        """Return all calls that wait, at least one."""
        calls = [self._calls.get()]
        while not self._calls.empty():
            calls.append(self._calls.get())
        return calls


def joined(calls: list[tuple[str, tuple[Any, ...]]]) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Yield calls; those of `_log` that follow each other are one."""
    points: dict[int, Mapping[str, float]] = {}
    for method, arguments in calls:
        if method == "_log":
            points |= arguments[0]
            continue
        if points:
            yield "_log", (points,)
            points = {}
        yield method, arguments
    if points:
        yield "_log", (points,)


def flat(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the options of a configuration as ("model.latent_dim", 20)."""
    for name, value in config.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def values_of(epoch: Mapping[str, Any]) -> dict[str, float]:
    """Return the values of an epoch by name: "loss/train", "epoch", …"""
    values = {"epoch": epoch["epoch"], "learning_rate": epoch.get("lr")}
    if seconds := epoch.get("seconds"):
        values["speed/images_per_second"] = epoch["images"] / seconds
    return finite(values) | finite(epoch["train"], "train") | finite(epoch["validation"], "validation")


def finite(values: Mapping[str, Any], split: str = "") -> dict[str, float]:
    """Return the values that are finite numbers, as "name/split". n/a and nan are left out: they are no 0."""
    end = f"/{split}" if split else ""
    numbers = {name: value for name, value in values.items() if isinstance(value, float | int) and name != "n"}
    return {f"{name}{end}": float(value) for name, value in numbers.items() if math.isfinite(value)}
