"""The losses of autoencoders: what they refuse, and when they differentiate."""

from __future__ import annotations

import pytest
import torch

from genzoo.testing import SPECS, Pair
from genzoo.testing.pair import loss_of

POINTS = SPECS["points"]


def test_a_model_without_a_decoder_net_is_refused() -> None:
    reason = "it regularises a net called decoder, and SparseAE has none"
    assert reason in str(Pair.of("sparse-ae", "regularised", POINTS).refusal())


@pytest.mark.parametrize("regulariser", ["l2", "gradient"])
def test_only_the_gradient_takes_a_second_derivative(regulariser: str) -> None:
    pair = Pair.of("rae", spec=POINTS, regulariser=regulariser)
    assert pair.build().loss.second_order == (regulariser == "gradient")
    with torch.no_grad():  # as a validation loss is computed
        assert loss_of(pair.build().eval(), pair.batch(4))["decoder"] > 0


def test_the_gradient_reaches_the_decoder_and_the_codes() -> None:
    """The penalty alone trains both: it is of the decoder, at z."""
    pair = Pair.of("rae", spec=POINTS, regulariser="gradient", code_weight=0.0, decoder_weight=1.0)
    objective = pair.build()
    terms = loss_of(objective, pair.batch(8))
    (terms["loss"] - terms["loss"].detach()).backward()
    names = {name for name, parameter in objective.named_parameters() if parameter.grad is not None}
    assert any(".encoder." in name for name in names)
    assert any(".decoder." in name for name in names)
