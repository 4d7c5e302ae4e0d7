"""Data that are gathered batch by batch out of a file: the same as on the device, and never read whole."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import genzoo
from genzoo.core import rows
from genzoo.core.dataset import Split
from genzoo.core.errors import GenzooError
from genzoo.core.noise import seeded
from genzoo.core.rows import Rows, in_place
from genzoo.data import streamed
from genzoo.data.resident import Resident, standardisation
from genzoo.data.splits import hold_out, sample_of, take
from genzoo.data.streamed import Streamed, view_of
from genzoo.data.view import Binarize
from genzoo.system import memory

CPU = torch.device("cpu")
RNG = np.random.Generator(np.random.Philox(1))
PICTURES = RNG.integers(0, 256, (60, 1, 6, 5), np.uint8)
NUMBERS = RNG.standard_normal((60, 7), np.float32)
LABELS = torch.arange(60) % 4
ORDER = torch.randperm(60, generator=torch.Generator().manual_seed(3))
VIEWS: list[tuple[Binarize, float, float]] = [
    ("none", 0.0, 1.0),
    ("none", 0.4, 0.3),
    ("threshold", 0.0, 1.0),
    ("static", 0.0, 1.0),
    ("dynamic", 0.0, 1.0),
]
HOMES: dict[str, Callable[[Tensor, Path], Any]] = {
    "memory": lambda x, path: x,
    "rows": lambda x, path: Rows(x.flip(0), torch.arange(len(x)).flip(0)),
    "numpy": lambda x, path: np.load(saved(path, x.numpy()), mmap_mode="r"),
    "torch": lambda x, path: torch.from_file(
        str(raw(path, x.numpy())), shared=True, size=x.numel(), dtype=x.dtype
    ).view(x.shape),
}


def saved(path: Path, array: np.ndarray[Any, Any]) -> Path:
    np.save(path.with_suffix(".npy"), array)
    return path.with_suffix(".npy")


def raw(path: Path, array: np.ndarray[Any, Any]) -> Path:
    array.tofile(path)
    return path


def mapped(path: Path, array: np.ndarray[Any, Any] = PICTURES) -> Rows:
    found = in_place(np.load(saved(path, array), mmap_mode="r"))
    assert isinstance(found, Rows)
    return found


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("genzoo-stream")]


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    yield
    assert threads() == []


# the same data


@pytest.mark.every(3)
@pytest.mark.parametrize("at_once", [0, 500])
@pytest.mark.parametrize("home", HOMES)
@pytest.mark.parametrize(("binarize", "shift", "scale"), VIEWS)
@pytest.mark.parametrize("training", [True, False])
def test_streamed_is_resident_bit_for_bit(
    home: str,
    binarize: Binarize,
    shift: float,
    scale: float,
    training: bool,
    at_once: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(streamed, "GROUP", at_once)
    stored = torch.from_numpy(PICTURES)
    there = Split(HOMES[home](stored, tmp_path / "x"), LABELS)
    one = Resident(Split(stored, LABELS), CPU, binarize, training, shift, scale)
    for other in (
        Streamed(there, CPU, binarize, training, shift, scale),
        Resident(there, CPU, binarize, training, shift, scale),
    ):
        assert torch.equal(one.keys, other.keys)
        assert (one.binary, len(other)) == (other.binary, 60)
        batches = [ORDER[start : start + 8] for start in range(0, 56, 8)]
        with seeded(0):
            expected = [one.batch(index) for index in batches]
        with seeded(0):
            given = [tuple(part.clone() for part in other.to_batch(*inputs)) for inputs in other.inputs(batches)]
        with seeded(0):
            alone = [other.batch(index) for index in batches]
        for (x, y), streamed_batch, (x2, y2) in zip(expected, given, alone, strict=True):
            assert torch.equal(x, streamed_batch[0])
            assert torch.equal(x, x2)
            assert y is not None
            assert y2 is not None
            assert torch.equal(y, streamed_batch[1])
            assert torch.equal(y, y2)


@pytest.mark.parametrize(("shift", "scale"), [(0.0, 1.0), (-0.5, 3.0)])
def test_numbers_too(shift: float, scale: float, tmp_path: Path) -> None:
    one = Resident(Split(torch.from_numpy(NUMBERS)), CPU, shift=shift, scale=scale)
    other = Streamed(Split(mapped(tmp_path / "x", NUMBERS)), CPU, shift=shift, scale=scale)
    for inputs, index in zip(other.inputs(ORDER.split(16)), ORDER.split(16), strict=True):
        assert torch.equal(other.to_batch(*inputs).x, one.batch(index).x)
        assert torch.equal(other.to_batch(*inputs).x, one.batch(index).x)  # seeing leaves what was handed over alone
        assert other.to_batch(*inputs).y is None
    assert torch.equal(one.keys, other.keys)


# never whole


class Counting(Rows):
    largest = 0

    def read(self, index: Tensor, out: Tensor | None = None) -> Tensor:
        type(self).largest = max(self.largest, len(index))
        return super().read(index, out)


def test_nothing_reads_the_whole(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(rows, "CHUNK_VALUES", 5 * 30)
    monkeypatch.setattr(Counting, "largest", 0)
    split = Split(Counting(np.load(saved(tmp_path / "x", PICTURES), mmap_mode="r")), LABELS)
    everything = Split(torch.from_numpy(PICTURES), LABELS)
    rest, held = hold_out(split, 20)
    rest_, held_ = hold_out(everything, 20)
    assert held is not None
    assert held_ is not None
    some, some_ = sample_of(rest, 15), sample_of(rest_, 15)
    last, last_ = take(some, torch.tensor([4, 2])), take(some_, torch.tensor([4, 2]))
    assert Counting.largest == 0
    shift, scale = standardisation(rest)
    assert (shift, scale) == pytest.approx(standardisation(rest_))
    for binarize in ("none", "static", "threshold"):
        data = Streamed(rest, CPU, binarize)
        assert len(data.keys) == 40
        assert data.binary == (binarize != "none")
    assert Counting.largest == 5
    for one, other in ((rest, rest_), (held, held_), (some, some_), (last, last_)):
        assert isinstance(one.x, Rows)
        assert torch.equal(one.x[:], other.x[:])
        assert torch.equal(one.y, other.y)  # type: ignore[arg-type]
        assert one.x.path == tmp_path / "x.npy"


# where the data go


def test_they_are_streamed_where_they_do_not_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    in_memory, in_file = Split(torch.from_numpy(PICTURES)), Split(mapped(tmp_path / "x"))

    def kind(split: Split, free: int, **how: Any) -> type:
        monkeypatch.setattr(streamed, "free_bytes", lambda device: free)
        return type(view_of(split, CPU, say=said.append, **how))

    assert kind(in_file, 4000) is Resident  # 1,800 bytes
    assert kind(in_file, 2900) is Streamed  # nothing would be left for the model
    assert kind(in_memory, 0) is Resident  # it is there already
    assert kind(in_memory, 0, binarize="dynamic", training=True) is Resident
    assert kind(in_memory, 0, binarize="threshold") is Streamed  # would be a second copy
    assert kind(in_file, 1900, stream="never") is Resident
    assert kind(in_memory, 4000, stream="always") is Streamed
    assert said == [
        f"streaming 60 examples (1.8 kB) from {tmp_path / 'x.npy'}; 2.9 kB free on cpu",
        "streaming 60 examples (1.8 kB) from memory; 0 kB free on cpu",
        "streaming 60 examples (1.8 kB) from memory; 4 kB free on cpu",
    ]
    with pytest.raises(GenzooError, match=r"60 examples take 1\.8 kB; cpu has 1 kB free"):
        kind(in_file, 1000, stream="never")


def test_free_memory_is_what_is_available_allowed_and_shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    everything = memory.free_bytes(CPU)
    assert 1 << 26 < everything < 1 << 50
    for name, text in (("max", "1000\n"), ("current", "700\n"), ("stat", "anon 300\nfile 400\n")):
        (tmp_path / f"memory.{name}").write_text(text)
    assert memory.free_bytes(CPU) == 700
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    assert memory.free_bytes(CPU) == 350
    (tmp_path / "memory.max").write_text("max\n")
    assert memory.free_bytes(CPU) > 1000


# the thread


def test_it_ends_with_the_iteration(tmp_path: Path) -> None:
    data = Streamed(Split(mapped(tmp_path / "x")), CPU)
    stream = data.inputs(ORDER.split(4))
    next(stream)
    assert len(threads()) == 1
    stream.close()
    assert threads() == []
    assert len(list(data.inputs(ORDER.split(4)))) == 15
    assert list(data.inputs([])) == []


@pytest.mark.parametrize(("at_once", "asked_for"), [(0, 2), (2 * 4 * 30, 4), (1 << 20, 15)])
def test_it_gathers_ahead_and_no_further(
    at_once: int, asked_for: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streamed, "GROUP", at_once)
    asked = itertools.count()
    data = Streamed(Split(mapped(tmp_path / "x")), CPU)
    stream = data.inputs(ORDER[4 * next(asked) :][:4] for _ in range(15))
    next(stream)
    assert next(asked) == asked_for
    stream.close()


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_it_ends_with_an_error_in_the_step(error: type[BaseException], monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = streaming_trainer()
    monkeypatch.setattr(trainer, "_train_step", fails_with(error("in the step")))
    with pytest.raises(error, match="in the step"):
        trainer.fit()
    assert threads() == []


def fails_with(error: BaseException) -> Callable[..., Any]:
    def fail(*arguments: Any, **options: Any) -> Any:
        raise error

    return fail


def streaming_trainer() -> Any:
    from genzoo_plugins.losses.elbo import ELBO
    from genzoo_plugins.vae.vae import VAE

    from genzoo.training.config import Training
    from genzoo.training.trainer import Trainer

    spec = genzoo.DataSpec((1, 6, 5), "bernoulli")
    with seeded(0):
        model = VAE(spec, VAE.Config(latent_dim=2, hidden=(8,)))
        loss = ELBO(model, ELBO.Config())
    return Trainer(model, loss, Training(batch_size=20), Streamed(Split(torch.from_numpy(PICTURES)), CPU))


def test_a_file_that_is_cut_short_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streamed, "GROUP", 0)
    data = Streamed(Split(mapped(tmp_path / "x")), CPU)
    stream = data.inputs(ORDER.split(4))
    next(stream)
    with (tmp_path / "x.npy").open("r+b") as file:
        file.truncate(500)
    with pytest.raises(GenzooError, match=r"x\.npy was cut short while it was in use: 500 of 1,928 bytes"):
        list(stream)
    assert threads() == []
    with pytest.raises(GenzooError, match=r"x\.npy was cut short"):
        data.batch(ORDER)


def test_a_file_that_is_deleted_is_still_there(tmp_path: Path) -> None:
    data = Streamed(Split(mapped(tmp_path / "x")), CPU)
    (tmp_path / "x.npy").unlink()
    assert torch.equal(take(Split(data.x), ORDER).x[:], torch.from_numpy(PICTURES)[ORDER])
