"""genzoo evaluate: compute metrics of a trained model."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from genzoo.cli.loading import Source
from genzoo.cli.saved_run import add_run_verb, one_of, open_run
from genzoo.core.errors import UsageError
from genzoo.core.text import names_in
from genzoo.system.json_output import json_result

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from genzoo.core.model import Model
    from genzoo.data.resident import Resident
    from genzoo.runs.run import Run


def add_verb(verbs: Any) -> None:
    """Add `evaluate`."""
    summary = "compute metrics of trained models, and print them; the runs stay as they are"
    evaluate = add_run_verb(verbs, "evaluate", show_evaluation, summary, several=True)
    evaluate.add_argument("--split", default="test", choices=("train", "validation", "test"), help="default: test")
    evaluate.add_argument("--metrics", metavar="A,B", help="such as kl,iwae:5000; genzoo list --kind metric")
    size = "largest number of examples at a time; does not change the results"
    evaluate.add_argument("--batch-size", type=int, default=500, metavar="N", help=size)
    samples = "posterior samples per example; with 2 or more, the Monte Carlo error is reported"
    evaluate.add_argument("--samples", type=int, default=1, metavar="S", help=samples)
    evaluate.add_argument("--seed", type=int, default=0, metavar="N", help="noise seed (default: 0, as in a run)")


def show_evaluation(options: argparse.Namespace) -> int:
    """Print the metrics of one split of each run."""
    from genzoo.cli.terminal import print_text
    from genzoo.registry.current import registry

    names = names_in(options.metrics or "")
    if options.metrics is not None and not names:
        raise UsageError(f"--metrics {options.metrics!r} names none", "genzoo list --kind metric")
    for name in names:
        registry().get("metric", name.partition(":")[0])
    opened = [open_run(one_of(options, name)) for name in options.run]
    records = []
    for name, (run, device) in zip(options.run, opened, strict=True):
        if len(opened) > 1:
            print_text(str(run.path), "bold")
        records.append(evaluate_run(run, device, names, one_of(options, name)))
    json_result(**(records[0] if len(records) == 1 else {"runs": records}))
    return 0


def evaluate_run(run: Run, device: torch.device, names: list[str], options: argparse.Namespace) -> dict[str, Any]:
    """Evaluate a run; print its table and return the record for `--json`."""
    from genzoo.cli.drawing import samplers_of
    from genzoo.evaluation.baselines import known_gaps, known_mean, known_nll_of_each
    from genzoo.evaluation.evaluate import evaluate, find_metrics, refuse_sampling
    from genzoo.registry.current import registry
    from genzoo.reporting.format import impossible_gaps
    from genzoo.system.messages import warn

    metrics = find_metrics(registry(), names)
    model = run.model.to(device)
    refuse_sampling(metrics, model.sampling)
    source = Source.of(run, options)
    data = source.view(options.split, device)
    train = data if options.split == "train" else None
    if train is None and any(metric.needs_train for metric in metrics.values()):
        train = source.view("train", device)
    noise = {"samples": options.samples, "seed": options.seed}
    samplers = samplers_of(source, model)
    examples: dict[str, Tensor] = {}
    values = evaluate(model, data, metrics, options.batch_size, train, examples, **noise, samplers=samplers)
    of_each = known_nll_of_each(source.dataset, data, model.spec)
    known = known_mean(of_each, model.spec)
    gap = known_gaps(of_each, values, examples, model.spec.measure)
    for line in impossible_gaps({"test": values, "gaps": gap}):
        warn(line, f"genzoo check {run.config.model} examines it")
    print_values({options.split: values}, metrics, known, model, data)
    baselines = {} if known is None else {"known_density": known}
    return {"run": run.path, "split": options.split, **noise, **values, **baselines}


def print_values(found: dict[str, Any], metrics: Any, known: Any, model: Model, data: Resident) -> None:
    """Print the metrics of a split as a table, and below it what is not available and the gap to a known density."""
    from genzoo.cli.terminal import print_table, print_text
    from genzoo.evaluation.measures import summarise_likelihood
    from genzoo.reporting.format import gaps, not_available, results_rows

    print_table(results_rows(found, metrics))
    likelihood = summarise_likelihood(model, data) if known else None
    (values,) = found.values()
    lines = gaps(values, known, likelihood and likelihood.measure) if known else ()
    for line in (*not_available(found, metrics), *lines):
        print_text(line, indent=2)
