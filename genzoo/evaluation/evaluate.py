"""Running metrics over a split."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor

from genzoo.core.dataset import Batch
from genzoo.core.errors import PluginError, UsageError
from genzoo.core.metric import EvaluationBatch, EvaluationContext, Metric
from genzoo.core.model import Model
from genzoo.core.noise import derive_seed, of_examples, seeded
from genzoo.core.options import from_json, to_json
from genzoo.data.batching import EVALUATION_BATCH, evaluation_batch
from genzoo.data.resident import Resident
from genzoo.evaluation.order import key as key
from genzoo.evaluation.order import of_every_run
from genzoo.registry.configs import default_config, field_names
from genzoo.registry.current import registry
from genzoo.registry.entries import Registry
from genzoo.system.computing import evaluating
from genzoo.system.distributed import ALONE, Processes
from genzoo.system.messages import warn


def find_metrics(registry: Registry, names: Iterable[str] | None = None) -> dict[str, Metric]:
    """Metrics by name: every run's, or those asked for as "name", "name:VALUE" or "name:OPTION=VALUE".

    A bare value is that of the metric's first option. One of every run's that cannot be imported is left out, with a
    warning.

    Raises:
        UsageError: An unknown name, or a value that the metric does not take.
    """
    if names:
        return {name: _make(registry, name) for name in names}
    found = {}
    for name, entry in of_every_run(registry).items():
        try:
            found[name] = _make(registry, entry.full_name)
        except PluginError as error:  # nobody asked for it
            _warn_once(error.message, f"pip uninstall {entry.origin.distribution}")
    return found


_warn_once = cache(warn)


def _make(registry: Registry, name: str) -> Metric:
    """The metric called "name", "name:VALUE" or "name:OPTION=VALUE"."""
    plain, colon, argument = name.partition(":")
    entry = registry.get("metric", plain)
    metric_class: type[Metric] = entry.load()
    config = default_config(entry, entry.options)
    if colon:
        fields = field_names(metric_class.Config)
        if not fields:
            raise UsageError(f"--metrics {name}: {plain} takes no value", f"type: --metrics {plain}")
        named, equals, value = argument.partition("=")
        chosen, value = (named.replace("-", "_"), value) if equals else (fields[0], argument)
        given = {**to_json(config), chosen: _literal(value)}
        config = from_json(metric_class.Config, given, f"--metrics {name}")
    return metric_class(config)


def _literal(text: str) -> Any:
    """A typed value as a number where it reads as one, else as text."""
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            return kind(text)
    return text


@torch.no_grad()
def evaluate(
    model: Model,
    data: Resident,
    metrics: Mapping[str, Metric],
    batch_size: int = EVALUATION_BATCH,
    train: Resident | None = None,
    examples: dict[str, Tensor] | None = None,
    processes: Processes = ALONE,
    samples: int = 1,
    seed: int = 0,
) -> dict[str, Any]:
    """Computes metrics on a whole split. Batch size, the order of examples and the other metrics do not matter.

    Args:
        model: What is evaluated.
        data: On what.
        metrics: By name, as `find_metrics` gives them.
        batch_size: Examples at a time, at most: large ones come in smaller batches.
        train: The training data, for metrics that fit something to them.
        examples: Filled with the value of every example, [N] float64, for metrics that are a mean of such values.
        processes: Those that share the examples; all must come here, and all get the whole result.
        samples: Draws of the noise, such as posterior samples, that such metrics are averaged over.
        seed: Another one gives other noise.

    Returns:
        {"n": examples, metric: figure or None, "standard_error": {metric: of the mean over examples},
        "monte_carlo_error": {metric: of the mean over samples; None where it is unknown, which it is of one sample},
        "not_available": {metric: the reason}, "details": {metric: what belongs beside the figure}}, metric names with
        underscores. The standard error holds the Monte Carlo error: the noise of each example is its own.
    """
    with evaluating(model):
        context = EvaluationContext(model, data, train)
        reasons = {name: why_not(metric, context, seed) for name, metric in metrics.items()}
        usable = {name: metric for name, metric in metrics.items() if reasons[name] is None}
        averaged = _averaged(context, usable, batch_size, processes, samples, seed)
    reasons |= {name: metric.why_not_available(averaged[name][0]) for name, metric in usable.items()}
    usable = {name: metric for name, metric in usable.items() if reasons[name] is None}
    figures: dict[str, Any] = {"n": len(data), **{key(name): None for name in metrics}}
    known: dict[str, dict[str, Any]] = {"standard_error": {}, "monte_carlo_error": {}, "details": {}}
    for name, metric in usable.items():
        values, variance = averaged[name]
        with seeded(derive_seed(seed, "evaluation", "summary")):
            figures[key(name)] = metric.summarise(values)
            error, each, beside = metric.standard_error(values), metric.of_each(values), metric.details(values)
        if error is not None:
            known["standard_error"][key(name)] = error
            spread = None if variance is None else variance.sum().sqrt().item() / len(variance)
            known["monte_carlo_error"][key(name)] = spread
        if error is not None and each is not None and examples is not None:
            examples[key(name)] = each
        if beside:
            known["details"][key(name)] = beside
    known["not_available"] = {key(name): reason for name, reason in reasons.items() if reason}
    return figures | {name: value for name, value in known.items() if value or name != "details"}


@torch.no_grad()
def per_example(
    model: Model,
    data: Resident,
    metrics: Mapping[str, Metric],
    batch_size: int = EVALUATION_BATCH,
    train: Resident | None = None,
    name: str = "",
) -> dict[str, Tensor]:
    """The figure of each example of a split, [N] float64 on the CPU, in the order of the split, by metric.

    The batch size does not matter.

    Args:
        model, data, metrics, batch_size, train: As for `evaluate`.
        name: What a refusal calls the model.

    Raises:
        UsageError: The model or the data have no such figure, or single examples have none.
    """
    with evaluating(model):
        context = EvaluationContext(model, data, train)
        for asked, metric in metrics.items():
            if reason := why_not(metric, context):
                raise UsageError(f"{name or type(model).__name__} has no {asked}: {reason}", "another score: mse")
        averaged = _averaged(context, metrics, batch_size)
    found = {}
    for asked, metric in metrics.items():
        each = metric.of_each(averaged[asked].values)
        if reason := metric.why_not_available(averaged[asked].values):
            raise UsageError(f"{name or type(model).__name__} has no {asked}: {reason}", "another score: mse")
        if each is None:
            raise UsageError(f"{asked} is no figure of single examples", "use negative-elbo, kl or mse")
        found[asked] = each
    return found


def why_not(metric: Metric, context: EvaluationContext, seed: int = 0) -> str | None:
    """Why a figure cannot be had, None if it can; whatever the metric draws, it draws from the same seed."""
    reason = metric.refuses(context.model)
    if reason is None and metric.needs_train and context.train is None:
        reason = "no training data given"
    with seeded(derive_seed(seed, "evaluation")):
        return reason or metric.begin(context)


class Averaged(NamedTuple):
    """What a metric says of each example."""

    values: Tensor
    """[N, …] float64 on the CPU: the mean over the samples where single examples have a figure, else of the first."""
    variance: Tensor | None
    """[N]: of that mean, over the choice of samples; None for a single sample."""


def _averaged(
    context: EvaluationContext,
    metrics: Mapping[str, Metric],
    batch_size: int,
    processes: Processes = ALONE,
    samples: int = 1,
    seed: int = 0,
) -> dict[str, Averaged]:
    """What each metric says of every example of the split."""
    data = context.data
    batch_size = evaluation_batch(context.model.spec, batch_size)
    parts: dict[str, list[Averaged]] = {name: [] for name in metrics}
    batches = torch.arange(len(data), device=data.device).split(batch_size)
    mine = processes.mine(len(batches))
    for number in mine or [0]:  # even a process without work has to know what the values look like
        index = batches[number]
        keys = _keys(data.keys[index], samples, seed)
        for name, found in _examine(context.model, data.batch(index), keys, metrics).items():
            parts[name].append(found)

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


def _keys(keys: Tensor, samples: int, seed: int) -> Iterator[Tensor]:
    """The keys that the examples with these keys have in each draw; in the first one of seed 0 their own."""
    for draw in range(samples):
        yield keys ^ derive_seed(seed, "evaluation", draw) if seed or draw else keys


def _examine(model: Model, batch: Batch, keys: Iterable[Tensor], metrics: Mapping[str, Metric]) -> dict[str, Averaged]:
    """What each metric says of each example of a batch, averaged over draws of their noise, one for each of `keys`."""
    found: dict[str, list[Tensor]] = {name: [] for name in metrics}
    left = dict(metrics)
    for own in keys:
        examined = EvaluationBatch(model, batch, own)
        for name, metric in left.items():
            with of_examples(own):  # each from the start, so that no metric shifts another's noise
                found[name].append(_checked(name, metric.per_example(examined), len(own)))
        left = {name: metric for name, metric in left.items() if _is_random(metric, found[name])}
    return {name: _average(metric, found[name]) for name, metric in metrics.items()}


def _is_random(metric: Metric, found: Sequence[Tensor]) -> bool:
    """Whether another draw would say more: single examples have a figure, and it was not the same in two draws."""
    return metric.of_each(found[0]) is not None and not (len(found) == 2 and torch.equal(found[0], found[1]))


def _average(metric: Metric, found: Sequence[Tensor]) -> Averaged:
    each = [value for values in found if (value := metric.of_each(values)) is not None]
    if len(each) < 2:
        return Averaged(found[0], None)
    return Averaged(torch.stack(list(found)).mean(0), torch.stack(each).var(0) / len(each))


def _checked(name: str, values: Tensor, examples: int) -> Tensor:
    if values.dim() == 0 or len(values) != examples:
        raise PluginError(f"metric {name!r} gave shape {tuple(values.shape)} for {examples} examples")
    return values.cpu().double()  # in this order: not every device has float64


def metric_labels() -> dict[str, str]:
    """What tables call the metrics, with units."""
    found = find_metrics(registry()).items()
    return {key(name): f"{metric.label} ({metric.unit})" if metric.unit else metric.label for name, metric in found}
