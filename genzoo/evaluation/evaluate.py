"""Evaluate a model by metrics on a split."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import torch
from torch import Tensor

from genzoo.core.errors import PluginError, UsageError, did_you_mean
from genzoo.core.metric import EvaluationContext, Metric
from genzoo.core.model import Model
from genzoo.core.noise import derive_seed, seeded
from genzoo.core.options import from_json, to_json
from genzoo.data.batching import EVALUATION_BATCH
from genzoo.data.resident import Resident
from genzoo.evaluation.averages import averages
from genzoo.evaluation.order import key as key
from genzoo.evaluation.order import of_every_run
from genzoo.evaluation.samplers import Samplers
from genzoo.evaluation.sampling import sampling_options
from genzoo.registry.configs import default_config, field_names
from genzoo.registry.entries import Registry
from genzoo.system.computing import evaluating
from genzoo.system.distributed import ALONE, Processes
from genzoo.system.messages import stage, warn
from genzoo.system.progress import working


def find_metrics(registry: Registry, names: Iterable[str] | None = None) -> dict[str, Metric]:
    """Return metrics by name: the given ones, as "name", "name:VALUE" or "name:OPTION=VALUE", or those of every run.

    A bare value sets the metric's first option; more options follow after colons, as in "frechet:gmm:10:steps=50". A
    metric that draws samples also takes the options of the model's sampling. A metric of every run that cannot be
    imported gives a warning and is left out.

    Raises:
        UsageError: An unknown name, or a value that the metric does not take.
    """
    if names:
        return {name: _make(registry, name) for name in names}
    metrics = {}
    for name, entry in of_every_run(registry).items():
        try:
            metrics[name] = _make(registry, entry.full_name)
        except PluginError as error:  # the user did not ask for this metric
            _warn_once(error.message, f"pip uninstall {entry.origin.distribution}")
    return metrics


_warn_once = cache(warn)
ANOTHER = "another score: genzoo list --kind metric"


def _make(registry: Registry, name: str) -> Metric:
    """Return the metric for "name", "name:VALUE" or "name:OPTION=VALUE:OPTION=VALUE"."""
    plain, colon, argument = name.partition(":")
    entry = registry.get("metric", plain)
    metric_class: type[Metric] = entry.load()
    config = default_config(entry, entry.options)
    sampling = {}
    if colon:
        fields = field_names(metric_class.Config)
        given = _given(argument, fields[0] if fields else "")
        if metric_class.draws:
            sampling = {key.removeprefix("model."): value for key, value in given.items() if key not in fields}
            given = {key: value for key, value in given.items() if key in fields}
        if not fields and given:
            raise UsageError(f"--metrics {name}: {plain} takes no value", f"type: --metrics {plain}")
        config = from_json(metric_class.Config, {**to_json(config), **given}, f"--metrics {name}")
    metric = metric_class(config)
    if sampling:
        metric.sampling = sampling
    return metric


def _given(argument: str, first: str) -> dict[str, Any]:
    """Return the options in "VALUE" or "OPTION=VALUE:OPTION=VALUE"; a value alone is that of the first option."""
    parts = [part.partition("=") if "=" in part else ("", "", part) for part in re.split(r":(?=[\w.-]+=)", argument)]
    return {name.replace("-", "_") if equals else first: _literal(value) for name, equals, value in parts}


def _literal(text: str) -> Any:
    """Return a number if the text is one, else the text."""
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
    samplers: Samplers | None = None,
) -> dict[str, Any]:
    """Compute metrics on a whole split, independent of the batch size, the order of examples and the other metrics.

    Args:
        model: The model to evaluate.
        data: The split to evaluate it on.
        metrics: By name, as returned by `find_metrics`.
        batch_size: Largest number of examples per batch; large examples come in smaller batches.
        train: The training data, for metrics that fit something to them.
        examples: Filled with each example's value, [N] float64, for metrics that are a mean over examples.
        processes: The processes that share the examples; all must call this, and all get the whole result.
        samples: Number of draws of the noise, such as posterior samples, that such metrics are averaged over.
        seed: Seed of the noise.
        samplers: The model's samplers; None: they are fitted to the training data.

    Returns:
        {"n": number of examples, metric: value or None, "standard_error": {metric: of the mean over examples},
        "monte_carlo_error": {metric: of the mean over samples; None if unknown, as with one sample},
        "not_available": {metric: reason}, "details": {metric: what is reported beside the value}}, metric names with
        underscores. The standard error includes the Monte Carlo error, since each example has its own noise.
    """
    with stage(f"metrics {', '.join(metrics)}"), evaluating(model):
        context = context_of(model, data, train, samplers)
        reasons = {name: why_not(metric, context, seed) for name, metric in metrics.items()}
        usable = {name: metric for name, metric in metrics.items() if reasons[name] is None}
        averaged = averages(context, usable, batch_size, processes, samples, seed)
    reasons |= {name: metric.why_not_available(averaged[name][0]) for name, metric in usable.items()}
    usable = {name: metric for name, metric in usable.items() if reasons[name] is None}
    results: dict[str, Any] = {"n": len(data), **{key(name): None for name in metrics}}
    known: dict[str, dict[str, Any]] = {"standard_error": {}, "monte_carlo_error": {}, "details": {}}
    for name, metric in usable.items():
        values, variance = averaged[name]
        working(f"{name}: {len(data):,} examples")
        with seeded(derive_seed(seed, "evaluation", "summary")):
            results[key(name)] = metric.summarise(values)
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
    return results | {name: value for name, value in known.items() if value or name != "details"}


@torch.no_grad()
def per_example(
    model: Model,
    data: Resident,
    metrics: Mapping[str, Metric],
    batch_size: int = EVALUATION_BATCH,
    train: Resident | None = None,
    name: str = "",
) -> dict[str, Tensor]:
    """Return each example's value, [N] float64 on the CPU, in the order of the split, by metric.

    Args:
        model, data, metrics, batch_size, train: As for `evaluate`.
        name: The model's name in error messages.

    Raises:
        UsageError: A metric is not available for the model or the data, or is not defined for single examples.
    """
    with evaluating(model):
        context = context_of(model, data, train)
        for score, metric in metrics.items():
            if reason := why_not(metric, context):
                raise UsageError(f"{name or type(model).__name__} has no {score}: {reason}", ANOTHER)
        averaged = averages(context, metrics, batch_size)
    scores = {}
    for score, metric in metrics.items():
        each = metric.of_each(averaged[score].values)
        if reason := metric.why_not_available(averaged[score].values):
            raise UsageError(f"{name or type(model).__name__} has no {score}: {reason}", ANOTHER)
        if each is None:
            raise UsageError(f"{score} is not defined for single examples", ANOTHER)
        scores[score] = each
    return scores


def context_of(
    model: Model, data: Resident, train: Resident | None, samplers: Samplers | None = None
) -> EvaluationContext:
    """Return the context of an evaluation; without samplers, one that fits them to the training data."""
    context = EvaluationContext(model, data, train)
    if samplers is None and train is not None:
        samplers = Samplers(model, lambda: train)
    if samplers is not None:
        context.samplers = samplers
    return context


def why_not(metric: Metric, context: EvaluationContext, seed: int = 0) -> str | None:
    """Return why a metric is not available, None if it is; what the metric draws in `begin` is seeded."""
    reason = _why_no_sampling(metric, context.model) or metric.refuses(context.model)
    if reason is None and metric.needs_train and context.train is None:
        reason = "no training data given"
    with seeded(derive_seed(seed, "evaluation")):
        return reason or metric.begin(context)


def _why_no_sampling(metric: Metric, model: Model) -> str | None:
    """Return why the model does not take the sampling options given with a metric's name; None if it does."""
    try:
        refuse_sampling({"": metric}, model.sampling)
    except UsageError as error:
        return error.message.removeprefix("--metrics : ")
    return None


def refuse_sampling(metrics: Mapping[str, Metric], own: Any) -> None:
    """Refuse options given with the name of a metric that are neither its own nor of the model's sampling.

    Args:
        metrics: By name, as returned by `find_metrics`.
        own: The model's sampling options, an instance of its `Sampling`.

    Raises:
        UsageError: There is no such option, or a value is wrong; the metric is named.
    """
    for name, metric in metrics.items():
        known = field_names(type(own))
        unknown = next((option for option in metric.sampling if option not in known), None)
        if unknown is not None:
            has, model_has = (", ".join(names) or "none" for names in (field_names(metric.Config), known))
            what = f"unknown option {unknown!r}.{did_you_mean(unknown, (*field_names(metric.Config), *known))}"
            hint = f"options of the metric: {has}\nsampling options of this model: {model_has}"
            raise UsageError(f"--metrics {name}: {what}", hint)
        try:
            sampling_options(own, metric.sampling)
        except UsageError as error:
            error.message = f"--metrics {name}: {error.message}"
            raise
