"""genzoo anomaly: how unlike the training data examples are, and how well that tells classes."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genzoo.cli.application import add_application, add_files, metric_values, write_csv
from genzoo.cli.saved_run import refuse_output
from genzoo.core.errors import HINT, UsageError, printable

if TYPE_CHECKING:
    from torch import Tensor

    from genzoo.cli.application import Work


NEIGHBOURS = 5
NAME = 40
"""Characters of a class's name in a table."""


def add_verb(verbs: Any) -> None:
    """Adds `anomaly`."""
    parser = add_application(
        verbs, "anomaly", show_anomalies, "score how unlikely examples are; AUROC on labelled data"
    )
    add_files(parser)
    parser.add_argument("--score", default="negative-elbo", metavar="METRIC", help="default: negative-elbo; or mse, …")
    parser.add_argument("--out", type=Path, metavar="FILE.csv", help="write every score, sorted")
    parser.add_argument("--json", action="store_true", help="as JSON")


def show_anomalies(options: argparse.Namespace) -> int:
    """Prints how well scores tell a class left out of training, or each class, from the rest; else the scores."""
    from genzoo.cli.application import open_work
    from genzoo.registry.current import registry
    from genzoo.runs.run import plain

    refuse_output(options.out, (".csv",))
    registry().get("metric", options.score.partition(":")[0])
    work = open_work(options)
    values = metric_values(work, [options.score])[options.score]
    scores = anomaly_scores(values, options.score)
    order = scores.argsort(descending=True, stable=True).tolist()
    if options.out:
        write_scores(options.out, work, values, order)
    unseen = left_out(work)
    classes = 0 if work.data.y is None else len(work.data.y.unique())
    if unseen is not None:
        table = unseen_table(work, scores, unseen)
    elif classes > 1:
        table = class_table(work, scores)
    else:
        table = {"ranking": [{"example": work.names[number], "score": values[number].item()} for number in order]}
    higher = bool(scores is values)
    if options.json:
        known = {"run": str(work.run.path), "score": options.score, "higher_is_anomalous": higher}
        print(json.dumps(plain({**known, **table})))
    elif unseen is not None:
        print_unseen(table, options.score, higher)
    elif classes > 1:
        print_classes(table, options.score, higher)
    else:
        for number in order:
            print(f"{values[number].item():12.4f}  {printable(work.names[number], HINT)}")
    return 0


def anomaly_scores(values: Tensor, name: str) -> Tensor:
    """Values [N] of a metric so that a higher one is more anomalous: those of which higher is better change sign.

    Raises:
        UsageError: Some are not a number, so that no order is known.
    """
    from genzoo.evaluation.evaluate import find_metrics
    from genzoo.registry.current import registry

    if unknown := int(values.isnan().sum()):
        raise UsageError(
            f"--score {name} is not a number for {unknown:,} of {len(values):,} examples", "another score: mse"
        )
    return -values if find_metrics(registry(), [name])[name].better == "higher" else values


def write_scores(out: Path, work: Work, scores: Tensor, order: list[int]) -> None:
    """Every example with its score, the most anomalous first, and its class where there are labels."""
    rows = [[work.names[number], f"{scores[number].item():.6f}"] for number in order]
    if work.data.y is not None:
        rows = [
            [*row, work.model.spec.class_name(int(work.data.y[number]))]
            for row, number in zip(rows, order, strict=True)
        ]
    write_csv(out, ["example", "score", *(["class"] if work.data.y is not None else [])], rows)


def left_out(work: Work) -> Tensor | None:
    """Which examples are of a class that the model was not trained on, [N] bool; None if none was left out."""
    from genzoo.core.dataset import HoldsOutClasses

    dataset = work.source.dataset
    if work.data.y is None or not isinstance(dataset, HoldsOutClasses):
        return None
    unseen = dataset.unseen(work.data.y.cpu())
    return unseen if unseen is not None and 0 < int(unseen.sum()) < len(unseen) else None


def baseline_scores(work: Work, neighbours: bool) -> dict[str, Tensor]:
    """What a model has to beat, [N] each: sum of the values, error of PCA, distance to training examples."""
    import torch

    from genzoo.evaluation.baselines import neighbour_distances, pca_errors

    # As they are stored: in whole numbers equal sums stay equal, and ties count half.
    sums = [chunk.cpu().flatten(1).sum(1, dtype=torch.float64) for chunk in work.data.stored()]
    found = {"pixel_sum": torch.cat(sums)}
    with torch.no_grad():
        codes = work.latent.encode(work.examples(1)).numel()
    train = work.source.view("train", work.device)
    if codes < work.model.spec.numel:
        errors = pca_errors(train, work.data, codes)
        found |= {} if errors is None else {f"pca-{codes}": errors}
    return found | ({"knn": neighbour_distances(train, work.data, NEIGHBOURS)} if neighbours else {})


