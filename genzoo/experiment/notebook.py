"""Progress in a Jupyter notebook: one element that is updated in place, by IPython's own display."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

from genzoo.core.listener import Epoch
from genzoo.core.spelling import spelled
from genzoo.core.text import duration
from genzoo.experiment.console import REFRESH_SECONDS, Console, summary, terms_line
from genzoo.reporting.card import progress_html
from genzoo.runs.config import RunConfig
from genzoo.training.execution import Mode


def console_for(config: RunConfig, quiet: bool) -> Console:
    """Return what shows the progress of a run: lines on standard error, or an element of the notebook it runs in."""
    training = config.training
    most = float(training.max_time)
    if quiet or not in_notebook():
        return Console(training.batch_size, quiet, most)
    return NotebookConsole(f"{config.model} on {config.dataset}", training.batch_size, most)


def in_notebook() -> bool:
    """Return whether this process is the kernel of a notebook; IPython in a terminal is none."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and hasattr(shell, "kernel")


class NotebookConsole(Console):
    """Show progress as one element: a bar, the terms of the loss, the time left. Warnings go to standard error.

    Args:
        title: What is trained.
        batch_size: Examples per step.
        max_time: Seconds after which training ends; 0: no limit.
    """

    def __init__(self, title: str, batch_size: int, max_time: float = 0.0) -> None:
        super().__init__(batch_size, quiet=False, max_time=max_time)
        self.live = False
        self.title = title
        self.lines: list[str] = []
        self.display: Any = None
        """The element of the notebook; None before the first line."""
        self.epoch, self.steps, self.begun = 1, 1, 0.0
        """The present epoch, its number of steps, and the share of the training that was done before."""
        self.text, self.share = "", 0.0
        """The last epoch in words, and the share of the training that is done."""

    def say(self, text: str) -> None:
        self.lines += spelled(text).splitlines()
        self.show(self.share, "")

    def mode_chosen(self, mode: Mode) -> None:
        self.lines.append(str(mode))

    def epoch_started(self, epoch: int, steps: int) -> None:
        if not self.first:
            self.first, self.started = epoch, time.perf_counter()
            self.begun = (epoch - 1) / self.epochs
        self.epoch, self.steps = epoch, steps

    def stepped(self, done: int, terms: Callable[[int], dict[str, float]]) -> None:
        if time.perf_counter() >= self.next_refresh:
            share = (self.epoch - 1 + done / max(self.steps, 1)) / self.epochs
            self.show(share, f"{self._title(self.epoch)} · {terms_line(terms(done))} · {self.left(share)}")

    def epoch_finished(self, record: Epoch) -> None:
        self.share = share = record.epoch / self.epochs
        self.text = f"{self._title(record.epoch)} · {summary(record, self.watched)}"
        if time.perf_counter() >= self.next_refresh or share == 1:
            self.show(share, f"{self.text} · {self.left(share)}")

    def left(self, share: float) -> str:
        """Return how long the training takes, after a share of it is done: as "1 min left"."""
        spent = time.perf_counter() - self.started
        left = min(spent / max(share - self.begun, 1e-9) * (1 - share), self.most - spent)
        return f"{duration(left)} left" if share < 1 else f"trained in {duration(spent)}"

    def show(self, share: float, text: str) -> None:
        """Update the element, or make it."""
        from IPython import display

        self.next_refresh = time.perf_counter() + REFRESH_SECONDS
        plain = " · ".join(filter(None, [self.title, f"{share:.0%}", text]))
        data = {"text/html": progress_html(self.title, min(share, 1.0), text, self.lines), "text/plain": plain}
        if self.display is None:
            self.display = display.display(data, raw=True, display_id=True)
        else:
            self.display.update(data, raw=True)

    def close(self) -> None:
        """Show the last epoch, where training has ended before the element was updated."""
        if self.text and self.display is not None:
            done = f"trained in {duration(time.perf_counter() - self.started)}"
            self.show(self.share, f"{self.text} · {done}")
            self.text = ""
