"""Running metrics over a split."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch

from genzoo.data.resident import Resident
from genzoo.errors import PluginError
from genzoo.noise import keyed, mix, seeded
from genzoo.protocols import Examined, Metric, Model
from genzoo.registry import Registry
from genzoo.runconfig import default_config
from genzoo.training.trainer import EVALUATION_BATCH, evaluating


def find_metrics(registry: Registry, names: Iterable[str] | None = None) -> dict[str, Metric]:
    """Metrics by name: those asked for, or all that every run reports.

    Raises:
        UsageError: An unknown name.
    """
    everything = [entry for entry in registry.entries if entry.kind == "metric"]  # in the order registered
    entries = [registry.get("metric", name) for name in names] if names else everything
    metrics = {}
    for entry in entries:
        metric_class: type[Metric] = entry.load()
        if names or metric_class.in_every_run:
            metrics[entry.name] = metric_class(default_config(entry, entry.options))
    return metrics


@torch.no_grad()
def per_example(
    model: Model, data: Resident, metrics: Mapping[str, Metric], batch_size: int = EVALUATION_BATCH
) -> dict[str, torch.Tensor]:
    """Each metric's values on a whole split, [N, …] float64 on the CPU, in the order of the split.

    The metrics must have the model as theirs: `refuses` is not asked. The batch size does not matter.
    """
    values: dict[str, list[torch.Tensor]] = {name: [] for name in metrics}
    with evaluating(model), seeded(mix(0, "evaluation")):
        for index in torch.arange(len(data), device=data.x.device).split(batch_size):
            with keyed(data.keys[index]):
                examined = Examined(model, data.batch(index))
                for name, metric in metrics.items():
                    values[name].append(_checked(name, metric.per_example(examined), len(index)))
    return {name: torch.cat(chunks) for name, chunks in values.items()}


@torch.no_grad()
def evaluate(
    model: Model, data: Resident, metrics: Mapping[str, Metric], batch_size: int = EVALUATION_BATCH
) -> dict[str, Any]:
    """Computes metrics on a whole split. The batch size and the order of the examples do not matter.

    Returns:
        {"n": examples, metric: figure or None, "standard_error": {metric: of the mean over examples},
        "not_available": {metric: the reason}}, metric names with underscores.
    """
    reasons = {name: metric.refuses(model) for name, metric in metrics.items()}
    usable = {name: metric for name, metric in metrics.items() if reasons[name] is None}
    values = per_example(model, data, usable, batch_size)
    figures: dict[str, Any] = {"n": len(data)}
    errors: dict[str, float] = {}
    for name, metric in metrics.items():
        if name not in usable:
            figures[key(name)] = None
            continue
        everything = values[name]
        figures[key(name)] = metric.summarise(everything)
        if everything.dim() == 1 and len(everything) > 1:
            errors[key(name)] = (everything.std() / len(everything) ** 0.5).item()
    figures["standard_error"] = errors
    figures["not_available"] = {key(name): reason for name, reason in reasons.items() if reason}
    return figures


def key(metric_name: str) -> str:
    """The name of a metric in results: negative-elbo → negative_elbo."""
    return metric_name.replace("-", "_")


def _checked(name: str, values: torch.Tensor, examples: int) -> torch.Tensor:
    if values.dim() == 0 or len(values) != examples:
        raise PluginError(f"metric {name!r} gave shape {tuple(values.shape)} for {examples} examples")
    return values.cpu().double()  # in this order: not every device has float64