def unseen_table(work: Work, scores: Tensor, unseen: Tensor) -> dict[str, Any]:
    """AUROC and average precision of the examples left out of training, by the score and by the baselines."""
    from genzoo.evaluation.anomaly import (
        auroc,
        auroc_interval,
        average_precision,
        average_precision_interval,
    )

    options = vars(work.run.config.data_config)
    found = {"model": scores, **baseline_scores(work, neighbours=True)}
    if auroc(found["pixel_sum"], unseen) < 0.5:  # its better orientation, which favours it
        found["pixel_sum"] = -found["pixel_sum"]
    return {
        "left_out": {name: options[name] for name in ("without", "only") if options.get(name) not in (None, "")},
        "n": len(unseen),
        "anomalies": int(unseen.sum()),
        "auroc": {name: auroc(values, unseen) for name, values in found.items()},
        "auprc": {name: average_precision(values, unseen) for name, values in found.items()},
        "auroc_interval_95": {name: auroc_interval(values, unseen) for name, values in found.items()},
        "auprc_interval_95": {name: average_precision_interval(values, unseen) for name, values in found.items()},
    }


def print_unseen(table: dict[str, Any], score: str, higher: bool) -> None:
    """The table of both figures, and what they mean."""
    from genzoo.reporting.format import aligned

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
    what = ", ".join(f"trained {name} class {label}" for name, label in table["left_out"].items())
    print(f"{what}: {table['anomalies']:,} of {table['n']:,} examples are of a kind that training had not")
    header = [f"{orientation(score, higher)} is more anomalous", "AUROC (95 %)", "AUPRC (95 %)"]
    print(aligned([header, *rows, ["by chance", "0.500", f"{share:.3f}"]]))


def orientation(score: str, higher: bool) -> str:
    """Which scores are those of anomalies."""
    return "a higher score" if higher else f"a lower {score}, and a higher other score,"


def with_interval(value: float, interval: tuple[float, float]) -> str:
    """A figure as tables have it."""
    return f"{value:.3f} ({interval[0]:.3f} to {interval[1]:.3f})"


def class_table(work: Work, scores: Tensor) -> dict[str, Any]:
    """AUROC of each class against the rest by the score, the sum of the pixels and the error of PCA."""
    from genzoo.evaluation.anomaly import one_against_rest, one_against_rest_intervals

    assert work.data.y is not None
    y = work.data.y.cpu()

    def by_name(values: dict[int, Any]) -> dict[str, Any]:
        return {work.model.spec.class_name(label): value for label, value in values.items()}

    table: dict[str, Any] = {"model": by_name(one_against_rest(scores, y))}
    table["interval_95"] = by_name(one_against_rest_intervals(scores, y))
    for name, values in baseline_scores(work, neighbours=False).items():
        kind, _, components = name.partition("-")
        table[kind] = by_name(one_against_rest(values, y))
        table |= {"components": int(components)} if components else {}
    return table


def print_classes(table: dict[str, Any], score: str, higher: bool) -> None:
    """The table of AUROCs, and what they mean."""
    from genzoo.reporting.format import aligned

    columns = ["model", "pixel_sum", *(["pca"] if "pca" in table else [])]
    heads = {"model": score, "pixel_sum": "sum of values", "pca": f"PCA-{table.get('components')} error"}
    body = []
    for label in table["model"]:
        total = table["pixel_sum"][label]
        cells = {name: f"{table[name][label]:.3f}" for name in columns}
        cells["model"] = with_interval(table["model"][label], table["interval_95"][label])
        cells["pixel_sum"] = f"{max(total, 1 - total):.3f} {'more' if total >= 0.5 else 'less'}"
        body.append([f"class {printable(label, NAME)}", *(cells[name] for name in columns)])
    means = {name: sum(table[name].values()) / len(table[name]) for name in columns}
    oriented = [max(value, 1 - value) for value in table["pixel_sum"].values()]
    means["pixel_sum"] = sum(oriented) / len(oriented)
    blanks = {"model": " " * len(" (0.500 to 0.500)"), "pixel_sum": " " * len(" more")}
    body.append(["mean", *(f"{means[name]:.3f}" + blanks.get(name, "") for name in columns)])
    which = orientation(score, higher)
    print(f"AUROC of each class against the rest, with 95 % intervals; {which} is more anomalous, ties count half")
    print(aligned([["", *(heads[name] for name in columns)], *body]))
    print("sum of values: the better of its two orientations, named beside it, so it is a strict baseline")
    print("the model saw all classes in training: this says which it finds hard, not how it does on new ones")
