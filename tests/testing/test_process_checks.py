"""The check of losses that hold examples against each other in two processes finds their faults."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import torch
from genzoo_plugins.mmd.mmd import MMD
from genzoo_plugins.vae.beta_tc_vae import TC
from torch import Tensor

import genzoo
from genzoo.core.noise import seeded
from genzoo.testing import CHECKS, SPECS, Pair, process_checks
from genzoo.testing.process_checks import Meeting, Turns, in_two


def pair(loss: str) -> Pair:
    return Pair.of("vae", loss, SPECS["vectors"])


class Ungathered(genzoo.Loss):
    """The spread of the codes of a process."""

    accepts = genzoo.LatentModel

    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> dict[str, Tensor]:
        assert isinstance(model, genzoo.LatentModel)
        inference = model.infer(batch)
        z = self.rows(inference.z[0])
        return {"loss": (z - z.mean(0)).square().mean() - inference.px.log_prob(batch.x).mean()}

    def rows(self, z: Tensor) -> Tensor:
        return z


class Gathered(Ungathered):
    def rows(self, z: Tensor) -> Tensor:
        return genzoo.gather(z)


class Detached(Ungathered):
    """The rows of the other process have no gradient."""

    def rows(self, z: Tensor) -> Tensor:
        whole = genzoo.gather(z.detach())
        if len(whole) == len(z):
            return z
        first = torch.equal(whole[: len(z)], z)
        return torch.cat([z, whole[len(z) :]] if first else [whole[: len(z)], z])


class Uneven(Ungathered):
    """Only one process calls gather; which one it is shows in its rows."""

    def rows(self, z: Tensor) -> Tensor:
        own = genzoo.gather(z)
        return genzoo.gather(own) if len(z) < len(own) and torch.equal(own[: len(z)], z) else own


class OwnNoise(Ungathered):
    """Its noise is the process's own."""

    def rows(self, z: Tensor) -> Tensor:
        return genzoo.gather(z + torch.randn(z.shape))


@pytest.mark.parametrize("loss", ["tc", "factor", "mmd"])
def test_built_in_losses_train_in_two_processes_as_in_one(loss: str) -> None:
    assert CHECKS["processes"](pair(loss)) is None


def test_a_mean_over_examples_is_not_examined() -> None:
    assert CHECKS["processes"](pair("elbo")) == "the loss of a batch is the mean of the losses of its examples"


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        (Ungathered, "'loss' of two processes is .* off"),
        (Detached, "the gradient of model.* of two processes is .* off"),
        (Uneven, "do not call genzoo.gather equally often"),
        (OwnNoise, "'loss' of two processes is .* off"),
    ],
)
def test_a_fault_is_found(loss: type[Any], said: str) -> None:
    genzoo.register_loss("mine", loss)
    with pytest.raises(AssertionError, match=said):
        CHECKS["processes"](pair("mine"))


def test_a_loss_that_gathers_passes() -> None:
    genzoo.register_loss("mine", Gathered)
    assert CHECKS["processes"](pair("mine")) is None


@pytest.mark.long
def test_the_rounding_of_a_difference_of_large_numbers_is_no_fault() -> None:
    """Off the diagonal, the covariance of codes is a thousandth of what it is the difference of."""
    assert CHECKS["processes"](Pair.of("dip-vae", spec=SPECS["colour images"])) is None


def test_a_difference_at_one_point_alone_is_a_kink(monkeypatch: pytest.MonkeyPatch) -> None:
    """`hamiltonian-vae × factor` has one: rounding decides the slope of a leaky ReLU, and a gradient by 0.2 %."""
    monkeypatch.setattr(process_checks, "unlike", lambda pair, moved=0.0: "" if moved else "the gradient differs")
    assert CHECKS["processes"](pair("mmd")) is None
    monkeypatch.setattr(process_checks, "unlike", lambda pair, moved=0.0: "the gradient differs")
    with pytest.raises(AssertionError, match="vae × mmd on 5: the gradient differs"):
        CHECKS["processes"](pair("mmd"))


def test_a_gather_left_out_of_a_built_in_loss_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(genzoo, "gather", lambda x: x)
    for loss in (TC, MMD):
        genzoo.register_loss("mine", loss)
        with pytest.raises(AssertionError, match="of two processes is"):
            CHECKS["processes"](pair("mine"))


def test_an_error_of_one_process_is_the_error_of_the_check() -> None:
    class Failing(Ungathered):
        def rows(self, z: Tensor) -> Tensor:
            raise RuntimeError("the second one fails")

    genzoo.register_loss("mine", Failing)
    with pytest.raises(RuntimeError, match="the second one fails"):
        in_two(pair("mine"))


def test_two_threads_that_take_turns_sum_tensors_and_keep_their_random_numbers() -> None:
    meeting, found = Meeting(), dict[int, list[Tensor]]()

    def work(rank: int) -> None:
        with meeting.turn:
            torch.manual_seed(rank)
            one = Turns(rank, meeting)
            found[rank] = [torch.randn(()), one.all_reduce(torch.tensor(rank + 1.0)), torch.randn(()),
                           one.all_reduce(torch.tensor(10.0)), torch.randn(())]  # fmt: skip

    with seeded(0):
        threads = [threading.Thread(target=work, args=(rank,)) for rank in (0, 1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for rank in (0, 1):
            torch.manual_seed(rank)
            assert [value.item() for value in found[rank][::2]] == [torch.randn(()).item() for _ in range(3)]
            assert [value.item() for value in found[rank][1::2]] == [3.0, 20.0]
