"""The comparison with other libraries is fair: the same nets, and correct arithmetic."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from genzoo.core.model import LatentModel, count_parameters
from genzoo.registry.current import registry

PEERS = Path(__file__).parents[2] / "benchmarks/peers"


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
def test_the_peers_nets_equal_genzoos(name: str, compare: ModuleType) -> None:
    """With the weights of genzoo's model, which has one layer for mean and log-variance, the outputs are equal."""
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
    """Return weight and bias of each layer, in order."""
    parameters = list(net.parameters())
    return list(zip(parameters[::2], parameters[1::2], strict=True))


def test_ratios_are_taken_within_an_alternation(compare: ModuleType) -> None:
    """The machine is three times slower in the second one; genzoo is twice as fast in both."""
    made = [{"genzoo": compare.Pass(s, 100.0, 7), "pythae": compare.Pass(2 * s, 101.0, 7)} for s in (1.0, 3.0, 1.0)]
    assert compare.ratios(made, "pythae") == [2.0, 2.0, 2.0]
    task = compare.Task("vae", "fp32", torch.device("cpu"), 1280)
    text = compare.table(task, made, ["genzoo", "pythae"])
    assert "| genzoo | 1,280 (427–1,280) |" in text
    assert "| pythae | 640 (213–640) | 2.00 (2.00–2.00) | ≥ 1.5: reached | 101.00 |" in text
    slower = [{"genzoo": compare.Pass(1.0, 100.0, 7), "pythae": compare.Pass(1.4, 101.0, 7)}]
    assert "≥ 1.5: MISSED" in compare.table(task, slower, ["genzoo", "pythae"])


@pytest.mark.parametrize(("loss", "parameters", "what"), [(130.0, 7, "maths"), (100.0, 8, "nets")])
def test_contestants_with_different_work_are_refused(
    loss: float, parameters: int, what: str, compare: ModuleType
) -> None:
    made = [{"genzoo": compare.Pass(1.0, 100.0, 7), "pythae": compare.Pass(2.0, loss, parameters)}]
    with pytest.raises(SystemExit, match=f"not the same {what}"):
        compare.refuse_unequal(made)


def test_every_contestant_begins_once(compare: ModuleType) -> None:
    order: list[str] = []

    def contestant(name: str) -> Any:
        def train() -> Any:
            order.append(name)
            return compare.Pass(1.0, 1.0, 1)

        return train

    players = {name: contestant(name) for name in "abc"}
    compare.alternate(compare.Task("vae", "fp32", torch.device("cpu"), 128), players, 3)
    assert order == list("abcbcacab")


def test_each_machine_keeps_its_own_results(compare: ModuleType) -> None:
    cpu = {"device": "cpu, 2 threads", "platform": "Linux", "processor": "Intel(R) Xeon(R) CPU @ 2.50GHz"}
    assert compare.machine_name(cpu) == "Intel Xeon @ 2.50GHz"
    assert compare.file_name("vae", "fp32", cpu) == "peers-vae-fp32-intel-xeon-2-50ghz.json"
    other = {**cpu, "processor": "AMD EPYC 9B45 128-Core Processor"}
    assert compare.file_name("vae", "bf16", other) == "peers-vae-bf16-amd-epyc-9b45.json"
    gpu = {**cpu, "device": "cuda, NVIDIA H100 80GB HBM3"}
    assert compare.file_name("vae", "fp32", gpu) == "peers-vae-fp32-nvidia-h100-80gb-hbm3.json"


@pytest.mark.usefixtures("drawn_figures")
def test_two_machines_are_in_one_table(compare: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One also has results of Lightning; a third one has not run all comparisons."""
    import published

    def race(model: str, precision: str, processor: str, ratios: dict[str, list[float]]) -> dict[str, Any]:
        made = {"device": "cpu, 2 threads", "processor": processor, "python": "3.11", "source": {"commit": "1a2b3c4d"}}
        passes = {name: {"seconds": 2.0} for name in ("genzoo", *ratios)}
        common = {"images": 128, "versions": {"torch": "2.15.0"}, "load": [0.5], "date": "2026-01-01"}
        own = {"model": model, "precision": {"genzoo": precision}, "environment": made}
        return {**common, **own, "alternations": [passes], "ratios": ratios}

    one, two = {"pythae": [1.5, 2.0]}, {"pythae": [3.0], "lightning": [4.0]}
    for processor, ratios, races in (("One", one, published.RACES), ("Two", two, published.RACES), ("Three", one, [])):
        for model, precision in races or published.RACES[:1]:
            made = race(model, precision, processor, ratios)
            (tmp_path / f"peers-{model}-{precision}-{processor}.json").write_text(json.dumps(made))
    monkeypatch.setattr(published, "RESULTS", tmp_path)
    machines = published.on_record()
    assert list(machines) == ["One", "Two"]
    text = published.table(machines)
    assert "| vae, fp32 | One, 2 threads | 64 (64–64) | 1.75 (1.50–2.00) |  |  |  |" in text
    assert "| vae, fp32 | Two, 2 threads | 64 (64–64) | 3.00 (3.00–3.00) | 4.00 (4.00–4.00) |  |  |" in text
    assert published.origin(machines["One"][0]).startswith("One, 2 threads: load 0.5, torch 2.15.0, Python 3.11")
    published.draw(machines)
    assert (tmp_path / "peers.png").stat().st_size > 1000


def test_readme_shows_the_published_table(compare: ModuleType) -> None:
    import published
    from marked import filled

    text = published.README.read_text()
    shown = (published.RESULTS / "peers.md").read_text().rstrip()
    assert filled(text, published.COMMAND, shown) == text
    assert published.table(published.on_record()) in shown
