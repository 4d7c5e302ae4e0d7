"""genzoo anomaly: how unlike the training data examples are, and how well that tells classes."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genzoo.cli.apply import add_files, metric_values, write_csv
from genzoo.cli.apply import add_verb as add_application
from genzoo.cli.use import refuse_output
from genzoo.errors import HINT, printable

if TYPE_CHECKING:
    from torch import Tensor

    from genzoo.cli.inputs import Work

NEIGHBOURS = 5


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
    from genzoo.cli.inputs import open_work
    from genzoo.runs import plain

    refuse_output(options.out, (".csv",))
    work = open_work(options)
    scores = metric_values(work, [options.score])[options.score]
    order = scores.argsort(descending=True, stable=True).tolist()
    if options.out:
        write_scores(options.out, work, scores, order)
    unseen = left_out(work)
    classes = 0 if work.data.y is None else len(work.data.y.unique())
    if unseen is not None:
        table = unseen_table(work, scores, unseen)
    elif classes > 1:
        table = class_table(work, scores)
    else:
        table = {"ranking": [{"example": work.names[number], "score": scores[number].item()} for number in order]}
    if options.json:
        print(json.dumps(plain({"run": str(work.run.path), "score": options.score, **table}), ensure_ascii=False))
    elif unseen is not None:
        print_unseen(table, options.score)
    elif classes > 1:
        print_classes(table, options.score)
    else:
        for number in order:
            print(f"{scores[number].item():12.4f}  {printable(work.names[number], HINT)}")
    return 0


def write_scores(out: Path, work: Work, scores: Tensor, order: list[int]) -> None:
    """Every example with its score, highest first, and its class where there are labels."""
    rows = [[work.names[number], f"{scores[number].item():.6f}"] for number in order]
    if work.data.y is not None:
        rows = [[*row, str(int(work.data.y[number]))] for row, number in zip(rows, order, strict=True)]
    write_csv(out, ["example", "score", *(["class"] if work.data.y is not None else [])], rows)


def left_out(work: Work) -> Tensor | None:
    """Which examples are of a class that the model was not trained on, [N] bool; None if none was left out."""
    from genzoo.protocols import PartlySeen

    dataset = work.source.dataset
    if work.data.y is None or not isinstance(dataset, PartlySeen):
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
    from genzoo.applications.anomaly import auroc, average_precision

    options = vars(work.run.config.data_config)
    found = {"model": scores, **baseline_scores(work, neighbours=True)}
    if auroc(found["pixel_sum"], unseen) < 0.5:  # its better orientation, which favours it
        found["pixel_sum"] = -found["pixel_sum"]
    return {
        "left_out": {name: options[name] for name in ("without", "only") if options.get(name) is not None},
        "n": len(unseen),
        "anomalies": int(unseen.sum()),
        "auroc": {name: auroc(values, unseen) for name, values in found.items()},
        "auprc": {name: average_precision(values, unseen) for name, values in found.items()},
    }


def print_unseen(table: dict[str, Any], score: str) -> None:
    """The table of both figures, and what they mean."""
    from genzoo.tables import aligned

    heads = {"model": score, "pixel_sum": "sum of values, in its better direction"}
    heads |= {"knn": f"distance to the {NEIGHBOURS} nearest training examples"}
    rows = [
        [heads.get(name, f"error of {name.upper()}"), f"{value:.3f}", f"{table['auprc'][name]:.3f}"]
        for name, value in table["auroc"].items()
    ]
    share = table["anomalies"] / table["n"]
    what = ", ".join(f"trained {name} class {label}" for name, label in table["left_out"].items())
    print(f"{what}: {table['anomalies']:,} of {table['n']:,} examples are of a kind that training had not")
    print(
        aligned([["a higher score is more anomalous", "AUROC", "AUPRC"], *rows, ["by chance", "0.500", f"{share:.3f}"]])
    )


def class_table(work: Work, scores: Tensor) -> dict[str, Any]:
    """AUROC of each class against the rest by the score, the sum of the pixels and the error of PCA."""
    from genzoo.applications.anomaly import one_against_rest

    assert work.data.y is not None
    y = work.data.y.cpu()
    table: dict[str, Any] = {"model": one_against_rest(scores, y)}
    for name, values in baseline_scores(work, neighbours=False).items():
        kind, _, components = name.partition("-")
        table[kind] = one_against_rest(values, y)
        table |= {"components": int(components)} if components else {}
    return table


def print_classes(table: dict[str, Any], score: str) -> None:
    """The table of AUROCs, and what they mean."""
    from genzoo.tables import aligned

    columns = ["model", "pixel_sum", *(["pca"] if "pca" in table else [])]
    heads = {"model": score, "pixel_sum": "sum of values", "pca": f"PCA-{table.get('components')} error"}
    body = []
    for label in table["model"]:
        total = table["pixel_sum"][label]
        cells = {name: f"{table[name][label]:.3f}" for name in columns}
        cells["pixel_sum"] = f"{max(total, 1 - total):.3f} {'more' if total >= 0.5 else 'less'}"
        body.append([f"class {label}", *(cells[name] for name in columns)])
    means = {name: sum(table[name].values()) / len(table[name]) for name in columns}
    oriented = [max(value, 1 - value) for value in table["pixel_sum"].values()]
    means["pixel_sum"] = sum(oriented) / len(oriented)
    body.append(["mean", *(f"{means[name]:.3f}" + ("     " if name == "pixel_sum" else "") for name in columns)])
    print("AUROC of each class against the rest; a higher score is more anomalous, ties count half")
    print(aligned([["", *(heads[name] for name in columns)], *body]))
    print("sum of values: the better of its two orientations, named beside it, so it is a strict baseline")
    print("the model saw all classes in training: this says which it finds hard, not how it does on new ones")
