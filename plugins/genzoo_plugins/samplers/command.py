"""genzoo samplers: compare the samplers of a trained model."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import genzoo

METRICS = "frechet,prdc,c2st,memorisation,latent-nll"
"""The metrics that samplers are compared by. Each takes a sampler after a colon."""


class CompareSamplers(genzoo.Command):
    """A table with a row for each sampler and a column for each metric of its samples."""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        from genzoo.cli.loading import add_data_options
        from genzoo.cli.saved_run import DEVICE_HELP, RUN_HELP, RUNS_HELP

        parser.add_argument("run", help=RUN_HELP)
        which = "such as prior,gmm:20,kde (default: the prior, if there is one, and all of genzoo list --kind sampler)"
        parser.add_argument("--samplers", metavar="A,B", help=which)
        parser.add_argument("--metrics", metavar="A,B", default=METRICS, help=f"default: {METRICS}")
        parser.add_argument("--split", default="test", choices=("validation", "test"), help="default: test")
        parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the draws (default: 0)")
        parser.add_argument("--runs", type=Path, default=Path("runs"), metavar="FOLDER", help=RUNS_HELP)
        add_data_options(parser)
        parser.add_argument("--device", default="auto", help=DEVICE_HELP)

    def run(self, options: argparse.Namespace) -> int:
        from genzoo.cli.drawing import samplers_of
        from genzoo.cli.loading import Source
        from genzoo.cli.saved_run import open_run
        from genzoo.evaluation.evaluate import evaluate, find_metrics
        from genzoo.evaluation.samplers import full_sampler_name, why_no_sampler
        from genzoo.registry.current import registry
        from genzoo.system.streams import tell

        run, device = open_run(options)
        model, source = run.model.to(device), Source.of(run, options)
        asked = options.samplers.split(",") if options.samplers else ["prior", *registry().names("sampler")]
        names = [full_sampler_name(name) for name in asked]
        reasons = {name: reason for name in names if (reason := why_no_sampler(model, name))}
        if len(reasons) == len(names):
            what = f"{run.config.model} has {next(iter(reversed(reasons.values())))}"
            raise genzoo.UsageError(what, f"genzoo sample {options.run}")
        names = [name for name in names if name not in reasons]
        rows = {name: [f"{metric}:{name}" for metric in options.metrics.split(",")] for name in names}
        metrics = find_metrics(registry(), [metric for row in rows.values() for metric in row])
        data, train = source.view(options.split, device), source.view("train", device)
        samplers = samplers_of(source, model, tell)
        found = evaluate(model, data, metrics, train=train, seed=options.seed, samplers=samplers)
        genzoo.json_result(run=run.path, split=options.split, **by_sampler(rows, found))
        show(rows, metrics, found)
        return 0


def by_sampler(rows: dict[str, list[str]], found: dict[str, Any]) -> dict[str, Any]:
    """Return results as {"samplers": {sampler: {metric: value, "standard_error": …, "not_available": …}}}."""
    from genzoo.evaluation.evaluate import key

    def of(names: list[str]) -> dict[str, Any]:
        values = {name.partition(":")[0]: found[key(name)] for name in names}
        kinds = ("standard_error", "not_available", "details")
        beside = {
            kind: {name.partition(":")[0]: own[key(name)] for name in names if key(name) in own}
            for kind in kinds
            if (own := found.get(kind))
        }
        return {**values, **{kind: own for kind, own in beside.items() if own}}

    return {"n": found["n"], "samplers": {sampler: of(names) for sampler, names in rows.items()}}


def show(rows: dict[str, list[str]], metrics: dict[str, genzoo.Metric], found: dict[str, Any]) -> None:
    """Print a row for each sampler and a column for each metric that one of them has; below, why others are missing."""
    from genzoo.cli.terminal import print_table, print_text
    from genzoo.core.text import number
    from genzoo.evaluation.evaluate import key

    columns = [list(column) for column in zip(*rows.values(), strict=True)]
    shown = [column for column in columns if any(found[key(name)] is not None for name in column)]
    heads = [metrics[column[0]] for column in shown]
    header = [f"sampler (n {found['n']:,})", *(f"{m.label} ({m.unit})" if m.unit else m.label for m in heads)]

    def cell(name: str) -> str:
        value, beside = found[key(name)], found.get("details", {}).get(key(name), {})
        return "n/a" if value is None else number(value) + (" MEMORISED" if beside.get("memorised") else "")

    table = [[sampler, *(cell(column[place]) for column in shown)] for place, sampler in enumerate(rows)]
    print_table([header, *table])
    reasons = {f"{metrics[name].label} ({reason})": None for row in rows.values() for name in row
               if (reason := found["not_available"].get(key(name)))}  # fmt: skip
    if reasons:
        print_text("not available: " + "; ".join(reasons), indent=2)
