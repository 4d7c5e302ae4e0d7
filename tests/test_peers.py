"""The race against other libraries is a fair one: the same nets, and figures that add up."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from genzoo.protocols import LatentModel, count_parameters
from genzoo.registry import registry

PEERS = Path(__file__).parents[1] / "benchmarks/peers"


@pytest.fixture
def compare(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(PEERS.parent)
    monkeypatch.syspath_prepend(PEERS)
    import compare

    return compare


def built(name: str) -> LatentModel:
    model = registry().get("model", name).load()
    mnist = registry().get("dataset", "mnist").load()
    made = model(mnist(mnist.Config()).spec, model.Config())
    assert isinstance(made, LatentModel)
    return made


@pytest.mark.parametrize("name", ["vae", "conv-vae"])
def test_the_peers_nets_are_genzoos(name: str, compare: ModuleType) -> None:
    """With the weights of genzoo's model, whose head for mean and log-variance is one layer, they say the same."""
    from nets import NETS

    model = built(name)
    encoder, decoder = (kind() for kind in NETS[name])
    assert count_parameters(encoder) + count_parameters(decoder) == count_parameters(model)
    *first, (weight, bias) = layers(model.encoder)
    head = [(weight[:20], bias[:20]), (weight[20:], bias[20:])]
    for net, given in ((encoder, [*first, *head]), (decoder, layers(model.decoder))):
        with torch.no_grad():
            for (mine, own), (theirs, offset) in zip(layers(net), given, strict=True):
                mine.copy_(theirs)
                own.copy_(offset)
    x, z = torch.rand(3, 1, 28, 28), torch.randn(3, 20)
    with torch.no_grad():
        mean, log_variance = encoder(x)
        q = model.posterior(x)
        torch.testing.assert_close(mean, q.mean)
        torch.testing.assert_close(log_variance.exp(), q.variance)  # type: ignore[attr-defined]
        torch.testing.assert_close(decoder(z), model.decode(z))


def layers(net: Any) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Weight and bias of each layer, in order."""
    parameters = list(net.parameters())
    return list(zip(parameters[::2], parameters[1::2], strict=True))


def test_ratios_are_taken_within_an_alternation(compare: ModuleType) -> None:
    """The machine slows down threefold in the second one; genzoo is twice as fast in both."""
    made = [{"genzoo": compare.Pass(s, 100.0, 7), "pythae": compare.Pass(2 * s, 101.0, 7)} for s in (1.0, 3.0, 1.0)]
    assert compare.ratios(made, "pythae") == [2.0, 2.0, 2.0]
    task = compare.Task("vae", "fp32", torch.device("cpu"), 1280)
    text = compare.table(task, made, ["genzoo", "pythae"])
    assert "| genzoo | 1,280 (427–1,280) |" in text
    assert "| pythae | 640 (213–640) | 2.00 (2.00–2.00) | ≥ 1.5: reached | 101.00 |" in text
    slower = [{"genzoo": compare.Pass(1.0, 100.0, 7), "pythae": compare.Pass(1.4, 101.0, 7)}]
    assert "≥ 1.5: MISSED" in compare.table(task, slower, ["genzoo", "pythae"])


@pytest.mark.parametrize(("loss", "parameters", "what"), [(130.0, 7, "maths"), (100.0, 8, "nets")])
def test_who_does_other_work_is_out(loss: float, parameters: int, what: str, compare: ModuleType) -> None:
    made = [{"genzoo": compare.Pass(1.0, 100.0, 7), "pythae": compare.Pass(2.0, loss, parameters)}]
    with pytest.raises(SystemExit, match=f"not the same {what}"):
        compare.refuse_unequal(made)


def test_everybody_begins_once(compare: ModuleType) -> None:
    order: list[str] = []

    def contestant(name: str) -> Any:
        def train() -> Any:
            order.append(name)
            return compare.Pass(1.0, 1.0, 1)

        return train

    players = {name: contestant(name) for name in "abc"}
    compare.alternate(compare.Task("vae", "fp32", torch.device("cpu"), 128), players, 3)
    assert order == list("abcbcacab")
