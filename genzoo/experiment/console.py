"""What a run says while it trains: one progress bar an epoch, whose place its line takes in the end."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import TextIO

from tqdm import tqdm

from genzoo.core.listener import Epoch
from genzoo.system.streams import standard_error, tell
from genzoo.training.callback import Listener
from genzoo.training.execution import Mode

REFRESH_SECONDS = 0.5  # reading the figures makes a GPU wait


class Console(Listener):
    """Prints to standard error; standard output is for results.

    Args:
        epochs: How many there will be.
        batch_size: Images a step.
        quiet: Print nothing but what matters.
    """

    def __init__(self, epochs: int, batch_size: int, quiet: bool = False) -> None:
        self.epochs = epochs
        self.batch_size = batch_size
        self.quiet = quiet
        self.live = standard_error().isatty() and not quiet
        self.bar: tqdm | None = None
        self.next_refresh = 0.0
        self.started = time.perf_counter()
        self.first = 0
        """The first epoch of this session."""
        self.mark: tuple[int, float] | None = None
        """A step of the epoch at hand, the first one unless an earlier session made it, and when it was through."""

    def say(self, text: str) -> None:
        """One line, unless quiet."""
        if not self.quiet:
            tell(text)

    def warn(self, text: str) -> None:
        """One line, whether quiet or not."""
        tell(f"genzoo: {text}")

    def warned(self, text: str) -> None:
        if self.bar is not None:
            self.bar.clear()
        self.warn(text)

    def mode_chosen(self, mode: Mode) -> None:
        self.say(str(mode))

    def epoch_started(self, epoch: int, steps: int) -> None:
        if not self.first:
            self.first = epoch
            self.started = time.perf_counter()
        self.mark = None
        if self.live:
            error = standard_error()
            self.bar = tqdm(
                total=steps,
                desc=self._title(epoch),
                unit="",  # our figures: tqdm would put a comma before its own {postfix}
                bar_format="{desc} {bar:12}{percentage:4.0f}%  {unit}",
                mininterval=0.1,
                file=error,
                ncols=columns_of(error) or 120,  # tqdm would draw nothing where the width is said to be 0
                leave=False,
            )
            self.next_refresh = 0.0

    def stepped(self, done: int, terms: Callable[[int], dict[str, float]]) -> None:
        now = time.perf_counter()
        if self.bar is None or now < self.next_refresh:
            return
        self.next_refresh = now + REFRESH_SECONDS
        self.mark = self.mark or (done, now)
        speed = (done - self.mark[0]) * self.batch_size / max(now - self.mark[1], 1e-9)
        self.bar.unit = f"{figures(terms(done))}  {speed:,.0f} img/s"
        self.bar.update(done - self.bar.n)

    def epoch_finished(self, record: Epoch) -> None:
        text = summary(record)
        done = record.epoch + 1 - self.first
        left = (time.perf_counter() - self.started) / done * (self.epochs - record.epoch)
        if left >= 1:
            text += f"  eta {int(left) // 60}:{int(left) % 60:02}"
        self.close()
        self.say(f"{self._title(record.epoch)}  {text}")

    def close(self) -> None:
        """Takes the bar off the screen."""
        if self.bar is not None:
            self.bar.close()
            self.bar = None

    def _title(self, epoch: int) -> str:
        return f"epoch {epoch:{len(str(self.epochs))}}/{self.epochs}"


def columns_of(terminal: TextIO) -> int:
    """The width of a terminal; 0 where it is not known."""
    try:
        return os.get_terminal_size(terminal.fileno()).columns
    except (AttributeError, OSError, ValueError):  # a window of a program's own has no number
        return 0


def summary(record: Epoch) -> str:
    """An epoch in one line."""
    parts = [figures(record.train)]
    if record.validation:
        parts.append(f"validation {record.validation['loss']:.2f}")
    parts.append(f"{record.images / max(record.seconds, 1e-9):,.0f} img/s")
    return "  ".join(parts)


def figures(terms: Mapping[str, float]) -> str:
    """Loss terms in one line. The objective is shown only where it is not the sum of its parts."""
    shown = dict(terms)
    if any(shown["loss"] == value for name, value in shown.items() if name != "loss"):
        shown.pop("loss")
    names = {name: name.replace("negative_elbo", "−elbo").replace("_given_y", "|y") for name in shown}
    return "  ".join(f"{names[name]} {value:.2f}" for name, value in shown.items())
