"""The input format of a run's data: written and read back, applied to later files, and compared with them."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from genzoo.core.dataset import DataSpec, Split
from genzoo.core.errors import GenzooError
from genzoo.data.input_format import InputFormat, input_format_of, ranges, read_input_format

NAN = float("nan")
VECTORS, IMAGES = DataSpec((2,), "gaussian"), DataSpec((1, 1, 2), "bernoulli")
TABLE = InputFormat(("a", "b"), (0, 2), 3, (5.0, 6.0), (1.0, 2.0), (2.0, 4.0), (-1.0, -1.0), (1.0, 1.0))


def test_what_is_written_is_read() -> None:
    written = TABLE.to_json()
    assert "white" not in written
    listed = {name: list(value) if isinstance(value, tuple) else value for name, value in written.items()}
    assert read_input_format(listed, VECTORS, "data.json") == TABLE
    assert InputFormat().to_json() == {}


@pytest.mark.parametrize(
    "change",
    [
        {"unknown": 1},
        {"fill": [1.0, 2.0, 3.0]},
        {"shift": ["1", "2"]},
        {"scale": [1.0, 0.0]},
        {"places": [0, 3]},
        {"columns": ["a", 1]},
        {"white": True},
        {"first": 1},
        {"scale": []},
        {"places": [0]},
        {"width": None},
    ],
    ids=str,
)
def test_damaged_formats_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(GenzooError, match=r"data\.json is damaged"):
        read_input_format({**TABLE.to_json(), **change}, VECTORS, "data.json")


def test_missing_values_are_filled_in_and_columns_are_scaled() -> None:
    x = torch.tensor([[3.0, NAN], [NAN, 10.0]])
    stored = TABLE.scaled(x)
    assert stored.tolist() == [[1.0, 1.0], [2.0, 2.0]]  # (3 − 1)/2, (6 − 2)/4, (5 − 1)/2, (10 − 2)/4
    assert TABLE.unscaled(stored).tolist() == [[3.0, 6.0], [5.0, 10.0]]
    assert InputFormat().scaled(x) is x
    assert InputFormat().unscaled(x) is x


def test_values_far_outside_the_training_data_are_described() -> None:
    inside = torch.tensor([[3.0, -3.0], [0.0, 0.0]])  # at most one range, 2, beyond the ends −1 and 1
    assert TABLE.describe_outliers(inside) == ""
    outside = torch.tensor([[0.0, 0.0], [0.0, 3.5], [-9.0, 0.0]])
    assert TABLE.describe_outliers(outside) == (
        "2 of 3 examples lie far outside the training data, such as 16 in column b, which had -2 to 6"
    )
    assert InputFormat().describe_outliers(outside) == ""
    dark = InputFormat(low=(0.0,), high=(0.1,))
    assert "such as 1, which had 0 to 0.1" in dark.describe_outliers(torch.full((1, 1, 1, 2), 255, dtype=torch.uint8))


def test_ranges_are_of_columns_and_of_all_pixels() -> None:
    assert ranges(Split(torch.tensor([[1.0, 5.0], [-2.0, 7.0]])), VECTORS) == ((-2.0, 5.0), (1.0, 7.0))
    grey = torch.tensor([[[[51, 0]]], [[[255, 102]]]], dtype=torch.uint8)
    assert ranges(Split(grey), IMAGES) == ((0.0,), (1.0,))


def test_a_dataset_may_state_its_format() -> None:
    class Stated:
        form = TABLE

    split = Split(torch.tensor([[1.0, 5.0], [-2.0, 7.0]]))
    found = input_format_of(Stated(), split, VECTORS)
    assert (found.columns, found.low, found.high, found.white) == (("a", "b"), (-2.0, 5.0), (1.0, 7.0), 0)
    assert input_format_of(object(), Split(torch.zeros(1, 1, 1, 2, dtype=torch.uint8)), IMAGES).white == 255
    assert input_format_of(object(), Split(torch.zeros(1, 1, 1, 2)), IMAGES).white == 1
