"""Out of memory: one line that says what to type; and memory kept between steps."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest
import torch
from genzoo_plugins.losses.elbo import ELBO
from small_trainer import assert_equal, make_trainer, stop_at, weights
from torch import Tensor

import genzoo
from genzoo.core.errors import OutOfMemory
from genzoo.system.memory import out_of_memory, smaller_batch

CPU_ALLOCATOR = "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried"


@pytest.mark.parametrize(
    ("error", "memory"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 3.1 TiB"), True),
        (MemoryError(), True),
        (RuntimeError(CPU_ALLOCATOR), True),
        (RuntimeError("std::bad_alloc"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_what_running_out_of_memory_looks_like(error: Exception, memory: bool) -> None:
    assert out_of_memory(error) is memory


def test_the_hint_is_half_the_batch() -> None:
    assert smaller_batch(128) == "try --batch-size 64, or a smaller model"
    assert smaller_batch(3) == "try --batch-size 1, or a smaller model"
    assert "--batch-size" not in smaller_batch(1)


class Full(ELBO):
    """Runs out of memory at the sixth step, or in the validation."""

    where = True

    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> dict[str, Tensor]:
        if self.training == self.where and int(step) >= 5:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return super().forward(model, batch, step)


def test_in_a_step_the_weights_are_those_before_it() -> None:
    trainer, healthy = make_trainer(loss_class=Full), make_trainer()
    stop_at(healthy, 5)
    healthy.fit()
    with pytest.raises(OutOfMemory) as error:
        trainer.fit()
    assert error.value.message == "out of memory in training with batches of 50"
    assert error.value.hint == "try --batch-size 25, or a smaller model"
    assert error.value.exit_code == 5
    assert_equal(weights(trainer), weights(healthy))


def test_in_the_validation_a_smaller_training_batch_would_not_help() -> None:
    class FullAfterwards(Full):
        where = False

    with pytest.raises(OutOfMemory) as error:
        make_trainer(loss_class=FullAfterwards).fit()
    assert error.value.message == "out of memory in validation with batches of 500"
    assert "--batch-size" not in error.value.hint


@pytest.mark.long
def test_a_process_that_may_have_no_more() -> None:
    """With a limit a little above the address space that it has: the allocator's own error becomes the line."""
    program = """
        import resource
        import torch
        from small_trainer import make_trainer, stop_at
        from genzoo.core.errors import OutOfMemory

        make_trainer().fit()
        trainer = make_trainer(batch_size=200, epochs=1)
        trainer.train_data.x, trainer.train_data.y = trainer.train_data.x.repeat(20_000, 1), None
        everything = torch.arange(len(trainer.train_data.x))  # in one batch: a hidden layer takes 128 MB
        trainer._batches = lambda epoch: iter([everything])
        used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + (64 << 20), resource.RLIM_INFINITY))
        try:
            trainer.fit()
        except OutOfMemory as error:
            print(error.message, "|", error.hint)
    """
    command = [sys.executable, "-c", dedent(program)]
    result = subprocess.run(
        command, capture_output=True, text=True, timeout=120, cwd=Path(__file__).parents[1] / "helpers"
    )
    assert result.stdout == "out of memory in training with batches of 200 | try --batch-size 100, or a smaller model\n"
    assert result.returncode == 0
    assert "Traceback" not in result.stderr
