"""Lines of progress."""

from __future__ import annotations

import io
import sys
import time

import pytest
from planned import loaded, planned

from genzoo.core.listener import UNLIMITED, Epoch
from genzoo.experiment.console import Console, columns_of, summary, terms_line


def test_the_objective_is_left_out_where_a_term_says_the_same() -> None:
    assert terms_line({"loss": 3.0, "negative_elbo": 3.0, "kl": 1.0}) == "−elbo 3.00  kl 1.00"
    assert terms_line({"loss": 4.0, "negative_elbo": 3.0}) == "loss 4.00  −elbo 3.00"
    assert terms_line({"loss": 4.0}) == "loss 4.00"
    assert terms_line({"loss": 4.0, "negative_elbo_given_y": 3.0, "own": 1.0}) == "loss 4.00  −elbo|y 3.00  own 1.00"


def test_an_epoch_in_one_line() -> None:
    record = Epoch(3, 30, {"loss": 4.0, "kl": 1.0}, {"loss": 5.0}, 2.0, 1000, 1e-3)
    assert summary(record) == "loss 4.00  kl 1.00  validation 5.00  500 img/s"


def test_a_narrow_terminal_shows_the_first_term_alone() -> None:
    record = Epoch(3, 30, {"negative_elbo": 4.0, "reconstruction": 3.0, "kl": 1.0}, {"loss": 5.0}, 2.0, 1000, 1e-3)
    whole = "−elbo 4.00  reconstruction 3.00  kl 1.00  validation 5.00  500 img/s"
    assert summary(record, room=len(whole)) == whole
    assert summary(record, room=len(whole) - 1) == "−elbo 4.00  …  validation 5.00  500 img/s"


def test_an_epoch_shows_the_watched_term_of_the_validation_or_all_of_them_by_name() -> None:
    record = Epoch(3, 30, {"critic": 1.0}, {"critic": 1.5, "generator": 0.7}, 2.0, 1000, 1e-3)
    assert summary(record, "") == "critic 1.00  validation critic 1.50  generator 0.70  500 img/s"
    assert summary(record, "generator") == "critic 1.00  validation generator 0.70  500 img/s"
    both = Epoch(3, 30, {"loss": 1.0}, {"loss": 2.0, "distance": 3.0}, 2.0, 1000, 1e-3)
    assert summary(both, "") == "loss 1.00  validation loss 2.00  distance 3.00  500 img/s"
    assert summary(both, "distance") == "loss 1.00  validation distance 3.00  500 img/s"


@pytest.mark.parametrize(("model", "watched"), [("gan", ""), ("vae", "loss")])
def test_epoch_lines_show_what_the_loss_watches(model: str, watched: str) -> None:
    assert loaded(planned(model)).console.watched == watched


def test_quiet_prints_warnings_alone(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(50, quiet=True)
    console.say("progress")
    console.warn("trouble")
    assert capsys.readouterr().err == "genzoo: trouble\n"


@pytest.mark.parametrize(("epochs", "lines"), [(20, 20), (100, 34)])
def test_many_short_epochs_print_a_line_a_second(
    epochs: int, lines: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    console, now = Console(50), [0.0]
    monkeypatch.setattr("genzoo.experiment.console.time.perf_counter", lambda: now[0])
    console.epochs = epochs
    for number in range(1, epochs + 1):
        console.epoch_started(number, 1)
        now[0] += 0.34
        console.epoch_finished(Epoch(number, number, {"loss": 4.0}, {}, 0.3, 50, 1e-3))
    printed = capsys.readouterr().err.splitlines()
    assert len(printed) == lines
    assert (printed[0].split()[1], printed[-1].split()[1]) == (f"1/{epochs}", f"{epochs}/{epochs}")


class Clock:
    """A clock that the test advances."""

    now = 100.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(time, "perf_counter", lambda: made.now)
    return made


@pytest.mark.parametrize(
    ("limit", "first", "line"),
    [
        (0.0, 1, "training takes about 5 min more, by the first 25 steps\n"),  # 10 steps a second, 3,000 in all
        (62.0, 1, "training takes about 60 s more, by the first 25 steps\n"),
        (0.0, 3, "training takes about 2 min more, by the first 25 steps\n"),  # resumed
        (10.0, 1, ""),  # too little to be told
    ],
)
def test_the_remaining_time_is_told_before_the_first_epoch_ends(
    limit: float, first: int, line: str, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    console = Console(50, max_time=limit)
    console.epochs = 3
    clock.now += 30  # reading the data does not count
    console.epoch_started(first, 1000)
    for done in range(1, 100):
        clock.now += 0.1
        console.stepped(done, lambda step: {"loss": 4.0})
        if clock.now < 132:
            assert capsys.readouterr().err == ""
    assert capsys.readouterr().err == line


def test_it_is_not_told_after_an_epoch_has_told_it(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(50)
    console.epochs = 100
    for epoch in (1, 2):
        console.epoch_started(epoch, 10)
        for done in range(1, 11):
            clock.now += 0.15
            console.stepped(done, lambda step: {"loss": 4.0})
        console.epoch_finished(Epoch(epoch, 10, {"loss": 4.0}, {}, 1.5, 500, 1e-3))
    lines = capsys.readouterr().err.splitlines()
    assert [line[:13] for line in lines] == ["epoch   1/100", "epoch   2/100"]
    assert lines[0].endswith("eta 2:28")


class Terminal(io.StringIO):
    """A terminal of unknown width."""

    def isatty(self) -> bool:
        return True


def test_a_bar_shows_it(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    console = Console(50)
    console.epochs = 3
    console.epoch_started(1, 1000)
    for done in range(1, 100):
        clock.now += 0.1
        console.stepped(done, lambda step: {"loss": 4.0})
        assert console.bar is not None
        assert ("eta" in console.bar.unit) == (clock.now > 102.45)
    assert console.bar.unit.endswith("500 img/s  eta 4:50")


@pytest.mark.parametrize(("epochs", "share"), [(4, "62%"), (UNLIMITED, "50%")])
def test_the_share_of_a_bar_is_that_of_the_training(
    epochs: int, share: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of the third of four epochs; a training without an end has a bar for each epoch."""
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    console = Console(50)
    console.epochs = epochs
    console.epoch_started(3, 1000)
    clock.now += 10.0
    console.stepped(500, lambda step: {"loss": 4.0})
    assert console.bar is not None
    assert share in str(console.bar)
    console.close()


def test_a_stream_that_is_no_terminal_has_no_width() -> None:
    assert columns_of(io.StringIO()) == 0
