"""The values of metrics for each example, averaged over draws of the noise."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from genzoo.core.dataset import Batch
from genzoo.core.errors import PluginError
from genzoo.core.metric import EvaluationBatch, EvaluationContext, Metric
from genzoo.core.model import Model
from genzoo.core.noise import derive_seed, of_examples
from genzoo.data.batching import evaluation_batch
from genzoo.system.distributed import ALONE, Processes
from genzoo.system.progress import working


class Averaged(NamedTuple):
    """A metric's values of each example, averaged over draws of the noise."""

    values: Tensor
    """[N, …] float64 on the CPU: means over the draws if defined for single examples, else values of the first draw."""
    variance: Tensor | None
    """[N], the variance of that mean over the choice of draws; None for a single draw."""


def averages(
    context: EvaluationContext,
    metrics: Mapping[str, Metric],
    batch_size: int,
    processes: Processes = ALONE,
    samples: int = 1,
    seed: int = 0,
) -> dict[str, Averaged]:
    """Return each metric's averaged values of every example of the split."""
    data = context.data
    batch_size = evaluation_batch(context.model.spec, batch_size)
    parts: dict[str, list[Averaged]] = {name: [] for name in metrics}
    batches = torch.arange(len(data), device=data.device).split(batch_size)
    mine = processes.mine(len(batches))
    for number in mine or [0]:  # a process without a batch also needs the shape of the values
        index = batches[number]
        working(f"{', '.join(metrics)}: {number * batch_size:,} of {len(data):,} examples")
        keys = keys_of_draws(data.keys[index], samples, seed)
        for name, part in on_batch(context.model, data.batch(index), keys, metrics).items():
            parts[name].append(part)

    def whole(own: Sequence[Tensor]) -> Tensor:
        if processes.size == 1:
            return torch.cat(list(own))
        every = torch.zeros(len(data), *own[0].shape[1:], dtype=torch.float64)
        for number, part in zip(mine, own, strict=False):
            every[number * batch_size : (number + 1) * batch_size] = part
        added: Tensor = processes.all_reduce(every)
        return added

    together = {}
    for name, own in parts.items():
        variances = [part.variance for part in own if part.variance is not None]
        together[name] = Averaged(whole([part.values for part in own]), whole(variances) if variances else None)
    return together


def keys_of_draws(keys: Tensor, samples: int, seed: int) -> Iterator[Tensor]:
    """Yield the examples' noise keys for each draw; the first draw of seed 0 uses their own keys."""
    for draw in range(samples):
        yield keys ^ derive_seed(seed, "evaluation", draw) if seed or draw else keys


def on_batch(model: Model, batch: Batch, keys: Iterable[Tensor], metrics: Mapping[str, Metric]) -> dict[str, Averaged]:
    """Return each metric's values of a batch, averaged over draws of the noise, one draw for each of `keys`."""
    draws: dict[str, list[Tensor]] = {name: [] for name in metrics}
    left = dict(metrics)
    for own in keys:
        examined = EvaluationBatch(model, batch, own)
        for name, metric in left.items():
            with of_examples(own):  # restarts the noise, so that no metric changes another's
                draws[name].append(checked(name, metric.per_example(examined), len(own)))
        left = {name: metric for name, metric in left.items() if is_random(metric, draws[name])}
    return {name: average(metric, draws[name]) for name, metric in metrics.items()}


def is_random(metric: Metric, draws: Sequence[Tensor]) -> bool:
    """Return whether more draws help: the metric is defined for single examples and differed between two draws."""
    return metric.of_each(draws[0]) is not None and not (len(draws) == 2 and torch.equal(draws[0], draws[1]))


def average(metric: Metric, draws: Sequence[Tensor]) -> Averaged:
    """Return the mean over draws and its variance; the first draw if there is one, or for no single examples."""
    each = [value for values in draws if (value := metric.of_each(values)) is not None]
    if len(each) < 2:
        return Averaged(draws[0], None)
    return Averaged(torch.stack(list(draws)).mean(0), torch.stack(each).var(0) / len(each))


def checked(name: str, values: Tensor, examples: int) -> Tensor:
    """Return a metric's values in float64 on the CPU.

    Raises:
        PluginError: There is not one row per example.
    """
    if values.dim() == 0 or len(values) != examples:
        raise PluginError(f"metric {name!r} gave shape {tuple(values.shape)} for {examples} examples")
    return values.cpu().double()  # in this order: not every device has float64
