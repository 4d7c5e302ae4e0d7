"""The digest of data: equal for equal values alone."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

import genzoo
from genzoo.core.dataset import Split, Splits
from genzoo.core.rows import Rows
from genzoo.data.digest import digest


def splits(x: torch.Tensor, y: torch.Tensor | None = None) -> Splits:
    return Splits(Split(x, y), None, Split(x[:2], None if y is None else y[:2]))


X = torch.arange(24, dtype=torch.uint8).view(6, 4)


def test_equal_values_have_equal_digests_wherever_they_lie() -> None:
    again = torch.empty(4, 6, dtype=torch.uint8).t()
    again.copy_(X)
    assert not again.is_contiguous()
    assert digest(splits(again)) == digest(splits(X))


@pytest.mark.parametrize(
    "other",
    [
        splits(X.flip(0)),
        splits(X.view(6, 2, 2)),
        splits(X.float()),
        splits(X, torch.zeros(6, dtype=torch.int64)),
        splits(X)._replace(validation=Split(X)),
        Splits(Split(X[:2]), None, Split(X)),
    ],
    ids=["order", "shape", "type", "labels", "validation", "parts"],
)
def test_any_difference_changes_the_digest(other: Splits) -> None:
    assert digest(other) != digest(splits(X))


def test_data_that_are_read_as_they_are_needed_have_none() -> None:
    assert digest(splits(X)._replace(test=Split(Rows(np.zeros((3, 4), np.float32))))) is None


def test_runs_record_it(tmp_path) -> None:
    def recorded(path) -> str:
        run = genzoo.run("vae", "npz", data={"path": str(path)}, epochs=1, hidden=[4], latent_dim=2, quiet=True)
        return json.loads((run.path / "run.json").read_text())["data_digest"]

    one, moved, other = (tmp_path / name for name in ("one.npz", "moved.npz", "other.npz"))
    np.savez(one, x=np.random.default_rng(0).random((40, 6)))
    np.savez(moved, x=np.random.default_rng(0).random((40, 6)), more=np.zeros(3))
    np.savez(other, x=np.random.default_rng(1).random((40, 6)))
    assert recorded(one) == recorded(moved) != recorded(other)


def test_factors_count_and_their_absence_does_not() -> None:
    """The digest of data without factors is that of runs made before there were any."""
    one = Split(torch.arange(6, dtype=torch.uint8).view(3, 2), torch.tensor([0, 1, 1]))
    known = "c00d4e192c5520390bb6d567e4cc4033117fdcb09192d3f23f6a8ee3a44fe11e"
    assert digest(Splits(one, None, Split(one.x))) == known
    assert digest(Splits(one._replace(factors=torch.zeros(3, 1)), None, Split(one.x))) != known
