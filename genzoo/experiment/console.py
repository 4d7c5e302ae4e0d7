"""Progress on the terminal: a bar, replaced by one line at the end of each epoch."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from functools import cache

from tqdm import tqdm

from genzoo.core.listener import UNLIMITED, Epoch
from genzoo.core.text import duration
from genzoo.evaluation.order import label_of
from genzoo.system.streams import columns_of, standard_error, tell
from genzoo.training.callback import Listener
from genzoo.training.execution import Mode
from genzoo.training.objective import GIVEN_CLASS

REFRESH_SECONDS = 0.5  # reading the loss terms makes a GPU wait
EACH, LINE_SECONDS = 20, 1.0
"""A run of more than 20 epochs prints lines at least a second apart, and those of its first and last epoch."""
FIRST_ESTIMATE = 2.0
"""Seconds of steps after which the remaining time is estimated, if the first epoch has not ended before."""
WORTH_TELLING = 10.0
"""Remaining seconds from which the first estimate is a line of its own, where there is no bar."""


class Console(Listener):
    """Print progress and warnings to standard error; standard output is for results.

    Args:
        batch_size: Examples per step.
        quiet: Print warnings only.
        max_time: Seconds after which training ends; 0: no limit.
    """

    def __init__(self, batch_size: int, quiet: bool = False, max_time: float = 0.0) -> None:
        self.epochs = 1
        """Number of epochs in all; that of the trainer once it is made."""
        self.batch_size = batch_size
        self.quiet = quiet
        self.most = max_time or math.inf
        """Seconds that the steps take at most."""
        self.watched = "loss"
        """The validation term that epoch lines show, see `genzoo.Loss.watched`; "": all."""
        self.live = standard_error().isatty() and not quiet
        self.bar: tqdm | None = None
        self.next_refresh = self.next_line = 0.0
        self.started = time.perf_counter()
        self.first = 0
        """Number of the first epoch of this session."""
        self.steps = 0
        """Steps of an epoch."""
        self.epoch = 0
        """The present epoch."""
        self.estimated = False
        """Whether the remaining time was told: by an epoch line, or by the first estimate."""
        self.mark: tuple[int, float] | None = None
        """An early step of the present epoch and the time at its end: the speed is measured from there."""

    def say(self, text: str) -> None:
        """Print a line unless quiet."""
        if not self.quiet:
            if self.bar is not None:
                self.bar.clear()
            tell(text)

    def warn(self, text: str) -> None:
        """Print a line, quiet or not."""
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
        self.mark, self.epoch, self.steps = None, epoch, steps
        if self.live:
            error = standard_error()
            self.bar = tqdm(
                total=steps * (self.epochs if self.epochs < UNLIMITED else 1),
                initial=self.before,
                desc=self._title(epoch),
                unit="",  # our own text: tqdm puts a comma before {postfix}
                bar_format="{desc} {bar:12}{percentage:4.0f}%  {unit}",
                mininterval=0.1,
                file=error,
                ncols=columns_of(error) or 120,  # tqdm draws nothing at width 0
                leave=False,
            )
            self.next_refresh = 0.0

    def stepped(self, done: int, terms: Callable[[int], dict[str, float]]) -> None:
        now = time.perf_counter()
        if now < self.next_refresh:
            return
        self.next_refresh = now + REFRESH_SECONDS
        self.mark = self.mark or (done, now)
        speed = (done - self.mark[0]) / max(now - self.mark[1], 1e-9)
        left = self.first_estimate(done, now, speed)
        if self.bar is not None:
            self.bar.unit = f"{terms_line(terms(done))}  {speed * self.batch_size:,.0f} img/s{eta(left)}"
            self.bar.update(self.before + done - self.bar.n)
        elif left >= WORTH_TELLING and not self.estimated:
            self.estimated = True
            self.say(f"training takes about {duration(left)} more, by the first {done:,} steps")

    @property
    def before(self) -> int:
        """The steps of the epochs before the present one; 0 in a training without an end, of bars for each epoch."""
        return (self.epoch - 1) * self.steps if self.epochs < UNLIMITED else 0

    def first_estimate(self, done: int, now: float, speed: float) -> float:
        """Return the seconds that the steps of all epochs still take; 0 before they can be told, and after an epoch."""
        if self.epoch != self.first or now - self.started < FIRST_ESTIMATE or speed <= 0:
            return 0.0
        steps = (self.epochs - self.epoch + 1) * self.steps - done
        return min(steps / speed, self.most - (now - self.started))

    def epoch_finished(self, record: Epoch) -> None:
        done = record.epoch + 1 - self.first
        spent = time.perf_counter() - self.started
        left = min(spent / done * (self.epochs - record.epoch), self.most - spent)
        title, left_text = self._title(record.epoch), eta(left)
        room = columns_of(standard_error()) - len(title) - len(left_text) - 2 if self.live else 0
        self.estimated = True
        self.close()
        now, last = time.perf_counter(), record.epoch == self.epochs
        if self.epochs <= EACH or last or now >= self.next_line:
            self.next_line = now + LINE_SECONDS
            self.say(f"{title}  {summary(record, self.watched, room)}{left_text}")

    def close(self) -> None:
        """Remove the bar from the screen."""
        if self.bar is not None:
            self.bar.close()
            self.bar = None

    def _title(self, epoch: int) -> str:
        return f"epoch {epoch:{len(str(self.epochs))}}/{self.epochs}" if self.epochs < UNLIMITED else f"epoch {epoch}"


def eta(seconds: float) -> str:
    """Return a remaining time as "  eta 1:05"; "" below a second."""
    return f"  eta {int(seconds) // 60}:{int(seconds) % 60:02}" if seconds >= 1 else ""


def summary(record: Epoch, watched: str = "loss", room: int = 0) -> str:
    """Return an epoch as one line.

    Args:
        record: The epoch.
        watched: The validation term to show; where there is no such term, all are shown. The loss needs no name.
        room: Columns that it should keep to, where all training terms but the first are left out for it; 0: any.
    """
    parts = [terms_line(record.train)]
    if record.validation:
        shown = {watched: record.validation[watched]} if watched in record.validation else record.validation
        parts.append("validation " + terms_line(shown).removeprefix("loss " * (watched == "loss")))
    parts.append(f"{record.images / max(record.seconds, 1e-9):,.0f} img/s")
    first, *others = parts[0].split("  ")
    if others and 0 < room < len("  ".join(parts)):
        parts[0] = f"{first}  …"
    return "  ".join(parts)


@cache
def term_label(term: str) -> str:
    """Return the name of a term of the loss in progress lines: the label of the metric of this name, in lower case."""
    plain = term.removesuffix(GIVEN_CLASS)
    return label_of(plain).lower() + ("|y" if plain != term else "")


def terms_line(terms: Mapping[str, float]) -> str:
    """Return loss terms as one line. The loss itself is left out where it equals one of its terms."""
    shown = dict(terms)
    if any(shown.get("loss") == value for name, value in shown.items() if name != "loss"):
        shown.pop("loss")
    names = {name: term_label(name) for name in shown}
    return "  ".join(f"{names[name]} {value:.2f}" for name, value in shown.items())
