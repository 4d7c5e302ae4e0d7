"""Reproduction cards: what they ask for, and the verdict on what was found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from documents import blocks

from genzoo.comparison.statistics import Estimate, as_json, estimated
from genzoo.core.errors import PluginError, UsageError
from genzoo.experiment.cards import Card, Claim, card, cards, files, of_claim, ours, published, read
from genzoo.experiment.experiment import Experiment
from genzoo.registry.current import registry
from genzoo.registry.discovery import Plugin
from genzoo.registry.entries import Origin
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
    (found,), without = read(tmp_path / "cards.toml")
    Experiment(found.configs(device="cpu")["small"], RunPaths(), quiet=True)
    assert found.statements(MODELS["vae"]) == ["small.kl ≤ 20 (published: 17.3): 18.00 ± 1.27, 2 seeds, reproduced"]
    assert list(without) == ["sharper"]


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


ROOT = Path(__file__).parents[2]
MODELS = {entry.name: entry for entry in registry().matching("model") if entry.origin.distribution == "genzoo"}


def test_every_model_has_a_card_or_one_sentence_why_not() -> None:
    """A model that is listed here needs a card, or a line in the table [without] of its family's cards.toml."""
    without = [name for _, file in files() for name in read(file)[1]]
    with_card = [name for name, entry in MODELS.items() if any(card.statements(entry) for card in cards().values())]
    assert sorted(with_card + without) == sorted(MODELS)


def test_what_was_measured_is_what_was_published_of_it() -> None:
    """The files that `genzoo reproduce CARD --markdown` wrote have the claims and numbers of the cards."""
    for file in (ROOT / "benchmarks/results").glob("reproduce-*.md"):
        chosen = card(file.stem.removeprefix("reproduce-"))
        for claim in chosen.claims:
            numbers = ours(as_json(estimated(claim.measured or ["not measured"])))
            assert f"| {' | '.join([claim.expected, claim.published, *numbers])} |" in file.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("measured", "text"),
    [
        ("[]", "not yet run: genzoo reproduce mine, 1 minutes a seed on a CPU"),
        ("[2.9]", "2.90, 1 seed, reproduced"),
        ("[3.1, 3.2]", "3.15 ± 0.64, 2 seeds, undecided"),
    ],
)
def test_what_is_said_of_a_model(measured: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ae, vae = MODELS["ae"], MODELS["vae"]
    (tmp_path / "cards.toml").write_text(f"{GOOD}measured = {measured}\n[without]\nvae = 'unread'\nae = 'No.'")
    monkeypatch.setattr("genzoo.experiment.cards.plugins", [Plugin(vae.origin, file=str(tmp_path / "__init__.py"))])
    assert published(vae) == [f"a.kl ≤ 3: {text}"]
    assert published(ae) == ["No."]
    assert published(MODELS["kde"]) == []
    assert published(replace(ae, origin=Origin("other", "1", "other"))) == []


def test_a_difference_is_a_claim_about_its_second_run() -> None:
    assert card("iaf-vae").statements(MODELS["vae"]) == []
    assert len(card("iaf-vae").statements(MODELS["iaf-vae"])) == 2
    assert len(card("iwae-table-1").statements(MODELS["iwae"])) == 2


def test_a_malformed_file_of_cards_is_one_line_of_what_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cards.toml").write_text("[without]\nkde = 1\n[mine]\n")
    plugin = Plugin(MODELS["kde"].origin, file=str(tmp_path / "__init__.py"))
    monkeypatch.setattr("genzoo.experiment.cards.plugins", [plugin])
    (said,) = published(MODELS["kde"])
    assert said.startswith(f"{tmp_path}/cards.toml: ")
