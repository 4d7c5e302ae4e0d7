"""What a run says while it trains: one progress bar an epoch, whose place its line takes in the end."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping

from tqdm import tqdm

from genzoo.training.modes import Mode
from genzoo.training.trainer import Epoch, Listener

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
        self.live = sys.stderr.isatty() and not quiet
        self.bar: tqdm | None = None
        self.next_refresh = 0.0
        self.started = time.perf_counter()

    def say(self, text: str) -> None:
        """One line, unless quiet."""
        if not self.quiet:
            print(text, file=sys.stderr, flush=True)

    def warn(self, text: str) -> None:
        """One line, whether quiet or not."""
        print(f"genzoo: {text}", file=sys.stderr, flush=True)

    def mode_chosen(self, mode: Mode) -> None:
        self.say(str(mode))

    def epoch_started(self, epoch: int, steps: int) -> None:
        if epoch == 1:
            self.started = time.perf_counter()
        if self.live:
            columns = os.get_terminal_size(sys.stderr.fileno()).columns
            self.bar = tqdm(
                total=steps,
                desc=self._title(epoch),
                unit="",  # our figures: tqdm would put a comma before its own {postfix}
                bar_format="{desc} {bar:12}{percentage:4.0f}%  {unit}",
                mininterval=0.1,
                file=sys.stderr,
                ncols=columns or 120,  # a terminal that does not know its width says 0, and tqdm would draw nothing
                leave=False,
            )
            self.next_refresh = 0.0

    def stepped(self, done: int, terms: Callable[[int], dict[str, float]]) -> None:
        if self.bar is None or time.perf_counter() < self.next_refresh:
            return
        self.next_refresh = time.perf_counter() + REFRESH_SECONDS
        speed = done * self.batch_size / max(time.time() - self.bar.start_t, 1e-9)
        self.bar.unit = f"{figures(terms(done))}  {speed:,.0f} img/s"
        self.bar.update(done - self.bar.n)

    def epoch_finished(self, record: Epoch) -> None:
        text = summary(record)
        left = (time.perf_counter() - self.started) / record.epoch * (self.epochs - record.epoch)
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
    return "  ".join(f"{name.replace('negative_elbo', '−elbo')} {value:.2f}" for name, value in shown.items())
