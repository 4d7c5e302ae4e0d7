"""genzoo evaluate: compute metrics of a trained model."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from genzoo.cli.loading import Source
from genzoo.cli.saved_run import add_run_verb, open_run
from genzoo.core.errors import UsageError
from genzoo.core.text import names_in
from genzoo.system.json_output import json_result

if TYPE_CHECKING:
    from torch import Tensor


def add_verb(verbs: Any) -> None:
    """Add `evaluate`."""
    evaluate = add_run_verb(verbs, "evaluate", show_evaluation, "compute metrics of a trained model")
    evaluate.add_argument("--split", default="test", choices=("train", "validation", "test"), help="default: test")
    evaluate.add_argument("--metrics", metavar="A,B", help="such as kl,iwae:5000; genzoo list --kind metric")
    size = "largest number of examples at a time; does not change the results"
    evaluate.add_argument("--batch-size", type=int, default=500, metavar="N", help=size)
    samples = "posterior samples per example; with 2 or more, the Monte Carlo error is reported"
    evaluate.add_argument("--samples", type=int, default=1, metavar="S", help=samples)
    evaluate.add_argument("--seed", type=int, default=0, metavar="N", help="noise seed (default: 0, as in a run)")


def show_evaluation(options: argparse.Namespace) -> int:
    """Print the metrics of one split."""
    from genzoo.cli.terminal import print_table, print_text
    from genzoo.registry.current import registry
    from genzoo.reporting.format import gaps, impossible_gaps, not_available, results_rows
    from genzoo.system.messages import warn

    names = names_in(options.metrics or "")
    if options.metrics is not None and not names:
        raise UsageError(f"--metrics {options.metrics!r} names none", "genzoo list --kind metric")
    for name in names:
        registry().get("metric", name.partition(":")[0])
    run, device = open_run(options)
    from genzoo.cli.drawing import samplers_of
    from genzoo.evaluation.baselines import known_gaps, known_mean, known_nll_of_each
    from genzoo.evaluation.evaluate import evaluate, find_metrics, refuse_sampling
    from genzoo.evaluation.measures import summarise_likelihood

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
    if options.json:
        baselines = {} if known is None else {"known_density": known}
        json_result(run=run.path, split=options.split, **noise, **values, **baselines)
    else:
        found = {options.split: values}
        print_table(results_rows(found, metrics))
        for line in not_available(found, metrics):
            print_text(line, indent=2)
        likelihood = summarise_likelihood(model, data) if known else None
        for line in gaps(values, known, likelihood and likelihood.measure) if known else ():
            print_text(line, indent=2)
    return 0
