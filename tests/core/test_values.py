"""Option values from sweeps and notebooks as plain Python values."""

from __future__ import annotations

import enum
import fractions
import json
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch

import genzoo
from genzoo.core.errors import UsageError
from genzoo.core.options import from_json, to_json
from genzoo.core.values import plain_value


class Colour(enum.Enum):
    RED = "red"


class Size(enum.IntEnum):
    SMALL = 3


@genzoo.config
class Given:
    number: int = 0
    rate: float = 0.0
    flag: bool = False
    name: str = ""
    choice: Literal["red", "blue"] = "red"
    sizes: tuple[int, ...] = ()
    maybe: int | None = None


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("number", np.int64(2), 2), ("number", np.uint8(2), 2), ("number", torch.tensor(3), 3),
        ("number", Size.SMALL, 3),
        ("number", np.array(4), 4), ("number", torch.tensor(3, requires_grad=False), 3), ("maybe", np.int32(1), 1),
        ("rate", np.float32(0.5), 0.5), ("rate", np.float64(0.1), 0.1), ("rate", torch.tensor(0.25), 0.25),
        ("rate", np.int64(2), 2.0), ("rate", fractions.Fraction(1, 4), 0.25), ("rate", np.longdouble(0.5), 0.5),
        ("rate", np.float16(0.5), 0.5), ("rate", torch.tensor(0.25, requires_grad=True), 0.25),
        ("flag", np.bool_(True), True), ("flag", np.array(True), True), ("flag", torch.tensor(True), True),
        ("name", Path("a/b.npz"), "a/b.npz"), ("name", np.str_("a"), "a"), ("name", Colour.RED, "red"),
        ("choice", np.str_("blue"), "blue"), ("choice", Colour.RED, "red"),
        ("sizes", np.array([3, 4]), (3, 4)), ("sizes", range(2), (0, 1)), ("sizes", [np.int64(1), 2], (1, 2)),
        ("sizes", torch.tensor([5, 6]), (5, 6)), ("sizes", (torch.tensor(1), np.uint8(2)), (1, 2)),
        ("sizes", np.array([], dtype=int), ()),
    ],
    ids=repr,
)  # fmt: skip
def test_values_of_sweeps_become_plain(name: str, value: Any, kept: Any) -> None:
    config = Given(**{name: value})
    found = getattr(config, name)
    assert found == kept
    assert type(found) is type(kept)
    assert all(type(item) is int for item in found) if isinstance(found, tuple) else True
    assert from_json(Given, json.loads(json.dumps(to_json(config)))) == config


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("number", np.float64(2.5)), ("number", np.array([2])), ("number", torch.rand(2, 2)),
        ("number", np.bool_(True)),
        ("number", torch.empty((), device="meta", dtype=torch.int64)), ("number", 2 + 0j), ("number", np.complex64(1)),
        ("rate", np.float32("nan")), ("rate", np.inf), ("rate", np.array(None)), ("rate", "0.5"), ("rate", object()),
        ("flag", np.int64(1)), ("name", np.int64(1)), ("choice", Path("green")), ("sizes", np.array([1.5])),
        ("sizes", {1, 2}), ("sizes", np.zeros((2, 2), int)), ("sizes", np.zeros(10_000, int)), ("sizes", np.array(3)),
        ("sizes", (number for number in range(2))), ("maybe", np.datetime64("2020-01-01")),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)  # fmt: skip
def test_values_that_do_not_fit_are_one_line(name: str, value: Any) -> None:
    with pytest.raises(UsageError) as error:
        Given(**{name: value})
    assert error.value.message.startswith(f"--{name} must be ")
    assert "\n" not in error.value.message


def test_lists_of_any_kind_become_tuples_and_the_rest_is_returned_unchanged() -> None:
    assert plain_value([1, [np.float32(0.5), range(2)]]) == (1, (0.5, (0, 1)))
    other = object()
    assert plain_value(other) is other
