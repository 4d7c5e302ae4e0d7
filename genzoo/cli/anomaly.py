"""genzoo anomaly: anomaly scores of examples, and their AUROC where labels are known."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genzoo.cli.application import Application, add_application, add_files, metric_values, open_application, write_csv
from genzoo.cli.made_file import add_file, tell_replaced
from genzoo.cli.saved_run import refuse_output
from genzoo.core.errors import HINT, UsageError, printable
from genzoo.system.json_output import json_result
from genzoo.system.streams import tell

if TYPE_CHECKING:
    from torch import Tensor

    from genzoo.core.model import Model


NEIGHBOURS = 5
"""Nearest training examples of the k-NN baseline."""
NAME = 40
"""Maximum length of a class name in a table."""
TEXT = 60
"""Maximum length of the text of an example."""


def add_verb(verbs: Any) -> None:
    """Add `anomaly`."""
    parser = add_application(verbs, "anomaly", show_anomalies, "compute anomaly scores; AUROC on labelled data")
    add_files(parser)
    parser.add_argument(
        "--score", metavar="METRIC", help="the score (default: −ln p(x) or a bound on it, negative-elbo or nll); or mse"
    )
    add_file(parser, "--out", metavar="FILE.csv", help="write all scores, sorted")


def show_anomalies(options: argparse.Namespace) -> int:
    """Print the AUROC of classes left out of training, or of each class, or else the scores."""
    from genzoo.registry.current import registry

    refuse_output(options.out, (".csv",))
    if options.score:
        registry().get("metric", options.score.partition(":")[0])
    opened = open_application(options)
    options.score = options.score or default_score(opened.model)
    values = metric_values(opened, [options.score])[options.score]
    scores = anomaly_scores(values, options.score)
    order = scores.argsort(descending=True, stable=True).tolist()
    if options.out:
        write_scores(options.out, opened, values, order)
        tell_replaced(options.out, options)
    unseen = unseen_examples(opened)
    classes = 0 if opened.data.y is None else len(opened.data.y[opened.data.y >= 0].unique())
    if unseen is not None:
        table = unseen_table(opened, scores, unseen)
    elif classes > 1:
        table = class_table(opened, scores)
    else:
        table = {"ranking": [{"example": opened.names[number], "score": values[number].item()} for number in order]}
    higher = bool(scores is values)
    if options.json:
        json_result(run=opened.run.path, score=options.score, higher_is_anomalous=higher, file=options.out, **table)
    elif unseen is not None:
        print_unseen(table, options.score, higher)
        print_missing(opened)
    elif classes > 1:
        print_classes(table, options.score, higher)
        print_missing(opened)
    else:
        texts = spelled(opened)
        which = orientation(options.score, higher)
        tell(f"{options.score} of each, the most anomalous first: {which} is more anomalous")
        for number in order:
            text = f"  {texts[number]}" if texts else ""
            print(f"{values[number].item():12.4f}  {printable(opened.names[number], HINT)}{text}")
    return 0


def spelled(opened: Application) -> list[str]:
    """Return the text of each example, shortened; nothing if the data are no texts."""
    if not opened.model.spec.is_discrete:
        return []
    return [printable(text, TEXT) for chunk in opened.data.stored() for text in opened.model.spec.spell(chunk)]


def default_score(model: Model) -> str:
    """Return the first metric of −ln p(x), or of a bound on it, that the model has."""
    from genzoo.evaluation.evaluate import find_metrics
    from genzoo.evaluation.order import metrics_for
    from genzoo.registry.current import registry

    names: list[str] = metrics_for("bound")
    return next((name for name in names if not find_metrics(registry(), [name])[name].refuses(model)), names[0])


def anomaly_scores(values: Tensor, name: str) -> Tensor:
    """Return values [N] of a metric as scores: higher is more anomalous, so a metric that is better high is negated.

    Raises:
        UsageError: Some values are not a number.
    """
    from genzoo.evaluation.evaluate import find_metrics
    from genzoo.registry.current import registry

    if unknown := int(values.isnan().sum()):
        raise UsageError(
            f"--score {name} is not a number for {unknown:,} of {len(values):,} examples",
            "use another score: genzoo list --kind metric",
        )
    return -values if find_metrics(registry(), [name])[name].better == "higher" else values


def write_scores(out: Path, opened: Application, scores: Tensor, order: list[int]) -> None:
    """Write each example with its score and, if known, its class as CSV, the most anomalous first."""
    rows = [[opened.names[number], f"{scores[number].item():.6f}"] for number in order]
    if opened.data.y is not None:
        rows = [
            [*row, opened.model.spec.class_name(int(opened.data.y[number]))]
            for row, number in zip(rows, order, strict=True)
        ]
    write_csv(out, ["example", "score", *(["class"] if opened.data.y is not None else [])], rows)


def unseen_examples(opened: Application) -> Tensor | None:
    """Return which examples are of a class left out of training, [N] bool; None if no class was left out."""
    from genzoo.core.dataset import HoldsOutClasses

    dataset = opened.source.dataset
    if opened.data.y is None or not isinstance(dataset, HoldsOutClasses):
        return None
    unseen = dataset.unseen(opened.data.y.cpu())
    return unseen if unseen is not None and 0 < int(unseen.sum()) < len(unseen) else None


def baseline_scores(opened: Application, neighbours: bool) -> dict[str, Tensor]:
    """Return the scores of baselines, [N] each: sum of the values, PCA error, distance to training examples."""
    import torch

    from genzoo.evaluation.baselines import neighbour_distances, pca_errors
    from genzoo.evaluation.measures import code_size

    # Of the stored integers: equal sums stay equal, and ties count half.
    sums = [chunk.cpu().flatten(1).sum(1, dtype=torch.float64) for chunk in opened.data.stored()]
    scores = {"pixel_sum": torch.cat(sums)}
    codes, train = code_size(opened.model, opened.data), opened.source.view("train", opened.device)
    if 0 < codes < opened.model.spec.numel:
        errors = pca_errors(train, opened.data, codes)
        scores |= {} if errors is None else {f"pca-{codes}": errors}
    return scores | ({"knn": neighbour_distances(train, opened.data, NEIGHBOURS)} if neighbours else {})


def print_missing(opened: Application) -> None:
    """Print why there is no PCA among the baselines."""
    from genzoo.evaluation.baselines import why_no_pca
    from genzoo.evaluation.measures import code_size

    if (why := why_no_pca(opened.data)) and 0 < code_size(opened.model, opened.data) < opened.model.spec.numel:
        print(f"not available: the error of PCA ({why})")


def unseen_table(opened: Application, scores: Tensor, unseen: Tensor) -> dict[str, Any]:
    """Return AUROC and average precision of the examples left out of training, for the score and the baselines."""
    from genzoo.evaluation.anomaly import (
        auroc,
        auroc_interval,
        average_precision,
        average_precision_interval,
    )

    options = vars(opened.run.config.data_config)
    by_method = {"model": scores, **baseline_scores(opened, neighbours=True)}
    if auroc(by_method["pixel_sum"], unseen) < 0.5:  # the better orientation makes it a strict baseline
        by_method["pixel_sum"] = -by_method["pixel_sum"]
    return {
        "left_out": {name: options[name] for name in ("without", "only") if options.get(name) not in (None, "")},
        "n": len(unseen),
        "anomalies": int(unseen.sum()),
        "auroc": {name: auroc(values, unseen) for name, values in by_method.items()},
        "auprc": {name: average_precision(values, unseen) for name, values in by_method.items()},
        "auroc_interval_95": {name: auroc_interval(values, unseen) for name, values in by_method.items()},
        "auprc_interval_95": {name: average_precision_interval(values, unseen) for name, values in by_method.items()},
    }


def print_unseen(table: dict[str, Any], score: str, higher: bool) -> None:
    """Print the table of AUROC and average precision."""
    from genzoo.cli.terminal import print_table

    heads = {"model": score, "pixel_sum": "sum of values, in its better direction"}
    heads |= {"knn": f"distance to the {NEIGHBOURS} nearest training examples"}
    rows = [
        [
            heads.get(name, f"error of {name.upper()}"),
            with_interval(value, table["auroc_interval_95"][name]),
            with_interval(table["auprc"][name], table["auprc_interval_95"][name]),
        ]
        for name, value in table["auroc"].items()
    ]
    share = table["anomalies"] / table["n"]
    training = ", ".join(f"trained {name} class {label}" for name, label in table["left_out"].items())
    print(f"{training}: {table['anomalies']:,} of {table['n']:,} examples are of a class left out of training")
    header = [f"{both_orientations(score, higher)} is more anomalous", "AUROC (95 %)", "AUPRC (95 %)"]
    print_table([header, *rows, ["by chance", "0.500", f"{share:.3f}"]])


def orientation(score: str, higher: bool) -> str:
    """Return which scores are more anomalous, as text."""
    return "a higher score" if higher else f"a lower {score}"


def both_orientations(score: str, higher: bool) -> str:
    """Return which scores, and which of the baselines, are more anomalous, as text."""
    return orientation(score, higher) + ("" if higher else ", and a higher other score,")


def with_interval(value: float, interval: tuple[float, float]) -> str:
    """Return a metric with its interval as text."""
    return f"{value:.3f} ({interval[0]:.3f} to {interval[1]:.3f})"


def class_table(opened: Application, scores: Tensor) -> dict[str, Any]:
    """Return AUROC of each class against the rest, for the score, the sum of the pixels and the PCA error."""
    from genzoo.evaluation.anomaly import one_against_rest, one_against_rest_intervals

    assert opened.data.y is not None
    known = (opened.data.y >= 0).cpu()
    y, scores = opened.data.y.cpu()[known], scores[known]

    def by_name(values: dict[int, Any]) -> dict[str, Any]:
        return {opened.model.spec.class_name(label): value for label, value in values.items()}

    table: dict[str, Any] = {"model": by_name(one_against_rest(scores, y))}
    table["interval_95"] = by_name(one_against_rest_intervals(scores, y))
    for name, values in baseline_scores(opened, neighbours=False).items():
        kind, _, components = name.partition("-")
        table[kind] = by_name(one_against_rest(values[known], y))
        table |= {"components": int(components)} if components else {}
    return table


def print_classes(table: dict[str, Any], score: str, higher: bool) -> None:
    """Print the table of AUROC values, and what they mean."""
    from genzoo.cli.terminal import print_table

    columns = ["model", "pixel_sum", *(["pca"] if "pca" in table else [])]
    heads = {"model": score, "pixel_sum": "sum of values", "pca": f"PCA-{table.get('components')} error"}
    body = []
    for label in table["model"]:
        total = table["pixel_sum"][label]
        texts = {name: f"{table[name][label]:.3f}" for name in columns}
        texts["model"] = with_interval(table["model"][label], table["interval_95"][label])
        texts["pixel_sum"] = f"{max(total, 1 - total):.3f} {'more' if total >= 0.5 else 'less'}"
        body.append([f"class {printable(label, NAME)}", *(texts[name] for name in columns)])
    means = {name: sum(table[name].values()) / len(table[name]) for name in columns}
    oriented = [max(value, 1 - value) for value in table["pixel_sum"].values()]
    means["pixel_sum"] = sum(oriented) / len(oriented)
    blanks = {"model": " " * len(" (0.500 to 0.500)"), "pixel_sum": " " * len(" more")}
    body.append(["mean", *(f"{means[name]:.3f}" + blanks.get(name, "") for name in columns)])
    which = both_orientations(score, higher)
    print(f"AUROC of each class against the rest, with 95 % intervals; {which} is more anomalous, ties count half")
    print_table([["", *(heads[name] for name in columns)], *body])
    print("sum of values: the better of its two orientations, shown beside it; a strict baseline")
    print("all classes were in training: this shows which are hard for the model, not how it detects new classes")
