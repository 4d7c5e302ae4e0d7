"""Options: which values are refused with which message, and the exact conversion to JSON and back."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest

import genzoo
from genzoo.core import options
from genzoo.core.errors import UsageError
from genzoo.core.options import Count, Fraction, Natural, NonNegative, Positive, Range
from genzoo.registry import current as registry
from genzoo.registry import entries


@genzoo.config
class Everything:
    """One field of each form."""

    count: Count = 20
    natural: Natural = 0
    rate: Positive = 1e-3
    weight: NonNegative = 1.0
    fraction: Fraction = 0.5
    whole: int = -3
    capacity: NonNegative | None = None
    limit: int | None = None
    name: str = "relu"
    on_or_off: bool = False
    choice: Literal["a", "b", 1] = "a"
    hidden: tuple[Count, ...] = (400, 200)
    pair: tuple[int, float] = (1, 2.0)
    nested: tuple[tuple[int, ...], ...] = ((1, 2), ())
    maybe: tuple[float, ...] | None = None
    shared: ClassVar[int] = 7


HUGE = 10**400
REFUSED: list[tuple[str, list[Any], str]] = [
    ("count", [0, -1], "must be at least 1"),
    ("count", [1.0, 20.5, True, "20", None, (20,), math.nan], "must be a whole number"),
    ("natural", [-1], "must be at least 0"),
    ("rate", [0, 0.0, -1e-9], "must be more than 0"),
    ("rate", [math.nan, math.inf, -math.inf, HUGE, "0.1", None, True, [0.1]], "must be a finite number"),
    ("weight", [-1, -1e-300], "must be at least 0"),
    ("fraction", [-0.1, 1.0000001], "must be at least 0 and at most 1"),
    ("capacity", [-1.0], "must be at least 0"),
    ("capacity", ["none", False], "must be a finite number"),
    ("limit", [1.5, "1"], "must be a whole number"),
    ("name", [1, None, b"relu", ["relu"]], "must be a text"),
    ("on_or_off", [0, 1, "true", None], "must be true or false"),
    ("choice", ["c", "", True, 1.0, None, ["a"]], "must be one of a, b, 1"),
    ("hidden", [400, "400", None, {400}], "must be a list"),
    ("hidden", [(400, 0), [-1]], "must be a list, and each item must be at least 1"),
    ("hidden", [(400, "a"), [True], (1.5,), ((1,),)], "must be a list, and each item must be a whole number"),
    ("pair", [(1,), (1, 2, 3), ()], "must be a list of 2"),
    ("pair", [(1.5, 2.0)], "must be a list, and each item must be a whole number"),
    ("pair", [(1, "2")], "must be a list, and each item must be a finite number"),
    ("nested", [(1, 2)], "must be a list, and each item must be a list"),
    ("maybe", [1.0, "x"], "must be a list"),
]


@pytest.mark.parametrize(
    ("name", "value", "problem"), [(name, value, problem) for name, values, problem in REFUSED for value in values]
)
def test_a_wrong_value_is_named_as_it_is_typed(name: str, value: Any, problem: str) -> None:
    for attempt in (lambda: Everything(**{name: value}), lambda: options.from_json(Everything, {name: value})):
        with pytest.raises(UsageError) as refused:
            attempt()
        shown = repr(value) if len(repr(value)) <= 60 else f"{repr(value)[:59]}…"
        assert refused.value.message == f"--{name.replace('_', '-')} {problem}, not {shown}"
        assert refused.value.exit_code == 2


ACCEPTED: dict[str, list[Any]] = {
    "count": [1, 2**63, 10**30],
    "natural": [0, 1],
    "rate": [1e-3, 1.0, 5e-324, 1.7976931348623157e308, 0.1 + 0.2, 1 / 3],
    "weight": [0.0, -0.0, 1e22, 123456789.123456789],
    "fraction": [0.0, 1.0, 0.1],
    "whole": [-(2**64), 0, 10**400],
    "capacity": [None, 0.0, 25.0],
    "limit": [None, 0, -5],
    "name": ["", "β", "with 'quotes' and \\", "\n\t\x00", "\U0001f600"],
    "on_or_off": [True, False],
    "choice": ["a", "b", 1],
    "hidden": [(), (1,), (400,) * 50],
    "pair": [(0, 0.0), (-1, 1e-3)],
    "nested": [(), ((),), ((1,), (2, 3))],
    "maybe": [None, (), (1.0, 1e-3)],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in ACCEPTED.items() for value in values])
def test_json_and_back_is_exact(name: str, value: Any) -> None:
    config = Everything(**{name: value})
    again = options.from_json(Everything, json.loads(json.dumps(options.to_json(config), allow_nan=False)))
    assert again == config
    assert repr(again) == repr(config)  # 1.0 == 1, but only one of them is the same text
    assert hash(again) == hash(config)


@pytest.mark.parametrize(
    ("name", "given", "kept"),
    [
        ("weight", 4, 4.0),
        ("capacity", 25, 25.0),
        ("hidden", [400, 200], (400, 200)),
        ("pair", [1, 2], (1, 2.0)),
        ("nested", [[1], [2, 3]], ((1,), (2, 3))),
        ("maybe", [1, 2.5], (1.0, 2.5)),
        ("limit", 3, 3),
    ],
)
def test_a_value_has_one_form_however_it_was_given(name: str, given: Any, kept: Any) -> None:
    for config in (Everything(**{name: given}), options.from_json(Everything, {name: given})):
        assert repr(getattr(config, name)) == repr(kept)


def registered() -> list[type[Any]]:
    """The Config of every registered class."""
    classes = [entry.load() for kind in entries.KINDS for entry in registry.registry().matching(kind)]
    return [cls.Config for cls in classes if getattr(cls, "Config", None) is not None]


def test_every_registered_config_comes_back_from_json() -> None:
    for config in registered():
        default = config()
        again = options.from_json(config, json.loads(json.dumps(options.to_json(default), allow_nan=False)))
        assert again == default
        assert repr(again) == repr(default)


def test_every_registered_option_has_its_help_under_it() -> None:
    assert len(registered()) > 100
    for config in registered():
        for name, _, _, text in options.describe_fields(config()):
            assert text, f"say under {config.__qualname__}.{name} what it does"


def test_an_unknown_option_is_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError) as refused:
        options.from_json(Everything, {"hiden": [400]}, "config.json")
    assert refused.value.message == "config.json: unknown option 'hiden'. Did you mean 'hidden'?"
    assert refused.value.hint.startswith("known: count, natural, ")
    with pytest.raises(UsageError, match=r"known: none"):
        options.from_json(options.NoOptions, {"beta": 1.0})


def test_what_is_no_option_cannot_be_set() -> None:
    for name in ("shared", "__class__", "__post_init__", ""):
        with pytest.raises(UsageError, match="unknown option"):
            options.from_json(Everything, {name: 1})


@pytest.mark.parametrize("values", [None, 3, "count", ["count"], [["count", 1]]])
def test_options_that_are_no_table(values: Any) -> None:
    with pytest.raises(UsageError, match="f: options must be a table of names and values, not "):
        options.from_json(Everything, values, "f")


def test_the_file_is_named_with_the_option() -> None:
    with pytest.raises(UsageError, match=r"^run\.toml: --count must be at least 1, not 0$"):
        options.from_json(Everything, {"count": 0}, str(Path("run.toml")))


def test_an_option_without_a_default_is_asked_for() -> None:
    @genzoo.config
    class Config:
        data_dir: str

    assert options.from_json(Config, {"data_dir": "x"}).data_dir == "x"
    with pytest.raises(UsageError, match="--data-dir is missing"):
        options.from_json(Config, {})


def test_a_config_is_frozen_hashable_and_keyword_only() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Everything().count = 3  # type: ignore[misc]
    with pytest.raises(TypeError):
        Everything(20)  # type: ignore[misc]
    assert len({Everything(), Everything(), Everything(count=3)}) == 2
    with pytest.raises(UsageError):
        dataclasses.replace(Everything(), count=0)


def test_rules_between_fields_run_after_the_check_and_are_inherited() -> None:
    @genzoo.config
    class Ordered:
        low: float = 0.0
        high: float = 1.0

        def __post_init__(self) -> None:
            if self.low >= self.high:
                raise UsageError(f"--low must be below --high, not {self.low} and {self.high}")

    @genzoo.config
    class Longer(Ordered):
        count: Count = 1

    for config in (Ordered, Longer):
        with pytest.raises(UsageError, match=r"--low must be below --high, not 3\.0 and 1\.0"):
            config(low=3)
        with pytest.raises(UsageError, match="--low must be a finite number"):
            config(low="3")
    with pytest.raises(UsageError, match="--count must be at least 1"):
        Longer(count=0)


@pytest.mark.parametrize(
    ("limits", "text", "inside", "outside"),
    [
        (Range(1), "at least 1", [1, 1e300, math.inf], [0.999, -math.inf]),
        (Range(0, above=True), "more than 0", [5e-324], [0, -0.0]),
        (Range(high=2), "at most 2", [2, -1e300], [2.0000001]),
        (Range(-1, 1), "at least -1 and at most 1", [-1, 1], [-1.1, 1.1]),
        (Range(0.5, 1, above=True), "more than 0.5 and at most 1", [0.6], [0.5]),
    ],
)
def test_ranges(limits: Range, text: str, inside: list[float], outside: list[float]) -> None:
    assert str(limits) == text
    assert all(value in limits for value in inside)
    assert not any(value in limits for value in [*outside, math.nan])


def test_from_python_the_options_of_a_dataset_have_their_prefix() -> None:
    with pytest.raises(UsageError, match=r"^--data\.path must be a text, not 3"):
        genzoo.run("vae", "npz", data={"path": 3})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": Everything, "dataset": "digits"}, "model must be a registered name, not <class"),
        ({"model": "vae", "dataset": None}, "dataset cannot be None"),
        ({"model": "vae", "dataset": "digits", "loss": 3}, "loss must be a registered name, not 3"),
        ({"model": "vae", "dataset": "npz", "data": "a.npz"}, "data must be options of the dataset, not 'a.npz'"),
    ],
)
def test_what_is_no_name_is_one_line(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)) as error:
        genzoo.run(**arguments)
    assert error.value.hint
