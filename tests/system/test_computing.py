"""The library for matrix products is measured, saved and recorded; and each setting ends with its context."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import genzoo
from genzoo.core.errors import UsageError
from genzoo.system import computing
from genzoo.system.atomic import user_cache
from genzoo.system.computing import BLAS, ONEDNN, evaluating, matmul
from genzoo.training.trainer import Trainer

CPU = torch.device("cpu")
OPTIONS: dict[str, Any] = {"hidden": [32], "latent_dim": 4, "quiet": True, "data": {"validation": 200}}


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Nothing is remembered, in this process or on disk."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("GENZOO_MATMUL", raising=False)
    matmul.cache_clear()
    yield
    matmul.cache_clear()


def told_once(capsys: pytest.CaptureFixture[str]) -> str:
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    return lines[0]


def with_library(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on products go to this library, whatever the processor makes of it."""
    monkeypatch.setattr(computing, "onednn_is_exact", lambda: True)
    monkeypatch.setenv("GENZOO_MATMUL", library)
    matmul.cache_clear()


@pytest.mark.parametrize(("ratio", "chosen"), [(0.9, BLAS), (1.1, BLAS), (1.2, ONEDNN), (2.2, ONEDNN)])
def test_onednn_is_taken_where_it_is_clearly_faster(ratio: float, chosen: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(computing, "onednn_is_exact", lambda: True)
    monkeypatch.setattr(computing, "speedup", lambda: ratio)
    assert matmul() == chosen


def test_it_is_never_taken_where_it_computes_in_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(computing, "speedup", lambda: 5.0)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: True, raising=False)
    assert matmul() == BLAS


def test_an_error_of_bfloat16_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    left, right = computing.product()
    rounded = left.bfloat16().float(), right.bfloat16().float()
    products = iter([rounded, (left, right)])

    class Rounding:
        """Matrices of which the first product, that of float32, is rounded."""

        def __matmul__(self, other: object) -> torch.Tensor:
            one, two = next(products)
            return one @ two

        def double(self) -> torch.Tensor:
            return left.double()

    class Right:
        def double(self) -> torch.Tensor:
            return right.double()

    monkeypatch.setattr(computing, "product", lambda: (Rounding(), Right()))
    assert not computing.onednn_is_exact()


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="this torch has no oneDNN")
@pytest.mark.parametrize("shape", [(128, 784, 400), (128, 20, 400), (500, 400, 784), (7, 3, 5), (1024, 512, 512)])
def test_both_are_as_exact_as_float32(shape: tuple[int, int, int]) -> None:
    if not computing.onednn_is_exact():
        pytest.skip("a processor on which it is never chosen")
    left, right = torch.randn(shape[:2]), torch.randn(shape[1:])
    exact = left.double() @ right.double()
    for precision in computing.PRECISION.values():
        with computing.matmul_precision.set_to(precision):
            assert (left @ right - exact).norm() / exact.norm() < 2e-6


