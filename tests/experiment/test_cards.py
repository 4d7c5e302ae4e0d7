"""Reproduction cards: what they ask for, and the verdict on what was found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from documents import blocks

from genzoo.comparison.statistics import Estimate
from genzoo.core.errors import PluginError, UsageError
from genzoo.experiment.cards import Card, Claim, card, cards, of_claim, read
from genzoo.experiment.experiment import Experiment
from genzoo.runs.run import RunPaths


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ((97.0,), "reproduced"),
        ((97.7,), "reproduced"),
        ((98.0,), "not reproduced"),
        ((97.0, 97.1, 97.2), "reproduced"),
        ((98.5, 98.6, 98.7), "not reproduced"),
        ((97.0, 97.6, 97.9), "undecided"),  # the mean is below, its interval is not
        ((97.0, 98.6, 98.0), "undecided"),
    ],
)
def test_the_verdict_is_of_the_interval(values: tuple[float, ...], verdict: str) -> None:
    assert Claim(value="a.nll", at_most=97.7).verdict(Estimate(values)) == verdict
    assert Claim(value="a.nll", at_least=-97.7).verdict(Estimate(tuple(-value for value in values))) == verdict


def test_a_difference_is_taken_seed_by_seed() -> None:
    tests: dict[str, list[dict[str, Any]]] = {
        "one": [{"nll": 97.0}, {"nll": 98.0}],
        "other": [{"nll": 95.0}, {"nll": 95.5}],
        "failed": [{"nll": 95.0}],
        "without": [{"not_available": {"nll": "no prior"}}] * 2,
    }
    found = of_claim(Claim(value="one.nll", minus="other.nll", at_least=1), tests)
    assert isinstance(found, Estimate)
    assert found.values == (2.0, 2.5)
    assert of_claim(Claim(value="one.nll", minus="failed.nll", at_least=1), tests) == "a run failed"
    assert of_claim(Claim(value="without.nll", at_least=1), tests) == "no prior"
    assert Claim(value="without.nll", at_least=1).verdict("no prior") == "undecided"


@pytest.mark.parametrize("name", cards())
def test_every_card_can_be_run(name: str) -> None:
    chosen = card(name)
    assert chosen.source
    assert chosen.summary
    for config in chosen.configs(device="cpu").values():
        Experiment(config, RunPaths(), quiet=True)  # refuses what does not fit


def test_an_unknown_card_is_one_line() -> None:
    with pytest.raises(UsageError, match=r"no card named 'fvsbm'\. Did you mean 'fvsbn'"):
        card("fvsbm")


GOOD = """
[mine]
summary = "s"
source = "s"
fits = "cpu"
minutes = 1
[mine.runs.a]
model = "vae"
dataset = "digits"
[[mine.claims]]
value = "a.kl"
at_most = 3
"""


def test_a_card_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "cards.toml").write_text(GOOD)
    (found,), _ = read(tmp_path / "cards.toml")
    assert isinstance(found, Card)
    assert found.configs()["a"].training.metrics == ("kl",)
    assert [planned.config.training.seed for _, planned in found.plan([3, 4], epochs=1)] == [3, 4]


def test_the_example_of_contributing_is_a_card(tmp_path: Path) -> None:
    (example,) = blocks("CONTRIBUTING.md", "toml")
    (tmp_path / "cards.toml").write_text(example)
    (found,), _ = read(tmp_path / "cards.toml")
    Experiment(found.configs(device="cpu")["small"], RunPaths(), quiet=True)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("at_most = 3", "", "needs at_most or at_least"),
        ("at_most = 3", "at_most = 3\nat_least = 1", "needs at_most or at_least"),
        ('value = "a.kl"', 'value = "b.kl"', "there is no run 'b'"),
        ('fits = "cpu"', 'fits = "abacus"', "fits is cpu or gpu"),
        ("minutes = 1", "hours = 1", "hours"),
        ("[mine]", "[mine", "cards.toml"),
    ],
)
def test_a_malformed_card_is_one_line(before: str, after: str, message: str, tmp_path: Path) -> None:
    assert before in GOOD
    (tmp_path / "cards.toml").write_text(GOOD.replace(before, after))
    with pytest.raises(PluginError, match=message):
        read(tmp_path / "cards.toml")
