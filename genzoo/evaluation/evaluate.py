"""Running metrics over a split."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import torch
from torch import Tensor

from genzoo.batches import EVALUATION_BATCH, evaluation_batch
from genzoo.data.resident import Resident
from genzoo.entries import Registry
from genzoo.errors import PluginError, UsageError
from genzoo.evaluation.metric import Examined, Metric, Subject
from genzoo.noise import keyed, mix, seeded
from genzoo.options import from_json, to_json
from genzoo.plugins import GROUP, warn
from genzoo.processes import ALONE, Processes
from genzoo.protocols import Model
from genzoo.runconfig import default_config, field_names
from genzoo.training.objective import evaluating


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
    for entry in registry.entries:  # in the order registered
        if entry.in_every_run:
            try:
                own = entry.origin.distribution == GROUP  # whose names nobody can take
                found[entry.name if own else registry.spelling(entry)] = _make(registry, entry.full_name)
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

    Returns:
        {"n": examples, metric: figure or None, "standard_error": {metric: of the mean over examples},
        "not_available": {metric: the reason}, "details": {metric: what belongs beside the figure}}, metric names with
        underscores.
    """
    with evaluating(model):
        subject = Subject(model, data, train)
        reasons = {name: _why_not(metric, subject) for name, metric in metrics.items()}
        usable = {name: metric for name, metric in metrics.items() if reasons[name] is None}
        values = _values(subject, usable, batch_size, processes)
    figures: dict[str, Any] = {"n": len(data), **{key(name): None for name in metrics}}
    errors: dict[str, float] = {}
    details: dict[str, Any] = {}
    for name, metric in usable.items():
        figures[key(name)] = metric.summarise(values[name])
        if (error := metric.standard_error(values[name])) is not None:
            errors[key(name)] = error
            if examples is not None:
                examples[key(name)] = values[name]
        if beside := metric.details(values[name]):
            details[key(name)] = beside
    figures["standard_error"] = errors
    figures["not_available"] = {key(name): reason for name, reason in reasons.items() if reason}
    if details:
        figures["details"] = details
    return figures


@torch.no_grad()
def per_example(
    model: Model, data: Resident, metrics: Mapping[str, Metric], batch_size: int = EVALUATION_BATCH
) -> dict[str, Tensor]:
    """What each metric says of each example of a split, [N, …] float64 on the CPU, in the order of the split.

    The metrics must have the model as theirs: `refuses` is not asked. The batch size does not matter.
    """
    with evaluating(model):
        return _values(Subject(model, data), metrics, batch_size)


def _why_not(metric: Metric, subject: Subject) -> str | None:
    """Why a figure cannot be had, None if it can; whatever the metric draws, it draws from the same seed."""
    reason = metric.refuses(subject.model)
    if reason is None and metric.needs_train and subject.train is None:
        reason = "no training data given"
    with seeded(mix(0, "evaluation")):
        return reason or metric.begin(subject)


def _values(
    subject: Subject, metrics: Mapping[str, Metric], batch_size: int, processes: Processes = ALONE
) -> dict[str, Tensor]:
    """What each metric says of each example."""
    data = subject.data
    batch_size = evaluation_batch(subject.model.spec, batch_size)
    values: dict[str, list[Tensor]] = {name: [] for name in metrics}
    batches = torch.arange(len(data), device=data.device).split(batch_size)
    mine = processes.mine(len(batches))
    with seeded(mix(0, "evaluation")):
        for number in mine or [0]:  # even a process without work has to know what the values look like
            index = batches[number]
            examined = Examined(subject.model, data.batch(index))
            for name, metric in metrics.items():
                with keyed(data.keys[index]):  # each from the start, so that no metric shifts another's noise
                    values[name].append(_checked(name, metric.per_example(examined), len(index)))
    if processes.size == 1:
        return {name: torch.cat(parts) for name, parts in values.items()}
    together = {}
    for name, parts in values.items():
        every = torch.zeros(len(data), *parts[0].shape[1:], dtype=torch.float64)
        for number, part in zip(mine, parts, strict=False):
            every[number * batch_size : (number + 1) * batch_size] = part
        together[name] = processes.add_up(every)
    return together


def key(metric_name: str) -> str:
    """The name of a metric in results: negative-elbo → negative_elbo, frechet:gmm:10 → frechet_gmm_10."""
    return re.sub("[-:=/]", "_", metric_name)


def _checked(name: str, values: Tensor, examples: int) -> Tensor:
    if values.dim() == 0 or len(values) != examples:
        raise PluginError(f"metric {name!r} gave shape {tuple(values.shape)} for {examples} examples")
    return values.cpu().double()  # in this order: not every device has float64
