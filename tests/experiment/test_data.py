"""The data of a run: standardised by the training values, refused where they do not fit."""

from __future__ import annotations

import pytest
import torch
from planned import DATA, planned

from genzoo.core.dataset import Splits
from genzoo.core.errors import UsageError
from genzoo.data.store import Store
from genzoo.experiment.console import Console
from genzoo.experiment.data import load
from genzoo.experiment.plan import PLACEHOLDER

CONSOLE = Console(50, quiet=True)


def test_shift_and_scale_are_mean_and_deviation_of_the_training_values() -> None:
    plan = planned(standardize="global")
    assert (plan.spec.shift, plan.spec.scale) == (PLACEHOLDER, PLACEHOLDER)
    data = load(plan, None, CONSOLE, warn=True)
    values = data.splits.train.x.double()
    assert data.spec.shift == pytest.approx(values.mean().item(), rel=1e-6)
    assert data.spec.scale == pytest.approx(values.std(correction=0).item(), rel=1e-6)
    seen = data.train.batch(torch.arange(len(values))).x.double()
    assert seen.mean().item() == pytest.approx(0, abs=1e-6)
    assert seen.std(correction=0).item() == pytest.approx(1, rel=1e-5)


def test_patience_needs_validation_data() -> None:
    with pytest.raises(UsageError, match="--patience needs validation data"):
        load(planned(data=DATA | {"validation": 0}, patience=2), None, CONSOLE, warn=True)


def test_the_caller_may_refuse_what_was_loaded() -> None:
    def refuse(store: Store, splits: Splits) -> None:
        raise UsageError(f"{len(splits.train.x)} examples")

    with pytest.raises(UsageError, match="200 examples"):
        load(planned(), None, CONSOLE, True, refuse)
