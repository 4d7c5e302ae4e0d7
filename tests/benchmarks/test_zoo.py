"""The pages of the zoo are what `python benchmarks/zoo.py` writes now, and every row has its model and picture."""

from __future__ import annotations

import zoo_pages
from marked import filled
from PIL import Image
from zoo_tiles import sheet_size

ROWS = zoo_pages.read_rows()
WRITE = "type: python benchmarks/zoo.py --missing"


def test_the_pages_are_current() -> None:
    assert zoo_pages.PAGE.read_text(encoding="utf-8") == zoo_pages.page(ROWS), WRITE
    readme = zoo_pages.README.read_text(encoding="utf-8")
    assert readme == filled(readme, zoo_pages.COMMAND, zoo_pages.family_table()), WRITE
    benchmarks = zoo_pages.BENCHMARKS.read_text(encoding="utf-8")
    assert benchmarks == filled(benchmarks, zoo_pages.COMMAND, zoo_pages.card_table()), WRITE


def test_every_card_that_was_run_has_a_page() -> None:
    pages = {
        file.stem.removeprefix("reproduce-") for file in (zoo_pages.ROOT / "benchmarks/results").glob("reproduce-*.md")
    }
    assert {card.name for card in zoo_pages.cards()} == pages


def test_every_row_is_of_a_model_and_has_a_picture() -> None:
    """The page says which models have no row; it is not current while a new model is not on it."""
    assert set(ROWS) <= {entry.name for entry in zoo_pages.models()}
    assert {tile.stem for tile in zoo_pages.TILES.glob("*.png")} == set(ROWS), WRITE
    assert not [name for name, row in ROWS.items() if row["verdict"] not in ("proved", "bounded")]


def test_the_sheet_is_small_enough_for_a_page() -> None:
    assert zoo_pages.SHEET.stat().st_size < 400_000
    with Image.open(zoo_pages.SHEET) as sheet:
        assert sheet.size == sheet_size(len(ROWS)), WRITE


def test_a_model_without_a_row_is_reported() -> None:
    one = next(iter(ROWS))
    page = zoo_pages.page({name: row for name, row in ROWS.items() if name != one})
    missing = len(zoo_pages.models()) - len(ROWS)
    assert page.count("not measured yet: `python benchmarks/zoo.py --missing`") == 1 + missing