@pytest.mark.parametrize("failure", [RuntimeError("could not create a primitive"), TimeoutError("more than 1 s")])
def test_a_test_that_fails_is_one_line(
    failure: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> float:
        raise failure

    monkeypatch.setattr(computing, "onednn_is_exact", lambda: True)
    monkeypatch.setattr(computing, "speedup", fail)
    assert matmul() == matmul() == BLAS
    assert told_once(capsys) == (
        f"genzoo: the choice of a matrix product failed ({failure}) "
        "(blas is used; to skip the test: GENZOO_MATMUL=blas)"
    )


def test_the_speed_test_ends_early_on_a_slow_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter(range(1000))
    monkeypatch.setattr(computing.time, "perf_counter", lambda: next(seconds))
    with pytest.raises(TimeoutError, match="more than 1 s"):
        computing.speedup()


def test_a_choice_is_remembered_for_a_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(computing, "onednn_is_exact", lambda: True)
    monkeypatch.setattr(computing, "speedup", lambda: 2.0)
    assert matmul() == ONEDNN
    monkeypatch.setattr(computing, "speedup", lambda: 1.0)
    matmul.cache_clear()
    assert matmul() == ONEDNN
    monkeypatch.setattr(computing, "processor", lambda: "another processor")
    matmul.cache_clear()
    assert matmul() == BLAS
    folder = user_cache()
    assert folder
    assert sorted(json.loads((folder / "matmul.json").read_text()).values()) == [BLAS, ONEDNN]


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff", b'{"a": 1}', b'"onednn"', b"{}"])
def test_a_damaged_file_of_choices_is_ignored(content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = user_cache()
    assert folder
    folder.mkdir(parents=True)
    (folder / "matmul.json").write_bytes(content)
    monkeypatch.setattr(computing, "measured", lambda: "measured anew")
    assert matmul() == "measured anew"


def test_what_was_remembered_must_be_a_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    computing.remember("cuda")
    monkeypatch.setattr(computing, "measured", lambda: "measured anew")
    assert matmul() == "measured anew"


def test_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    assert matmul() in (BLAS, ONEDNN)


def test_the_user_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    for asked in (BLAS, ONEDNN):
        with_library(asked, monkeypatch)
        assert matmul() == asked
    monkeypatch.setenv("GENZOO_MATMUL", "mkl")
    matmul.cache_clear()
    with pytest.raises(UsageError, match="GENZOO_MATMUL=mkl: no such library"):
        matmul()
    monkeypatch.setenv("GENZOO_MATMUL", ONEDNN)
    monkeypatch.setattr(computing, "onednn_is_exact", lambda: False)
    with pytest.raises(UsageError, match="would compute in bfloat16"):
        matmul()


@pytest.mark.parametrize("library", [BLAS, ONEDNN])
def test_settings_end_with_their_context(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with_library(library, monkeypatch)
    inside = computing.PRECISION[library]
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")  # the program's own
    try:
        with computing.computing(CPU):
            assert torch.get_float32_matmul_precision() == inside
            with computing.computing(torch.device("meta"), tf32=True):
                assert torch.get_float32_matmul_precision() == "high"
                with computing.computing(torch.device("meta")):
                    assert torch.get_float32_matmul_precision() == "highest"
                assert torch.get_float32_matmul_precision() == "high"
            with evaluating(torch.nn.Linear(1, 1)):
                assert torch.get_float32_matmul_precision() == inside
            assert torch.get_float32_matmul_precision() == inside
        assert torch.get_float32_matmul_precision() == "high"
    finally:
        torch.set_float32_matmul_precision(before)


def test_a_thread_that_ends_keeps_the_settings_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    with_library(ONEDNN, monkeypatch)
    before, entered, leave = torch.get_float32_matmul_precision(), threading.Event(), threading.Event()

    def first() -> None:
        with computing.computing(CPU):
            entered.set()
            leave.wait(30)

    thread = threading.Thread(target=first)
    thread.start()
    assert entered.wait(30)
    with computing.computing(CPU):
        leave.set()
        thread.join()
        assert torch.get_float32_matmul_precision() == "medium"
    assert torch.get_float32_matmul_precision() == before


def test_training_and_evaluation_are_inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_library(ONEDNN, monkeypatch)
    seen: dict[str, set[str]] = {}

    original = torch.nn.Linear.forward

    def forward(self: torch.nn.Linear, x: torch.Tensor) -> torch.Tensor:
        seen.setdefault("training" if self.training else "evaluation", set()).add(torch.get_float32_matmul_precision())
        return original(self, x)

    monkeypatch.setattr(torch.nn.Linear, "forward", forward)
    run = genzoo.run("vae", "digits", out=tmp_path / "run", epochs=1, **OPTIONS)
    assert seen == {"training": {"medium"}, "evaluation": {"medium"}}
    assert run.record["status"] == "finished"


def weights(run: genzoo.Run) -> bytes:
    return (run.path / "model.safetensors").read_bytes()


@pytest.mark.every(2)
@pytest.mark.parametrize("library", [BLAS, ONEDNN])
def test_a_resumed_run_equals_an_uninterrupted_run(
    library: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_library(library, monkeypatch)
    whole = genzoo.run("vae", "digits", out=tmp_path / "whole", epochs=3, **OPTIONS)
    half = stopped(tmp_path / "half", 11)
    done = genzoo.resume(half, quiet=True)
    assert weights(done) == weights(whole)
    assert done.results["test"] == whole.results["test"]
    assert done.record["matmul"] == whole.record["matmul"] == library


def stopped(out: Path, step: int) -> Path:
    """A run that was stopped after so many of its steps."""
    made = Trainer._train_step

    def stopping(self: Trainer, *inputs: Any) -> None:
        made(self, *inputs)
        self.stop_requested = self.step == step

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "_train_step", stopping)
        genzoo.run("vae", "digits", out=out, epochs=3, **OPTIONS)
    return out


def test_going_on_with_the_other_is_one_line_and_changes_last_digits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if not computing.onednn_is_exact():
        pytest.skip("a processor on which it is never chosen")
    with_library(ONEDNN, monkeypatch)
    whole = genzoo.run("vae", "digits", out=tmp_path / "whole", epochs=3, **OPTIONS)
    half = stopped(tmp_path / "half", 11)
    capsys.readouterr()
    with_library(BLAS, monkeypatch)
    done = genzoo.resume(half, quiet=True)
    assert told_once(capsys) == (
        "genzoo: not as before: matmul onednn → blas; results differ from an uninterrupted run in their last digits"
    )
    for name in ("negative_elbo", "kl", "mse"):
        assert done.results["test"][name] == pytest.approx(whole.results["test"][name], rel=1e-4)
