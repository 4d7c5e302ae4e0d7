"""Lines of progress."""

from __future__ import annotations

import io

import pytest
from planned import loaded, planned

from genzoo.core.listener import Epoch
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
    console = Console(1, 50, quiet=True)
    console.say("progress")
    console.warn("trouble")
    assert capsys.readouterr().err == "genzoo: trouble\n"


def test_a_stream_that_is_no_terminal_has_no_width() -> None:
    assert columns_of(io.StringIO()) == 0
