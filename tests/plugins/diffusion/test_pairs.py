"""Which noise flow matching pairs with which data: by optimal transport, by another flow, and of classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from genzoo_plugins.diffusion.flow_matching import FlowMatching, FlowMatchingLoss, flow_of, transport
from genzoo_plugins.diffusion.guided import GuidedFlowMatching

import genzoo
from genzoo.core.noise import content_keys, keyed, seeded
from genzoo.testing import assert_fullgraph, assert_graph_safe
from genzoo.training.objective import Objective

SPEC = genzoo.DataSpec((2,), "gaussian", classes=2)
STEP = torch.tensor(0)


def objective(cls: type[FlowMatching] = FlowMatching, **options: Any) -> Objective:
    with seeded(0):
        model = cls(SPEC, cls.Config(width=16, depth=1))
        return Objective(model, FlowMatchingLoss(model, FlowMatchingLoss.Config(**options)))


@pytest.mark.parametrize("n", [1, 2, 7, 64])
def test_transport_is_a_permutation_that_no_exchange_improves(n: int) -> None:
    with seeded(n):
        x, noise = torch.randn(2, n, 2)
    order = transport(x, noise)
    assert sorted(order.tolist()) == list(range(n))
    cost = torch.cdist(x, noise).square()[:, order]
    own = cost.diagonal()
    assert (own[:, None] + own - cost - cost.T).max() < 1e-4


def test_identical_examples_keep_their_noise() -> None:
    assert transport(torch.ones(5, 2), torch.randn(5, 2)).tolist() == [0, 1, 2, 3, 4]


def test_the_noise_of_the_path_is_that_of_the_target() -> None:
    """With x₀ permuted in the path alone, the velocity of straight lines would have an error."""
    made = objective(coupling="ot")
    x = torch.randn(32, 2)

    def line(xt: torch.Tensor, t: torch.Tensor, y: torch.Tensor | None = None) -> torch.Tensor:
        noise = (xt - t[:, None] * x) / (1 - t[:, None]).clamp_min(1e-6)
        return x - noise

    made.model.velocity = line  # type: ignore[assignment]
    with seeded(1):
        assert made.train().terms(genzoo.Batch(x), STEP)["loss"].item() < 1e-4


def test_transport_is_for_training_alone_and_can_be_captured() -> None:
    made, x = objective(coupling="ot"), torch.randn(32, 2)
    of_batches = []
    for batches in (x.split(32), x.split(8)):
        losses = []
        for batch in batches:
            with torch.no_grad(), keyed(content_keys(batch)):
                losses.append(made.eval().terms(genzoo.Batch(batch), STEP)["loss"].item())
        of_batches.append(sum(losses) / len(losses))
    assert of_batches[0] == pytest.approx(of_batches[1], rel=1e-5)
    with seeded(0), torch.no_grad():
        straighter = made.train().terms(genzoo.Batch(x), STEP)["loss"].item()
    with seeded(0), torch.no_grad():
        assert straighter < 0.9 * objective().train().terms(genzoo.Batch(x), STEP)["loss"].item()
    assert_graph_safe(made, [genzoo.Batch(torch.zeros(8, 2)), genzoo.Batch(x[:8])], [0, 10_000])


@pytest.mark.long
def test_transport_compiles() -> None:
    assert_fullgraph(objective(coupling="ot"), genzoo.Batch(torch.randn(8, 2)))


def test_reflow_trains_on_the_pairs_of_a_run(tmp_path: Path) -> None:
    options: dict[str, Any] = {"width": 8, "depth": 1, "steps": 3, "epochs": 1, "quiet": True}
    first = genzoo.run("flow-matching", "pinwheel", out=tmp_path / "first", **options)
    again = genzoo.run("flow-matching", "pinwheel", reflow=str(first.path), out=tmp_path / "again", **options)
    loss = FlowMatchingLoss(again.model, again.config.loss_config)
    for parameter, other in zip(loss.teacher.parameters(), first.model.parameters(), strict=True):  # type: ignore[union-attr]
        assert torch.equal(parameter, other)
        assert not parameter.requires_grad
    spec = again.model.spec
    with pytest.raises(genzoo.UsageError, match="another shape or scale"):
        flow_of(str(first.path), spec._replace(shift=1.0))
    vae = genzoo.run("vae", "pinwheel", out=tmp_path / "vae", hidden=[8], epochs=1, quiet=True)
    with pytest.raises(genzoo.UsageError, match="--reflow needs a run of flow-matching"):
        flow_of(str(vae.path), spec)
    with pytest.raises(genzoo.UsageError, match="--reflow has pairs of its own"):
        FlowMatchingLoss.Config(reflow="x", coupling="ot")


def test_guidance_of_1_is_the_model_of_the_class_and_of_0_that_of_all() -> None:
    model = objective(GuidedFlowMatching).model.eval()
    assert isinstance(model, GuidedFlowMatching)
    torch.nn.init.normal_(model.labels.weight)
    y = torch.tensor([0, 1, 1])
    with seeded(0):
        x0 = torch.randn(3, 2)
    found = [model.transported(x0, y, model.Sampling(steps=5, guidance=w)) for w in (0.0, 1.0, 2.0, 1 + 1e-6)]
    torch.testing.assert_close(found[0], model.transported(x0, None, model.Sampling(steps=5)))
    torch.testing.assert_close(found[1], found[3], atol=1e-4, rtol=1e-4)
    assert (found[2] - found[1]).abs().max() > 1e-3
    with pytest.raises(genzoo.UsageError, match="there is no class 2"):
        model.sample(1, torch.tensor([2]))


def test_a_share_of_the_classes_is_hidden_in_training_alone() -> None:
    model = objective(GuidedFlowMatching).model
    assert isinstance(model, GuidedFlowMatching)
    y = torch.ones(20_000, dtype=torch.int64)
    seen = model.train().seen(y)
    assert seen is not None
    assert (seen == -1).double().mean().item() == pytest.approx(0.1, abs=0.01)
    assert torch.equal(model.eval().seen(y), y)  # type: ignore[arg-type]
