"""Trainers for the stages, and the hand-captured step that they are compared with."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
import torch.nn.functional as F
from bench import Bench
from ceiling import HIDDEN, LATENT, PIXELS, fused_adam
from subjects import Case, build
from timing import Epochs
from torch import Tensor, nn

from genzoo.core.dataset import Split
from genzoo.core.model import count_parameters
from genzoo.data.resident import Resident
from genzoo.system.computing import computing
from genzoo.system.devices import forget_peak, peak_memory
from genzoo.training import execution
from genzoo.training.callback import Listener
from genzoo.training.cuda_graph import cuda_capture
from genzoo.training.trainer import Trainer

Replay = Callable[[], object]


def capture(work: Callable[[], None], device: torch.device) -> Replay:
    """Return a callable that repeats the work: a CUDA graph of it, or on a CPU the work itself."""
    if device.type != "cuda":
        work()
        return work
    return cuda_capture(work)


@contextmanager
def graphs_on(device: torch.device) -> Iterator[None]:
    """Let mode graph run on a CPU too, for a rehearsal: the work itself replaces the capture."""
    if device.type == "cuda":
        yield
        return
    stand_in = patch.object(execution, "cuda_capture", lambda work: capture(work, device))
    with stand_in, patch("genzoo.training.trainer.refuse_mode", lambda *_: None):
        yield


@contextmanager
def fallbacks() -> Iterator[list[str]]:
    """Collect the tracebacks of modes that failed, after which training continues eagerly."""
    kept: list[str] = []
    in_short = execution.in_short

    def keep(error: BaseException) -> str:
        kept.append("".join(traceback.format_exception(error)))
        return in_short(error)

    with patch.object(execution, "in_short", keep):
        yield kept


def fit(
    bench: Bench,
    case: Case,
    x: Tensor,
    held_out: Tensor | None = None,
    listeners: Sequence[Listener] = (),
    **options: Any,
) -> tuple[Trainer, dict[str, Any]]:
    """Train a model as `genzoo run` does.

    Args:
        bench: The stage.
        case: Model, batch size, mode and precision.
        x: Training images [N, 1, 28, 28], uint8.
        held_out: Images to validate on.
        listeners: Notified of epochs.
        **options: Options of model, loss and trainer, such as epochs.

    Returns:
        The trainer, and its final mode, peak memory, last loss and number of parameters.

    Raises:
        RuntimeError: The mode failed; the message has the traceback.
    """
    forget_peak(bench.device)
    model, loss, config, _ = build(case, "mnist", **options)
    bits = config.training.binarize
    train = Resident(Split(x), bench.device, bits, training=True)
    validation = None if held_out is None else Resident(Split(held_out), bench.device, bits)
    with graphs_on(bench.device), fallbacks() as failed:
        trainer = Trainer(model, loss, config.training, train, validation, listeners=listeners)
        outcome = trainer.fit()
    if outcome.mode.name != case.mode:
        raise RuntimeError(f"{outcome.mode}; {' '.join(failed)}")
    values = {"loss": loss_of(outcome.epochs[-1].train), "parameters": count_parameters(model)}
    return trainer, values | {"peak_memory": peak_memory(bench.device)}


def timed(bench: Bench, case: Case, steps: int, profiled: bool = False) -> dict[str, Any]:
    """Return images per second of training in epochs of `steps` steps, its memory and, if profiled, its share of time
    in kernels."""
    epochs = Epochs(bench.device, profiled)
    images = steps * case.batch_size
    _, values = fit(bench, case, bench.many(images), listeners=[epochs], epochs=epochs.epochs)
    return {**epochs.values(images), **values}


def bare_captured(x: Tensor, batch_size: int, precision: str, steps: int) -> Callable[[Tensor], None]:
    """Return the training of a 784-400-20 VAE, captured by hand only for speed, with the mathematics of
    `ceiling.bare_steps`.

    Args:
        x: [N, 1, 28, 28] uint8, on the device.
        batch_size: Images per step.
        precision: "fp32", or "bf16" with autocast.
        steps: Steps in one graph.

    Returns:
        A function that runs these steps on the images of an index [steps, batch_size].
    """
    device = x.device
    encoder = nn.Sequential(nn.Linear(PIXELS, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 2 * LATENT)).to(device)
    decoder = nn.Sequential(nn.Linear(LATENT, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, PIXELS)).to(device)
    parameters = [*encoder.parameters(), *decoder.parameters()]
    update = fused_adam(parameters)
    flat, total = x.flatten(1), torch.zeros((), device=device)
    rows = torch.zeros((steps, batch_size), dtype=torch.int64, device=device)

    def step(index: Tensor) -> None:
        batch = flat.index_select(0, index).float().div_(255)
        with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
            mean, log_var = encoder(batch).float().chunk(2, 1)
            z = mean + torch.randn_like(mean) * torch.exp(0.5 * log_var)
            logits = decoder(z).float()
        reconstruction = F.binary_cross_entropy_with_logits(logits, batch, reduction="sum")
        loss = (reconstruction + 0.5 * (mean**2 + torch.expm1(log_var) - log_var).sum()) / batch_size
        loss.backward()
        with torch.no_grad():
            update()
        for parameter in parameters:
            parameter.grad = None
        total.add_(loss.detach())

    def work() -> None:
        for number in range(steps):
            step(rows[number])

    with computing(device, tf32=True):
        replay = capture(work, device)

    def train(index: Tensor) -> None:
        rows.copy_(index)
        replay()

    return train


def loss_of(terms: Mapping[str, float]) -> float:
    """Return the loss of an epoch; of a game, which has none, the first term."""
    return terms.get("loss", next(iter(terms.values())))
