"""Tables of README are those that their commands write now, and its sentences have the numbers of stored results."""

from __future__ import annotations

import json
import re
from types import ModuleType

import pytest
import quality
import recipes
import zoo_pages
from marked import filled

README = zoo_pages.README.read_text(encoding="utf-8")
RESULTS = zoo_pages.ROOT / "benchmarks/results"


@pytest.mark.parametrize("made_by", [quality, recipes], ids=lambda module: module.__name__)
def test_a_table_is_what_its_command_writes_of_the_stored_results(made_by: ModuleType) -> None:
    name = made_by.__name__
    table = made_by.markdown(json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8")))
    assert (RESULTS / f"{name}.md").read_text(encoding="utf-8") == table
    assert filled(README, made_by.COMMAND, table.rstrip()) == README, f"type: {made_by.COMMAND}"


def paragraph(beginning: str) -> str:
    """Return the paragraph or table of README with this beginning."""
    (found,) = (text for text in README.split("\n\n") if text.startswith(beginning))
    return found


def test_the_number_of_models_is_right() -> None:
    assert re.findall(r"comes with (\d+) models", README) == [str(len(zoo_pages.models()))]


def test_the_sentence_on_cards_has_their_numbers() -> None:
    quoted = re.findall(r"[\d.]+ ± [\d.]+", paragraph("`reproduce` trains"))
    assert len(quoted) == 3
    assert set(quoted) <= {row[2] for card in zoo_pages.cards() for row in zoo_pages.claim_rows(card)}


@pytest.mark.parametrize(("data", "columns"), [("mnist", slice(0, 2)), ("fashion-mnist", slice(2, 4))])
def test_the_table_of_races_has_the_means_of_the_stored_ones(data: str, columns: slice) -> None:
    race = (RESULTS / f"race-{data}-20s.md").read_text(encoding="utf-8")
    for line in paragraph("| model | MNIST").splitlines()[2:]:
        model, *means = (cell.strip() for cell in line.strip("|").split("|"))
        for mean in filter(None, means[columns]):
            assert re.search(rf"\| {model} \| \d \| {re.escape(mean)}[ ,]", race)
