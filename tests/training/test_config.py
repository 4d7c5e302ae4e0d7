"""The trainer's options: each has a help text, and values outside their range are refused."""

from __future__ import annotations

from typing import Any

import pytest

from genzoo.core.errors import GenzooError
from genzoo.core.options import describe_fields, from_json, to_json
from genzoo.training.config import Training


def test_every_option_has_a_help_text_and_is_restored_from_json() -> None:
    assert all(text for _, _, _, text in describe_fields(Training()))
    training = Training(epochs=3, lr=0.1, listeners=("tensorboard",), mode="eager", ema=0.9)
    assert from_json(Training, to_json(training)) == training


@pytest.mark.parametrize(
    "options",
    [{"epochs": 0}, {"batch_size": 0}, {"lr": 0.0}, {"ema": 1.0}, {"patience": -1}, {"mode": "fast"}, {"lr": "fast"}],
    ids=str,
)
def test_values_outside_their_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(GenzooError, match=f"--{next(iter(options)).replace('_', '-')}"):
        Training(**options)
