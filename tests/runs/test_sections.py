"""Options and their sections: the shortest spelling that means one option, and what is ambiguous."""

from __future__ import annotations

import pytest

import genzoo
from genzoo.core.errors import UsageError
from genzoo.core.options import NoOptions
from genzoo.runs.sections import PARTS, Sections
from genzoo.training.config import Training


@genzoo.config
class OfModel:
    width: int = 3
    schedule: str = "linear"
    out: int = 1
    flat: bool = False


@genzoo.config
class OfSampling:
    steps: int = 9


@genzoo.config
class OfLoss:
    steps: int = 2


@genzoo.config
class OfData:
    width: int = 5


@pytest.fixture
def sections() -> Sections:
    classes = {"model_config": OfModel, "sampling": OfSampling, "loss_config": OfLoss, "data_config": OfData}
    return Sections({**classes, "training": Training})


def test_a_name_alone_needs_no_section(sections: Sections) -> None:
    keys = {key: sections.find(key) for key in ("width", "model.width", "data.width", "lr", "train.lr")}
    model, data, trainer = ("model_config", "width"), ("data_config", "width"), ("training", "lr")
    assert list(keys.values()) == [model, model, data, trainer, trainer]
    assert [sections.key(*owner) for owner in (model, data, trainer)] == ["width", "data.width", "lr"]


@pytest.mark.parametrize(
    ("name", "ways"),
    [("schedule", "--model.schedule or --train.schedule"), ("steps", "--model.steps or --loss.steps")],
)
def test_a_name_of_two_sections_needs_one(sections: Sections, name: str, ways: str) -> None:
    with pytest.raises(UsageError) as error:
        sections.find(name)
    assert error.value.message == f"--{name} belongs to several sections: write {ways}"
    assert [f"--{sections.key(part, own)}" for part, own in sections if own == name] == ways.split(" or ")


def test_an_option_of_the_verb_is_not_hidden(sections: Sections) -> None:
    assert sections.key("model_config", "out") == "model.out"
    assert sections.find("model.out") == ("model_config", "out")


@pytest.mark.parametrize(
    ("word", "spelled"),
    [
        ("--model.width", "--width"),
        ("--model.width=3", "--width=3"),
        ("--width", "--width"),
        ("--train.lr_warmup", "--lr-warmup"),
        ("--train.schedule=a.b=c", "--train.schedule=a.b=c"),
        ("--model.no-flat", "--no-flat"),
        ("--no-flat", "--no-flat"),
        ("--model.steps", "--model.steps"),
        ("--data.width", "--data.width"),
        ("--model.lr", "--model.lr"),
        ("model.width", "model.width"),
        ("-3", "-3"),
        ("--", "--"),
    ],
)
def test_words_are_spelled_the_shortest_way(sections: Sections, word: str, spelled: str) -> None:
    assert sections.spelled(word) == spelled


def test_every_key_is_found_again(sections: Sections) -> None:
    for part, name in sections:
        assert sections.find(sections.key(part, name)) == (part, name)
        assert sections.find(f"{PARTS[part]}.{name}") == (part, name)


def test_what_no_part_has_is_not_found() -> None:
    empty = Sections(dict.fromkeys(PARTS, NoOptions))
    assert empty.find("x") is None
    assert empty.find("a.b.c") is None
    assert list(empty) == []
